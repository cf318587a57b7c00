"""What a test of speech to text leaves: transcripts, their error rates, and those of networks that know nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from n2s.metrics.edits import edit_distances
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.result import Drawing, Result, Shown
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.report.figures import COLORS, blank_panels
from n2s.systems.speech.examples import listening

ROWS = {
    "model": Row("network"),
    "untrained": Row("untrained network", "control"),
    "shuffled": Row("its transcripts of other clips", "control"),
    "constant": Row("one sentence of the training for all", "control"),
    "empty": Row("nothing written", "control"),
}
MEASURES = {
    "cer": Measure("characters wrong (%)", 100, 1, higher_is_better=False),
    "wer": Measure("words wrong (%)", 100, 1, higher_is_better=False),
}
_SHIFTS = 20  # other clips whose transcripts a clip is given
_SAMPLE = 150  # training transcripts among which the typical one is sought
_EXAMPLES = 20
_FEWEST = 10  # speakers for an interval over speakers


@dataclass(eq=False)
class TranscriptResult(Result):
    """Transcripts of the test clips.

    Parameters
    ----------
    clips
        One row a clip: ``text`` (what is said), ``model``, ``untrained`` (what the networks write), ``content``, ``speaker``,
        ``duration_s``.
    constant
        The training sentence that is most like all others.
    symbols
        The characters that the network can write.
    corpus
        Its name.
    hours
        Split -> hours of sound.
    seed
        Of the run, of the untrained network and of the shuffle.
    rate
        Of the sounds, Hz.
    sounds, places
        Clips to listen to: see `n2s.systems.speech.examples.listened`.
    """

    clips: pd.DataFrame
    constant: str
    symbols: list
    corpus: str
    hours: dict
    seed: int
    rate: int
    sounds: np.ndarray
    places: np.ndarray

    @cached_property
    def edits(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Score -> row -> (n,) edits of each clip; a mean over shuffles."""
        return {"cer": self._edits(list), "wer": self._edits(str.split)}

    def scores(self) -> Scores:
        """See `Result`."""
        values = {}
        for name in MEASURES:
            total = self._lengths[name]
            values[name] = {row: {ALL: self._score(edits, total)} for row, edits in self.edits[name].items()}
        return Scores(ROWS, MEASURES, values)

    def facts(self) -> dict:
        """See `Result`."""
        return {"n_clips": len(self.clips), "hours": self.hours, "seed": self.seed, "n_characters": len(self.symbols)}

    def shown(self) -> list[Shown]:
        """See `Result`."""
        scores = self.scores()
        cer, wer = (scores.get(name, "model").mean for name in MEASURES)
        best = min(scores.get("cer", row).mean for row, one in ROWS.items() if one.role == "control")
        n_words = int(self._lengths["wer"].sum())
        headline = [
            f"{self.corpus}: the network gets {100 * cer:.1f}% of characters and {100 * wer:.1f}% of words wrong, in "
            f"{len(self.clips)} clips with {n_words} words; the best control gets {100 * best:.1f}% of characters wrong."
        ]
        notes = [
            *scores.kinds(),
            "Edits (insertions, deletions, substitutions) over the characters or words that are said: more than 100% is possible. "
            "Transcripts are the most probable path, without a language model.",
            f"Seed {self.seed}. Hours of sound: "
            + ", ".join(f"{name} {hours:.2f}" for name, hours in self.hours.items())
            + ".",
        ]
        note = "Clips at equal distances in the test, with what is said in them and what is written."
        return [
            Shown(
                headline=headline,
                scores=scores,
                notes=notes,
                tables={"Transcripts": self._examples()},
                drawings=[self._distribution(), self._by_duration()],
                listening=listening("Clips", note, self.sounds, self.places, self.rate, self._told),
                counts={"clips": len(self.clips), "words": n_words},
            )
        ]

    # -- how ----------------------------------------------------------------------------------------------------------

    @cached_property
    def _lengths(self) -> dict[str, np.ndarray]:
        """(n,) characters and words that are said in each clip."""
        text = self.clips.text
        return {"cer": text.map(len).to_numpy(float), "wer": text.str.split().map(len).to_numpy(float)}

    def _edits(self, parts: Callable[[str], list]) -> dict[str, np.ndarray]:
        true = self.clips.text.map(parts).tolist()
        found = {row: self.clips[row].map(parts).tolist() for row in ("model", "untrained")}
        found |= {"constant": [parts(self.constant)] * len(true), "empty": [[]] * len(true)}
        counted = {row: edit_distances(said, true).astype(float) for row, said in found.items()}
        order = np.random.default_rng(self.seed).permutation(len(true))
        n_shifts = min(_SHIFTS, len(true) - 1)
        if n_shifts:
            pairs = [(np.roll(order, shift), order) for shift in range(1, n_shifts + 1)]
            said = [found["model"][i] for other, _ in pairs for i in other]
            of = [true[i] for _, own in pairs for i in own]
            shuffled = np.empty(len(true))
            shuffled[order] = edit_distances(said, of).reshape(n_shifts, -1).mean(0)
            counted["shuffled"] = shuffled
        return {row: counted[row] for row in ROWS if row in counted}

    def _score(self, edits: np.ndarray, total: np.ndarray) -> Score:
        by_speaker = self.clips.speaker.nunique() >= _FEWEST
        unit = (self.clips.speaker if by_speaker else self.clips.content).to_numpy(str)

        def rate(rows: np.ndarray) -> float | None:
            return float(edits[rows].sum() / total[rows].sum()) if total[rows].sum() else None

        found = jackknife_interval(rate, unit, bounds=(0.0, np.inf))
        kind = "" if found.low is None else f"95% jackknife interval over {'speakers' if by_speaker else 'sentences'}"
        return Score.of(found, kind)

    def _examples(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        chosen = np.unique(np.linspace(0, len(self.clips) - 1, min(_EXAMPLES, len(self.clips))).round().astype(int))
        rates = 100 * self.edits["cer"]["model"] / self._lengths["cer"]
        rows = [[self.clips.text[i], self.clips.model[i], f"{rates[i]:.0f}"] for i in chosen]
        return ("said", "written", "characters wrong (%)"), rows

    def _told(self, place: int) -> dict[str, str]:
        clip = self.clips.iloc[place]
        return {
            "said": clip.text,
            "network": clip.model or "(nothing)",
            "untrained": clip.untrained[:200] or "(nothing)",
        }

    def _distribution(self) -> Drawing:
        figure, (axes,) = blank_panels(1, width=7.5, height=3.4)
        bins = np.linspace(0, 1.5, 31)
        for row, color in (("shuffled", COLORS["shuffled"]), ("model", COLORS["model"])):
            if row in self.edits["cer"]:
                rate = np.minimum(self.edits["cer"][row] / self._lengths["cer"], 1.5)
                axes.hist(rate, bins, color=color, alpha=0.7, label=ROWS[row].label)
        axes.set(xlabel="characters wrong, share of a clip's", ylabel="clips")
        axes.legend(frameon=False)
        return Drawing(
            "Characters wrong in each clip",
            figure,
            f"The network's transcripts, and the same compared with other clips (mean over {_SHIFTS} of them). The last bar: 150% and more.",
        )

    def _by_duration(self) -> Drawing:
        figure, (axes,) = blank_panels(1, width=7.5, height=3.4)
        rate = self.edits["cer"]["model"] / self._lengths["cer"]
        axes.plot(self.clips.duration_s, 100 * rate, ".", color=COLORS["model"], alpha=0.5)
        axes.set(xlabel="length of the clip (s)", ylabel="characters wrong (%)", ylim=(0, None))
        return Drawing("Characters wrong by length", figure, "Each point is a test clip.")


def typical(transcripts: Sequence[str], seed: int) -> str:
    """The transcript that is most like others: the best guess of somebody who hears nothing. From a sample of 150."""
    rng = np.random.default_rng(seed)
    chosen = [transcripts[i] for i in rng.permutation(len(transcripts))[:_SAMPLE]]
    pairs = [(one, other) for one in chosen for other in chosen]
    edits = edit_distances([one for one, _ in pairs], [other for _, other in pairs])
    return chosen[int(edits.reshape(len(chosen), -1).sum(1).argmin())]
