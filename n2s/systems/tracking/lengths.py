"""The same length of data for each person: coherence, locking and r depend on how much there is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError, first_of
from n2s.findings import tell

SHORT = 0.5  # of the median length: a person with less costs everybody much


@dataclass(frozen=True)
class Length:
    """How much of each person's data is used.

    Parameters
    ----------
    seconds
        Of sound, s.
    subjects
        Those who heard as much.
    """

    seconds: float
    subjects: tuple[str, ...]

    @classmethod
    def of(cls, data: EncodingData, subjects: Sequence[str], wanted_s: float | None) -> "Length":
        """The length that is asked for, or that of the person who heard least; who heard less than asked for is left out aloud."""
        heard_s = {name: data.heard_s(name) for name in subjects}
        if wanted_s is None:
            least = min(heard_s, key=heard_s.get)
            usual_s = float(np.median(list(heard_s.values())))
            if heard_s[least] < SHORT * usual_s:
                text = (
                    f"heard {heard_s[least]:.0f} s, half of the people {usual_s:.0f} s or more; everybody is measured on {heard_s[least]:.0f} s. "
                    "Leave this person out (data.subjects), or set model.duration_s: who heard less is then left out."
                )
                tell("odd", least, text)
            return cls(heard_s[least], tuple(subjects))
        enough = [name for name in subjects if heard_s[name] >= wanted_s - 1e-6]
        if not enough:
            raise UserError(
                f"model.duration_s is {wanted_s:g} s, and nobody heard as much: at most {max(heard_s.values()):.1f} s. Set less, or null."
            )
        short = [name for name in subjects if name not in enough]
        if short:
            text = f"{len(short)} people who heard less than {wanted_s:g} s (model.duration_s): {first_of(short)}."
            tell("left out", "the table", text)
        return cls(float(wanted_s), tuple(enough))

    def stretches(self, data: EncodingData, subject: str, space: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """(t, c), (t, f) of each stretch from the first on, as many rows as for everybody."""
        left, found = round(self.seconds * data.rate_hz[subject]), []
        for brain, heard in data.listened(subject, space):
            if left > 0:
                found.append((brain[:left], heard[:left]))
                left -= len(brain)
        return found

    def rows(self, data: EncodingData, subject: str) -> np.ndarray:
        """(n,) bool over all rows of a person: the same share of the held-out rows of each fold, and of those that none holds out."""
        share = min(1.0, self.seconds / data.heard_s(subject))
        kept = np.zeros(len(data.rows(subject)), bool)
        folds = data.folds(subject)
        held_out = [fold.test for fold in folds]
        free = np.setdiff1d(folds[0].train, np.concatenate(held_out)) if len(folds) == 1 else np.zeros(0, int)
        for rows in (*held_out, free):
            kept[rows[: round(share * len(rows))]] = True
        return kept


def sides(fold: Fold, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,), (m,) bool: which training and test rows of a fold are used."""
    return kept[fold.train], kept[fold.test]
