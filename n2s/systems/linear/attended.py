"""Which of two talkers was attended, by a reconstruction: where a study says that two sounds played at once."""

from collections.abc import Sequence

import numpy as np

from n2s.data.encoding_data import EncodingData
from n2s.data.row_stretches import row_stretches
from n2s.findings import tell
from n2s.metrics.attention import attention
from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.systems.linear.inputs import Band
from n2s.systems.linear.reconstruct import Reconstruction, centred
from n2s.systems.linear.score_lines import R_UNATTENDED, line_of, mean_correlation, null_of, slow_blocks

N_DRAWS = 500  # of the null


def attention_lines(
    data: EncodingData,
    subject: str,
    space: str,
    found: Reconstruction,
    band: Band,
    *,
    lengths_s: Sequence[float],
    seed: int,
    where: str,
) -> list[dict]:
    """Lines of `n2s.systems.linear.result.DecodingResult.values`: `R_UNATTENDED`, and one a length of window.

    None where one sound played at a time.

    Parameters
    ----------
    data, subject, space
        Where the other sound's feature comes from.
    found
        The reconstruction, of a decoder that was trained on attended sounds.
    band
        Of the targets.
    lengths_s
        Of windows that do not overlap.
    seed
        Of the null (`n2s.metrics.attention.attention`).
    where
        For findings.
    """
    both = (found.table.unattended != "").to_numpy() & found.table.stimulus_s.notna().to_numpy()
    known = found.scale > 0
    if not both.any() or not known.any():
        return []
    other = other_talker(data, subject, space, found, band)
    decoded, attended = found.scaled()
    places = np.flatnonzero(both)
    stretches = []
    for part in np.unique(found.part[places]):  # of one fold and recording
        own = np.flatnonzero(found.part[places] == part)
        inside = row_stretches(data.rows(subject), found.rows[places[own]])
        stretches += [slice(int(own[one.start]), int(own[one.stop - 1]) + 1) for one in inside]
    scores = attention(
        decoded[places],
        attended[places],
        other[places][:, known] / found.scale[known],
        sfreq=data.rate_hz[subject],
        stretches=stretches,
        lengths_s=[one for one in lengths_s if round(one * data.rate_hz[subject]) >= 2],
        n_draws=N_DRAWS,
        seed=seed,
    )
    lines = [_unattended(found, centred(other, found.part), places, data.rate_hz[subject])]
    for one in scores:
        if one.n_left_out:
            told = f"{one.n_left_out} windows of {one.length_s:g} s in which a talker, or what is decoded, does not change."
            tell("left out", where, told)
        whole = one.interval or Interval(np.nan, np.nan, np.nan)
        line = line_of(f"attended, {one.length_s:g} s", whole, n=one.n_windows, chance=0.5)
        lines.append(line | (null_of(whole.mean, one.null) if one.n_windows else {}))
    return lines


def _unattended(found: Reconstruction, other: np.ndarray, places: np.ndarray, rate_hz: float) -> dict:
    """The correlation of the reconstruction with the other talker."""
    whole = jackknife_interval(
        lambda rows: mean_correlation(found.predicted[places[rows]], other[places[rows]]),
        slow_blocks(found.part[places], rate_hz),
        bounds=(-1.0, 1.0),
    )
    return line_of(R_UNATTENDED, whole, n=len(places))


def other_talker(data: EncodingData, subject: str, space: str, found: Reconstruction, band: Band) -> np.ndarray:
    """(n, f) The feature of what was not attended, filtered as the targets are, at the rows of a reconstruction."""
    rows = data.rows(subject)
    other = np.zeros((len(found.rows), len(found.scale)))
    for fold in data.folds(subject):
        heard = data.heard(subject, fold, space, stream="unattended")[1]
        parts = [band.of(heard[one], data.rate_hz[subject]) for one in row_stretches(rows, fold.test)]
        scored = np.isin(fold.test, found.rows)
        other[np.searchsorted(found.rows, fold.test[scored])] = np.concatenate(parts)[scored]
    return other
