"""Split by contiguous folds of time in each sound."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.splits import Split
from n2s.data.talkers import common_clock
from n2s.errors import UserError
from n2s.options import check_number


class SplitByTime(Split):
    """Contiguous folds of each whole sound, the same for all subjects: for studies with one subject or one story.

    Two talkers that are heard at once are cut at the same moments.

    Parameters
    ----------
    n_folds
        Number of folds of equal length.
    test_fold, val_fold
        Indices of the held-out folds, from 0.

    Examples
    --------
    >>> from n2s.data import SplitByTime
    >>> split = SplitByTime(n_folds=5, test_fold=4, val_fold=3)  # the last fifth of each sound is for testing
    >>> split.n_folds, split.test_fold
    (5, 4)
    """

    def __init__(self, *, n_folds: int = 5, test_fold: int = 4, val_fold: int = 3):
        check_number("split: n_folds", n_folds, low=3, whole=True)  # one is left for training
        check_number("split: test_fold", test_fold, low=0, high=n_folds - 1, whole=True)
        check_number("split: val_fold", val_fold, low=0, high=n_folds - 1, whole=True)
        if test_fold == val_fold:
            raise UserError(
                f"split: test_fold {test_fold} and val_fold {val_fold} must be two different folds from 0 to {n_folds - 1}."
            )
        self.n_folds, self.test_fold, self.val_fold = n_folds, test_fold, val_fold

    def units(self, rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
        """``n_folds`` units per sound; a recording has the parts of them that it heard.

        Raises
        ------
        UserError
            A story is heard in several languages or versions: their seconds do not correspond.
        """
        odd = rows[rows.versions & (rows.official == "")]
        if len(odd):
            found = odd[odd.content == odd.content.iloc[0]]
            raise UserError(
                f"split: {', '.join(sorted(set(found.stimulus)))} are versions or translations of one content "
                f"({found.name.iloc[0]}), and their seconds do not correspond: SplitByTime would test on what another version "
                "trains on. Use SplitByStory, or leave one of them out."
            )
        stop = rows.stimulus_onset + rows.duration
        clock = common_clock(rows, np.maximum(stop, rows.length_s).groupby(rows.sound).transform("max"))
        fold_s = (clock.last_s - clock.first_s) / self.n_folds
        parts = rows.assign(stop=stop, fold_s=fold_s, first_s=clock.first_s - clock.shift_s)
        parts = parts.loc[rows.index.repeat(self.n_folds)].reset_index(drop=True)
        fold = np.tile(np.arange(self.n_folds), len(rows))
        start = np.maximum(parts.stimulus_onset, parts.first_s + fold * parts.fold_s)
        parts = parts.assign(
            onset=parts.onset + start - parts.stimulus_onset,
            stimulus_onset=start,
            duration=np.minimum(parts.stop, parts.first_s + (fold + 1) * parts.fold_s) - start,
            unit=[f"{sound}#{i}" for sound, i in zip(parts.sound, fold, strict=True)],
        )
        return parts.assign(drawn=parts.unit)[parts.duration > 0]

    def of(self, drawn: str) -> str:
        """See `Split`."""
        fold = int(drawn.rsplit("#", 1)[1])
        return {self.test_fold: "test", self.val_fold: "val"}.get(fold, "train")
