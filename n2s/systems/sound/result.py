"""The result of ``n2s predict`` for an audio run: the scores of each method's sounds, and some of the sounds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from re import sub
from typing import Self

import numpy as np
import pandas as pd

from n2s.evaluation.sound_claims import claims_text
from n2s.evaluation.sound_measures import kind_of, main_scores, measures, score_of
from n2s.features.audio import read_audio
from n2s.listening.manifest import STIMULUS
from n2s.metrics.result import Drawing, Listening, Result, Shown, Sound
from n2s.metrics.score import ALL, Row, Score, Scores
from n2s.models.diffusion.spectrogram import SFREQ
from n2s.systems.sound.figures import CHANCE, method_scores, true_and_decoded
from n2s.systems.sound.methods import METHODS
from n2s.systems.sound.over_subjects import mean_over, over_subjects, with_claims

EXCHANGED = "exchanged"
ROLES = {"shuffled": "control", "ceiling": "ceiling"}  # of methods; the others are models
CONTROLS = {EXCHANGED: Row("exchanged among clips", "control"), CHANCE: Row("chance", "control")}


@dataclass
class SoundResult(Result):
    """Scores of sounds by subject and method.

    Attributes
    ----------
    folder
        ``predictions`` of the run.
    found
        Subject -> method -> ``n_clips`` and ``scores``, which `n2s.evaluation.sound_scores.score_sounds` describes.
    units
        Subject -> the units of its intervals, in words.
    absent
        Network -> the scores that are absent without it, and how to get it.
    left_out
        Methods with fewer than two sounds of a subject.
    sounds
        One row per sound to show: ``subject``, ``clip``, ``method``, and ``path`` from ``folder``.
    seed
        Seed for the exchanges.
    """

    folder: str
    found: dict
    units: dict
    absent: dict
    left_out: list
    sounds: pd.DataFrame
    seed: int

    def __post_init__(self) -> None:
        self.over = over_subjects(self.found) if len(self.found) > 1 else {}
        self._scores = self._made_scores()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `Result`; sounds are found in the run's current folder."""
        return replace(super().load(folder), folder=str(folder.parent))

    def scores(self) -> Scores:
        """See `Result`. Rows are the methods, the exchanged sounds of the first one, and chance."""
        return self._scores

    def facts(self) -> dict:
        """See `Result`."""
        return {
            "subjects": {
                subject: {method: with_claims(**one) for method, one in methods.items()}
                for subject, methods in self.found.items()
            },
            "over_subjects": self.over,
            "units": self.units,
            "absent": self.absent,
            "left_out": self.left_out,
            "methods": METHODS,
            "seed": self.seed,
        }

    def shown(self) -> list[Shown]:
        """See `Result`: the mean of subjects if there are several, then each subject."""
        parts = [self._of_subject(subject) for subject in self.found]
        if self.over:
            n, scores = len(self.found), self.scores()
            drawn = [method_scores(scores, f"Mean of {n} subjects, with its 95% t interval")]
            mean = self._shown("mean of subjects", f"each of {n} subjects", self.over, scores, drawn)
            parts.insert(0, replace(mean, counts={"n_subjects": n}))
        return [replace(parts[0], notes=self._notes(parts[0].scores)), *parts[1:]] if parts else []

    def _of_subject(self, subject: str) -> Shown:
        methods, own = self.found[subject], self.sounds[self.sounds.subject == subject]
        clips = list(dict.fromkeys(own["clip"]))
        titles = dict(
            zip(own["clip"], own.title if "title" in own else own["clip"], strict=True)
        )  # older results have no titles
        path = {(row.clip, row.method): Path(self.folder) / row.path for row in own.itertuples()}
        sounds = {method: [_read(path.get((clip, method))) for clip in clips] for method in (STIMULUS, *methods)}
        scores = self.scores().of(subject)
        words = f"Mean over the clips that {subject} heard, with its 95% interval over {self.units[subject]}"
        listening = Listening(
            "Sounds to listen to",
            "Some clips, evenly taken from all. listening_open.html has more of them to compare; listening.html is for raters, without "
            "the names of the methods.",
            {
                _once(titles[clip], clip, titles): [
                    Sound(name, found[i], SFREQ, true=name == STIMULUS) for name, found in sounds.items()
                ]
                for i, clip in enumerate(clips)
            },
            columns=("", "", ""),
        )
        entries = {method: with_claims(**one) for method, one in methods.items()}
        drawn = [method_scores(scores, words), true_and_decoded(sounds, [titles[clip] for clip in clips], subject)]
        counts = {"n_clips": max((one["n_clips"] for one in methods.values()), default=0)}
        name = subject if len(self.found) > 1 else ""
        return replace(self._shown(name, subject, entries, scores, drawn), counts=counts, listening=listening)

    def _shown(self, name: str, who: str, entries: dict, scores: Scores, drawn: list[Drawing | None]) -> Shown:
        """A part, which begins with the claims about the first method."""
        headline = [f"No method has two sounds of clips that {who} heard."]
        if entries:
            method, first = next(iter(entries.items()))
            most = "up to " if entries is self.over else ""
            headline = [
                f"Sounds of {most}{first['n_clips']} clips that {who} heard, made by {len(entries)} methods.",
                *claims_text(first["claims"], f"the '{method}' sounds"),
            ]
        drawings = [one for one in drawn if one is not None]
        return Shown(name, headline, scores, main_scores(scores.measures), drawings=drawings)

    def _notes(self, scores: Scores) -> list[str]:
        """Notes for all parts: rows, intervals and absent scores."""
        shown = main_scores(scores.measures)
        n = sum(one[ALL].low is not None for name in shown for one in scores.values[name].values())
        absent = (sub(r"--(?=cnn14|vggish|clap)", "--model.sounds.", reason) for reason in self.absent.values())
        rows = self.scores().rows
        what = METHODS | {EXCHANGED: "the sounds of the first method, each compared with another clip"}
        return [
            *(f"{row.label}: {what[name]}" for name, row in rows.items() if name in what),
            f"The table has {n} intervals of 95%, each for itself: one in twenty misses its true value. Sentences about what "
            "is ahead are corrected for the number of tests.",
            "k-way: how often the true clip is the most similar one among k clips that the same subject heard, over all "
            "choices of the others. metrics.json has more of these scores.",
            *(f"Absent: {reason}" for reason in absent),
            *(f"Left out: {reason}" for reason in self.left_out),
        ]

    def _made_scores(self) -> Scores:
        names = dict.fromkeys(name for own in self.found.values() for one in own.values() for name in one["scores"])
        methods = [name for name in METHODS if any(name in own for own in self.found.values())]
        rows = {name: Row(name, ROLES.get(name, "model")) for name in methods} | CONTROLS
        values: dict[str, dict[str, dict[str, Score]]] = {}
        for name in names:
            found = {method: self._generated(name, method) for method in methods}
            found |= {EXCHANGED: self._exchanged(name), CHANCE: self._chance(name)}
            values[name] = {row: own for row, own in found.items() if own}
        reason = "A subject has no second sound to exchange, or exchanged sounds have no finite score."
        lacking = {name: reason for name, one in values.items() if not _controlled(one)}
        return Scores(rows, measures(values, lacking), values)

    def _generated(self, name: str, method: str) -> dict[str, Score]:
        """A method's score; empty if no subject has it."""
        entries = {subject: own[method]["scores"].get(name) for subject, own in self.found.items() if method in own}
        over = self.over.get(method, {}).get("scores", {}).get(name)
        return self._with_mean({s: one["generated"] for s, one in entries.items() if one}, over and over["generated"])

    def _exchanged(self, name: str) -> dict[str, Score]:
        """The score of the first method's sounds when they are exchanged among clips."""
        entries = {subject: next(iter(own.values()))["scores"].get(name) for subject, own in self.found.items() if own}
        rows = {subject: one["shuffled"] for subject, one in entries.items() if one and one["shuffled"]}
        over, kind = None, kind_of(name)
        if len(rows) == len(self.found) > 1 and all(row["mean"] is not None for row in rows.values()):
            over = mean_over(rows, (kind.low, kind.high))
        return self._with_mean(rows, over)

    def _with_mean(self, rows: dict[str, dict], over: dict | None) -> dict[str, Score]:
        own = {subject: score_of(row) for subject, row in rows.items()}
        if not own:
            return {}
        if len(self.found) == 1:
            return {ALL: next(iter(own.values()))} | own
        return {ALL: score_of(over) or Score(None, kind="not every subject has this score")} | own

    def _chance(self, name: str) -> dict[str, Score]:
        entries = {s: one["scores"].get(name) for s, own in self.found.items() for one in own.values()}
        own = {subject: Score(one["chance"]) for subject, one in entries.items() if one and one["chance"] is not None}
        return {ALL: next(iter(own.values()))} | own if own else {}


def _controlled(rows: dict[str, dict[str, Score]]) -> bool:
    """Whether a score has a control with a value, over all subjects and for each that has the score."""
    controls = [own for row, own in rows.items() if ROLES.get(row) == "control" or row in CONTROLS]
    known = {subject for own in controls for subject, score in own.items() if score.mean is not None}
    return {ALL, *(subject for own in rows.values() for subject in own)} <= known


def _read(path: Path | None) -> np.ndarray | None:
    return read_audio(path, SFREQ).numpy() if path is not None and path.is_file() else None


def _once(title: str, clip: str, titles: Mapping[str, str]) -> str:
    """A heading that no other clip has."""
    return title if list(titles.values()).count(title) == 1 else f"{title} ({clip})"
