"""What a test is compared with is computed in chunks, each segment once; it equals the plain definition."""

import numpy as np
import pytest
import torch

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.features import Ready
from n2s.models import BrainEncoder, DeepMel
from n2s.systems import Contrastive
from n2s.systems.contrastive import baselines
from tests.tiny import TinyStudy


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root = tmp_path_factory.mktemp("baselines")
    data = MEGDataModule(
        {"one": TinyStudy(root / "a", n_subjects=1), "two": TinyStudy(root / "b", n_subjects=2, seed=1)},
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=["story1"]),
        train_windows=Grid(1.0),
        n_jobs=1,
    )
    data.setup("test")
    torch.manual_seed(0)
    encoder = BrainEncoder(data.n_subjects, 5, n_virtual=6, n_fourier=18, hidden=8, depth=2)
    return data, Contrastive(encoder, target_encoder=DeepMel(4, 5, 6, 2)).eval()


@pytest.mark.slow
def test_the_mean_target_of_each_listener(found, monkeypatch):
    monkeypatch.setattr(baselines, "CHUNK", 7)
    data, module = found
    segments = np.arange(len(data.windows["test"].first))
    train, subject = data.windows["train"], np.array(["two/02", "one/01", "two/01", "one/01"])
    with torch.no_grad():
        candidates = module.encode_target(data.segment_targets("test", segments))
        every = module.encode_target(data.segment_targets("train"))
        heard = [np.unique(train.segment[train.of_interval("subject") == name]) for name in subject]
        expected = module.loss.scores(torch.stack([every[own].mean(0) for own in heard]), candidates)
    got = baselines.subject_only(data, module, candidates, subject)
    assert (got[1] == got[3]).all() and not np.allclose(got[0], got[1], atol=1e-2)  # other studies, other means
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_chunks_do_not_change_what_is_encoded(found, monkeypatch):
    data, module = found
    segments = np.array([5, 2, 9, 9, 0])
    whole = torch.cat(list(baselines.encoded(data, module, "train", segments)))
    monkeypatch.setattr(baselines, "CHUNK", 2)
    parts = list(baselines.encoded(data, module, "train", segments))
    assert [len(part) for part in parts] == [2, 2, 1]
    torch.testing.assert_close(torch.cat(parts), whole)
    torch.testing.assert_close(whole, module.encode_target(data.segment_targets("train", segments)), check_device=False)
