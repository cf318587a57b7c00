"""The files of the page Extend it work together as the page says: folder, study, feature, network, loss, then a system."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest

EXTEND = Path(__file__).parents[2] / "docs" / "extend"
OWN = [path.stem for path in sorted(EXTEND.glob("my_*.py"))]


@pytest.fixture
def beside(empty_folder, monkeypatch):
    """A copy of the files in an empty folder, with the folder of recordings; no PYTHONPATH."""
    for path in EXTEND.iterdir():
        shutil.copy(path, empty_folder)
    runpy.run_path(str(empty_folder / "make_folder.py"), run_name="__main__")
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in OWN:
        sys.modules.pop(name, None)
    yield empty_folder
    for name in OWN:
        sys.modules.pop(name, None)


def scores(folder: Path, experiment: str) -> dict:
    """Of the only run of an experiment."""
    (path,) = (folder / "checkpoints" / experiment).glob("*/metrics.json")
    return json.loads(path.read_text("utf-8"))["test"]["scores"]


@pytest.mark.slow
def test_own_study_feature_network_and_loss_then_an_own_system(beside, run_n2s):
    small = ("--trainer.max_epochs", "2", "--trainer.enable_progress_bar", "false", "--data.n_jobs", "1")
    for recipes, experiment in ((["mine.yaml"], "mine"), (["mine.yaml", "my_system.yaml"], "mine+my_system")):
        given = [word for name in recipes for word in ("--config", name)]
        for verb in ("fit", "test"):
            status, out, err = run_n2s(verb, *given, *small)
            assert status == 0, f"n2s {verb} {' '.join(given)}\n{err}{out[-2000:]}"
        found = scores(beside, experiment)
        rows = next(iter(found.values()))
        assert {"model", "shuffled"} <= set(rows)
        assert set(rows["model"]) == {"all subjects", "mine/01", "mine/02"}
    assert set(found) == {"agreement"}


def test_every_file_is_on_the_page():
    page = (EXTEND / "index.md").read_text("utf-8")
    unseen = [name for name in OWN if f"{{literalinclude}} {name}.py" not in page]
    assert not unseen and "make_folder.py" in page


def test_the_metric_is_one_half_for_noise_and_one_for_the_truth(monkeypatch):
    import numpy as np

    monkeypatch.syspath_prepend(str(EXTEND))
    from my_metric import sign_agreement

    rng = np.random.default_rng(0)
    true = rng.standard_normal((50, 200))
    assert sign_agreement(true, true) == 1.0
    assert abs(sign_agreement(rng.standard_normal(true.shape), true) - 0.5) < 0.02
