"""What cleaning removed: kept in the run's folder, and a table on its page, of one run and of folds."""

from types import SimpleNamespace

import pandas as pd
import pytest

from n2s.errors import UserError
from n2s.report.cleaned import FILE, cleaned_html, pool_cleaned, table_of, write_cleaned
from n2s.report.page import write_page
from n2s.training.results import used_metas


def steps(after: float, n: int = 2) -> list[dict]:
    variance = {"mag": {"before": 100.0, "after": after, "unit": "fT^2"}}
    first = {
        "step": "AnnotateMuscle",
        "variance": {"mag": {"before": 100.0, "after": 100.0, "unit": "fT^2"}},
        "marked_s": 2.5,
        "highest_z": float("nan"),
    }
    second = {
        "step": "RemoveICA",
        "variance": variance,
        "fit_on": "training",
        "learned_from_s": 60.0,
        "components_removed": n,
        "n_components": 20,
    }
    return [first, second | {"found": {"eog": list(range(n)), "ecg": []}}]  # fmt: skip


def test_a_row_a_step_and_type_of_sensor():
    headings, rows = table_of([steps(50.0), steps(30.0, 3)])
    assert rows == [
        ["1. AnnotateMuscle", "nothing", "2.5 s marked", "mag", "100 fT²", "100", "0.0% (0.0 to 0.0)"],
        ["2. RemoveICA", "training, 60 s", "2 to 3 of 20 components; eog: 2 to 3; ecg: 0", "mag", "100 fT²", "40", "60.0% (50.0 to 70.0)"],
    ]  # fmt: skip
    assert all(len(row) == len(headings) for row in rows)


def test_on_the_page_of_a_run_and_of_its_folds(tmp_path):
    folds = [tmp_path / "folds" / str(number) for number in (1, 2)]
    for fold, after in zip(folds, (50.0, 30.0), strict=True):
        fold.mkdir(parents=True)
        write_cleaned(fold, {"a": {"cleaned": steps(after)}, "b": {"cleaned": []}})
    assert "50.0%" in cleaned_html(folds[0])
    pool_cleaned(tmp_path, folds)
    page = write_page(tmp_path / "report.html", tmp_path, [], {}).read_text("utf-8")
    assert "What cleaning removed" in page and "60.0%" in page and "50.0 to 70.0" in page
    write_cleaned(folds[0], {"a": {"cleaned": []}})  # tested again, without cleaning
    assert cleaned_html(folds[0]) is None and not (folds[0] / FILE).exists()
    (folds[1] / FILE).write_text("[3]")
    with pytest.raises(UserError, match="what cleaning removed, as `n2s test` writes it"):
        cleaned_html(folds[1])


def test_of_recordings_with_windows_alone():
    """A block of gestures is cleaned, too, and is no part of what is decoded."""
    recordings = {name: SimpleNamespace(meta={"cleaned": [name]}) for name in ("run-1", "run-2", "gestures")}
    tables = {"train": pd.DataFrame({"recording": ["run-1"]}), "test": pd.DataFrame({"recording": ["run-2"]})}
    assert set(used_metas(SimpleNamespace(recordings=recordings, tables=tables))) == {"run-1", "run-2"}
    assert set(used_metas(SimpleNamespace(recordings=recordings))) == set(recordings)
    assert used_metas(SimpleNamespace()) == {} == used_metas(None)
