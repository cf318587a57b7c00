"""What to try next: from the verdict, and from how the validation loss went."""

import pandas as pd
import pytest

from n2s.metrics.result import Shown
from n2s.metrics.verdict import Verdict
from n2s.report.advice import from_curves, next_steps
from n2s.report.table import verdict_html


def curve(folder, losses) -> None:
    pd.DataFrame({"epoch": range(len(losses)), "val/loss": losses}).to_csv(folder / "metrics.csv", index=False)


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ([5, 4, 3, 2], "still falling at the end (lowest in epoch 4 of 4): train longer, `--trainer.max_epochs 8`"),
        ([5, 2, 3, 4, 5, 6], "lowest in epoch 2 of 6 and rose"),
        ([5, 4, 3, 3.01, 3.02, 3.01], ""),
        ([5], ""),
    ],
)
def test_curves(tmp_path, losses, told):
    curve(tmp_path, losses)
    found = from_curves(tmp_path)
    assert (told in found[0]) if told else found == []


def test_steps_fit_the_verdict(tmp_path):
    assert next_steps(tmp_path, Shown(verdict=Verdict("above", ["x."]))) == []
    (tmp_path / "metrics.csv").write_text("epoch,train/loss_epoch\n0,1\n")
    above, below, open_ = (
        next_steps(tmp_path, Shown(verdict=Verdict(state, ["x."]))) for state in ("above", "below", "not shown")
    )
    assert f"n2s compare {tmp_path} OTHER_RUN" in above[0]
    assert below[0].startswith("Look at the data") and "n2s studies check" in open_[0]
    assert next_steps(tmp_path, Shown(advice=["mine"])) == ["mine"]


def test_the_box_escapes_and_shows_commands():
    html = verdict_html(Shown(verdict=Verdict("not shown", ["<b> is not shown."]), advice=["Run `n2s x <y>`."]))
    assert 'class="verdict not-shown"' in html and "&lt;b&gt; is" in html and "<code>n2s x &lt;y&gt;</code>" in html
    assert verdict_html(Shown()) == ""
