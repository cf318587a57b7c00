"""All numbers of decoded sentences: errors of phones and words, those of controls, permuted sentences and intervals."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from n2s.metrics.classification import p_above
from n2s.metrics.controls import holm
from n2s.metrics.cross_fitted import widened
from n2s.metrics.edits import edit_distances
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.label_draws import LabelPlaces, permutations
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.event_classes.draws import Draws

GREEDY, PHONES, WORDS = "per_greedy", "per", "wer"
MEASURES = {
    GREEDY: Measure("phones wrong, greedy (%)", 100, 1, higher_is_better=False),
    PHONES: Measure("phones wrong, language model (%)", 100, 1, higher_is_better=False),
    WORDS: Measure("words wrong (%)", 100, 1, higher_is_better=False),
}
OF = {
    GREEDY: ("greedy", "phones"),
    PHONES: ("phones", "phones"),
    WORDS: ("words", "words"),
}  # what is decoded, what is true
ROWS = {
    "model": Row("brain"),
    "permuted": Row("another sentence's brain", "control"),
    "none": Row("the same search, no brain", "control"),
    "likeliest": Row("the language model's likeliest text", "control"),
    "random": Row("a sentence of the training", "control"),
    "constant": Row("one sentence of the training for all", "control"),
}


@dataclass(eq=False)
class Summary:
    """Scores of the sentences of a `n2s.systems.said_text.result.SaidTextResult`; made once."""

    sentences: pd.DataFrame
    others: pd.DataFrame
    of_words: bool
    n_permutations: int
    seed: int

    @property
    def measures(self) -> list[str]:
        """Those that there are."""
        return [GREEDY, PHONES, *([WORDS] if self.of_words else [])]

    @cached_property
    def subjects(self) -> list[str]:
        """In the order of the sentences."""
        return list(dict.fromkeys(self.sentences.subject))

    @cached_property
    def lengths(self) -> dict[str, np.ndarray]:
        """Measure -> (n,) phones or words of each sentence."""
        return {name: self.sentences[OF[name][1]].str.split().map(len).to_numpy(float) for name in self.measures}

    @cached_property
    def edits(self) -> dict[str, dict[str, np.ndarray]]:
        """Measure -> row -> (n,) edits of each sentence; of ``random`` the mean over training sentences, of ``permuted`` over others of the run."""
        found = {}
        for name in self.measures:
            decoded, true = OF[name]
            truth = self._split(true)
            own = {
                row: edit_distances(self._split(f"{column}_{decoded}"), truth).astype(float)
                for row, column in (("model", "brain"), ("none", "none"))
            }
            for role in ("likeliest", "random", "constant"):
                own[role] = np.zeros(len(truth))
                for fold, rows in self.sentences.groupby("fold").indices.items():
                    texts = (
                        self.others[(self.others.role == role) & (self.others.fold == fold)][true].str.split().tolist()
                    )
                    pairs = [(text, truth[row]) for row in rows for text in texts]
                    edits = edit_distances([one for one, _ in pairs], [other for _, other in pairs])
                    own[role][rows] = edits.reshape(len(rows), -1).mean(1)
            own["permuted"] = np.zeros(len(truth))
            for rows, table in self._tables[name]:
                own["permuted"][rows] = (
                    (table.sum(0) - np.diag(table)) / max(len(rows) - 1, 1) if len(rows) > 1 else np.diag(table)
                )
            found[name] = own
        return found

    @cached_property
    def places(self) -> LabelPlaces:
        """Of the sentences: what they are permuted in, and who shares it."""
        return Draws(self.sentences.assign(label=0, text=self.sentences.words), window_s=0.0).places

    @cached_property
    def nulls(self) -> dict[str, np.ndarray]:
        """Measure -> (draws,) mean rate over subjects with sentences permuted within runs and conditions.

        In the same way for people who say the same sentences: their errors may be the same, and the null of their mean is then as wide as
        that of one.
        """
        found, n_folds = {}, self.sentences.fold.nunique()
        for name in self.measures:
            total = np.zeros((self.n_permutations, len(self.subjects)))
            subject = self.sentences.subject.to_numpy(str)
            for rows, table in self._tables[name]:
                who = self.subjects.index(subject[rows[0]])
                decoded, places = np.arange(len(rows)), self.places.some(rows)
                for part, drawn in permutations(decoded, places, self.n_permutations, self.seed):
                    total[part, who] += table[decoded, drawn].sum(1)
            lengths = [self.lengths[name][subject == one].sum() for one in self.subjects]
            found[name] = widened((total / lengths).mean(1), n_folds, bounds=(0.0, np.inf))
        return found

    @cached_property
    def p(self) -> dict[str, float]:
        """Measure -> p of the brain against permuted sentences, corrected for the number of measures (Holm)."""
        raw = [p_above(-self.rate(name, "model"), -self.nulls[name]) for name in self.measures]
        return dict(zip(self.measures, holm(np.array(raw)).tolist(), strict=True))

    def rate(self, name: str, row: str, rows: np.ndarray | None = None) -> float | None:
        """Mean over subjects of edits by phones or words that are said; of some sentences, or all. None if a subject has none."""
        edits, lengths, subject = self.edits[name][row], self.lengths[name], self.sentences.subject.to_numpy(str)
        own = np.zeros(len(edits), bool)
        own[slice(None) if rows is None else rows] = True
        parts = [own & (subject == one) for one in self.subjects]
        if not all(lengths[part].sum() for part in parts):
            return None
        return float(np.mean([edits[part].sum() / lengths[part].sum() for part in parts]))

    @cached_property
    def scores(self) -> Scores:
        """With intervals over sentences: those with the same words are one."""
        values = {}
        for name in self.measures:
            values[name] = {row: self._scored(name, row) for row in ROWS}
            low, high = np.quantile(self.nulls[name], [0.025, 0.975])
            drawn = Score(
                float(self.nulls[name].mean()),
                float(low),
                float(high),
                "middle 95% of draws of sentences permuted within runs",
            )
            values[name]["permuted"] = values[name]["permuted"] | {ALL: drawn}
        return Scores(ROWS, {name: MEASURES[name] for name in self.measures}, values)

    @cached_property
    def beaten(self) -> dict[str, list[str]]:
        """Measure -> rows of controls that have as few errors as the brain, or fewer."""
        return {
            name: [
                row
                for row, one in ROWS.items()
                if one.role == "control" and self.scores.get(name, row).mean <= self.rate(name, "model")
            ]
            for name in self.measures
        }

    def _scored(self, name: str, row: str) -> dict[str, Score]:
        text, found = self.sentences.words.to_numpy(str), {}
        interval = jackknife_interval(lambda rows: self.rate(name, row, rows), text, bounds=(0.0, np.inf))
        kind = "" if interval.low is None else "95% jackknife interval over sentences"
        found[ALL] = Score.of(interval, kind)
        for subject, rows in self.sentences.groupby("subject", sort=False).indices.items():
            total = self.lengths[name][rows].sum()
            found[subject] = Score(float(self.edits[name][row][rows].sum() / total)) if total else Score(None)
        return found

    @cached_property
    def _tables(self) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
        """Measure -> of each run and condition its rows, and (m, m) edits of what each was decoded as (down) against what each is (across)."""
        groups = self.sentences.groupby(["fold", "recording", "condition"], sort=False).indices.values()
        found = {}
        for name in self.measures:
            decoded, truth = self._split(f"brain_{OF[name][0]}"), self._split(OF[name][1])
            found[name] = []
            for rows in groups:
                pairs = [(decoded[one], truth[other]) for one in rows for other in rows]
                edits = edit_distances([one for one, _ in pairs], [other for _, other in pairs])
                found[name].append((rows, edits.reshape(len(rows), -1).astype(float)))
        return found

    def _split(self, column: str) -> list[list[str]]:
        return self.sentences[column].str.split().tolist()
