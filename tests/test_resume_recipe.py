"""The real system, on a study small enough for a test: a continued fit is the uninterrupted one, to the bit."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from n2s.__main__ import main
from n2s.systems import Contrastive
from n2s.training.run import Run, runs_of

RECIPE = Path(__file__).parents[1] / "configs" / "meg_contrastive.yaml"


class Stop(BaseException):
    pass


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Run the recipe on the tiny study, up to an epoch; gives the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)

    def run(runs_dir: str, residency: str, stop_before: int | None = None) -> Run:
        data = {
            "class_path": "n2s.data.MEGDataModule",
            "init_args": {
                "studies": {"tiny": {"class_path": "tiny.TinyStudy", "init_args": {"root": str(tmp_path / "study")}}},
                "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
                "preprocessing": {
                    "class_path": "n2s.data.Preprocessing",
                    "init_args": {"sfreq": 50.0, "picks": ["eeg"]},
                },
                "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story2"], "test": ["story3"]}},
                "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 3.0, "jitter": True}},
                "batch_size": 8,
                "residency": residency,
                "n_jobs": 1,
            },
        }
        Path("data.yaml").write_text(yaml.safe_dump(data))
        encoder = {"n_virtual": 8, "n_fourier": 32, "hidden": 8, "depth": 2, "dropout": 0.2, "spatial_dropout": 0.2}
        trainer = {"max_epochs": 3, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}
        more = {"model": {"init_args": {"encoder": {"init_args": encoder}}}, "trainer": trainer | {"logger": False}}
        Path("more.yaml").write_text(yaml.safe_dump(more))
        words = ["--config", str(RECIPE), "--config", "more.yaml", "--data", "data.yaml", "--runs_dir", runs_dir]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["n2s", "fit", *words])

            def stop(self):
                if self.current_epoch == stop_before:
                    raise Stop

            patch.setattr(Contrastive, "on_train_epoch_start", stop)
            try:
                main()
            except Stop:
                assert stop_before is not None
        (found,) = runs_of(Path(runs_dir) / "meg_contrastive+more")
        return found

    return run


@pytest.mark.slow
@pytest.mark.parametrize("residency", ["device", pytest.param("host", marks=pytest.mark.nightly)])
def test_continued_is_uninterrupted(fit, residency):
    uninterrupted = fit("uninterrupted", residency)
    assert uninterrupted.finished
    assert not fit("continued", residency, stop_before=1).finished
    continued = fit("continued", residency)
    assert continued.finished
    assert len(continued.read()["resumed"]) == 1
    ours, theirs = (torch.load(run.last, weights_only=True) for run in (continued, uninterrupted))
    assert ours["epoch"] == theirs["epoch"] == 2
    assert ours["state_dict"].keys() == theirs["state_dict"].keys()
    for name, value in ours["state_dict"].items():
        assert torch.equal(value, theirs["state_dict"][name]), name
    for run in (continued, uninterrupted):
        hashes = run.read()["data"]
        assert any(name.startswith("recording tiny/") for name in hashes)
    ours, theirs = (
        pd.read_csv(run.folder / "metrics.csv").filter(regex="^(?!throughput/)") for run in (continued, uninterrupted)
    )
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
