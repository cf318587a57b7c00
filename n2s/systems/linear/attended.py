"""Which of two talkers was attended, by a reconstruction: where a study says that two sounds played at once."""

import numpy as np
import pandas as pd

from n2s.data.encoding_data import EncodingData
from n2s.data.row_stretches import row_stretches
from n2s.findings import tell
from n2s.metrics.attention import attention
from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.systems.linear.fit import Recipe
from n2s.systems.linear.inputs import Band
from n2s.systems.linear.reconstruct import Reconstruction, centred
from n2s.systems.linear.score_lines import (
    BLOCK_S,
    MOST_MOVED,
    R_UNATTENDED,
    ceiling_of,
    line_of,
    mean_correlation,
    null_of,
    slow_blocks,
)
from n2s.systems.linear.scores import Options

TIE = 1e-6  # nats: rounding


class BestPossible:
    """How often the best possible decoder finds the attended talker, where a study knows how its data were made.

    Parameters
    ----------
    data
        With the studies.
    """

    def __init__(self, data: EncodingData):
        self.data = data
        self._known: dict[tuple, np.ndarray | None] = {}  # windows are the same for each target

    def decisions(self, table: pd.DataFrame, duration_s: float, lags_s: tuple[float, float]) -> np.ndarray | None:
        """(w,) 1 for a right decision, 0 for a wrong one, .5 for a tie; None if a study does not know.

        Parameters
        ----------
        table
            ``recording`` and ``time_s`` of the first row of each window.
        duration_s
            Of the sounds of a window.
        lags_s
            First and last lag of the brain: it is seen from the one after the window's beginning to the other after its end, as a decoder
            with these lags sees it.
        """
        found = np.full(len(table), np.nan)
        keys, start_s = table.recording.astype(str).to_numpy(), table.time_s.to_numpy(float) + lags_s[0]
        for key in np.unique(keys):
            own = np.flatnonzero(keys == key)
            ratios = self._ratios(key, start_s[own], duration_s + lags_s[1] - lags_s[0])
            if ratios is None:
                return None
            found[own] = np.where(np.abs(ratios) < TIE, 0.5, ratios > 0)
        return found

    def _ratios(self, key: str, start_s: np.ndarray, duration_s: float) -> np.ndarray | None:
        asked = key, start_s.tobytes(), duration_s
        if asked not in self._known:
            name, recording = key.split("/", 1)
            study = self.data.studies[name]
            own = next(one for one in study.recordings() if one.name == recording)
            self._known[asked] = study.ideal_attention(own, start_s, duration_s=duration_s)
        return self._known[asked]


def attention_lines(
    data: EncodingData,
    subject: str,
    space: str,
    found: Reconstruction,
    recipe: Recipe,
    options: Options,
    best: BestPossible,
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
    recipe
        How it was fitted: the band of targets, and lags.
    options
        Lengths of windows that do not overlap, and the null (`n2s.metrics.attention.attention`).
    best
        Gives the best possible share.
    where
        For findings.
    """
    both = (found.table.unattended != "").to_numpy() & found.table.stimulus_s.notna().to_numpy()
    known, rate_hz = found.scale > 0, data.rate_hz[subject]
    if not both.any() or not known.any():
        return []
    other = other_talker(data, subject, space, found, recipe.band)
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
        sfreq=rate_hz,
        stretches=stretches,
        part=found.part[places],
        lengths_s=[one for one in options.attention_s if round(one * rate_hz) >= 2],
        shift_s=options.shift_s,
        block_s=BLOCK_S,
        n_draws=min(options.n_shifts, MOST_MOVED),
        seed=options.seed,
    )
    lags_s = recipe.lags(data, space, subject)
    lines = [_unattended(found, centred(other, found.part), places, rate_hz)]
    for one in scores:
        if one.n_left_out:
            told = f"{one.n_left_out} windows of {one.length_s:g} s in which a talker, or what is decoded, does not change."
            tell("left out", where, told)
        whole = one.interval or Interval(np.nan, np.nan, np.nan)
        line = line_of(f"attended, {one.length_s:g} s", whole, n=one.n_windows, chance=0.5)
        if one.n_windows:
            line |= null_of(whole.mean, one.null, n_folds=found.n_folds)
            right = best.decisions(found.table.iloc[places[one.first]], round(one.length_s * rate_hz) / rate_hz, lags_s)
            if right is not None:
                line |= ceiling_of(one.interval_of(right))
        lines.append(line)
    return lines


def _unattended(found: Reconstruction, other: np.ndarray, places: np.ndarray, rate_hz: float) -> dict:
    """The correlation of the reconstruction with the other talker."""
    whole = jackknife_interval(
        lambda rows: mean_correlation(found.levelled[places[rows]], other[places[rows]]),
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
