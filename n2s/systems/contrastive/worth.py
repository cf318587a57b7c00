"""Whether the network finds more than the linear decoder beside it, in plain words."""

from typing import NamedTuple

import numpy as np

from n2s.metrics.intervals import cluster_interval, t_interval
from n2s.metrics.window_blocks import window_blocks
from n2s.systems.contrastive.summarized import SummarizedWindows

BOUNDS = (-1.0, 1.0)
ONLY_LINEAR = " Only the linear decoder is shown to be above chance: the network is not worth it here as it is."


class Difference(NamedTuple):
    """Accuracy of the network minus that of the linear decoder on the same windows, -1 to 1: the mean over subjects.

    ``low`` and ``high`` are a 95% interval over subjects, or over blocks of one subject's windows; None where there is no spread.
    ``by_subject`` (s,).
    """

    mean: float
    low: float | None
    high: float | None
    by_subject: np.ndarray


def difference(result: SummarizedWindows, k: int) -> Difference | None:
    """The difference in top-k; None without a linear decoder."""
    if "linear" not in result.ranks:
        return None
    own, linear = ((result.ranks[row] < k).astype(float) for row in ("model", "linear"))
    gain, names = own - linear, np.unique(result.subject)
    by_subject = np.array([gain[result.subject == name].mean() for name in names])
    if len(names) > 1:
        values, unit = by_subject, None
    else:
        values, unit = gain, window_blocks(result.candidates, result.target, result.group).steady
    if np.ptp(values) < 1e-12 or (unit is not None and len(np.unique(unit)) < 2):
        return Difference(float(values.mean()), None, None, by_subject)
    found = t_interval(values, bounds=BOUNDS) if unit is None else cluster_interval(values, unit, bounds=BOUNDS)
    return Difference(*found, by_subject)


def sentence(result: SummarizedWindows, k: int, *, network: str, linear: str) -> str:
    """Whether the network is worth it here; empty without a linear decoder.

    Parameters
    ----------
    result
        The windows of a test, all candidates ranked.
    k
        The first k count as hits.
    network, linear
        How each compares with chance: ``above``, ``below``, ``inside`` or ``unknown``.
    """
    found = difference(result, k)
    if found is None:
        return ""
    counts = f"in top-{k}, network minus linear decoder: {_points(found)}"
    n = len(found.by_subject)
    if n > 1:
        counts += f"; the network is ahead in {int((found.by_subject > 1e-12).sum())} of {n} subjects"
    neither = network != "above" and linear != "above"
    though = " Neither is shown to be above chance, though: more windows would tell." if neither else ""
    if found.low is not None and found.low > 0:
        return f"Is the network worth it? Yes: it finds more than the linear decoder ({counts}).{though}"
    if found.high is not None and found.high < 0:
        return (
            f"Is the network worth it? No: the linear decoder finds more ({counts}). The network is not worth it here; "
            f"configs/linear.yaml has the linear decoder alone.{though}"
        )
    if neither:
        return (
            f"Is the network worth it? Neither it nor the linear decoder is shown to be above chance here ({counts}): there is nothing to "
            "choose between. More data, another frequency band or another target may help both."
        )
    if abs(found.mean) < 1e-12:
        who = "both find as much"
    else:
        who = f"{'it' if found.mean > 0 else 'the linear decoder'} is ahead, but the difference is not certain"
    alone = {("above", False): " Only the network is shown to be above chance.", ("inside", True): ONLY_LINEAR}
    return (
        f"Is the network worth it? That is not shown: {who} ({counts}). The linear decoder alone "
        f"(configs/linear.yaml) is much faster.{alone.get((network, linear == 'above'), '')}"
    )


def _points(found: Difference) -> str:
    ends = "" if found.low is None else f", 95% interval {100 * found.low:+.1f} to {100 * found.high:+.1f}"
    return f"{100 * found.mean:+.1f} percentage points{ends}"
