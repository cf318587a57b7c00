"""What a test of written sentences leaves, as the console, the page and files show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from n2s.errors import first_of
from n2s.metrics.result import Drawing, Result, Shown, write_tables
from n2s.metrics.score import Scores
from n2s.report.figures import COLORS, PALETTE, blank_panels
from n2s.systems.said_text.summary import MEASURES, ROWS, Summary

LEVEL = 0.05
N_SHOWN = 20  # sentences on the page


@dataclass(eq=False)
class SaidTextResult(Result):
    """Decoded test sentences.

    Parameters
    ----------
    sentences
        One row a sentence: ``words``, ``phones`` (what was said, with spaces between), and what was found there: ``brain_greedy``,
        ``brain_phones``, ``brain_words``, the same of ``none`` (without a brain); ``subject``, ``recording``, ``condition``, ``unit``, ``fold``, ...
    others
        What was taken in place of decoded sentences: ``role`` (training sentences, random and constant; likeliest, of the language model), ``words``,
        ``phones``, ``fold``.
    settings
        How it was made: plain types.
    n_permutations, seed
        Of the null.
    """

    sentences: pd.DataFrame
    others: pd.DataFrame
    settings: dict
    n_permutations: int
    seed: int

    @cached_property
    def summary(self) -> Summary:
        """All numbers."""
        of_words = self.settings["language"] == "words"
        return Summary(self.sentences, self.others, of_words, self.n_permutations, self.seed)

    def scores(self) -> Scores:
        """See `Result`."""
        return self.summary.scores

    def facts(self) -> dict:
        """See `Result`."""
        return {
            "n_sentences": len(self.sentences),
            "n_texts": int(self.sentences.words.nunique()),
            "tests": {name: {"p_holm": p} for name, p in self.summary.p.items()},
            "settings": self.settings,
            "seed": self.seed,
        }

    def shown(self) -> list[Shown]:
        """See `Result`."""
        return [
            Shown(
                headline=self._headline(),
                scores=self.scores(),
                notes=self._notes(),
                tables=self._tables(),
                drawings=[self._drawing()],
                counts={
                    "sentences": len(self.sentences),
                    "texts": int(self.sentences.words.nunique()),
                    "subjects": len(self.summary.subjects),
                },
                files={"sentences (CSV)": "sentences.csv"},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: one row a sentence."""
        write_tables(folder, {"sentences": self.sentences}, digits=6)

    @classmethod
    def pooled(cls, parts: Sequence[Self]) -> Self:
        """See `Result`: a sentence is compared with others of its run, and with the training of its own fold."""
        first = parts[0]
        unknown = sorted({word for part in parts for word in part.settings["unknown_words"]})
        counted = {name: sum(part.settings[name] for part in parts) for name in ("n_seen", "n_train")}
        return cls(
            pd.concat([part.sentences.assign(fold=fold) for fold, part in enumerate(parts)], ignore_index=True),
            pd.concat([part.others.assign(fold=fold) for fold, part in enumerate(parts)], ignore_index=True),
            first.settings | counted | {"unknown_words": unknown, "n_folds": len(parts)},
            first.n_permutations,
            first.seed,
        )

    # -- how ----------------------------------------------------------------------------------------------------------

    def _headline(self) -> list[str]:
        summary, found = self.summary, []
        for name in summary.measures:
            rate, own = summary.rate(name, "model"), summary.scores.values[name]
            best = min((row for row in own if row != "model"), key=lambda row: own[row]["all subjects"].mean)
            p = summary.p[name]
            told = "< .001" if p < 0.001 else f"= {p:.3f}".replace("0.", ".")
            controls = f"the best control ({ROWS[best].label}) has {100 * own[best]['all subjects'].mean:.1f}%"
            what = MEASURES[name].label.removesuffix(" (%)")
            if p < LEVEL and not summary.beaten[name]:
                verdict = "The brain tells what was said"
            elif p < LEVEL:
                verdict = (
                    "The brain tells something of what was said, but a control is as good: this is no decoded text"
                )
            else:
                verdict = "Nothing shows that this is better than chance"
            found.append(
                f"{what.capitalize()}: {100 * rate:.1f}%; {controls}. {verdict} (p {told} against permuted sentences)."
            )
        return found

    def _notes(self) -> list[str]:
        made = self.settings
        found = [
            "Errors are edits (insertions, deletions, substitutions) by what was said: more than 100% is possible. Greedy: the most likely path, "
            "without any language model. Of a word with several pronunciations the phones are those that the brain makes likeliest.",
            f"Language model: {made['language']}, n-grams up to {made['order']}, of {made['n_train']} training sentences; weight {made['weight']:g}, "
            f"{'chosen by validation sentences' if made['n_val'] else 'not chosen: there are no validation sentences'}. Without a brain the same search has the network's answer to zeros.",
            f"Windows of {made['window_s']:g} s are decoded whole: the length of a test sentence is not told.",
            "p: sentences permuted within runs and conditions, in the same way for people who say the same, corrected for the number of scores (Holm).",
        ]
        if made["n_seen"]:
            found.append(
                f"{made['n_seen']} of {len(self.sentences)} test sentences were said in training, too ({made['split']}): of these, a network needs to "
                "know which one it is, and not their words. n2s.data.SplitBySentence holds out sentences."
            )
        if made["unknown_words"] and made["language"] == "words":
            found.append(
                f"Words whose phones training does not have, and that cannot be found: {first_of(made['unknown_words'], 10)}."
            )
        return found

    def _tables(self) -> dict[str, tuple[list[str], list[list[str]]]]:
        summary, found = self.summary, {}
        conditions = self.sentences.groupby("condition", sort=False).indices
        if len(conditions) > 1:
            headings = [
                "condition",
                "sentences",
                *(f"{MEASURES[name].label}: {row}" for name in summary.measures for row in ("brain", "permuted")),
            ]
            rows = []
            for condition, own in conditions.items():
                cells = [summary.rate(name, row, own) for name in summary.measures for row in ("model", "permuted")]
                rows.append([condition, str(len(own)), *("-" if one is None else f"{100 * one:.1f}" for one in cells)])
            found["Conditions"] = headings, rows
        chosen = np.unique(
            np.linspace(0, len(self.sentences) - 1, min(N_SHOWN, len(self.sentences))).round().astype(int)
        )
        columns = ("brain_words", "none_words") if "wer" in summary.measures else ("brain_phones", "none_phones")
        headings = ["condition", "said", "phones that were said", "phones, greedy", "found", "found without a brain"]
        shown = self.sentences.iloc[chosen]
        cells = zip(*(shown[name] for name in ("condition", "words", "phones", "brain_greedy", *columns)), strict=True)
        return found | {"Sentences": (headings, [[one or "(nothing)" for one in row] for row in cells])}

    def _drawing(self) -> Drawing:
        summary = self.summary
        figure, panels = blank_panels(len(summary.measures), width=3.0 * len(summary.measures) + 1.6, height=2.8)
        for axes, name in zip(panels, summary.measures, strict=True):
            for place, row in enumerate(ROWS):
                score = summary.scores.get(name, row)
                ends = (
                    None if score.low is None else [[100 * (score.mean - score.low)], [100 * (score.high - score.mean)]]
                )
                color = COLORS["model"] if row == "model" else PALETTE[1 + place]
                axes.errorbar(
                    100 * score.mean, -place, xerr=np.abs(ends) if ends else None, fmt="o", color=color, capsize=3
                )
            axes.set(title=MEASURES[name].label, yticks=-np.arange(len(ROWS)), ylim=(-len(ROWS) + 0.4, 0.6))
            axes.set_yticklabels([one.label for one in ROWS.values()] if axes is panels[0] else [])
            axes.title.set_fontsize(9)
            axes.grid(axis="x", alpha=0.3)
        caption = "Mean over subjects and 95% interval over sentences (of another sentence's brain: the middle 95% of draws). Fewer errors are better."
        return Drawing("Errors beside controls", figure, caption)
