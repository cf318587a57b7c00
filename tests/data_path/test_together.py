"""Sentences: which window is of which, kept together in batches, and what a task makes of them."""

import json

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.sampler import Sampler
from n2s.features import Ready
from n2s.losses import ClipLoss
from n2s.models import BrainEncoder, SentenceContext
from n2s.systems import Contrastive
from n2s.training.results import WriteResults
from tests.run_folders import new_run
from tests.tiny import TinyStudy


def data_of(tmp_path, **options):
    return MEGDataModule(
        {"tiny": TinyStudy(tmp_path / "data", sentence_s=5.0)},
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=["story1"]),
        train_windows=Grid(1.0),
        window_s=1.0,
        offset_s=0.1,
        baseline_s=0.0,
        batch_size=20,
        n_jobs=1,
        **options,
    )


def test_the_sentence_in_the_middle_of_a_window(tmp_path):
    data = data_of(tmp_path)
    data.prepare()
    for split in ("train", "test"):
        table = data.window_table(split)
        key = table.stimulus + ":" + ((table.stimulus_start_s + 0.45) // 5).astype(int).astype(str)
        assert (table.groupby("sequence").segment.nunique() == 5).all()
        assert (key.groupby(table.sequence).nunique() == 1).all() and (table.sequence.groupby(key).nunique() == 1).all()
        heard = data.windows[split].sentence_heard
        assert len(np.unique(heard)) == 2 * table.sequence.nunique()  # two listeners


def test_sentences_stay_together_in_their_order(tmp_path):
    data = data_of(tmp_path, together="sentences")
    data.prepare()
    loader = data.train_dataloader()
    heard, seen = data.windows["train"].sentence_heard, []
    for batch in loader:
        numbers, sizes = np.unique(batch.sentence.numpy(), return_counts=True)
        assert (sizes == 5).all() and len(numbers) == 4
        for number in numbers:
            assert (np.diff(batch.start[batch.sentence == number].numpy()) > 0).all()
        assert (heard[batch.row.numpy()] == batch.sentence.numpy()).all()
        seen += batch.row.tolist()
    assert sorted(seen) == list(range(len(heard)))
    loader.sampler.set_epoch(1)
    assert [row for rows in loader.sampler for row in rows] != seen


def test_processes_take_whole_pieces_and_windows_without_sentence_go_anywhere():
    together = np.array([3, 3, -1, 5, 5, -1, 3, 5])
    options = {"batch_size": 4, "shuffle": True, "seed": 1, "together": together}
    whole = np.concatenate(list(Sampler(8, **options)))
    assert sorted(whole) == list(range(8))
    for number in (3, 5):
        place = np.flatnonzero(together[whole] == number)
        assert (np.diff(place) == 1).all() and (np.diff(whole[place]) > 0).all()
    parts = [list(Sampler(8, **options, rank=rank, world_size=2)) for rank in (0, 1)]
    np.testing.assert_array_equal(np.concatenate([np.concatenate(pair) for pair in zip(*parts, strict=True)]), whole)


@pytest.mark.slow
def test_what_a_test_reports_beside_single_windows(tmp_path):
    data = data_of(tmp_path, together="sentences")
    encoder = BrainEncoder(data.n_subjects, 4, n_virtual=6, n_fourier=18, hidden=8, depth=2, instance_norm=True)
    context = SentenceContext(4, dim=16, n_heads=2, depth=1, patch=15)
    module = Contrastive(encoder, context=context, extra_negatives=7, sentence_context=True, average_listeners=True)
    options = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = Trainer(max_epochs=1, callbacks=[WriteResults(new_run(tmp_path))], enable_model_summary=False, **options)
    trainer.fit(module, data)
    trainer.test(module, data, verbose=False)
    scores = json.loads((tmp_path / "metrics.json").read_text())
    assert list(scores) == ["test", "test, sentence context", "test, listeners averaged"]
    assert [scores[name]["n_windows"] for name in scores] == [60, 60, 30]
    assert all(scores[name]["n_candidates"] == 30 for name in scores)
    assert "Summary: test, sentence context" in (tmp_path / "report.html").read_text()


def test_extra_negatives_are_candidates_and_never_false_ones(tmp_path):
    """The training loss is that of the batch's and the drawn segments together; a drawn positive is left out."""
    data = data_of(tmp_path)
    module = Contrastive(BrainEncoder(2, 4, n_virtual=6, n_fourier=18, hidden=8, depth=2), extra_negatives=50)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, barebones=True, max_epochs=0)
    trainer.fit(module, data)
    batch = next(iter(data.train_dataloader()))
    module.train()
    torch.manual_seed(5)
    found = module._loss(batch)
    torch.manual_seed(5)
    estimate = module(batch)
    drawn = torch.randint(len(data.windows["train"].first), (50,))
    assert torch.isin(drawn, batch.segment).any()
    candidates = torch.cat([batch.target, data.segment_targets("train", drawn.numpy())])
    ids = torch.cat([batch.segment, drawn])
    scores = ClipLoss().scores(estimate, candidates).double()
    total = 0.0
    for i in range(len(batch)):
        allowed = (ids != batch.segment[i]) | (torch.arange(len(ids)) == i)
        total += scores[i][allowed].logsumexp(0) - scores[i, i]
    torch.testing.assert_close(found.double(), total / len(batch), rtol=1e-5, atol=1e-5)
