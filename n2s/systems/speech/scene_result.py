"""What a test of acoustic scenes leaves: how likely each class is for each clip, and error rates beside chance."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from n2s.metrics.intervals import cluster_share_interval
from n2s.metrics.result import Drawing, Result, Shown
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.report.figures import blank_panels
from n2s.systems.speech.examples import listening

ROWS = {
    "model": Row("network"),
    "untrained": Row("untrained network", "control"),
    "frequent": Row("the most frequent classes of the training", "control"),
    "chance": Row("chance", "control"),
}
_TOP = 5
_MOST_NAMED = 40  # classes whose names fit beside a figure


@dataclass(eq=False)
class SceneResult(Result):
    """Classes of the test clips.

    Parameters
    ----------
    clips
        One row a clip: ``label``, ``content``, ``speaker``, ``duration_s``.
    model, untrained
        (n, k) Log-likelihood of each class.
    true
        (n,) Number of the class.
    classes
        Names of the k classes.
    counts
        (k,) Training clips of each class.
    corpus
        Its name.
    seed
        Of the run and of the untrained network.
    rate
        Of the sounds, Hz.
    sounds, places
        Clips to listen to: see `n2s.systems.speech.examples.listened`.
    """

    clips: pd.DataFrame
    model: np.ndarray
    untrained: np.ndarray
    true: np.ndarray
    classes: list
    counts: np.ndarray
    corpus: str
    seed: int
    rate: int
    sounds: np.ndarray
    places: np.ndarray

    @cached_property
    def ranks(self) -> dict[str, np.ndarray]:
        """Row -> (n,) classes that are at least as likely as the true one, itself left out."""
        rarer = np.argsort(np.argsort(-self.counts, kind="stable"))  # equally frequent ones in their order
        frequent = np.broadcast_to(-rarer, self.model.shape)
        found = {"model": self.model, "untrained": self.untrained, "frequent": frequent}
        own = np.arange(len(self.true)), self.true
        return {row: (values >= values[own][:, None]).sum(1) - 1 for row, values in found.items()}

    def scores(self) -> Scores:
        """See `Result`."""
        k, values, measures = len(self.classes), {}, {}
        for n in (1, _TOP) if k > 2 * _TOP else (1,):
            name, label = ("error", "class wrong (%)") if n == 1 else (f"error_top{n}", f"not among {n} classes (%)")
            measures[name] = Measure(label, 100, 1, higher_is_better=False)
            found = {row: {ALL: self._score(ranks >= n)} for row, ranks in self.ranks.items()}
            values[name] = found | {"chance": {ALL: Score(1 - n / k)}}
        return Scores(ROWS, measures, values)

    def facts(self) -> dict:
        """See `Result`."""
        return {"n_clips": len(self.clips), "n_classes": len(self.classes), "seed": self.seed}

    def shown(self) -> list[Shown]:
        """See `Result`."""
        scores = self.scores()
        error, chance = (100 * scores.get("error", row).mean for row in ("model", "chance"))
        headline = [
            f"{self.corpus}: the network names a wrong class for {error:.1f}% of {len(self.clips)} clips; {len(self.classes)} "
            f"classes, chance {chance:.1f}%."
        ]
        named = "The class that CTC most probably writes alone."
        note = "Clips at equal distances in the test, with their class and the class that is named."
        return [
            Shown(
                headline=headline,
                scores=scores,
                notes=[*scores.kinds(), f"{named} Seed {self.seed}."],
                tables={"Each class": self._by_class()},
                drawings=[self._confusions()],
                listening=listening("Clips", note, self.sounds, self.places, self.rate, self._told),
                counts={"clips": len(self.clips), "classes": len(self.classes)},
            )
        ]

    # -- how ----------------------------------------------------------------------------------------------------------

    @property
    def _named(self) -> np.ndarray:
        return self.model.argmax(1)

    def _score(self, wrong: np.ndarray) -> Score:
        unit = self.clips.speaker.where(self.clips.speaker != "", self.clips.content).to_numpy(str)
        if len(np.unique(unit)) < 2:
            return Score(float(wrong.mean()))
        return Score.of(cluster_share_interval(wrong.astype(float), unit), "95% interval over sounds")

    def _told(self, place: int) -> dict[str, str]:
        return {"class": self.clips.label[place], "network": self.classes[self._named[place]]}

    def _by_class(self) -> tuple[list[str], list[list[str]]]:
        rows = []
        for number, name in enumerate(self.classes):
            own = self._named[self.true == number]
            if not len(own):
                continue
            others = np.bincount(own[own != number], minlength=len(self.classes))
            taken = self.classes[int(others.argmax())] if others.any() else ""
            rows.append([name, str(self.counts[number]), str(len(own)), f"{100 * (own != number).mean():.0f}", taken])
        return ["class", "training clips", "test clips", "wrong (%)", "most often taken for"], rows

    def _confusions(self) -> Drawing:
        k = len(self.classes)
        table = np.zeros((k, k))
        np.add.at(table, (self.true, self._named), 1)
        share = table / np.maximum(table.sum(1, keepdims=True), 1)
        side = min(3.5 + 0.22 * k, 9.0)
        figure, (axes,) = blank_panels(1, width=side, height=side)
        image = axes.imshow(100 * share, vmin=0, vmax=100, cmap="Blues")
        if k <= _MOST_NAMED:
            axes.set_xticks(range(k), labels=self.classes, rotation=90)
            axes.set_yticks(range(k), labels=self.classes)
        axes.set(xlabel="named", ylabel="class")
        figure.colorbar(image, ax=axes, label="clips of the class (%)", shrink=0.7)
        return Drawing(
            "Classes and what they are taken for", figure, "Each row is a class, in shares of its test clips."
        )
