"""The report of a run's sounds, and the same in W&B: the scores, clips and sounds that are in the run's folder."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
import wandb
from lightning.pytorch.loggers import WandbLogger
from planted import planted_result, planted_run

from n2s.commands.report import report
from n2s.errors import UserError
from n2s.listening.manifest import write_manifest
from n2s.report.sound_figures import RANGE_DB, decibels, method_scores
from n2s.report.wandb import log_shown
from n2s.systems.sound.method_scores import chosen_networks, over_subjects, score_methods
from n2s.systems.sound.options import SoundOptions
from n2s.systems.sound.sound_html import N_CLIPS, read_sounds, sounds_shown, write_sound_report

RATE, N = 16_000, 6
METHODS = ("decoded", "shuffled")


def write_sounds(folder):
    """Noise whose level rises and falls otherwise in each clip; decoded as it is with hiss, shuffled from the next one."""
    rng = np.random.default_rng(0)
    true = [rng.standard_normal(RATE // 2) * np.repeat(rng.uniform(0.01, 0.3, 10), RATE // 20) for _ in range(N)]
    rows = []
    for i in range(N):
        hiss = 0.02 * rng.standard_normal(RATE // 2)
        sounds = {"stimulus": true[i], "decoded": true[i] + hiss, "shuffled": true[(i + 1) % N] + hiss}
        for method, samples in sounds.items():
            path = folder / method / f"clip{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.clip(samples, -1, 1), RATE)
            rows.append({"clip": path.stem, "method": method, "path": path, "subject": "sim/01"})
    write_manifest(folder, pd.DataFrame(rows))
    found = score_methods(folder, chosen_networks(SoundOptions()))
    (folder / "metrics.json").write_text(json.dumps(found))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run_dir = planted_run(tmp_path_factory.mktemp("run"), planted_result(n_subjects=1, n_per_story=3))
    return run_dir, write_sounds(run_dir / "predictions")["subjects"]["sim/01"]


def test_the_report_holds_the_scores_the_pictures_and_the_sounds(made, capsys):
    run_dir, found = made
    (run_dir / "metrics.json").rename(run_dir / "untested.json")  # a run that made sounds need not have been tested
    report(run_dir)
    (run_dir / "untested.json").rename(run_dir / "metrics.json")
    path = run_dir / "predictions" / "report.html"
    assert str(path) in capsys.readouterr().out
    page = path.read_text()
    for method in METHODS:
        for entry in found[method]["scores"].values():
            assert f"<td>{entry['generated']['mean']:.3f}" in page
    ahead = found["decoded"]["ahead"]["identification_mel"]
    assert ahead["mean"] == 0.5 and "ahead of chance in 2-way by mel by 50.0 points" in page
    assert page.count("<audio") == N_CLIPS * 3 and page.count("data:image/webp;base64,") == 3
    assert "<td>0.500</td>" in page  # chance of two


def test_the_same_is_in_wandb(made, own_wandb):
    run_dir, found = made
    logger = WandbLogger(project="n2s", save_dir=run_dir, offline=True)
    log_shown([logger], run_dir, lambda: sounds_shown(run_dir))
    summary = dict(logger.experiment.summary)
    for method in METHODS:
        for score, entry in found[method]["scores"].items():
            assert summary[f"sounds/{method}/{score}"] == entry["generated"]["mean"]
    assert summary["sounds/chance/identification_mel@2"] == 0.5 and summary["sounds/n_clips"] == N
    assert summary["sounds/decoded/ahead_of_chance_identification_mel"] == 0.5
    logger.experiment.finish()
    wandb.teardown()
    (files,) = run_dir.glob("wandb/offline-run-*/files")
    names = sorted(re.sub(r"_\d+_\w+$", "", path.stem) for path in files.rglob("*.png"))
    assert names == ["Learning curves", "Scores by method", "True and decoded sounds"]
    (one,), _ = read_sounds(run_dir / "predictions")
    assert one.clips == ["clip0", "clip2", "clip3", "clip5"]
    written = [soundfile.read(path)[0] for path in files.rglob("*.wav")]
    assert len(written) == N_CLIPS * 3
    for samples in one.sounds["decoded"]:
        assert min(np.abs(samples - other).max() for other in written) < 1e-3


def test_the_mean_of_several_subjects_has_an_interval_over_them(made, tmp_path):
    _, first = made
    second = json.loads(json.dumps(first))
    second["decoded"]["scores"]["mel_pcc"]["generated"]["mean"] -= 0.02
    second["decoded"]["scores"]["identification_mel@2"]["ahead"]["mean"] -= 0.1
    del second["shuffled"]["scores"]["mel_psnr"]
    over = over_subjects({"a": first, "b": second})
    pcc = first["decoded"]["scores"]["mel_pcc"]["generated"]["mean"]
    found = over["decoded"]["scores"]["mel_pcc"]["generated"]
    half = 12.7062047 * 0.02 / 2  # t of one degree of freedom, times the standard error of two
    assert found["mean"] == pytest.approx(pcc - 0.01) and found["deviation"] == pytest.approx(0.02 / 2**0.5)
    assert found["low"] == pytest.approx(max(-1, pcc - 0.01 - half)) and found["high"] == min(1, found["high"])
    ahead = first["decoded"]["ahead"]["identification_mel"]["mean"]
    assert over["decoded"]["ahead"]["identification_mel"]["mean"] == pytest.approx(ahead - 0.05)
    assert set(over["shuffled"]["scores"]) == set(first["shuffled"]["scores"]) - {"mel_psnr"}


def test_the_page_begins_with_the_mean_of_subjects(made, tmp_path):
    run_dir, first = made
    several = shutil.copytree(run_dir, tmp_path / "run")
    file = several / "predictions" / "metrics.json"
    found = json.loads(file.read_text())
    found["subjects"] = {"sim/01": first, "sim/02": first}
    found["over_subjects"], found["units"]["sim/02"] = over_subjects(found["subjects"]), found["units"]["sim/01"]
    file.write_text(json.dumps(found))
    manifest = several / "predictions" / "manifest.csv"
    table = pd.read_csv(manifest, dtype=str)
    again = table.assign(subject="sim/02", clip="again_" + table["clip"])
    pd.concat([table, again]).to_csv(manifest, index=False)
    page = write_sound_report(several).read_text()
    assert page.index("Summary: mean of subjects") < page.index("Summary: sim/01") < page.index("Summary: sim/02")
    assert "Mean of 2 subjects, with its 95% t interval" in page


def test_a_method_without_a_clip_and_a_run_without_sounds(made, tmp_path):
    run_dir, found = made
    entry = found["decoded"]["scores"]
    more = entry | {f"identification_mel@{n}": entry["identification_mel@2"] for n in (10, 50)}
    drawing = method_scores({"decoded": more, "prompted": {"mel_pcc": entry["mel_pcc"]}}, "sim/01")
    panels = [axes for axes in drawing.figure.axes if axes.axison]
    assert len(panels) == len(more) - 2  # of identification 2-way and 10-way
    assert [len(axes.patches) for axes in panels] == [2] + [1] * (len(panels) - 1)
    heights = {axes.get_title(): axes.patches[0].get_width() for axes in panels}
    assert heights["mel PCC"] == entry["mel_pcc"]["generated"]["mean"]
    with pytest.raises(UserError, match="no metrics"):
        write_sound_report(tmp_path)
    damaged = shutil.copytree(run_dir, tmp_path / "run")
    before = (damaged / "predictions" / "metrics.json").read_text()
    (damaged / "predictions" / "report.html").write_text("old")
    for content in ("{", "{}", '{"subjects": {"sim/01": {"decoded": {}}}}', before.replace('"absent"', '"x"')):
        (damaged / "predictions" / "metrics.json").write_text(content)
        with pytest.raises(UserError, match=r"metrics\.json.*(not JSON|Run it again)"):
            write_sound_report(damaged)
    assert (damaged / "predictions" / "report.html").read_text() == "old"


def test_decibels_are_those_of_a_tone():
    time_s = np.arange(RATE) / RATE
    quiet, loud = (decibels(level * np.sin(2 * np.pi * 1000 * time_s)) for level in (0.01, 0.1))
    assert quiet.shape == (64, 100)
    band = loud.mean(1).argmax()
    assert loud[band, 10:-10] - quiet[band, 10:-10] == pytest.approx(20, abs=0.01)
    assert loud.max() - loud[-1].mean() > RANGE_DB
    assert decibels(np.zeros(500)) is None
