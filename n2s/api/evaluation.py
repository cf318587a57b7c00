"""The scores of anybody's model with all controls: as a table, as text, as HTML, and as a page."""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console

from n2s.errors import UserError
from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.report.page import shown_parts, write_parts
from n2s.report.table import LOG_WIDTH, print_shown, scores_html
from n2s.training.results import settle

MODEL = "model"  # the row of the model that is evaluated, in results of all systems


class Evaluation:
    """What `n2s.evaluate` finds.

    Parameters
    ----------
    results
        Name of the test set -> its result, as `n2s test` leaves it.
    name
        What the model is called.
    learned
        What is known of the windows that the model has learned from, for the notes below the table.

    Attributes
    ----------
    results
        See above: every number and figure can be made from them.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from n2s.metrics.score import ALL, Measure, Row, Score
    >>> @dataclass
    ... class Hits(Result):
    ...     share: float
    ...
    ...     def scores(self):
    ...         rows = {"model": Row("network"), "chance": Row("chance", "control")}
    ...         values = {"model": {ALL: Score(self.share)}, "chance": {ALL: Score(0.5)}}
    ...         return Scores(rows, {"hits": Measure("hits (%)", 100, 1)}, {"hits": values})
    >>> found = Evaluation({"test": Hits(0.75)}, "my network")
    >>> dict(zip(found.table.row, found.table["mean"]))
    {'my network': 0.75, 'chance': 0.5}
    """

    def __init__(self, results: Mapping[str, Result], name: str, learned: str = ""):
        self.results, self.name, self.learned = dict(results), name, learned
        settle(self.results)

    @property
    def scores(self) -> Scores:
        """The scores of the only test set; the key of the model's own row is ``model``.

        Raises
        ------
        UserError
            There are several: see ``results``.
        """
        if len(self.results) > 1:
            raise UserError(
                f"scores are of several test sets: {', '.join(self.results)}. Take evaluation.results[name].scores()."
            )
        return self._named(next(iter(self.results.values())).scores())

    @property
    def table(self) -> pd.DataFrame:
        """One row for each score, row and person: ``test_set``, ``score``, ``row``, ``role``, ``subject``, ``mean``, ``low``, ``high``, ``interval``."""
        found = []
        for test_set, result in self.results.items():
            scores = self._named(result.scores())
            for score, rows in scores.values.items():
                for key, by_subject in rows.items():
                    row = scores.rows[key]
                    found += [(test_set, score, row.label, row.role, who, *one) for who, one in by_subject.items()]
        columns = ["test_set", "score", "row", "role", "subject", "mean", "low", "high", "interval"]
        table = pd.DataFrame(found, columns=columns)
        return table.astype(dict.fromkeys(("mean", "low", "high"), float))

    def report(self, path: str | Path) -> Path:
        """Write the page that `n2s test` writes of the same scores.

        Parameters
        ----------
        path
            The HTML file, or a folder, which gets ``report.html``.

        Returns
        -------
        The page.
        """
        path = Path(path)
        path = path if path.suffix.lower() in (".html", ".htm") else path / "report.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_parts(path, self.name, shown_parts(self._shown()))

    def __str__(self) -> str:
        text = io.StringIO()
        console = Console(file=text, width=LOG_WIDTH)
        for shown in self._shown():
            print_shown(shown, console)
        return text.getvalue().rstrip()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return "".join(f"<h3>{shown.name or self.name}</h3>{scores_html(shown)}" for shown in self._shown())

    def _shown(self) -> list[Shown]:
        """The parts, named where there are several test sets; files of a run are not there."""
        several = len(self.results) > 1
        found = []
        for test_set, result in self.results.items():
            for shown in result.shown():
                name = ", ".join(filter(None, (test_set if several else "", shown.name)))
                scores = None if shown.scores is None else self._named(shown.scores)
                notes = [*filter(None, [self.learned]), *shown.notes]
                found.append(replace(shown, name=name, scores=scores, notes=notes, files={}))
        return found

    def _named(self, scores: Scores) -> Scores:
        """With the model's own name."""
        rows = {key: replace(row, label=self.name) if key == MODEL else row for key, row in scores.rows.items()}
        return Scores(rows, scores.measures, scores.values)
