"""A test of all subjects: reconstructions, scores, and the result."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from n2s.data.encoding_data import EncodingData
from n2s.systems.linear.attended import BestPossible, attention_lines
from n2s.systems.linear.fit import Recipe, decoders_of
from n2s.systems.linear.reconstruct import Reconstruction, reconstruct
from n2s.systems.linear.result import DecodingResult
from n2s.systems.linear.scores import Options, feature_r, mean_r, subject_scores

SHOWN_S = 30.0  # of a reconstruction that is drawn
MOST_FEATURES = 40  # of a reconstruction that is drawn
MOST_SHOWN_ROWS = 60  # volumes come every second or two


class Scorer:
    """Scores subjects one after the other.

    Parameters
    ----------
    data
        Where rows, responses and features come from.
    fits
        Subject -> fold -> what the fit left.
    targets
        Feature spaces.
    recipe, options
        How fits were made, and how they are scored.
    """

    def __init__(
        self,
        data: EncodingData,
        fits: Mapping[str, Mapping[str, Mapping]],
        targets: Sequence[str],
        recipe: Recipe,
        options: Options,
    ):
        self.data, self.fits, self.targets, self.recipe, self.options = data, fits, targets, recipe, options
        self._best = BestPossible(data)
        self._values: dict[str, list[dict]] = {}
        self._tables: dict[str, list[pd.DataFrame]] = {"folds": [], "features": [], "windows": [], "courses": []}

    def add(self, subject: str) -> None:
        """Score a subject; nothing is done for one that is scored, or that has no fold."""
        if subject in self._values or not self.data.folds(subject):
            return
        self._values[subject] = []
        for target, (space, _) in decoders_of(self.targets, other_people=self.recipe.other_people).items():
            found = reconstruct(self.data, subject, space, self.fits[subject], self.recipe, name=target)
            whose, rate_hz = {"subject": subject, "target": target}, self.data.rate_hz[subject]
            values, windows = subject_scores(found, rate_hz, self.options, f"{subject}, {target}")
            values += attention_lines(
                self.data, subject, space, found, self.recipe, self.options, self._best, f"{subject}, {target}"
            )
            self._values[subject] += [whose | one for one in values]
            r = feature_r(found)
            tables = {
                "folds": fold_table(found, rate_hz),
                "features": pd.DataFrame({"feature": np.arange(len(r)), "r": r}),
                "windows": windows,
                "courses": shown_course(found, rate_hz),
            }
            for name, table in tables.items():
                if len(table):
                    self._tables[name].append(pd.DataFrame(whose, table.index).join(table))

    def result(self) -> DecodingResult:
        """The scores of all subjects so far."""
        tables = {name: pd.concat(parts, ignore_index=True) for name, parts in self._tables.items() if parts}
        subjects = list(self._values)
        lags_s = {one: self.recipe.lags(self.data, self.targets[0], one) for one in subjects}
        band = self.recipe.band
        return DecodingResult(
            values=pd.DataFrame([line for own in self._values.values() for line in own]),
            **tables,
            settings={
                "lags_s": sorted({(round(a, 6), round(b, 6)) for a, b in lags_s.values()}),
                "band_hz": [band.low_hz, band.high_hz],
                "alphas": list(self.recipe.alphas),
                "n_penalty_folds": self.recipe.n_folds,
                "shift_s": self.options.shift_s,
                "n_shifts": self.options.n_shifts,
                "n_sensors": {one: len(self.data.measured(one).names) for one in subjects},
                "kinds": sorted({self.data.measured(one).kind for one in subjects}),
            },
            seed=self.options.seed,
        )


def fold_table(found: Reconstruction, rate_hz: float) -> pd.DataFrame:
    """One line a fold: its name, rows, length in s, penalty and r."""
    lines = []
    for number, (name, alpha) in enumerate(zip(found.names, found.alphas, strict=True)):
        rows = np.flatnonzero(found.fold == number)
        r = mean_r(found, rows) if len(rows) > 1 else None
        line = {"fold": name, "n_rows": len(rows), "duration_s": len(rows) / rate_hz, "alpha": alpha}
        lines.append(line | {"r": np.nan if r is None else r})
    return pd.DataFrame(lines)


def shown_course(found: Reconstruction, rate_hz: float) -> pd.DataFrame:
    """The middle of the longest held-out stretch, for a figure: ``feature``, ``time_s``, ``predicted``, ``true``.

    Of at most `MOST_FEATURES` features, evenly spaced; each in its own deviation there.
    """
    ends = np.flatnonzero(np.diff(found.stretch)) + 1
    start, stop = max(zip([0, *ends], [*ends, len(found.rows)], strict=True), key=lambda one: one[1] - one[0])
    n = min(stop - start, max(round(SHOWN_S * rate_hz), MOST_SHOWN_ROWS))
    rows = start + (stop - start - n) // 2 + np.arange(n)
    parts = []
    known = np.flatnonzero(found.scale > 0)
    for feature in known[np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_FEATURES)).round().astype(int))]:
        courses = {
            name: _scaled(values[rows, feature])
            for name, values in (("predicted", found.predicted), ("true", found.true))
        }
        time_s = found.table.time_s.to_numpy()[rows]
        parts.append(pd.DataFrame({"feature": feature, "time_s": time_s} | courses))
    recording = str(found.table.recording.iloc[rows[0]])
    return pd.concat(parts, ignore_index=True).assign(recording=recording) if parts else pd.DataFrame()


def _scaled(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    deviation = centred.std()
    return (centred / deviation if deviation > 0 else centred).astype(np.float32)
