"""The loss of classifiers: PyTorch's own, the same over any number of processes; weights by frequency; one logit as two."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from n2s.systems.event_classes.controls import cell_likelihoods, combined
from n2s.systems.event_classes.loss import class_weights, log_probabilities, predicted_classes, weighted_losses
from n2s.systems.event_classes.speech_runs import drop_short


def test_weights_are_published_ones():
    counts = np.array([100, 25, 4, 0])
    root = 1 / np.sqrt([100, 25, 4, 1])
    assert np.allclose(class_weights(counts, "inverse_sqrt"), root / root.mean())
    assert np.allclose(class_weights(counts, "none"), 1)
    inverse = 1 / np.array([100, 25, 4, 1.0])
    assert np.allclose(class_weights(counts, "inverse"), inverse / inverse.mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_ratio_is_pytorchs_loss_and_parts_add_up(smoothing):
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(40, 5, generator=generator), torch.randint(0, 5, (40,), generator=generator)
    weight = torch.tensor([0.5, 1.0, 2.0, 0.7, 0.8])
    total, weights = weighted_losses(logits, target, weight, smoothing)
    expected = F.cross_entropy(logits, target, weight, label_smoothing=smoothing)
    assert torch.allclose(total / weights, expected)
    parts = [weighted_losses(logits[own], target[own], weight, smoothing) for own in (slice(0, 13), slice(13, 40))]
    assert torch.allclose(sum(one for one, _ in parts) / sum(other for _, other in parts), expected)


def test_one_logit_is_the_second_of_two():
    logit, target = torch.randn(30, 1, generator=torch.Generator().manual_seed(1)), torch.arange(30) % 2
    weight, two = torch.tensor([0.5, 1.5]), torch.cat([torch.zeros(30, 1), logit], 1)
    for smoothing in (0.0, 0.1):
        for one, other in zip(
            weighted_losses(logit, target, weight, smoothing), weighted_losses(two, target, weight, 0.0), strict=True
        ):
            if not smoothing:
                assert torch.allclose(one, other, atol=1e-5)
    smooth = weighted_losses(logit, target, torch.ones(2), 0.1)[0]
    assert torch.allclose(smooth, F.binary_cross_entropy_with_logits(logit[:, 0], target * 0.9 + 0.05, reduction="sum"))
    assert np.allclose(log_probabilities(logit.numpy()), torch.log_softmax(two.double(), 1).numpy())
    assert (predicted_classes(logit.numpy()) == predicted_classes(two.numpy())).all()


def test_likelihoods_of_cells_are_smoothed_counts():
    trained, label = np.array([7, 7, 7, 9, 9]), np.array([0, 0, 1, 1, 1])
    found = np.exp(cell_likelihoods(trained, label, np.array([7, 9, 8]), 2))
    share = {7: 3 / 5, 9: 2 / 5}
    assert found[0] == pytest.approx([(2 + 5 * share[7]) / 7, (1 + 5 * share[7]) / 8])
    assert found[1] == pytest.approx([(0 + 5 * share[9]) / 7, (2 + 5 * share[9]) / 8])
    assert found[2] == pytest.approx([1, 1])  # nothing is known of a new cell


def test_windows_of_one_class_add_up():
    likelihood = np.log([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    found = np.exp(combined(likelihood, np.array([0, 0, 1]), 2, np.log([0.25, 0.75])))
    assert found[0] == pytest.approx(np.array([0.72 * 0.25, 0.02 * 0.75]) / (0.72 * 0.25 + 0.02 * 0.75))
    assert found[1] == pytest.approx(np.array([0.3 * 0.25, 0.7 * 0.75]) / (0.3 * 0.25 + 0.7 * 0.75))


def test_stretches_end_where_frames_are_apart_or_of_another_recording():
    speech, one = np.ones(6, bool), np.array(["a"] * 6)
    start_s = np.array([0.0, 0.1, 0.2, 1.0, 1.1, 1.2])
    assert drop_short(speech, one, start_s, step_s=0.1, least_s=0.3).all()
    assert not drop_short(speech, one, start_s, step_s=0.1, least_s=0.4).any()
    other = np.array(["a", "a", "a", "a", "b", "b"])
    assert drop_short(speech, other, 0.1 * np.arange(6), step_s=0.1, least_s=0.4).tolist() == [True] * 4 + [False] * 2
