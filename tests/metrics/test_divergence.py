"""KL of a classifier's logits against torch (the published formula), scipy (the exact one), and a closed form."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from n2s.metrics import kl_divergence
from n2s.metrics.divergence import clip_divergences


@pytest.fixture
def logits():
    rng = np.random.default_rng(0)
    return 3 * rng.normal(size=(7, 527)), 3 * rng.normal(size=(7, 527))


@pytest.mark.parametrize("variant", ["softmax", "sigmoid"])
def test_as_published(logits, variant):
    reference, generated = (torch.from_numpy(one) for one in logits)
    squash = {"softmax": lambda x: x.softmax(1), "sigmoid": torch.sigmoid}[variant]
    terms = torch.nn.functional.kl_div((squash(generated) + 1e-6).log(), squash(reference), reduction="none")
    np.testing.assert_allclose(clip_divergences(*logits, variant=variant), terms.sum(1), rtol=1e-9)
    assert kl_divergence(*logits, variant=variant) == pytest.approx(float(terms.sum() / 7), rel=1e-9)


def test_without_a_floor_it_is_the_divergence(logits):
    p, q = (softmax(one, axis=1) for one in logits)
    np.testing.assert_allclose(clip_divergences(*logits, floor=0), entropy(p, q, axis=1), rtol=1e-9)
    assert kl_divergence(*logits, floor=0) != pytest.approx(kl_divergence(*logits[::-1], floor=0), rel=1e-3)  # of order


def test_two_classes_by_hand():
    found = kl_divergence(np.log([[0.75, 0.25]]), np.log([[0.5, 0.5]]), floor=0)
    assert found == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert kl_divergence(np.log([[0.75, 0.25]]), np.log([[0.75, 0.25]])) == pytest.approx(0, abs=1e-5)


def test_logits_of_certainty_stay_finite():
    sure, opposite = np.array([[1e4, 0.0, 0.0]]), np.array([[0.0, 1e4, 0.0]])
    assert kl_divergence(sure, opposite) == pytest.approx(-np.log(1e-6))
    assert kl_divergence(sure, sure) == pytest.approx(0, abs=1e-5)


def test_what_it_refuses(logits):
    with pytest.raises(ValueError, match=r"\(n, k\), both the same"):
        kl_divergence(logits[0][:3], logits[1])
    with pytest.raises(ValueError, match="generated_logits: 1 of 7 rows hold NaN"):
        kl_divergence(logits[0], np.where(np.arange(7)[:, None] == 2, np.nan, logits[1]))
    with pytest.raises(ValueError, match="'softmax' or 'sigmoid'"):
        kl_divergence(*logits, variant="hinge")
