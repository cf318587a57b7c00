"""What each subject of encoding models heard and when, dealt to folds once for all subjects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.dealing import as_folds, borders, deal, sides, with_blocks
from n2s.data.encoding_data import Fold
from n2s.data.encoding_rows import Side, alike, heard_rows, side_of, stretches_of
from n2s.data.held_out import apart
from n2s.data.response_model import ResponseModel
from n2s.data.response_models import Glover
from n2s.data.runs import Run, separable
from n2s.data.same_words import sentences_of, tell_same_words
from n2s.data.stimuli import check_shared_audio
from n2s.data.surroundings import side_by_side, surroundings
from n2s.data.talkers import attended
from n2s.errors import UserError, counted
from n2s.findings import tell
from n2s.studies.study import Stimulus

APART = 0.1  # of a row: presentations that lie further apart are told


@dataclass(frozen=True)
class Person:
    """One subject.

    Parameters
    ----------
    runs
        In the order of their rows.
    rows
        See `n2s.data.encoding_data.EncodingData.rows`; also ``sound`` and ``clock_s``.
    folds
        Those of which the subject has training and test rows.
    alike, same
        (n,) The first row at the same moment of the same sound, -1 for rows that are never tested; and the row that the
        response is averaged into.
    blocks
        (n,) Number of the unit of each row.
    n_purged
        Training rows that were left out, over all folds.
    reach_s
        Of the response model.
    """

    runs: list[Run]
    rows: pd.DataFrame
    folds: list[Fold]
    alike: np.ndarray
    same: np.ndarray
    blocks: np.ndarray
    n_purged: int
    reach_s: tuple[float, float]

    @cached_property
    def around(self) -> np.ndarray:
        """(n,) See `surroundings`."""
        return surroundings(self.runs, self.rows, self.reach_s)

    def presentations(self, fold: Fold) -> dict[str, np.ndarray]:
        """Held-out stimulus -> (r, m) the rows of its r > 1 presentations, at m moments: see `side_by_side`."""
        tested = np.flatnonzero(np.isin(self.same, fold.test))
        found, n_other = side_by_side(tested, self.alike, self.rows.stimulus.to_numpy(), self.around)
        if n_other:
            told = f"{n_other} held-out moments of repeated stimuli, for the ceiling: presentations followed other sounds, whose response lasts."
            tell("left out", f"{self.runs[0].subject}, {fold.name}", told)
        return found

    def told(self) -> str:
        """A line for a summary."""
        if not self.folds:
            return f"{counted(len(self.runs), 'run')}; nothing to fit and test, {self.n_purged} training rows purged"
        train, test = (
            [len(part) for part in parts] for parts in zip(*((one.train, one.test) for one in self.folds), strict=True)
        )
        units = self.rows.unit[self.rows.split != ""].nunique()
        return (
            f"{counted(len(self.runs), 'run')}, {len(self.rows)} rows of {counted(units, 'unit')}; {counted(len(self.folds), 'fold')}, "
            f"{_range(train)} training and {_range(test)} test rows; {self.n_purged} training rows purged"
        )


def _range(numbers: Sequence[int]) -> str:
    return f"{min(numbers)}" if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


class Dealt:
    """Everything that was heard, on its side of each fold.

    Parameters
    ----------
    intervals
        See `n2s.data.splits.Split.intervals`.
    runs
        All, by name.
    n_folds, seed
        None: the test split is held out; 0: nothing is, and all is one fold; else see `n2s.data.dealing.deal`.
    train_on_val
        Whether the validation split is trained on.
    """

    def __init__(
        self, intervals: pd.DataFrame, runs: Mapping[str, Run], n_folds: int | None, seed: int, *, train_on_val: bool
    ):
        self.runs = runs
        dealt = with_blocks(intervals)
        dealt = dealt.assign(subject=dealt.recording.map({key: run.subject for key, run in runs.items()}))
        if n_folds is None:
            if train_on_val:  # also what was kept out since it is validation elsewhere
                joins = dealt.split == "val"
                dealt = dealt.assign(split=dealt.split.where(~joins, "train"), used=dealt.used | joins)
            tables, self.names, side = [dealt], ["held-out"], dealt.split
            if not ((dealt.split == "test") & dealt.used).any():
                stories = ", ".join(sorted(set(dealt.story))[:8])
                raise UserError(
                    f"data.split holds nothing out for testing (stories: {stories}). Name stories in data.split (test), change its "
                    "fractions or seed, or set data.n_folds so that every story is held out once."
                )
        elif n_folds == 0:
            tables, self.names = [dealt.assign(split="train", used=True)], ["everything"]
            side = tables[0].split
        else:
            fold_of = deal(dealt, n_folds, seed)
            tables = [as_folds(dealt, fold_of, fold) for fold in range(n_folds)]
            self.names, side = [f"fold {fold + 1} of {n_folds}" for fold in range(n_folds)], dealt.block.map(fold_of)
        self._apart = [apart(table) for table in tables]
        self._spans = [sides(table, runs) for table in self._apart]
        self._of_run = dict(iter(attended(dealt).groupby("recording")))
        of_sound = borders(dealt, side)
        sound = dict(zip(dealt.stimulus, dealt.sound, strict=True))
        played = {name for run in runs.values() for name in run.played.stimulus}
        #: Stimulus -> moments that no context of a feature may cross, s.
        self.cuts_s = {name: of_sound[sound[name]] if name in sound else np.zeros(0) for name in played}

    def check(self, stimuli: Mapping[str, Stimulus], heard: Mapping[str, Heard]) -> list[str]:
        """See `n2s.data.stimuli.check_shared_audio` and `tell_same_words`, for every fold; the warnings, each once."""
        tell_same_words(sentences_of(heard), self._apart)
        notes: dict[str, None] = {}
        for table in self._apart:
            notes |= dict.fromkeys(check_shared_audio(table.assign(audio=table["sound"]), stimuli))
        return list(notes)

    def person(
        self, subject: str, response: ResponseModel, trim_s: tuple[float, float], *, average_repeats: bool, clean: bool
    ) -> Person:
        """The rows and folds of one subject. ``clean``: training rows of mixed runs are cleaned by themselves."""
        runs, first = [], 0
        for run in self.runs.values():
            if run.subject == subject:
                runs.append(run.after(first))
                first += run.n_rows
        reach_s = response.reach_s(runs[0].step_s)
        if isinstance(response, Glover) and not runs[0].is_bold:
            tell(
                "odd",
                "data.response",
                "Glover is a response of blood, and rows are samples of sensors: take n2s.data.Lags.",
            )
        rows = heard_rows(runs, self._of_run, reach_s[0])
        found = [side_of(runs, self._of_run, spans, reach_s, trim_s) for spans in self._spans]
        tested = np.logical_or.reduce([one.test for one in found])
        moments = alike(rows, tested, runs[0].step_s)
        same = moments if average_repeats else np.where(tested, np.arange(len(rows)), -1)
        if average_repeats and runs[0].is_bold:
            _tell_apart(subject, rows.clock_s.to_numpy(), moments, runs[0].step_s)
        unit, folds = rows.unit.to_numpy(), []
        for name, one in zip(self.names, found, strict=True):
            train, test = np.flatnonzero(one.train), np.unique(same[one.test])
            if len(train) and (len(test) or name == "everything"):
                stretches = stretches_of(rows.iloc[train], sum(reach_s) + max(run.filter_s for run in runs))
                folds.append(Fold(name, train, test, unit[train], stretches))
            elif len(test) or one.purged.any():
                what = "no training rows" if len(test) else "no test rows"
                tell("left out", f"{subject}, {name}", f"it has {what}; {one.purged.sum()} were purged.")
        if not folds:
            _tell_without(subject, found, reach_s, runs)
        _tell_cleaned(subject, runs, found, clean=clean)
        split = np.where(tested, 3, 0)
        if len(self.names) == 1:
            split = np.select([found[0].train, found[0].val, tested], [1, 2, 3], 0)
        split = pd.Categorical.from_codes(split, ["", "train", "val", "test"]).remove_unused_categories()
        blocks = rows.unit.cat.codes.to_numpy()
        purged = int(sum(one.purged.sum() for one in found))
        if purged:
            of = int(sum(one.train.sum() + one.purged.sum() for one in found))
            tell(
                "left out",
                subject,
                f"{purged} of {of} training rows{' of all folds' if len(self.names) > 1 else ''}, near what is held out "
                f"({reach_s[0]:.2g} s of response before them, and the length of the filters).",
            )
        averaged = np.bincount(same[same >= 0], minlength=len(rows))
        return Person(runs, rows.assign(split=split, averaged=averaged), folds, moments, same, blocks, purged, reach_s)


def _tell_cleaned(subject: str, runs: Sequence[Run], found: Sequence[Side], *, clean: bool) -> None:
    mixed = {run.name for run in runs for one in found if _has_trace(run, one, clean=clean)}
    if mixed:
        tell(
            "odd",
            subject,
            f"{len(mixed)} runs hold training and test rows, and their study takes trend, drifts or confounds out of whole runs: a "
            "training row has a trace of the test rows' responses (of no feature).",
        )


def _has_trace(run: Run, side: Side, *, clean: bool) -> bool:
    """Whether training rows have a trace of test rows: they are cleaned together, and not again by themselves."""
    n_train, n_test = (int(rows[run.rows].sum()) for rows in (side.train, side.test))
    if not n_train or not n_test or run.nuisances is None:
        return False
    return not (clean and separable(n_train, run.nuisances.shape[1]))


def _tell_apart(subject: str, clock_s: np.ndarray, moments: np.ndarray, step_s: float) -> None:
    own = np.flatnonzero(moments >= 0)
    apart_s = np.abs(clock_s[own] - clock_s[moments[own]]).max(initial=0.0)
    if apart_s > APART * step_s:
        tell(
            "odd",
            subject,
            f"presentations of a stimulus began up to {apart_s:.2f} s apart against the volumes: the nearest volumes are averaged "
            "(data.average_repeats), which blurs them.",
        )


def _tell_without(subject: str, found: Sequence[Side], reach_s: tuple[float, float], runs: Sequence[Run]) -> None:
    purged = sum(int(one.purged.sum()) for one in found)
    why = (
        f"all {purged} training rows are within {reach_s[0] + reach_s[1] + runs[0].filter_s:g} s of held-out sound: hold out longer "
        "pieces, or whole runs"
        if purged
        else "it heard nothing of the training or of the test stories"
    )
    tell("left out", subject, f"there is nothing to fit and test: {why}.")


def check_fits(people: Mapping[str, Person]) -> None:
    """A UserError if nobody has both training and test rows."""
    if any(one.folds for one in people.values()):
        return
    told = "; ".join(f"{name}: {one.told()}" for name, one in list(people.items())[:3])
    raise UserError(
        f"no subject has both training and test rows ({told}). A training row is left out if it depends on held-out sound: hold out "
        "whole runs or longer pieces (data.split), or lower data.n_folds or data.trim_s."
    )
