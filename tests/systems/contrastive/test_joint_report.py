"""A test on several studies: each is scored among its own segments, with its own controls."""

import json

import numpy as np
import pytest
from lightning.pytorch import Trainer

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.features import Ready
from n2s.models import BrainEncoder
from n2s.systems import Contrastive
from n2s.systems.contrastive.result import RetrievalResult
from n2s.training.results import WriteResults, saved
from tests.run_folders import new_run
from tests.tiny import TinyStudy


@pytest.mark.slow
def test_each_study_has_its_scores(tmp_path, capsys):
    studies = {
        "one": TinyStudy(tmp_path / "a", n_subjects=1, story_s=20.0),
        "two": TinyStudy(tmp_path / "b", n_subjects=2, n_channels=6, seed=1),
    }
    data = MEGDataModule(
        studies,
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=["story1"]),
        train_windows=Grid(1.0),
        batch_size=16,
        n_jobs=1,
    )
    encoder = BrainEncoder(data.n_subjects, 4, n_virtual=6, n_fourier=18, hidden=8, depth=2)
    folder = tmp_path / "run"
    options = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = Trainer(max_epochs=1, callbacks=[WriteResults(new_run(folder))], enable_model_summary=False, **options)
    module = Contrastive(encoder)
    trainer.fit(module, data)
    validated = {name: value.item() for name, value in trainer.callback_metrics.items()}
    val = data.window_table("val")
    n_candidates = val.groupby("study").segment.nunique()[val.study]
    for k in (1, 10):  # of a guess, each window among the segments of its study
        np.testing.assert_allclose(validated[f"val/chance_top{k}"], np.minimum(1, k / n_candidates).mean(), rtol=1e-6)
    trainer.test(module, data, verbose=False)
    scores = json.loads((folder / "metrics.json").read_text())
    assert {name: scores[name]["n_candidates"] for name in scores} == {"one": 6, "two": 10}
    assert {name: list(scores[name]["subjects"]) for name in scores} == {"one": ["one/01"], "two": ["two/01", "two/02"]}
    window, both = module.tested
    assert both.shape == (6 + 20, 6 + 10)
    hits = []
    for name in studies:
        result = RetrievalResult.load(saved(folder, "test", name))
        own = data.window_table("test").iloc[window.numpy()].reset_index(drop=True)
        rows = np.flatnonzero(own.study == name)
        columns = np.unique(own.segment[rows])
        np.testing.assert_array_equal(result.similarity, both.numpy()[np.ix_(rows, columns)])
        heard = result.windows.stimulus_start_s.to_numpy()
        np.testing.assert_allclose(result.candidates.start_s.to_numpy()[result.target], heard)
        hits += [(result.similarity >= result.similarity[np.arange(len(heard)), result.target][:, None]).sum(1) <= 10]
    logged = trainer.callback_metrics["test/top10"].item()
    np.testing.assert_allclose(logged, np.concatenate(hits).mean(), atol=1e-6)  # of each among its own candidates
    page = (folder / "report.html").read_text()
    assert "Summary: one" in page and "Summary: two" in page
