"""The result of decoders that are trained on one condition and tested on another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from n2s.metrics.result import Result, Shown, write_tables
from n2s.metrics.score import Scores
from n2s.systems.event_classes import transfer_words as words
from n2s.systems.event_classes.transfer_figures import drawings
from n2s.systems.event_classes.transfer_times import TimedScores

MOST_WRITTEN = 200_000  # windows whose guesses are written as CSV


@dataclass(eq=False, kw_only=True)
class TransferResult(TimedScores, Result):
    """The scores of every training and test condition; fields: `n2s.systems.event_classes.transfer.Transfer`."""

    def scores(self) -> Scores:
        """See `Result`."""
        return TimedScores.scores(self)

    @classmethod
    def pooled(cls, parts: Sequence[Self]) -> Self:
        """See `Result`: each window was held out in one fold."""
        return cls.joined(parts)

    def facts(self) -> dict:
        """See `Result`."""
        tests = [
            {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()}
            for row in self.tests.to_dict("records")
        ]
        pairs = [
            {"row": self.row_of(cell), "mean": one.mean, "p": _plain([one.p_mean])[0], "p_holm": _plain([self.p_of_pairs[cell]])[0], "pairs": _plain(one.each), "p_pairs": _plain(one.p)}
            for cell, one in self.paired.items() if np.isfinite(one.mean)
        ]  # fmt: skip
        times = [
            {"row": self.row_of(cell), "course": _plain(one.course), "high": _plain([one.high])[0]}
            for cell, one in self.timed.items()
        ]
        return words.counts(self) | {
            "tests": tests, "pairs": pairs, "times": times, "times_s": self.times_s, "classes": self.names, "settings": self.settings,
        }  # fmt: skip

    def shown(self) -> list[Shown]:
        """See `Result`."""
        files = {
            "scores of every subject and row (CSV)": "subjects.csv",
            "what each decoder says of each window (CSV)": "windows.csv",
        }
        return [
            Shown(
                headline=words.headline(self),
                scores=self.scores(),
                claim=words.claim(self),
                notes=words.notes(self),
                tables=words.tables(self),
                drawings=drawings(self),
                counts=words.counts(self),
                files=files,
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: tables for other programs."""
        rows = [
            [*cell, subject, found.mean, found.low, found.high, one.chance[subject]]
            for cell, one in self.balanced.items()
            for subject, found in one.by_subject.items()
        ]
        columns = ["band", "trained", "tested", "subject", "balanced_accuracy", "low", "high", "chance"]
        found = {"subjects": pd.DataFrame(rows, columns=columns)}
        if len(self.events) <= MOST_WRITTEN:
            names = np.array(self.names)
            said = {
                "|".join(made): np.where(np.isfinite(own[:, 0]), names[np.nan_to_num(own).argmax(1)], "")
                for made, own in zip(self.decoders.itertuples(index=False), self.log_proba, strict=True)
            }
            found["windows"] = self.events.assign(**said)
        write_tables(folder, found, digits=6)


def _plain(values: Sequence[float]) -> list[float | None]:
    return [None if np.isnan(one) else float(one) for one in values]
