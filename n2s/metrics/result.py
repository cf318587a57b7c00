"""The interface of test results: every system returns such results, and one report shows them all."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from n2s.errors import UserError, reading
from n2s.metrics.listened import Listening, ReadAlong, Sound, TimedWord
from n2s.metrics.score import Scores
from n2s.metrics.verdict import Claim, Verdict, verdict_of
from n2s.paths import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Drawing",
    "Listening",
    "ReadAlong",
    "Result",
    "Saved",
    "Shown",
    "Sound",
    "TimedWord",
    "record",
    "write_tables",
]

ARRAYS, PLAIN = "arrays.npz", "plain.json"
LARGE = 10_000  # numbers per row: with `HALF`, larger arrays are kept as float16
#: Metadata of a field whose rows may be very large: ``field(default=None, metadata=HALF)``.
HALF: Mapping[str, bool] = {"half": True}


@dataclass(frozen=True)
class Drawing:
    """A figure, its name, and its caption.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawing = Drawing("Scores by person", Figure(), "Each dot is a person.")
    """

    title: str
    figure: "Figure"
    caption: str


@dataclass(frozen=True)
class Shown:
    """The content of console, page and W&B for a test set or a part of it.

    Parameters
    ----------
    name
        Name of the part; empty if there is only one.
    headline
        Sentences above the table.
    scores, columns
        The table, and the scores to show; by default all.
    notes
        Sentences below the table.
    tables
        More tables, by title: headings, and rows of cells.
    drawings
        Figures, in reading order.
    listening
        Sounds.
    reading
        Texts to read along with their sounds.
    counts
        Numbers of candidates, subjects, ...
    files
        What a file that was saved with the result shows -> its path in the result's folder. The page links those that exist.
    claim
        Which scores the verdict is made from; None: the first score and model of the table.
    verdict
        A verdict of the system's own, in place of one from the scores.
    judged
        Whether there is a verdict: not on parts that only describe.
    advice
        What to try next: a sentence each, with a command or an option.

    Examples
    --------
    >>> Shown(headline=["Two people, 40 segments."], advice=["Train longer: --trainer.max_epochs 60."]).judgement()
    """

    name: str = ""
    headline: Sequence[str] = ()
    scores: Scores | None = None
    columns: Sequence[str] | None = None
    notes: Sequence[str] = ()
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence]]] = field(default_factory=dict)
    drawings: Sequence[Drawing] = ()
    listening: Listening | None = None
    reading: Sequence[ReadAlong] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    claim: Claim | None = None
    verdict: Verdict | None = None
    judged: bool = True
    advice: Sequence[str] = ()

    def judgement(self) -> Verdict | None:
        """The verdict on this part; None where nothing can be judged."""
        if self.verdict is not None or not self.judged or self.scores is None:
            return self.verdict
        return verdict_of(self.scores, self.claim, self.columns)


class Saved:
    """A part of `Result`: a dataclass that is kept in a folder. Its fields are arrays, tables, plain JSON types, or None.

    Examples
    --------
    >>> @dataclass
    ... class Ranks(Saved):
    ...     rank: np.ndarray
    ...     note: str = ""
    >>> Ranks(np.array([1, 3, 2])).save(folder / "ranks")
    >>> Ranks.load(folder / "ranks").rank.tolist()
    [1, 3, 2]
    """

    def save(self, folder: Path) -> None:
        """Write ``arrays.npz``, ``plain.json`` and ``<table>.parquet`` into a folder: all of them, or none."""
        arrays: dict[str, np.ndarray] = {}
        plain: dict[str, object] = {}
        tables: dict[str, pd.DataFrame] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, pd.DataFrame):
                tables[one.name] = value
            elif isinstance(value, np.ndarray):
                half = one.metadata.get("half") and value.dtype == np.float32 and value[:1].size > LARGE
                arrays[one.name] = value.astype(np.float16) if half else value
            elif value is not None:
                plain[one.name] = value
        with ExitStack() as stack:  # files are renamed only after all are written
            files = {name: stack.enter_context(written_whole(folder / f"{name}.parquet")) for name in tables}
            npz, text = (stack.enter_context(written_whole(folder / name)) for name in (ARRAYS, PLAIN))
            for name, table in tables.items():
                table.to_parquet(files[name])
            with open(npz, "wb") as file:
                np.savez(file, **arrays)
            text.write_text(json.dumps({"tables": sorted(tables), "values": plain}, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the files that `save` wrote.

        Raises
        ------
        UserError
            A file is missing or damaged, or the files are from different tests.
        """
        remedy = "Run the command that made it again: n2s test, or n2s predict."
        missing = [name for name in (ARRAYS, PLAIN) if not (folder / name).is_file()]
        if missing:
            raise UserError(f"{folder}: no {', '.join(missing)}. {remedy}")
        with reading(folder, f"a whole {cls.__name__}", remedy):
            content = json.loads((folder / PLAIN).read_text("utf-8"))
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                values = content["values"] | {name: arrays[name] for name in arrays.files}
            values |= {name: pd.read_parquet(folder / f"{name}.parquet") for name in content["tables"]}
            return cls(**values)


class Result(Saved, ABC):
    """The result of one test set: sufficient to recompute every number and figure.

    A subclass is a dataclass. Its fields are arrays, tables (`pandas.DataFrame`), plain JSON types, or None: `save` and
    `load` keep them. It provides `scores`, and optionally more in `shown`.

    Examples
    --------
    >>> from n2s.metrics.score import ALL, Measure, Row, Score
    >>> @dataclass
    ... class Hits(Result):
    ...     hit: np.ndarray
    ...
    ...     def scores(self):
    ...         rows = {"model": Row("network"), "chance": Row("chance", "control")}
    ...         values = {"model": {ALL: Score(float(self.hit.mean()))}, "chance": {ALL: Score(0.5)}}
    ...         return Scores(rows, {"hits": Measure("hits (%)", 100, 1)}, {"hits": values})
    >>> Hits(np.array([1, 0, 1, 1])).scores().means()
    {'model': {'hits': 0.75}, 'chance': {'hits': 0.5}}
    """

    @abstractmethod
    def scores(self) -> Scores:
        """Every score with its controls."""

    def shown(self) -> list[Shown]:
        """The parts to show; by default the table of scores."""
        return [Shown(scores=self.scores())]

    def rows(self) -> pd.DataFrame | None:
        """What each test row scored, so that `n2s compare` can pair two runs; None where a score is no mean over rows.

        Returns
        -------
        One row a window, clip or sentence, of the model: ``subject``, ``recording``, ``stimulus``, ``start_s`` (in the stimulus), ``block`` (rows of one
        are not independent), ``among`` (how many candidates, where there are some), and a column a score with its name in `scores`, whose mean over a
        person's rows is the person's score.
        """
        return None

    def facts(self) -> dict:
        """Entries of ``metrics.json`` besides the scores, as plain JSON types: counts, tests, seeds."""
        return {}

    def export(self, folder: Path) -> None:  # noqa: B027 (most results leave nothing more)
        """Write what others read (images, flat tables) into the folder where the result is saved, beside it; by default nothing."""

    @classmethod
    def settle(cls, results: Mapping[str, Self]) -> None:
        """Link the results that are shown together, to correct for the number of tests.

        By default results are independent.
        """
        return

    @classmethod
    def pooled(cls, parts: Sequence[Self]) -> Self:
        """One result of the folds of a cross-validation, in which every part of the data was held out once.

        What was held out in one fold is compared with other things of that fold only: another model has decoded the others.
        """
        raise UserError(
            f"--cross_validate: results of {cls.__name__} cannot be pooled. Each fold's own are in its folder, in folds/."
        )


def record(result: Result, shown: Sequence[Shown] | None = None) -> dict:
    """The entry of a result in ``metrics.json``: its ``scores``, the ``format`` in which they are read, the ``judgement`` (see `n2s.metrics.verdict.Verdict`), its facts.

    Parameters
    ----------
    result
        The result.
    shown
        Its parts, if they are there already. The verdict is that of the first part that has one.

    Examples
    --------
    >>> from n2s.metrics.score import ALL, Measure, Row, Score
    >>> @dataclass
    ... class Seconds(Result):
    ...     found: float
    ...
    ...     def scores(self):
    ...         lacks = Measure("seconds", digits=1, uncontrolled="Nothing is decoded.")
    ...         return Scores({"model": Row("network")}, {"s": lacks}, {"s": {"model": {ALL: Score(self.found)}}})
    ...
    ...     def facts(self):
    ...         return {"seed": 0}
    >>> entry = record(Seconds(2.5))
    >>> entry["scores"]["s"]["model"]["all subjects"]["mean"], entry["seed"]
    (2.5, 0)
    """
    scores = result.scores()
    parts = result.shown() if shown is None else shown
    verdict = next((one for one in map(Shown.judgement, parts) if one is not None), None)
    told = {} if verdict is None else {"judgement": asdict(verdict)}
    return {"scores": scores.plain(), "format": scores.described()} | told | result.facts()


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame], *, digits: int | None = None) -> None:
    """``<name>.csv`` of each table, for other programs: whole, or as it was before. ``digits``: significant ones; None: all.

    Examples
    --------
    >>> write_tables(folder, {"hits": pd.DataFrame({"person": ["01"], "hits": [2 / 3]})}, digits=3)
    >>> (folder / "hits.csv").read_text()
    'person,hits\\n01,0.667\\n'
    """
    for name, table in tables.items():
        with written_whole(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format=None if digits is None else f"%.{digits}g")
