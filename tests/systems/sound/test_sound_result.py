"""The result of a run's sounds: the page and W&B show the scores, clips and sounds that are in the run's folder."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
import wandb
from lightning.pytorch.loggers import WandbLogger

from n2s.commands.report import report
from n2s.errors import UserError
from n2s.listening.manifest import write_manifest
from n2s.metrics.result import record
from n2s.report.sound_figures import RANGE_DB, decibels
from n2s.report.wandb import log_shown
from n2s.systems.sound.figures import method_scores
from n2s.systems.sound.options import SoundOptions
from n2s.systems.sound.over_subjects import over_subjects
from n2s.systems.sound.result import SoundResult
from n2s.systems.sound.scoring import N_CLIPS, chosen_networks, score_methods

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
    return score_methods(folder, chosen_networks(SoundOptions()))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run's folder as fit and predict leave it, and its result."""
    run_dir = tmp_path_factory.mktemp("experiment") / "run"
    result = write_sounds(run_dir / "predictions")
    result.save(run_dir / "predictions" / "result")
    (run_dir / "config.yaml").write_text("seed_everything: 0\n")
    (run_dir / "metrics.csv").write_text("epoch,step,train/loss\n0,1,2.0\n1,2,1.0\n")
    origin = {"id": "a", "status": "finished", "started": "2026-01-01", "started_from": None, "resumed": []}
    origin["results"] = {"predict": {"": "n2s.systems.sound.result:SoundResult"}}
    (run_dir / "run.json").write_text(json.dumps(origin))
    return run_dir, result


def both(result):
    """The result of two subjects, of whom the second scores a little less and lacks a score."""
    first = result.found["sim/01"]
    second = json.loads(json.dumps(first))
    second["decoded"]["scores"]["mel_pcc"]["generated"]["mean"] -= 0.02
    second["decoded"]["scores"]["identification_mel@2"]["ahead"]["mean"] -= 0.1
    del second["shuffled"]["scores"]["mel_psnr"]
    table = pd.concat([result.sounds, result.sounds.assign(subject="sim/02")], ignore_index=True)
    units = {"sim/01": "4 stretches of stimuli", "sim/02": "4 stretches of stimuli"}
    return replace(result, found={"sim/01": first, "sim/02": second}, units=units, sounds=table)


def test_the_report_holds_the_scores_the_pictures_and_the_sounds(made, capsys):
    run_dir, result = made
    report(run_dir)  # a run that made sounds need not have been tested
    path = run_dir / "predictions" / "report.html"
    assert str(path) in capsys.readouterr().out
    page, found = path.read_text(), result.found["sim/01"]
    for method in METHODS:
        for name, entry in found[method]["scores"].items():
            assert f"<td>{entry['generated']['mean']:.{2 if name == 'mel_psnr' else 3}f}" in page
    ahead = result.facts()["subjects"]["sim/01"]["decoded"]["ahead"]["identification_mel"]
    assert ahead["mean"] == 0.5 and "ahead of chance in 2-way by mel by 50.0 points" in page
    assert page.count("<audio") == N_CLIPS * 3 and page.count("data:image/webp;base64,") == 3
    assert "<td>0.500</td>" in page  # chance of two


@pytest.mark.slow
def test_the_same_is_in_wandb(made, own_wandb):
    run_dir, result = made
    logger = WandbLogger(project="n2s", save_dir=run_dir, offline=True)
    (part,) = result.shown()
    log_shown([logger], run_dir, lambda: {"sounds": part})
    summary = dict(logger.experiment.summary)
    for method in METHODS:
        for score, entry in result.found["sim/01"][method]["scores"].items():
            assert summary[f"sounds/{method}/{score}"] == entry["generated"]["mean"]
    assert summary["sounds/chance/identification_mel@2"] == 0.5 and summary["sounds/n_clips"] == N
    logger.experiment.finish()
    wandb.teardown()
    (files,) = run_dir.glob("wandb/offline-run-*/files")
    names = sorted(re.sub(r"_\d+_\w+$", "", path.stem) for path in files.rglob("*.png"))
    assert names == ["Scores by method", "True and decoded sounds"]
    assert list(part.listening.groups) == ["clip0", "clip2", "clip3", "clip5"]
    written = [soundfile.read(path)[0] for path in files.rglob("*.wav")]
    assert len(written) == N_CLIPS * 3
    for sounds in part.listening.groups.values():
        (decoded,) = [one.samples for one in sounds if one.label == "decoded"]
        assert min(np.abs(decoded - other).max() for other in written) < 1e-3
        assert [one.label for one in sounds if one.true] == ["stimulus"]


def test_the_mean_of_several_subjects_has_an_interval_over_them(made):
    _, result = made
    first, over = result.found["sim/01"], over_subjects(both(result).found)
    pcc = first["decoded"]["scores"]["mel_pcc"]["generated"]["mean"]
    found = over["decoded"]["scores"]["mel_pcc"]["generated"]
    half = 12.7062047 * 0.02 / 2  # t of one degree of freedom, times the standard error of two
    assert found["mean"] == pytest.approx(pcc - 0.01) and found["deviation"] == pytest.approx(0.02 / 2**0.5)
    assert found["low"] == pytest.approx(max(-1, pcc - 0.01 - half)) and found["high"] == min(1, found["high"])
    before = result.facts()["subjects"]["sim/01"]["decoded"]["ahead"]["identification_mel"]["mean"]
    ahead = over["decoded"]["ahead"]["identification_mel"]
    assert ahead["mean"] == pytest.approx(before - 0.05) and ahead["of"] == "chance"
    assert set(over["shuffled"]["scores"]) == set(first["shuffled"]["scores"]) - {"mel_psnr"}


@pytest.mark.slow
def test_the_page_begins_with_the_mean_of_subjects(made, tmp_path):
    run_dir, result = made
    several = shutil.copytree(run_dir, tmp_path / "run")
    both(result).save(several / "predictions" / "result")
    report(several)
    page = (several / "predictions" / "report.html").read_text()
    assert page.index("Summary: mean of subjects") < page.index("Summary: sim/01") < page.index("Summary: sim/02")
    assert "Mean of 2 subjects, with its 95% t interval" in page
    assert page.count("<audio") == 2 * N_CLIPS * 3  # the sounds are found where the run is now


def test_every_score_has_its_controls_and_a_score_that_a_subject_lacks_has_no_mean(made):
    _, result = made
    scores = both(result).scores()
    assert all(scores.has_control(name) for name in scores.measures)
    roles = {name: row.role for name, row in scores.rows.items()}
    assert roles == {
        "decoded": "model", "shuffled": "control", "exchanged": "control", "chance": "control",
    }  # fmt: skip
    assert scores.get("mel_psnr", "shuffled").mean is None
    assert scores.get("mel_psnr", "shuffled", "sim/02") is None
    own = result.found["sim/01"]["decoded"]["scores"]
    assert scores.get("mel_pcc", "exchanged", "sim/01").mean == own["mel_pcc"]["shuffled"]["mean"]
    assert scores.get("mel_pcc", "decoded").kind == "95% t interval over 2 subjects"


def test_a_subject_without_the_first_method_has_controls_of_its_own(made):
    _, result = made
    found = both(result).found
    del found["sim/02"]["decoded"]
    scores = replace(both(result), found=found).scores()
    assert scores.get("mel_pcc", "decoded").mean is None
    own = found["sim/02"]["shuffled"]["scores"]["mel_pcc"]
    assert scores.get("mel_pcc", "exchanged", "sim/02").mean == own["shuffled"]["mean"]
    assert len(replace(both(result), found=found).shown()) == 3
    none = replace(both(result), found={"sim/01": {}, "sim/02": {}}).shown()
    assert [part.headline for part in none] == [
        [f"No method has two sounds of clips that sim/0{i} heard."] for i in (1, 2)
    ]


def test_what_was_saved_is_the_same(made):
    run_dir, result = made
    again = SoundResult.load(run_dir / "predictions" / "result")
    assert record(again) == json.loads(json.dumps(record(result)))


def test_scores_by_method_are_drawn(made):
    _, result = made
    entry = result.found["sim/01"]["decoded"]["scores"]
    more = entry | {f"identification_mel@{n}": entry["identification_mel@2"] for n in (10, 50)}
    one = {"n_clips": N, "scores": more}
    found = {"decoded": one, "prompted": {"n_clips": 2, "scores": {"mel_pcc": entry["mel_pcc"]}}}
    drawing = method_scores(replace(result, found={"sim/01": found}).scores(), "sim/01")
    panels = [axes for axes in drawing.figure.axes if axes.axison]
    assert len(panels) == len(more) - 2  # of identification 2-way and 10-way
    assert [len(axes.patches) for axes in panels] == [3] + [2] * (len(panels) - 1)  # with exchanged sounds
    widths = {axes.get_title(): axes.patches[0].get_width() for axes in panels}
    assert widths["mel PCC"] == entry["mel_pcc"]["generated"]["mean"]


def test_a_damaged_result_is_reported_and_the_old_page_stays(made, tmp_path):
    run_dir, _ = made
    damaged = shutil.copytree(run_dir, tmp_path / "run")
    file = damaged / "predictions" / "result" / "plain.json"
    before = file.read_text()
    (damaged / "predictions" / "report.html").write_text("old")
    for content in ("{", "{}", before.replace('"absent"', '"x"'), before.replace('"generated"', '"x"')):
        file.write_text(content)
        with pytest.raises(UserError, match=r"result cannot be read.*n2s predict"):
            report(damaged)
    file.unlink()
    with pytest.raises(UserError, match=r"no plain\.json"):
        report(damaged)
    assert (damaged / "predictions" / "report.html").read_text() == "old"


def test_decibels_are_those_of_a_tone():
    time_s = np.arange(RATE) / RATE
    quiet, loud = (decibels(level * np.sin(2 * np.pi * 1000 * time_s)) for level in (0.01, 0.1))
    assert quiet.shape == (64, 100)
    band = loud.mean(1).argmax()
    assert loud[band, 10:-10] - quiet[band, 10:-10] == pytest.approx(20, abs=0.01)
    assert loud.max() - loud[-1].mean() > RANGE_DB
    assert decibels(np.zeros(500)) is None
