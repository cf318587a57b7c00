"""One structure for all scores: score -> row -> subject -> mean, low, high, and the kind of interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

#: The key of a row's mean over subjects. A subject's own name is ``study/id``.
ALL = "all subjects"
MOST = 12  # labels of rows in one line


class Score(NamedTuple):
    """A mean with the ends of its interval; ``kind`` describes the interval.

    ``mean`` is None if the score is not defined; ``low`` and ``high`` are None if there is no interval.

    Examples
    --------
    >>> from n2s.metrics.score import Measure, Score, cell
    >>> cell(Score(0.123, 0.11, 0.135, "95%, over 4 people"), Measure("top-10 (%)", scale=100, digits=1))
    '12.3 (11.0 to 13.5)'
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    kind: str = ""

    @classmethod
    def of(cls, interval: Sequence[float | None], kind: str = "") -> "Score":
        """A score from a mean and the ends of its interval, as Python's own floats."""
        return cls(*(None if one is None else float(one) for one in interval), kind)  # type: ignore[call-arg]


@dataclass(frozen=True)
class Row:
    """The role of a row in the table: a model (or a method), a control that a model must beat, or a ceiling.

    Examples
    --------
    >>> from n2s.metrics.score import Row
    >>> Row("shuffled brain", role="control")
    Row(label='shuffled brain', role='control')
    """

    label: str
    role: Literal["model", "control", "ceiling"] = "model"


@dataclass(frozen=True)
class Measure:
    """Format of a score.

    Parameters
    ----------
    label
        The heading: ``top-10 (%)``.
    scale
        Factor for values: 100 for a percentage.
    digits
        Decimals of the scaled value.
    higher_is_better
        If false, lower is better.
    uncontrolled
        The reason why this score has no control; only for a score that cannot have one.
    first
        Added to values where a person reads them: 1 for a rank that is counted from 0 in files.

    Examples
    --------
    >>> from n2s.metrics.score import Measure
    >>> Measure("relative rank", higher_is_better=False).heading
    'relative rank, lower is better'
    """

    label: str
    scale: float = 1.0
    digits: int = 3
    higher_is_better: bool = True
    uncontrolled: str = ""
    first: int = 0

    def text(self, value: float) -> str:
        """A value as people read it, scaled and rounded."""
        return f"{self.scale * value + self.first:.{self.digits}f}"

    @property
    def heading(self) -> str:
        """The label, and a note where lower is better."""
        return self.label if self.higher_is_better else f"{self.label}, lower is better"


@dataclass(frozen=True)
class Scores:
    """All scores of one test set, with their controls.

    Parameters
    ----------
    rows
        Row -> its role, in the order of the table.
    measures
        Score -> its format, in the order of the table.
    values
        Score -> row -> subject (or `ALL`) -> `Score`.

    Raises
    ------
    ValueError
        A score has no control and gives no reason, or it has an unknown row, no value over all subjects, or a value that
        is not finite.

    Examples
    --------
    >>> from n2s.metrics.score import ALL, Measure, Row, Score, Scores
    >>> rows = {"model": Row("network"), "chance": Row("chance", role="control")}
    >>> values = {"accuracy": {"model": {ALL: Score(0.62, 0.55, 0.69)}, "chance": {ALL: Score(0.5)}}}
    >>> Scores(rows, {"accuracy": Measure("accuracy (%)", scale=100, digits=1)}, values).table()
    (['', 'accuracy (%)'], [['network', '62.0 (55.0 to 69.0)'], ['chance', '50.0']])
    >>> Scores(rows, {"accuracy": Measure("accuracy")}, {"accuracy": {"model": {ALL: Score(0.62)}}})
    Traceback (most recent call last):
    ValueError: accuracy has no control: its rows are ['model']. Add what a decoder that knows nothing scores (chance,...
    """

    rows: Mapping[str, Row]
    measures: Mapping[str, Measure]
    values: Mapping[str, Mapping[str, Mapping[str, Score]]]

    def __post_init__(self) -> None:
        if set(self.values) != set(self.measures):
            raise ValueError(f"scores {sorted(self.values)} and their measures {sorted(self.measures)} differ.")
        for name, rows in self.values.items():
            unknown = sorted(set(rows) - set(self.rows))
            if unknown:
                raise ValueError(f"{name}: unknown rows {unknown}; there are {list(self.rows)}.")
            if not self.has_control(name) and not self.measures[name].uncontrolled:
                raise ValueError(
                    f"{name} has no control: its rows are {list(rows)}. Add what a decoder that knows nothing scores "
                    "(chance, shuffled brain, no brain), or say in `Measure.uncontrolled` why there is none."
                )
            for row, by_subject in rows.items():
                if ALL not in by_subject:
                    raise ValueError(f"{name}, {row}: no value over all subjects (`ALL`).")
                for subject, score in by_subject.items():
                    wrong = [one for one in score[:3] if one is not None and not math.isfinite(one)]
                    if wrong:
                        raise ValueError(f"{name}, {row}, {subject}: {wrong[0]} is not a finite number.")

    def has_control(self, name: str) -> bool:
        """Whether a score has a control with a value."""
        return any(
            self.rows[row].role == "control" and by_subject[ALL].mean is not None
            for row, by_subject in self.values[name].items()
        )

    @property
    def subjects(self) -> list[str]:
        """All subjects that have a score, in order of appearance."""
        found = (name for rows in self.values.values() for by_subject in rows.values() for name in by_subject)
        return [name for name in dict.fromkeys(found) if name != ALL]

    def get(self, name: str, row: str, subject: str = ALL) -> Score | None:
        """One score; None if there is none."""
        return self.values.get(name, {}).get(row, {}).get(subject)

    def of(self, subject: str) -> "Scores":
        """The scores of one subject: its values become `ALL`."""
        found = {
            name: {row: {ALL: own[subject]} for row, own in rows.items() if subject in own}
            for name, rows in self.values.items()
        }
        kept = {name: rows for name, rows in found.items() if rows}
        return Scores(self.rows, {name: one for name, one in self.measures.items() if name in kept}, kept)

    def means(self) -> dict[str, dict[str, float]]:
        """Row -> score -> mean over subjects; undefined means are left out."""
        found: dict[str, dict[str, float]] = {}
        for name, rows in self.values.items():
            for row, by_subject in rows.items():
                if by_subject[ALL].mean is not None:
                    found.setdefault(row, {})[name] = by_subject[ALL].mean
        return found

    def plain(self) -> dict:
        """As plain JSON types: score -> row -> subject -> ``mean``, ``low``, ``high``, ``kind``."""
        return {
            name: {
                row: {subject: dict(score._asdict()) for subject, score in by_subject.items()}
                for row, by_subject in rows.items()
            }
            for name, rows in self.values.items()
        }

    def described(self) -> dict:
        """How people read them, as plain JSON types: measures and rows."""
        return {
            "measures": {name: asdict(one) for name, one in self.measures.items()},
            "rows": {key: asdict(one) for key, one in self.rows.items()},
        }

    @classmethod
    def read(cls, plain: Mapping, described: Mapping) -> "Scores":
        """From what `plain` and `described` gave."""
        values = {
            name: {row: {who: Score(**one) for who, one in own.items()} for row, own in rows.items()}
            for name, rows in plain.items()
        }
        measures = {name: Measure(**one) for name, one in described["measures"].items()}
        return cls({key: Row(**one) for key, one in described["rows"].items()}, measures, values)

    def table(self, names: Sequence[str] | None = None, subject: str = ALL) -> tuple[list[str], list[list[str]]]:
        """Headings, and for each row its label and one cell per score.

        Parameters
        ----------
        names
            The scores to show; by default all.
        subject
            The subject to show.
        """
        names = list(self.measures) if names is None else list(names)
        headings = ["", *(self.measures[name].heading for name in names)]
        rows = [
            [row.label, *(cell(self.get(name, key, subject), self.measures[name]) for name in names)]
            for key, row in self.rows.items()
            if any(self.get(name, key, subject) for name in names)
        ]
        return headings, rows

    def kinds(self, names: Sequence[str] | None = None) -> list[str]:
        """Describe the intervals of the table's rows: one line for each kind."""
        names = list(self.measures) if names is None else list(names)
        found: dict[str, list[str]] = {}
        for key, row in self.rows.items():
            for kind in dict.fromkeys(s.kind for name in names if (s := self.get(name, key)) and s.kind):
                found.setdefault(kind, []).append(row.label)
        return [
            f"{', '.join(labels) if len(labels) <= MOST else f'{len(labels)} rows'}: {kind}"
            for kind, labels in found.items()
        ]


def entry(by_subject: Mapping[str, Score]) -> dict:
    """A row of a score as one plain dictionary: ``mean``, ``low``, ``high``, ``interval`` and ``per_subject``.

    Apart from `Scores.plain`, the only place that writes an interval as JSON: ``metrics.json`` keeps the names from
    before `Scores` existed.

    Examples
    --------
    >>> found = entry({ALL: Score(0.5, 0.4, 0.6, "95%, over 2 people"), "lab/01": Score(0.45)})
    >>> found["mean"], found["interval"], found["per_subject"]["lab/01"]["value"]
    (0.5, '95%, over 2 people', 0.45)
    """
    mean, low, high, kind = by_subject[ALL]
    own = {name: score for name, score in by_subject.items() if name != ALL}
    return {
        "interval": kind,
        "mean": mean,
        "low": low,
        "high": high,
        "per_subject": {name: {"value": one.mean, "low": one.low, "high": one.high} for name, one in own.items()},
    }


def cell(score: Score | None, measure: Measure) -> str:
    """``12.3 (11.0 to 13.5)``: a mean and its interval for a table; ``-`` if there is none.

    Examples
    --------
    >>> from n2s.metrics.score import Measure, Score, cell
    >>> cell(Score(0.5), Measure("accuracy (%)", scale=100, digits=1)), cell(None, Measure("accuracy"))
    ('50.0', '-')
    """
    if score is None or score.mean is None:
        return "-"
    mean, low, high = (None if one is None else measure.text(one) for one in score[:3])
    return mean if low is None or high is None else f"{mean} ({low} to {high})"
