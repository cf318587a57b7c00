"""A test leaves the scores of its windows and of the validation windows, for a later fusion."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.features import Ready
from n2s.metrics.segment_scores import SegmentScores
from n2s.models import BrainEncoder, SentenceContext
from n2s.systems import Contrastive
from n2s.training.results import WriteResults
from tests.run_folders import new_run
from tests.tiny import TinyStudy


@pytest.mark.slow
@pytest.mark.parametrize("context", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_a_test_leaves_its_scores_and_those_of_validation(context, tmp_path, capsys):
    data = MEGDataModule(
        {"tiny": TinyStudy(tmp_path / "a", story_s=24.0)},
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=["story1"]),
        train_windows=Grid(1.0),
        test_windows=Grid(2.0),
        window_s=2.0,
        batch_size=16,
        n_jobs=1,
        **({"together": "sentences"} if context else {}),
    )
    run = new_run(tmp_path / "run")
    trainer = Trainer(
        max_epochs=1,
        callbacks=[WriteResults(run)],
        default_root_dir=run.folder,
        enable_model_summary=False,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
    )
    module = Contrastive(
        BrainEncoder(data.n_subjects, 4, n_virtual=6, n_fourier=18, hidden=8, depth=2),
        context=SentenceContext(4, dim=16, n_heads=2, depth=1, patch=15) if context else None,
        encoding_model=False,
        linear_decoder=False,
    )
    trainer.fit(module, data)
    validated = {name: value.item() for name, value in trainer.callback_metrics.items()}
    trainer.test(module, data, verbose=False)
    found = {split: SegmentScores.load(run.folder / "scores" / split) for split in ("val", "test")}
    rows, tested = module.tested
    np.testing.assert_array_equal(found["test"].similarity, tested.numpy())
    np.testing.assert_array_equal(found["test"].target, data.windows["test"].segment[rows.numpy()])
    for split, scores in found.items():
        assert scores.split == split and scores.modality == "meg"
        assert set(scores.windows.subject) == {"tiny/01", "tiny/02"}
        own = scores.candidates.iloc[scores.target].reset_index(drop=True)
        table = data.window_table(split)
        np.testing.assert_allclose(own.start_s, table.stimulus_start_s)
        np.testing.assert_allclose(scores.windows.start_s, table.start_s)
        assert scores.candidates.sound.nunique() == 1
        assert set(scores.trained.sound).isdisjoint(scores.candidates.sound)
        assert len(scores.trained) == 2 and (scores.trained.stop_s - scores.trained.start_s > 20).all()
    val = found["val"]
    own = val.similarity[np.arange(len(val.target)), val.target]
    better = (val.similarity > own[:, None]).sum(1)  # both heard all
    for k in (1, 5, 10):
        np.testing.assert_allclose((better < k).mean(), validated[f"val/top{k}"], rtol=1e-6)
    assert not torch.is_inference_mode_enabled() and module.tested[1].shape == tested.shape
