"""Whether an accuracy could be chance."""

import math

from n2s.metrics.controls import chance_bounds


def is_chance(
    accuracy: float, n: float, probability: float, *, level: float = 0.999, freedom: float = math.inf
) -> bool:
    """Whether an accuracy lies inside `n2s.metrics.controls.chance_bounds`."""
    low, high = chance_bounds(n, probability, level=level, freedom=freedom)
    return low - 1e-9 <= accuracy <= high + 1e-9  # 3 / 10 must equal 0.3, regardless of how it was averaged
