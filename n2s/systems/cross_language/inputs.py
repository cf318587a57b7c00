"""What fits and tests take of one subject and fold: features centred per language, the brain, the brain at delays."""

from functools import cached_property

import numpy as np
import pandas as pd

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.systems.cross_language.rows import FoldRows
from n2s.systems.encoding.fit import checked_brain
from n2s.systems.encoding.inputs import mark

KEPT = 2  # spaces whose values stay in memory


class Inputs:
    """One subject and fold; training rows first, then test rows (`FoldRows`).

    Parameters
    ----------
    data, subject, fold
        Whose.
    rate
        The space of the word rate, for features at words (see `decoded`); "": there is none.
    """

    def __init__(self, data: EncodingData, subject: str, fold: Fold, *, rate: str = ""):
        self.data, self.subject, self.fold, self.rate = data, subject, fold, rate
        self.rows = FoldRows(data, subject, fold)
        self.where = f"{subject}, {fold.name}"
        #: Feature and seed -> `mark` of its training rows, of all that were read.
        self.marks: dict[str, np.ndarray] = {}
        self._kept: dict[tuple[str, str], np.ndarray] = {}

    @cached_property
    def brain(self) -> np.ndarray:
        """(n, v) float32 of all places."""
        return np.concatenate(checked_brain(self.data, self.subject, self.fold))

    def features(self, space: str) -> np.ndarray:
        """(n, p) float32: a space after the response model, each language without the mean of its training rows.

        A feature at words is also without what the word rate tells of it, as found in the training rows of the language, if the rate is known:
        rows sum over words, so that every word feature counts them, too.
        """
        if ("features", space) not in self._kept:
            self._keep("features", space, self._features(space))
        return self._kept["features", space]

    def _features(self, space: str) -> np.ndarray:
        found = self.centred(self._both(self.data.design(self.subject, self.fold, space), space))
        if self.rate and self.at_words(space, found.shape[1] // max(len(self.data.delays(space, self.subject)[0]), 1)):
            rate = self.centred(self._both(self.data.design(self.subject, self.fold, self.rate), self.rate))
            for language in self.languages:
                own, places = self.rows.train(language), np.flatnonzero(self.rows.language == language)
                weights = np.linalg.lstsq(rate[own].astype(np.float64), found[own].astype(np.float64), rcond=1e-6)[0]
                found[places] -= (rate[places] @ weights).astype(np.float32)
        return found

    def _keep(self, kind: str, space: str, values: np.ndarray) -> None:
        """Of each kind the last spaces alone: others would fill the memory."""
        others = [key for key in self._kept if key[0] == kind and key[1] != space]
        for key in others[: max(0, len(others) - KEPT + 1)]:
            del self._kept[key]
        self._kept[kind, space] = values

    def at_words(self, space: str, n_features: int) -> bool:
        """Whether a space has a vector at each word: frames do not count words; the rate itself, or one number a word, stays as it is."""
        return space != self.rate and bool(np.isinf(self.data.frames_hz(space))) and n_features > 1

    def decoded(self, space: str, *, centre: bool = True) -> np.ndarray:
        """(n, f) float32: a space as it was heard, for decoders.

        Each language is without its mean over training rows. At words, it is the mean word vector of the language that is taken from every
        word (training words), if the word rate is known: what is left does not tell how many words there were.
        """
        if not centre:
            return self._both(self.data.heard(self.subject, self.fold, space), space)
        if ("decoded", space) not in self._kept:
            self._keep("decoded", space, self._decoded(space))
        return self._kept["decoded", space]

    def _decoded(self, space: str) -> np.ndarray:
        found = self._both(self.data.heard(self.subject, self.fold, space), space)
        if self.rate and self.at_words(space, found.shape[1]):
            counts = self._both(self.data.heard(self.subject, self.fold, self.rate), self.rate)[:, :1]
            for language in self.languages:
                own, places = self.rows.train(language), np.flatnonzero(self.rows.language == language)
                total = counts[own].sum()
                if total > 0:
                    found[places] -= counts[places] * (found[own].sum(0) / total)
        return self.centred(found)

    def centred(self, values: np.ndarray) -> np.ndarray:
        """(n, p): every language without the mean of its training rows, in place. No statistic is of test rows.

        Raises
        ------
        UserError
            A language of test rows is not in training.
        """
        for language in self.languages:
            own = self.rows.train(language)
            if not len(own):
                raise UserError(
                    f"{self.where}: {language} is tested, and no training row is in it: its features cannot be centred."
                )
            values[self.rows.language == language] -= values[own].mean(0, dtype=np.float64).astype(np.float32)
        return values

    @property
    def languages(self) -> list[str]:
        """All that are heard in this fold."""
        return sorted(set(self.rows.language.tolist()) - {""})

    def delays(self, space: str) -> np.ndarray:
        """(k,) rows by which the brain is later, as the response model has them.

        Raises
        ------
        UserError
            The response model has one delay alone: nothing is known of when the brain answers.
        """
        delays_s = self.data.delays(space, self.subject)[0]
        if len(delays_s) < 2:
            raise UserError(
                "CrossLanguage decodes from the brain at several delays, and data.response has one alone (n2s.data.Glover). Take n2s.data.FIR for BOLD, "
                "n2s.data.Lags for sensors, or set model.decode to false."
            )
        return np.rint(delays_s * self.data.rate_hz[self.subject]).astype(int)

    def later(self, places: np.ndarray, delays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of some places at which a sound plays and all delayed rows are there: (m,), and the places of these rows, (m, k)."""
        heard = self.rows.table.heard.to_numpy()
        kept, found = [], []
        for side in (places[places < self.rows.n_train], places[places >= self.rows.n_train]):
            for one in self._wide(side):
                position = np.searchsorted(one, side[np.isin(side, one)])
                at = position[:, None] + delays[None]
                inside = ((at >= 0) & (at < len(one))).all(1) & heard[one[position]]
                kept.append(one[position[inside]])
                found.append(one[at[inside]])
        if not kept:
            return np.zeros(0, int), np.zeros((0, len(delays)), int)
        return np.concatenate(kept), np.concatenate(found)

    def _wide(self, places: np.ndarray) -> list[np.ndarray]:
        """The stretches of all rows of a side that hold some places: delayed rows may lie after a language's own part."""
        if not len(places):
            return []
        side = (
            np.arange(self.rows.n_train)
            if places[0] < self.rows.n_train
            else np.arange(self.rows.n_train, len(self.rows.table))
        )
        stretches = [side[one] for one in self.rows.stretches(side)]
        return [one for one in stretches if np.isin(places, one).any()]

    def _both(self, sides: tuple[np.ndarray, np.ndarray], space: str) -> np.ndarray:
        found = np.concatenate([np.asarray(one, np.float32) for one in sides])
        if len(found) != len(self.rows.table):
            raise UserError(
                f"{self.where}: the feature '{space}' has {len(found)} rows, and the brain {len(self.rows.table)}. Check its clock and length."
            )
        if not np.isfinite(found).all():
            raise UserError(
                f"{self.where}: the feature '{space}' holds values that are not finite, in {int((~np.isfinite(found)).any(0).sum())} of {found.shape[1]} "
                "columns. Check the feature."
            )
        self.marks.setdefault(f"{space}@0", mark(found[: self.rows.n_train]))
        return found


def moments(inputs: Inputs) -> pd.MultiIndex:
    """(n,) The sound, its presentation, whether it plays, and the moment in it of each place, in rows of the brain: equal for all who heard it.

    In the silence after a sound (or in a pause of it) moments go on from the last one that was heard; -1 where none was.
    """
    table, rate_hz = inputs.rows.table, inputs.data.rate_hz[inputs.subject]
    names = ["stimulus", "repeat", "heard", "moment"]
    own = pd.DataFrame({"at": table.stimulus_s * rate_hz, "row": table.row.where(table.heard)})
    last = own.groupby([table[one].astype(str) for one in ("recording", "stimulus", "repeat")]).ffill()
    moment = np.floor(last["at"] + 0.5 + 1e-6) + table.row - last.row
    return pd.MultiIndex.from_arrays(
        [table.stimulus.astype(str), table["repeat"], table.heard, moment.fillna(-1).astype(int)], names=names
    )
