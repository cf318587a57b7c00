"""One fold of a cross-validation: what was heard is dealt to folds by its content, and each fold is held out once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.dealing import deal, with_blocks
from n2s.data.splits import INTERVAL, Split
from n2s.data.story_split import SplitByStory
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number


class CrossValidated(Split):
    """The units of another split, dealt to ``n_folds`` folds; one fold is the test, and the others are for training.

    Units that share content are in one fold for every listener (`n2s.data.dealing`), so that each moment of sound is held
    out in exactly one fold. A study's official split is not used, and this is said. ``n2s fit --cross_validate K`` makes all K
    of these splits, a run each.

    Parameters
    ----------
    split
        What makes the units: whole stories, sentences or blocks of them, or stretches of time. Of fMRI clips, groups are
        the units, and this is None.
    n_folds
        How many folds.
    fold
        The one that is held out, from 0.
    validation
        Whether the next fold is the validation part; else there is none.
    seed
        Of the order in which units are dealt.

    Attributes
    ----------
    dealt
        A hash of the fold of each unit, equal for all folds; "" before they are dealt. Units that come or go move others to other folds.

    Examples
    --------
    >>> from n2s.data import CrossValidated, SplitByStory
    >>> folds = [CrossValidated(SplitByStory(), n_folds=3, fold=fold) for fold in range(3)]
    >>> [(split.n_folds, split.fold, split.validates) for split in folds]
    [(3, 0, False), (3, 1, False), (3, 2, False)]
    """

    dealt: str = ""

    def __init__(
        self, split: Split | None = None, *, n_folds: int = 5, fold: int = 0, validation: bool = False, seed: int = 0
    ):
        check_folds(n_folds, validation=validation, where="split: n_folds")
        check_number("split: fold", fold, low=0, whole=True)
        check_number("split: seed", seed, low=0, whole=True)
        if fold >= n_folds:
            raise UserError(f"split: fold is {fold}; expected 0 to {n_folds - 1}, as n_folds is {n_folds}.")
        self.split, self.n_folds, self.fold = split, n_folds, fold
        self.validation, self.seed = validation, seed

    @property
    def validates(self) -> bool:
        """See `Split`."""
        return self.validation

    @property
    def keeps_sounds(self) -> bool:
        """See `Split`: that of the inner split."""
        return self._units.keeps_sounds

    @property
    def _units(self) -> Split:
        return SplitByStory() if self.split is None else self.split

    def rows(self, events: pd.DataFrame) -> pd.DataFrame:
        """See `Split`: those of the inner split."""
        return self._units.rows(events)

    def units(self, rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
        """See `Split`: those of the inner split."""
        return self._units.units(rows, said)

    def of(self, drawn: str) -> str:
        """See `Split`: that of the inner split, which does not count here."""
        return self._units.of(drawn)

    def intervals(self, heard: Mapping[str, Heard]) -> pd.DataFrame:
        """See `Split`.

        Raises
        ------
        UserError
            There are fewer units than folds.
        """
        for study, one in heard.items():
            if one.official:
                tell(
                    "odd",
                    f"study {study}",
                    "its official split is not used: every part is held out once, and scores are not comparable with those on "
                    "the official test set.",
                )
        dealt = with_blocks(self._units.intervals({name: replace(one, official=None) for name, one in heard.items()}))
        subjects = {key: name for one in heard.values() for key, name in one.subjects.items()}
        subject = dealt.study + "/" + dealt.recording.map(lambda key: subjects.get(key, key))
        split = self.side(dealt.assign(subject=subject))
        return dealt.assign(split=split, used=True)[[*INTERVAL, "drawn", "study", "recording"]]

    def side(self, dealt: pd.DataFrame) -> np.ndarray:
        """(n,) The split of each row of a table with ``block`` (content that is held out together) and ``subject``.

        Raises
        ------
        UserError
            There are fewer blocks than folds.
        """
        fold_of = deal(dealt, self.n_folds, self.seed, option="the number of folds", remedy=REMEDY)
        self.dealt = hashlib.sha256(json.dumps(fold_of, sort_keys=True).encode()).hexdigest()
        fold = dealt.block.map(fold_of)
        held = {"test": fold == self.fold, "val": self.validation & (fold == (self.fold + 1) % self.n_folds)}
        return np.select(list(held.values()), list(held), "train")


REMEDY = (
    "Take fewer folds, or a split with smaller units: --data.split n2s.data.SplitByTime --data.split.n_folds 10 cuts every sound "
    "into ten stretches; SplitBySentence deals blocks of sentences."
)


def check_folds(n_folds: int, *, validation: bool, where: str) -> None:
    """Raise a UserError if so many folds leave nothing to train on."""
    check_number(where, n_folds, low=2, whole=True)
    if validation and n_folds < 3:
        raise UserError(
            f"{where} is {n_folds}: one fold is tested and one validates (a callback of the recipe waits for a val/ score), "
            "so that none is left for training. Take 3 or more, or leave the validation out: --trainer.limit_val_batches 0."
        )


def check_heard_folds(options: Mapping, n_folds: int) -> None:
    """Raise a UserError if one run cannot have so many folds of what was heard; ``options`` are of its datamodule."""
    check_number("--cross_validate", n_folds, low=2, whole=True)
    if options.get("n_folds") == 0:
        raise UserError(
            "--cross_validate deals out what was heard, and data.n_folds is 0: nothing that a person heard is held out. A recipe that "
            "holds out people deals them by itself (model.n_folds); for other recipes, leave data.n_folds out."
        )


def dealt_folds(options: Mapping, n_folds: int, *, validation: bool, units: object = None) -> list[dict]:
    """Options of a datamodule in plain types, a set for each fold: with its `CrossValidated` as the ``split``."""
    check_folds(n_folds, validation=validation, where="--cross_validate")
    told = {"n_folds": n_folds, "validation": validation, "seed": options.get("seed") or 0}
    kind = f"n2s.data.{CrossValidated.__name__}"
    return [
        dict(options) | {"split": {"class_path": kind, "init_args": {"split": units, "fold": fold} | told}}
        for fold in range(n_folds)
    ]
