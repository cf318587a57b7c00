"""A test leaves the scores of its windows and of the validation windows, for a later fusion."""

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Trainer

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.windows import Windows
from n2s.features import Ready
from n2s.findings import kept
from n2s.metrics.segment_scores import SegmentScores
from n2s.models import BrainEncoder, SentenceContext
from n2s.systems import Contrastive
from n2s.systems.contrastive.left import CHUNK, by_sentences
from n2s.training.results import WriteResults
from n2s.training.run_record import RunRecord
from tests.run_folders import new_run
from tests.tiny import TinyStudy


def data_of(folder, split, **options):
    return MEGDataModule(
        {"tiny": TinyStudy(folder / "a", story_s=24.0)},
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=split,
        train_windows=Grid(1.0),
        test_windows=Grid(2.0),
        window_s=2.0,
        batch_size=16,
        n_jobs=1,
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize("context", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_a_test_leaves_its_scores_and_those_of_validation(context, tmp_path, capsys):
    split = SplitByStory(test=["story0"], val=["story1"])
    data = data_of(tmp_path, split, **({"together": "sentences"} if context else {}))
    run = new_run(tmp_path / "run")
    trainer = Trainer(
        max_epochs=1,
        callbacks=[WriteResults(run), RunRecord(run, {})],
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
    (run.folder / "scores" / "test" / "arrays.npz").unlink()
    other = data_of(
        tmp_path, SplitByStory(test=["story2"], val=["story1"])
    )  # an edited recipe: what the weights know is tested
    with kept() as told:
        trainer.test(module, other, verbose=False)
    assert any("fitted on other stretches" in one.text and "own config.yaml" in one.text for one in told)
    assert not (run.folder / "scores" / "test" / "arrays.npz").exists()


def test_chunks_have_whole_sentences_and_all_rows():
    rng = np.random.default_rng(0)
    n = 1000
    intervals = pd.DataFrame({"recording_index": [0, 1]})
    windows = Windows(intervals, rng.integers(0, 2, n), np.arange(n, dtype=float), np.arange(n))
    windows.sentence = rng.integers(-1, 80, n)
    parts = by_sentences(windows)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    assert len(parts) > 5 and max(map(len, parts)) < CHUNK + 40 and min(map(len, parts)) > 0
    whole = list(zip(windows.interval, windows.sentence, strict=True))
    owners = [{whole[row] for row in part if whole[row][1] >= 0} for part in parts]
    assert sum(map(len, owners)) == len(set.union(*owners))
    for part, owned in zip(parts, owners, strict=True):
        for one in owned:
            own = [row for row in part if whole[row] == one]
            assert own == sorted(own)  # the model counts the windows of a sentence by their order
