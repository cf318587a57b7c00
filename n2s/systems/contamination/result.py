"""What `n2s contamination` leaves: tables of scores and links, and a page with the verdict in words."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.metrics.result import Result, Shown, write_tables
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.contamination import words
from n2s.systems.contamination.figures import drawings
from n2s.systems.contamination.joined import by_group
from n2s.systems.contamination.sources import LABELS
from n2s.systems.contamination.verdict import Verdict, judged

MEASURES = {"balanced_accuracy": Measure("balanced accuracy (%)", scale=100, digits=1), "auc": Measure("AUC")}


@dataclass(eq=False)
class ContaminationResult(Result):
    """The brain beside its controls.

    Parameters
    ----------
    table
        A row a source and subject, and one over all: `n2s.systems.contamination.compared.COLUMNS`.
    early
        The same in windows before the voice, with ``start_s``, ``stop_s``; may be empty.
    links
        What reaches the sensors: `n2s.systems.contamination.reach.COLUMNS`.
    sensors
        A row a subject and sensor: ``x``, ``y``, ``separation`` of classes, ``reach_<group>``.
    hz, matrix
        (f,), (f, f) powers of the sensor that follows the sound most (rows) and of the sound: correlations; None if not looked for.
    options
        ``condition``, ``classifier``, ``n_folds``, ``n_permutations``, ``seed``, ``window_s``, ``offset_s``, ``sfreq``, ``matrix_of``;
        ``left_out``: why people could not be compared.
    """

    table: pd.DataFrame
    early: pd.DataFrame
    links: pd.DataFrame
    sensors: pd.DataFrame
    options: dict
    hz: np.ndarray | None = None
    matrix: np.ndarray | None = None

    @property
    def subjects(self) -> list[str]:
        """In order."""
        return [name for name in dict.fromkeys(self.table.subject) if name != ALL]

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """`ALL` -> the verdict over all, and each subject's own."""
        whose = {ALL: [ALL, *self.subjects]} | {name: [name] for name in self.subjects}
        condition = self.options["condition"]
        return {name: judged(self.table, self.joined, one, condition) for name, one in whose.items()}

    @cached_property
    def joined(self) -> pd.DataFrame:
        """One row a subject and group of `links`."""
        parts = [by_group(own) for _, own in self.links.groupby("subject", sort=False)]
        return pd.concat(parts, ignore_index=True) if parts else self.links

    def scores(self) -> Scores:
        """See `Result`."""
        rows, values = {}, {"balanced_accuracy": {}, "auc": {}}
        for source in dict.fromkeys(self.table.source):
            own = self.table[(self.table.source == source) & self.table.p.notna()]
            if own.empty:
                continue
            rows[source] = Row(LABELS.get(source, source), "model" if source == "brain" else "control")
            values["balanced_accuracy"][source] = {
                row.subject: Score.of(
                    (row.value, *(None if np.isnan(one) else one for one in (row.low, row.high))), row.interval
                )
                for row in own.itertuples()
            }
            values["auc"][source] = {row.subject: Score(float(row.auc)) for row in own.itertuples()}
        brain = self.table[(self.table.source == "brain") & self.table.p.notna()]
        rows["permuted"] = Row("brain, labels permuted within runs", "control")
        kind = "mean, and the score that 5% of permutations reach"
        values["balanced_accuracy"]["permuted"] = {
            row.subject: Score(float(row.null_mean), float(row.null_mean), float(row.null_high), kind) for row in brain.itertuples()
        } or {ALL: Score(None)}  # fmt: skip
        rows["chance"] = Row("chance", "control")
        chance = brain.chance[brain.subject == ALL]
        values["balanced_accuracy"]["chance"] = {ALL: Score(float(chance.iloc[0]) if len(chance) else None)}
        values["auc"]["chance"] = {ALL: Score(0.5)}
        return Scores(rows, MEASURES, values)

    def shown(self) -> list[Shown]:
        """See `Result`."""
        matrix_of = self.options.get("matrix_of", "")
        return [
            Shown(
                headline=words.headline(self.verdicts, self.subjects, self.options),
                scores=self.scores(),
                notes=words.notes(self.verdicts[ALL], self.options, self.table),
                tables=words.tables(self.verdicts, self.table, self.links, self.early, self.subjects),
                drawings=drawings(self.table, self.early, self.sensors, self.hz, self.matrix, matrix_of),
                counts={"n_subjects": len(self.subjects), "n_windows": int(self.table.n_windows[(self.table.source == "brain") & (self.table.subject == ALL)].sum())},
                files={
                    "scores of every source and person (CSV)": "scores.csv",
                    "what reaches the sensors (CSV)": "links.csv",
                    "windows before the voice (CSV)": "before_voice.csv",
                    "sensors (CSV)": "sensors.csv",
                },
            )
        ]  # fmt: skip

    def facts(self) -> dict:
        """See `Result`: ``verdict``, ``reasons``, ``notes`` and ``controls``, over all and of each subject."""
        return {
            "verdict": self.verdicts[ALL].word,
            "verdicts": {
                name: {
                    "verdict": one.word,
                    "reasons": one.reasons,
                    "notes": one.notes,
                    "controls": _plain(one.controls),
                }
                for name, one in self.verdicts.items()
            },
            "links": _plain(self.joined),
            "before_voice": _plain(self.early),
            "options": self.options,
        }

    def export(self, folder: Path) -> None:
        """See `Result`."""
        tables = {"scores": self.table, "links": self.links, "before_voice": self.early, "sensors": self.sensors}
        write_tables(folder, tables, digits=6)


def _plain(table: pd.DataFrame) -> list[dict]:
    """Rows as JSON types; what is not finite is None."""
    return [
        {
            k: None if isinstance(v, float) and not np.isfinite(v) else v.item() if isinstance(v, np.generic) else v
            for k, v in row.items()
        }
        for row in table.to_dict("records")
    ]
