"""A network of braindecode as a regression to what was heard: its scores by NumPy alone, beside the best possible decoder."""

import numpy as np
import pytest
import torch
from braindecode.models import EEGNet
from small_data import heard
from tiny import SILENCE_S, TinyStudy
from torch.utils.data import DataLoader

import n2s


class KnownBest(TinyStudy):
    """A study that knows the best possible decoder: it ranks the segment that was heard first, or second in every third window."""

    def ideal_scores(self, recording, starts_s, candidates, *, offset_s, duration_s):
        found = np.zeros((len(starts_s), len(candidates)))
        at = np.array([start for _, start in candidates])
        heard = [int(np.abs(at - (start - SILENCE_S)).argmin()) for start in starts_s]
        found[np.arange(len(heard)), heard] = 1.0
        found[::3, :] += 2.0 * np.eye(len(candidates))[(np.array(heard[::3]) + 1) % len(at)]
        return found


@pytest.mark.slow
def test_a_network_of_braindecode_is_a_regression_beside_a_ceiling(tmp_path):
    data = heard(tmp_path, study=KnownBest(tmp_path / "known", story_s=24.0))
    train, test = n2s.windows(data, "train"), n2s.windows(data, "test")
    torch.manual_seed(0)
    network = EEGNet(n_chans=8, n_outputs=4 * 92, n_times=92)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for brain, target in [*DataLoader(train, batch_size=46)] * 3:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(brain), target.flatten(1)).backward()
        optimizer.step()
    found = n2s.evaluate(network, data)
    with torch.inference_mode():
        estimate = network.eval()(torch.from_numpy(test.X)).numpy()
    segments, own = np.unique(test.table.segment, return_inverse=True)
    candidates = data.segment_targets("test").numpy()[segments].reshape(len(segments), -1)
    scores = estimate @ (candidates / np.linalg.norm(candidates, axis=1, keepdims=True)).T
    rank = (scores > scores[np.arange(len(own)), own][:, None]).sum(1)
    people = [test.table.subject == who for who in np.unique(test.table.subject)]
    for k, name in ((1, "top1"), (5, "top5"), (10, "top10")):
        assert found.scores.get(name, "model").mean == pytest.approx(
            np.mean([(rank[one] < k).mean() for one in people])
        )
    assert found.scores.get("top1", "ceiling").mean == pytest.approx(8 / 12)
    assert found.scores.get("top5", "ceiling").mean == 1.0
    assert "12 candidates, 24 windows, 2 subjects" in str(found) and "EEGNet" in str(found)
