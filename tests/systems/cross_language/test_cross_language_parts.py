"""Parts of R2 do not depend on how long each language was heard in held-out rows."""

import numpy as np
from sklearn.metrics import r2_score

from n2s.systems.cross_language.bands import parts_of_r2


def sums(n, rng):
    """A voxel that answers in the second language alone; n rows of each."""
    found = []
    for own, gain in ((1, 0.0), (2, 1.0)):
        x = rng.standard_normal(n[own - 1])
        y = gain * x + rng.standard_normal(len(x))
        parts = np.zeros((3, len(x)))
        parts[own] = 0.5 * gain * x
        parts -= parts.mean(1, keepdims=True)
        y -= y.mean()
        found.append(
            ((parts * (2 * y - parts.sum(0))).sum(1)[:, None], np.square(y).sum()[None], r2_score(y, parts.sum(0)))
        )
    product, power, r2 = zip(*found, strict=True)
    return (np.stack(product), np.stack(power)), np.mean(r2)


def test_a_language_that_was_heard_less_counts_as_much():
    one, r2 = sums((4000, 4000), np.random.default_rng(0))
    even = parts_of_r2([one])[:, 0]
    other, _ = sums((4000, 400), np.random.default_rng(0))
    uneven = parts_of_r2([other])[:, 0]
    np.testing.assert_allclose(even.sum(), r2, atol=1e-9)
    assert even[2] > 0.15 and abs(even[2] - uneven[2]) < 0.05 and even[0] == even[1] == 0
