"""What one fit takes: the features of its training and test rows, and a mark by which a test knows them again."""

import hashlib
from collections.abc import Mapping

import numpy as np

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.findings import tell
from n2s.systems.encoding.rows import Fit, shift_rows

#: A mark is a mean over rows weighted by cosines of this step, rad: it changes with the values and with their order.
STEP = 2.399963  # the golden angle: no period
#: Marks of the same data differ by rounding alone (other libraries, other threads).
RELATIVE, ABSOLUTE = 1e-3, 1e-4


class FoldInputs:
    """The features of one subject and fold.

    Parameters
    ----------
    data
        Where they come from.
    subject, fold
        Whose, and which rows.
    shift_s
        Circular shifts move by this much or more, s, beyond the spread of delays and lags.
    seed
        Of the shifts.
    """

    def __init__(self, data: EncodingData, subject: str, fold: Fold, *, shift_s: float, seed: int):
        self.data, self.subject, self.fold, self.shift_s, self.seed = data, subject, fold, shift_s, seed
        self._kept: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = {}
        #: Feature and seed -> `mark`, of all that were read.
        self.marks: dict[str, np.ndarray] = {}

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.subject}, {self.fold.name}"

    def design(self, space: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(n, p), (m, p) of a feature space, checked."""
        if (space, seed) not in self._kept:
            found = tuple(np.asarray(one, np.float32) for one in self.data.design(self.subject, self.fold, space, seed))
            for part, rows in zip(found, (self.fold.train, self.fold.test), strict=True):
                if len(part) != len(rows):
                    raise UserError(
                        f"{self.where}: the feature '{space}' has {len(part)} rows, and the brain {len(rows)}. Check the feature's "
                        "clock and length."
                    )
                if not np.isfinite(part).all():
                    raise UserError(
                        f"{self.where}: the feature '{space}' holds values that are not finite, in {int((~np.isfinite(part)).any(0).sum())} of "
                        f"{part.shape[1]} columns. Check the feature, or leave it out (data.features)."
                    )
            self._kept[space, seed] = found
            self.marks[f"{space}@{seed}"] = mark(found[0])
        return self._kept[space, seed]

    def of(self, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
        """(n, p), (m, p) float32: all columns of a fit, shifted if it says so."""
        self._kept = {
            part: self._kept[part] for part in fit.parts if part in self._kept
        }  # the rest would fill the memory
        parts = [self._columns(space, seed, fit.lag) for space, seed in fit.parts]
        train, test = (np.hstack([part[side] for part in parts]) for side in (0, 1))
        if not fit.shift:
            return train, test
        delays_s = [self.data.delays(space, self.subject)[0] for space, _ in fit.parts]
        spread_s = max(
            float(np.ptp(one)) for one in delays_s
        )  # within it, a copy of the sound would be in its place again
        return tuple(
            part[self._order(fit.shift, rows, spread_s)]
            for part, rows in ((train, self.fold.train), (test, self.fold.test))
        )

    def widths(self, fit: Fit) -> list[int]:
        """Columns of each band (of everything: one)."""
        own = [self._columns(space, seed, fit.lag)[0].shape[1] for space, seed in fit.parts]
        ends = np.cumsum(fit.bands or (len(own),))
        return [sum(own[start:stop]) for start, stop in zip([0, *ends[:-1]], ends, strict=True)]

    def _columns(self, space: str, seed: int, lag: int | None) -> tuple[np.ndarray, np.ndarray]:
        found = self.design(space, seed)
        if lag is None:
            return found
        n_features = self.data.delays(space, self.subject)[1]
        return tuple(part[:, lag * n_features : (lag + 1) * n_features] for part in found)

    def _order(self, shift: int, rows: np.ndarray, spread_s: float) -> np.ndarray:
        least = int(np.ceil((self.shift_s + spread_s) * self.data.rate_hz[self.subject] - 1e-6))
        recording = self.data.rows(self.subject).recording.to_numpy()[rows]
        order, long_enough = shift_rows(recording, least, np.random.default_rng([self.seed, shift]))
        if not long_enough:
            short_s = (
                np.unique(recording.astype(str), return_counts=True)[1].min() // 2 / self.data.rate_hz[self.subject]
            )
            tell(
                "odd",
                "the control of shifted features",
                f"some runs have fewer than {2 * least} rows in a fold, twice model.shift_s ({self.shift_s:g} s) and the lags "
                f"({spread_s:g} s): their features are shifted by half of their length."
                + (" Some lags hold the true features again: it is no level of chance." if short_s <= spread_s else ""),
            )
        return order


def mark(values: np.ndarray) -> np.ndarray:
    """``(n, p) -> (p,)`` float32: what tells an array from one with other values, rows or order."""
    weights = np.cos(STEP * np.arange(len(values), dtype=np.float64)).astype(np.float32)
    return weights @ values.astype(np.float32, copy=False) / np.float32(max(len(values), 1))


def rows_hash(data: EncodingData, subject: str, fold: Fold) -> str:
    """Hash of the numbers, runs and stories of a fold's rows."""
    table = data.rows(subject)
    found = hashlib.sha256()
    for rows in (fold.train, fold.test):
        found.update(np.ascontiguousarray(rows, np.int64).tobytes())
        for name in ("recording", "story"):
            found.update("\n".join(table[name].to_numpy()[rows].astype(str)).encode())
    return found.hexdigest()[:16]


def check_same(kept: Mapping, found: Mapping, where: str) -> None:
    """Raise a UserError if the data of a test are not those of the fit.

    Parameters
    ----------
    kept, found
        Name (``rows``; ``brain``; a feature and its seed) -> hash or `mark`, of the fit and now. Names of one side alone do not
        count.
    where
        Subject and fold.
    """
    for name in [one for one in kept if one in found]:
        mine, theirs = kept[name], found[name]
        if name == "rows":
            told = "the rows of its training and test" if mine != theirs else ""
        elif np.shape(mine) != np.shape(theirs):
            told = f"the number of columns of the {_told(name)} ({len(mine)} then, {len(theirs)} now)"
        else:
            same = np.allclose(mine, theirs, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
            told = "" if same else f"the values of the {_told(name)}"
        if told:
            raise UserError(
                f"{where}: {told} are not those that the run was fitted to. Take the same studies, features and split, or the run's own "
                "config.yaml, or fit again."
            )


def _told(name: str) -> str:
    space, _, seed = name.partition("@")
    return "brain's responses" if name == "brain" else f"feature '{space}'{f', seed {seed}' if seed != '0' else ''}"
