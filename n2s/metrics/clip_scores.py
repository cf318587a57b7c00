"""A score of each clip beside its controls: predictions exchanged between clips, and the mean of the training clips."""

from collections.abc import Callable

import numpy as np

from n2s.metrics.controls import mismatched
from n2s.metrics.intervals import Interval, t_interval, wilson_interval

#: (n, ...) predicted, (n, ...) true -> (n,)
ClipScore = Callable[[np.ndarray, np.ndarray], np.ndarray]


def exchanged(stimulus: np.ndarray, subject: np.ndarray, *, n_permutations: int, seed: int) -> np.ndarray:
    """(p, n): which clip's prediction each clip gets when a subject's brain responses are exchanged at random.

    Each comes from the same subject and, unless one stimulus has more than half of the subject's clips, from another
    stimulus.

    Parameters
    ----------
    stimulus, subject
        (n,) Of each clip; a repeat, or another stretch of the same audio, is of the same stimulus.
    n_permutations
        p.
    seed
        Of the permutations.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(np.asarray(subject) == name) for name in np.unique(subject)]
    found = np.empty((n_permutations, len(stimulus)), dtype=np.int64)
    for row in found:
        for clips in members:
            row[clips] = clips[mismatched(np.asarray(stimulus)[clips], rng)]
    return found


def with_controls(
    score: ClipScore,
    predicted: np.ndarray,
    true: np.ndarray,
    *,
    stimulus: np.ndarray,
    subject: np.ndarray,
    train_mean: np.ndarray,
    ceiling: np.ndarray | None = None,
    n_permutations: int = 20,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Score each clip's prediction, and what knows nothing of its brain response.

    Parameters
    ----------
    score
        Such as `n2s.metrics.spectrogram.mel_pcc`.
    predicted, true
        (n, ...) Of each clip.
    stimulus, subject
        (n,) Predictions are exchanged within a subject, and between stimuli.
    train_mean
        (...) The mean of the *training* targets, of one clip; or (n, ...) where subjects differ.
    ceiling
        (n, ...) What the best possible decoder would give: the true target through the same last steps.
    n_permutations, seed
        Of the exchanges.

    Returns
    -------
    ``model`` (n,), ``shuffled`` (p, n), ``mean_prediction`` (n,) and, where given, ``ceiling`` (n,).

    Raises
    ------
    ValueError
        Shapes that do not fit.
    """
    for name, array, expected in (
        ("predicted", predicted, true.shape),
        ("ceiling", true if ceiling is None else ceiling, true.shape),
        ("stimulus", stimulus, (len(true),)),
        ("subject", subject, (len(true),)),
        ("train_mean", train_mean, true.shape if train_mean.ndim == true.ndim else true.shape[1:]),
    ):
        if np.shape(array) != expected:
            raise ValueError(
                f"{name} has shape {np.shape(array)}; the true clips of shape {true.shape} need {expected}."
            )
    exchanges = exchanged(stimulus, subject, n_permutations=n_permutations, seed=seed)
    found = {
        "model": score(predicted, true),
        "shuffled": np.stack([score(predicted[order], true) for order in exchanges]),
        "mean_prediction": score(np.broadcast_to(train_mean, true.shape), true),
    }
    return found if ceiling is None else found | {"ceiling": score(ceiling, true)}


def summarize_clips(found: dict[str, np.ndarray], subject: np.ndarray, *, bounds: tuple[float, float]) -> dict:
    """Means with intervals, over subjects and for each, as plain JSON types.

    Parameters
    ----------
    found
        Scores (n,) by row, and (p, n) of ``shuffled``: what `with_controls` gives.
    subject
        (n,)
    bounds
        The lowest and highest possible score.

    Returns
    -------
    For each row: ``mean`` of the subjects' means, ``low``, ``high``, ``deviation`` over subjects (None of a single one),
    ``interval`` (which kind it is, in words), ``n_left_out`` (infinite scores, such as the PSNR of a perfect clip, which
    no mean can hold) and ``per_subject`` with ``value``, ``low``, ``high``. Intervals of one subject are over its clips, as
    if these were independent.
    """
    names = [str(name) for name in np.unique(subject)]
    summary = {}
    for row, values in found.items():
        by_subject = {name: np.asarray(values)[..., np.asarray(subject) == name] for name in names}
        summary[row] = _exchanged(by_subject) if row == "shuffled" else _measured(by_subject, bounds)
        summary[row]["n_left_out"] = int((~np.isfinite(values)).sum())
    return summary


def _measured(found: dict[str, np.ndarray], bounds: tuple[float, float]) -> dict:
    kept = {name: values[np.isfinite(values)].astype(np.float64) for name, values in found.items()}
    per_subject = {name: _interval(values, bounds) for name, values in kept.items()}
    means = np.array([interval.mean for interval in per_subject.values() if interval.mean is not None])
    several = len(means) > 1
    over = t_interval(means, bounds=bounds) if several else next(iter(per_subject.values()))
    return {
        "interval": "95% t interval over subjects" if several else "95% interval over the clips of one subject",
        **over._asdict(),
        "deviation": float(means.std(ddof=1)) if several else None,
        "per_subject": {name: _value(interval) for name, interval in per_subject.items()},
    }


def _exchanged(found: dict[str, np.ndarray]) -> dict:
    means = {name: _finite_mean(values) for name, values in found.items()}  # (p,) of each subject
    over = np.mean(list(means.values()), axis=0)
    return {
        "interval": f"range of 95% of {len(over)} exchanges",
        **_range(over)._asdict(),
        "deviation": float(np.std([m.mean() for m in means.values()], ddof=1)) if len(means) > 1 else None,
        "per_subject": {name: _value(_range(values)) for name, values in means.items()},
    }


def _interval(values: np.ndarray, bounds: tuple[float, float]) -> Interval:
    """Over clips; of hits and misses Wilson's."""
    if not len(values):
        return Interval(None, None, None)
    if np.isin(values, (0.0, 1.0)).all():
        return wilson_interval(int(values.sum()), len(values))
    return t_interval(values, bounds=bounds) if len(values) > 1 else Interval(float(values[0]), None, None)


def _finite_mean(values: np.ndarray) -> np.ndarray:
    kept = np.isfinite(values)
    return np.where(kept, values, 0).sum(-1) / np.maximum(kept.sum(-1), 1)


def _range(values: np.ndarray) -> Interval:
    return Interval(float(values.mean()), *(float(end) for end in np.quantile(values, [0.025, 0.975])))


def _value(interval: Interval) -> dict:
    return {"value": interval.mean, "low": interval.low, "high": interval.high}
