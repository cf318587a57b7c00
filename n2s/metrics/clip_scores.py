"""Score each clip and its controls: predictions exchanged between clips, and means of the training clips."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from n2s.metrics.blocks import time_blocks
from n2s.metrics.intervals import Interval, cluster_interval, cluster_share_interval, t_interval
from n2s.metrics.score import ALL, Score, entry

#: (n, ...) predicted, (n, ...) true -> (n,)
ClipScore = Callable[[np.ndarray, np.ndarray], np.ndarray]

MIN_STIMULI = 3  # fewer stimuli do not generalise to others: stretches of stimuli are resampled instead
MANY = 100  # exchanges needed for the middle 95%; with fewer, the range is the lowest to the highest


class Units(NamedTuple):
    """The independent units: the unit (n,) of each clip, and a description of the units."""

    of: np.ndarray
    words: str


def independent_units(
    stimulus: np.ndarray, subject: np.ndarray, start_s: np.ndarray, *, duration_s: float | np.ndarray
) -> Units:
    """Assign clips to independent units: clips of one stimulus, or consecutive clips, are alike and share a unit.

    Units are whole stimuli if every subject heard three or more and none makes up half of the time. Otherwise stimuli are
    cut into stretches as long as five clips or more (four stretches for few clips, twenty for many). Intervals over stretches show
    how precise the score of these stimuli is; they do not generalise to other stimuli.

    Parameters
    ----------
    stimulus, subject
        (n,) The stimulus and subject of each clip.
    start_s
        (n,) Start of each clip in its stimulus, s. A repeat is in the same stretch as its clip.
    duration_s
        Duration of the clips, or of each (n,), s. Clips that overlap count for what is new in them.
    """
    stimulus, subject = np.asarray(stimulus).astype(str), np.asarray(subject)
    start_s = np.asarray(start_s, np.float64)
    duration_s = np.broadcast_to(np.asarray(duration_s, np.float64), start_s.shape)
    members = [np.flatnonzero(subject == name) for name in np.unique(subject)]
    counts = [np.unique(stimulus[clips], return_counts=True)[1] for clips in members]
    if all(len(count) >= MIN_STIMULI and 2 * count.max() <= count.sum() for count in counts):
        return Units(stimulus, "stimuli")
    found = np.empty(len(stimulus), dtype=object)
    for clips in members:
        n_blocks = min(max(4, int(_apart(stimulus[clips], start_s[clips], duration_s[clips]) / 5)), 20)
        longest_s = float(duration_s[clips].max())
        blocks = time_blocks(
            stimulus[clips], start_s[clips], duration_s=longest_s, n_blocks=n_blocks, least_s=longest_s
        )
        found[clips] = [f"{name}/{block:02d}" for name, block in zip(stimulus[clips], blocks, strict=True)]
    return Units(found.astype(str), "stretches of stimuli")


def _apart(stimulus: np.ndarray, start_s: np.ndarray, duration_s: np.ndarray) -> float:
    """The number of different clips, less by the share of their time that several of them play."""
    n, played_s, heard_s = 0, 0.0, 0.0
    for name in np.unique(stimulus):
        own = stimulus == name
        start, first = np.unique(start_s[own], return_index=True)
        lasts = duration_s[own][first]
        before = np.maximum.accumulate(np.append(-np.inf, (start + lasts)[:-1]))
        heard_s += float(np.maximum(0.0, start + lasts - np.maximum(start, before)).sum())
        n, played_s = n + len(start), played_s + float(lasts.sum())
    return n * heard_s / played_s + 1e-6  # rounded times


def exchanged(unit: np.ndarray, subject: np.ndarray, *, n_permutations: int, seed: int) -> np.ndarray:
    """Draw random exchanges of a subject's brain responses, (p, n): the index of the prediction that each clip gets.

    Each prediction comes from the same subject and, unless one unit has more than half of the subject's clips, from another
    unit. Units are placed on a circle in random order, and all predictions shift by some units. Neighbours stay neighbours:
    this keeps what the responses to one unit have in common, and an exchange varies as much as a decoder at chance.

    Parameters
    ----------
    unit, subject
        (n,) The unit and subject of each clip, in order of time: see `independent_units`.
    n_permutations
        Number of draws; duplicates are removed. With few units there are few exchanges: two for three stimuli.
    seed
        Seed for the exchanges.
    """
    rng, subject = np.random.default_rng(seed), np.asarray(subject)
    members = [np.flatnonzero(subject == name) for name in np.unique(subject)]
    groups = [np.unique(np.asarray(unit)[clips], return_inverse=True)[1] for clips in members]
    drawn = np.empty((n_permutations, len(subject)), dtype=np.int64)
    for row in drawn:
        for clips, group in zip(members, groups, strict=True):
            place = rng.permutation(group.max() + 1)[group]
            circle, sizes = np.argsort(place, kind="stable"), np.bincount(place)
            low, high = sorted((sizes.max(), max(1, len(clips) - sizes.max())))  # far enough that no unit meets itself
            steps = np.cumsum(sizes)
            steps = steps[(steps >= low) & (steps <= high)]
            step = rng.choice(steps) if len(steps) else rng.integers(low, high, endpoint=True)
            row[clips[circle]] = clips[np.roll(circle, step)]
    different = {row.tobytes(): place for place, row in reversed(list(enumerate(drawn)))}
    return drawn[sorted(different.values())]


def with_controls(
    score: ClipScore,
    predicted: np.ndarray,
    true: np.ndarray,
    *,
    exchanges: np.ndarray,
    means: Mapping[str, np.ndarray],
    ceiling: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Score each clip's prediction and the controls, which do not use its brain response.

    Parameters
    ----------
    score
        A function such as `n2s.metrics.spectrogram.mel_pcc`.
    predicted, true
        (n, ...) One target per clip.
    exchanges
        (p, n) Index of the prediction that each clip gets: see `exchanged`.
    means
        Predictions without brain data, by the name of their row: the mean of the *training* targets, with the shape of one
        clip (...), or (n, ...) if subjects differ.
    ceiling
        (n, ...) Output of the best possible decoder: the true target after the same last steps.

    Returns
    -------
    ``model`` (n,), ``shuffled`` (p, n), (n,) for each of the means and, if given, ``ceiling`` (n,).

    Raises
    ------
    ValueError
        Shapes that do not fit.
    """
    for name, array, expected in (
        ("predicted", predicted, true.shape),
        ("ceiling", true if ceiling is None else ceiling, true.shape),
        ("an exchange", exchanges[0], (len(true),)),
        *((row, mean, true.shape if mean.ndim == true.ndim else true.shape[1:]) for row, mean in means.items()),
    ):
        if np.shape(array) != expected:
            raise ValueError(
                f"{name} has shape {np.shape(array)}; the true clips of shape {true.shape} need {expected}."
            )
    found = {
        "model": score(predicted, true),
        "shuffled": np.stack([score(predicted[order], true) for order in exchanges]),
    }
    found |= {row: score(np.broadcast_to(mean, true.shape), true) for row, mean in means.items()}
    return found if ceiling is None else found | {"ceiling": score(ceiling, true)}


def summarize_clips(
    found: Mapping[str, np.ndarray], subject: np.ndarray, *, units: Units, bounds: tuple[float, float]
) -> dict[str, dict[str, Score]]:
    """Compute means with intervals, over subjects and for each subject.

    Parameters
    ----------
    found
        Scores (n,) by row, and (p, n) for ``shuffled``: see `with_controls`.
    subject
        (n,)
    units
        The independent units: the intervals of one subject are over these.
    bounds
        The lowest and highest possible score.

    Returns
    -------
    Row -> subject (or `ALL`, the mean of the subjects' means) -> `Score`. Clips without a finite score, such as the PSNR
    of a perfect clip, are left out. A row that is the same for every subject has no interval over
    subjects, and a subject with one unit has no interval.
    """
    subject = np.asarray(subject).astype(str)
    names = [str(name) for name in np.unique(subject)]
    summary = {}
    for row, values in found.items():
        own = {name: subject == name for name in names}
        if row == "shuffled":
            summary[row] = _exchanged({name: np.asarray(values)[:, rows] for name, rows in own.items()})
        else:
            by_subject = {
                name: mean_over(np.asarray(values)[rows], units.of[rows], bounds) for name, rows in own.items()
            }
            summary[row] = over_subjects(by_subject, units.words, bounds)
    return summary


def clip_entry(by_subject: Mapping[str, Score], values: np.ndarray) -> dict:
    """A row of `summarize_clips` as an entry of ``metrics.json``.

    Parameters
    ----------
    by_subject
        Subject (or `ALL`) -> `Score`.
    values
        (n,) or (p, n) The clip scores behind the row.

    Returns
    -------
    The entry of `n2s.metrics.score.entry`, ``deviation`` over subjects (None for a single one) and ``n_left_out``: the
    number of clips without a finite score.
    """
    n_left_out = int((~np.isfinite(values)).reshape(-1, np.shape(values)[-1]).any(0).sum())
    return entry(by_subject) | {"deviation": deviation(by_subject), "n_left_out": n_left_out}


def deviation(by_subject: Mapping[str, Score]) -> float | None:
    """Standard deviation over subjects; None if fewer than two have a score."""
    means = [one.mean for name, one in by_subject.items() if name != ALL and one.mean is not None]
    return float(np.std(means, ddof=1)) if len(means) > 1 else None


def mean_over(values: np.ndarray, unit: np.ndarray, bounds: tuple[float, float], *, level: float = 0.95) -> Interval:
    """Mean (n,) of the finite values of one subject, with its interval over units; an end is None if there is no interval."""
    kept = np.isfinite(values)
    values, unit = np.asarray(values, np.float64)[kept], np.asarray(unit)[kept]
    if not len(values):
        return Interval(None, None, None)
    if len(np.unique(unit)) < 2:
        return Interval(float(values.mean()), None, None)
    if tuple(bounds) == (0.0, 1.0):
        return cluster_share_interval(values, unit, level=level)
    if not np.ptp(values):  # without any spread there is no interval
        return Interval(float(values[0]), None, None)
    return cluster_interval(values, unit, level=level, bounds=bounds)


def over_subjects(by_subject: Mapping[str, Interval], words: str, bounds: tuple[float, float]) -> dict[str, Score]:
    """The mean of subjects' means with its interval, as `ALL`, and each subject's own: see `summarize_clips`."""
    means = np.array([one.mean for one in by_subject.values() if one.mean is not None])
    if len(by_subject) < 2:
        over, kind = next(iter(by_subject.values())), f"95% interval over {words} of one subject"
    elif len(means) < 2:
        over, kind = Interval(means[0] if len(means) else None, None, None), "one subject only has this score"
    elif same_for_all(means):
        over, kind = Interval(means[0], None, None), "the same for every subject: no interval over subjects"
    else:
        over, kind = t_interval(means, bounds=bounds), f"95% t interval over {len(means)} subjects"
    return {ALL: Score.of(over, kind)} | {name: Score.of(interval) for name, interval in by_subject.items()}


def same_for_all(means: np.ndarray) -> bool:
    """Whether a row is the same for every subject: its spread of 0 over subjects then does not mean certainty."""
    return float(np.ptp(means)) <= 1e-9 * max(1.0, float(np.abs(means).max()))


def _exchanged(found: dict[str, np.ndarray]) -> dict[str, Score]:
    means = {name: finite_mean(values, -1) for name, values in found.items()}  # (p,) for each subject
    over = finite_mean(np.stack(list(means.values())), 0)  # of the subjects that have the score, as the model's mean is
    kind = "middle 95%" if len(over) >= MANY else "lowest to highest"
    own = {name: Score.of(_range(values)) for name, values in means.items()}
    return {ALL: Score.of(_range(over), f"{kind} of {len(over)} exchanges")} | own


def finite_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of the finite values along an axis; NaN if there is none."""
    kept = np.isfinite(values)
    n = kept.sum(axis)
    return np.where(n > 0, np.where(kept, values, 0).sum(axis) / np.maximum(n, 1), np.nan)


def _range(values: np.ndarray) -> Interval:
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(None, None, None)
    ends = np.quantile(values, [0.025, 0.975]) if len(values) >= MANY else (values.min(), values.max())
    return Interval(float(values.mean()), *map(float, ends))
