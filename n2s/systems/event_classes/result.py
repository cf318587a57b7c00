"""What the test of a classifier of events leaves, as the console, the page and files show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.metrics.controls import holm
from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.paths import written_whole
from n2s.systems.event_classes import words
from n2s.systems.event_classes.draws import alike_of
from n2s.systems.event_classes.figures import drawings
from n2s.systems.event_classes.outcome import Outcome
from n2s.systems.event_classes.summary import Summary


@dataclass(eq=False)
class EventResult(Outcome, Result):
    """The result of a test; its fields are those of `n2s.systems.event_classes.outcome.Outcome`."""

    @cached_property
    def summary(self) -> Summary:
        """All numbers."""
        return Summary(self)

    def scores(self) -> Scores:
        """See `Result`."""
        return self.summary.scores

    def facts(self) -> dict:
        """See `Result`."""
        counts = {f"n_{name.replace(' ', '_')}": n for name, n in words.counts(self).items()}
        tests = {name: {"p": p, "p_holm": self.corrected[name]} for name, p in self.summary.p.items()}
        return counts | {
            "average": self.average,
            "tests": tests,
            "conditions": self.summary.condition_scores,
            "n_permutations": self.n_permutations,
            "seed": self.seed,
        }

    @property
    def corrected(self) -> dict[str, float]:
        """Score -> p, corrected for all scores of all test sets that are shown together."""
        own = self.summary.p
        return getattr(self, "_corrected", None) or dict(
            zip(own, holm(np.array(list(own.values()))).tolist(), strict=True)
        )

    @classmethod
    def settle(cls, results: Mapping[str, Self]) -> None:
        """See `Result`: p are corrected for the scores of all test sets."""
        every = [(result, name, p) for result in results.values() for name, p in result.summary.p.items()]
        for (result, name, _), corrected in zip(every, holm(np.array([p for *_, p in every])), strict=True):
            result.__dict__.setdefault("_corrected", {})[name] = float(corrected)

    def shown(self) -> list[Shown]:
        """See `Result`."""
        return [
            Shown(
                headline=words.headline(self.summary, self.corrected),
                scores=self.scores(),
                claim=words.claim(self.summary),
                notes=words.notes(self.summary),
                tables=words.tables(self.summary, self.corrected),
                drawings=drawings(self.summary),
                counts=words.counts(self),
                files={"predictions (CSV)": "predictions.csv", "probabilities (NumPy)": "probabilities.npz"},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: one row a window, with what was said, and the probabilities of all classes."""
        names, p = np.array(self.names), np.exp(self.log_proba)
        table = self.events.assign(
            predicted=names[self.predicted],
            p_true=p[np.arange(len(p)), self.labels],
            p_predicted=p[np.arange(len(p)), self.predicted],
        )
        if self.n_averaged is not None:
            table = table.assign(n_averaged=self.n_averaged)
        with written_whole(folder / "predictions.csv") as path:
            table.to_csv(path, index=False, float_format="%.6g")
        with written_whole(folder / "probabilities.npz") as path, open(path, "wb") as file:
            np.savez(
                file, probabilities=p.astype(np.float32), names=names, labels=self.labels, predicted=self.predicted
            )

    @classmethod
    def pooled(cls, parts: Sequence[Self]) -> Self:
        """See `Result`: windows of all folds. Scores of different models are never compared (AUC is inside folds)."""
        first = parts[0]
        if any(part.names != first.names or part.average != first.average for part in parts):
            raise UserError("folds differ in their classes, or in how many windows they average: fit all folds again.")
        kept = [name for name in first.control_names if all(name in part.control_names for part in parts)]
        lost = [name for part in parts for name in part.control_names if name not in kept]
        notes = [note for part in parts for note in part.control_notes]
        notes += [f"No control '{name}': some folds lack it." for name in lost]
        at = [[part.control_names.index(name) for name in kept] for part in parts]
        trained = [np.atleast_2d(part.trained) for part in parts]
        return cls(
            events=pd.concat(
                [part.events.assign(fold=number) for number, part in enumerate(parts, 1)], ignore_index=True
            ),
            logits=np.concatenate([part.logits for part in parts]),
            names=first.names,
            trained=np.concatenate(trained),
            model=np.concatenate(
                [
                    first_row + (np.zeros(len(part.events), np.int64) if part.model is None else part.model)
                    for part, first_row in zip(parts, np.cumsum([0, *map(len, trained[:-1])]), strict=True)
                ]
            ),
            controls=np.concatenate([part.controls[own] for part, own in zip(parts, at, strict=True)], 1)
            if kept
            else None,
            control_names=kept,
            control_notes=list(dict.fromkeys(notes)),
            average=first.average,
            n_averaged=None if first.n_averaged is None else np.concatenate([part.n_averaged for part in parts]),
            frames=first.frames,
            step_s=first.step_s,
            window_s=first.window_s,
            offset_s=first.offset_s,
            min_run_s=first.min_run_s,
            weights=first.weights,
            split=first.split,
            n_folds=len(parts),
            n_permutations=first.n_permutations,
            seed=first.seed,
            top_k=first.top_k,
            said=None if any(part.said is None for part in parts) else np.concatenate([part.said for part in parts]),
            ideal=None if any(part.ideal is None for part in parts) else np.concatenate([part.ideal for part in parts]),
            by_condition=first.by_condition,
            alike=alike_of([part.alike for part in parts]),
            scaled_by=sorted({source for part in parts for source in part.scaled_by}),
        )
