"""Several tested runs side by side: what each scored, how they differ on the rows that both tested, and in which settings and data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from string import ascii_uppercase

import pandas as pd

from n2s.errors import UserError
from n2s.metrics.paired_runs import Paired, aligned, paired
from n2s.metrics.result import Result
from n2s.metrics.row_difference import FEW, difference
from n2s.metrics.score import Measure, Row, Scores
from n2s.training.results import kept, settle
from n2s.training.run import Run, differences, runs_of

LEAST_SHARED = 0.5  # of each run's rows: with fewer in common, another test is compared
LONGEST = 60  # characters of a setting


@dataclass(frozen=True)
class Tested:
    """A run with the results of its test, by the name of the test set."""

    letter: str
    run: Run
    results: Mapping[str, Result]

    @property
    def name(self) -> str:
        """``A (meg_contrastive/20261201-...)``."""
        folder = self.run.folder.resolve()
        return f"{self.letter} ({folder.parent.name}/{folder.name})"


@dataclass(frozen=True)
class Gain:
    """How much better one run is than another in one score, in the score's own unit; ``paired`` says by rows, people or not at all."""

    score: str
    one: str
    other: str
    mean: float
    low: float | None
    high: float | None
    paired: str


def chosen_runs(folders: Sequence[Path]) -> list[Tested]:
    """The runs with their results, named A, B, C ... in their order; of an experiment's folder its newest tested run.

    Raises
    ------
    UserError
        Fewer than two runs, one of them twice, no run, or one that is not tested.
    """
    if not 2 <= len(folders) <= len(ascii_uppercase):
        raise UserError(
            f"{len(folders)} run{'s' * (len(folders) != 1)}; expected 2 to {len(ascii_uppercase)}: n2s compare RUN RUN ..."
        )
    runs = [_run(folder) for folder in folders]
    places = [run.folder.resolve() for run in runs]
    again = next((one for one in places if places.count(one) > 1), None)
    if again is not None:
        raise UserError(f"{again} is there twice; expected different runs.")
    found = []
    for letter, run in zip(ascii_uppercase, runs, strict=False):
        classes = (run.read().get("results") or {}).get("test")
        if not classes:
            raise UserError(f"{run.folder}: not tested yet. First: n2s test --config {run.config}")
        results = kept(run.folder, "test", classes)
        settle(results)
        found.append(Tested(letter, run, results))
    return found


def _run(folder: Path) -> Run:
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder. Expected a run's folder, checkpoints/<experiment>/<run>, or an experiment's."
        )
    if Run(folder).exists():
        return Run(folder)
    runs = runs_of(folder)
    tested = [run for run in runs if (run.read().get("results") or {}).get("test")]
    if not tested:
        what = (
            "its runs are not tested yet: n2s test"
            if runs
            else "no run.json in it. Expected checkpoints/<experiment>/<run>"
        )
        raise UserError(f"{folder}: {what}.")
    return tested[0]


def shared_sets(runs: Sequence[Tested]) -> dict[str, list[Result]]:
    """Test set -> the result of each run. Single test sets are compared whatever their names are.

    Raises
    ------
    UserError
        They have no test set in common.
    """
    if all(len(one.results) == 1 for one in runs):
        each = dict.fromkeys(name for one in runs for name in one.results)
        return {" / ".join(each): [next(iter(one.results.values())) for one in runs]}
    names = [name for name in runs[0].results if all(name in one.results for one in runs)]
    if not names:
        told = "; ".join(f"{one.letter}: {', '.join(one.results)}" for one in runs)
        raise UserError(f"no test set that all runs have ({told}). Compare runs of the same data.")
    return {name: [one.results[name] for one in runs] for name in names}


def side_by_side(letters: Sequence[str], scores: Sequence[Scores]) -> Scores:
    """One table of all runs, of the scores that they share by name and unit.

    Raises
    ------
    UserError
        They share none.
    """
    names = [
        name
        for name in scores[0].measures
        if all(_same(scores[0].measures[name], one.measures.get(name)) for one in scores)
    ]
    if not names:
        told = "; ".join(
            f"{letter}: {', '.join(m.label for m in one.measures.values())}"
            for letter, one in zip(letters, scores, strict=True)
        )
        raise UserError(f"no score in common ({told}): these systems answer other questions. Compare runs of one kind.")
    rows = {
        f"{letter}/{key}": Row(f"{letter}: {row.label}", row.role)
        for letter, one in zip(letters, scores, strict=True)
        for key, row in one.rows.items()
    }
    values = {
        name: {
            f"{letter}/{key}": own
            for letter, one in zip(letters, scores, strict=True)
            for key, own in one.values[name].items()
        }
        for name in names
    }
    return Scores(rows, {name: scores[0].measures[name] for name in names}, values)


def _same(one: Measure, other: Measure | None) -> bool:
    return other is not None and (one.label, one.scale, one.higher_is_better) == (
        other.label,
        other.scale,
        other.higher_is_better,
    )


def gains(runs: Sequence[Tested], results: Sequence[Result], names: Sequence[str]) -> tuple[list[Gain], list[str]]:
    """Each run against the first: differences of the first model row, and what has to be known about them."""
    found, notes = [], []
    first = runs[0]
    base, base_rows = results[0].scores(), results[0].rows()
    for other, result in zip(runs[1:], results[1:], strict=True):
        scores, rows = result.scores(), result.rows()
        note = "" if base_rows is None or rows is None else _unlike(first, other, base_rows, rows)
        part = "" if note or base_rows is None or rows is None else _in_part(first, other, base_rows, rows)
        notes += [one for one in (note, part) if one]
        for name in names:
            sign = 1 if base.measures[name].higher_is_better else -1
            by_rows = None
            if not note and base_rows is not None and rows is not None and name in base_rows and name in rows:
                by_rows = paired(base_rows, rows, name)
            if by_rows is not None:
                found.append(_of_rows(name, other, first, by_rows, sign))
            else:
                one = _of_people(name, other, first, base, scores, unlike=bool(note))
                if one is not None:
                    found.append(one)
    return found, notes


def _unlike(first: Tested, other: Tested, base: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Why the rows of two runs are not paired; empty where they are."""
    n = len(aligned(base, rows)[0])
    if n >= LEAST_SHARED * max(len(base), len(rows)):
        return ""
    return (
        f"{other.letter} and {first.letter} tested other rows ({n} of {len(rows)} and {len(base)} are the same recording, sound, moment and number of "
        "candidates): their differences are not paired, and may be those of the tests."
    )


def _in_part(first: Tested, other: Tested, base: pd.DataFrame, rows: pd.DataFrame) -> str:
    """That a run has rows of its own, which are in its scores and not in the differences; empty without any."""
    n = len(aligned(base, rows)[0])
    if n == len(base) == len(rows):
        return ""
    return (
        f"{other.letter} and {first.letter} share {n} of {len(rows)} and {len(base)} rows: differences by rows are of these alone, while the table's means "
        "are of all rows of each run."
    )


def _of_rows(name: str, other: Tested, first: Tested, one: Paired, sign: int) -> Gain:
    low, high = (one.low, one.high) if sign > 0 else (_minus(one.high), _minus(one.low))
    return Gain(
        name,
        other.letter,
        first.letter,
        sign * one.mean + 0.0,  # never -0.0
        low,
        high,
        f"{one.n_rows} rows of {one.n_people} people; {'no ' if low is None else ''}interval over {one.over}",
    )


def _of_people(name: str, other: Tested, first: Tested, base: Scores, scores: Scores, *, unlike: bool) -> Gain | None:
    rows = [
        next((key for key, row in one.rows.items() if row.role == "model" and key in one.values[name]), None)
        for one in (base, scores)
    ]
    own, than = rows[1], rows[0]
    if own is None or than is None:
        return None
    both = side_by_side(["A", "B"], [base, scores])
    found = difference(both, name, f"B/{own}", f"A/{than}")
    if found is None:
        return None
    people = [set(one.values[name][row]) for one, row in zip((base, scores), (than, own), strict=True)]
    if unlike or people[0] != people[1] or found.low is None:
        why = (
            "not paired: other test rows"
            if unlike
            else "not paired: other people"
            if people[0] != people[1]
            else "not paired: too few people"
        )
        if not unlike and people[0] == people[1] and found.n_people >= FEW:
            why = f"{found.n_people} people, each with both; no interval, as all differ alike"
        return Gain(name, other.letter, first.letter, found.mean, None, None, why)
    return Gain(
        name, other.letter, first.letter, found.mean, found.low, found.high, f"{found.n_people} people, each with both"
    )


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def settings_table(runs: Sequence[Tested]) -> list[list[str]]:
    """A row for each setting in which any two runs differ: its name, and its value in each run."""
    settings = [one.run.settings() for one in runs]
    keys = sorted({key for one, other in pairwise(settings) for key in differences(one, other)})
    return [[key, *(_plain(_at(one, key)) for one in settings)] for key in keys]


def _at(settings: object, key: str) -> object:
    for part in key.split("."):
        if not isinstance(settings, dict) or part not in settings:
            return "-"
        settings = settings[part]
    return settings


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def data_table(runs: Sequence[Tested]) -> list[list[str]]:
    """What the runs were fitted on: how many entries each has, how many differ from the first run's or are in one of them alone."""
    known = [one.run.read().get("data") or {} for one in runs]
    rows = []
    for one, data in zip(runs, known, strict=True):
        shared = known[0].keys() & data.keys()
        differ = sorted(key for key in shared if known[0][key] != data[key])
        alone = sorted(known[0].keys() ^ data.keys())
        some = (
            f": {', '.join((differ + alone)[:3])}{' ...' if len(differ + alone) > 3 else ''}" if differ or alone else ""
        )
        rows.append([one.letter, str(len(data)), str(len(differ)), f"{len(alone)}{some}"])
    return rows
