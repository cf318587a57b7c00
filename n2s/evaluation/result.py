"""The result of a comparison of two folders of sounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from n2s.evaluation.sound_claims import claims_text, sound_claims
from n2s.evaluation.sound_measures import OF_LENGTHS, measures, score_of
from n2s.metrics.result import Result, Shown
from n2s.metrics.score import ALL, Row, Score, Scores

ROWS = {
    "generated": Row("generated"),
    "ceiling": Row("ceiling", "ceiling"),
    "shuffled": Row("exchanged among clips", "control"),
    "chance": Row("chance", "control"),
}


@dataclass
class EvaluationResult(Result):
    """The scores of a folder of generated sounds.

    Attributes
    ----------
    reference, generated, ceiling
        Folders; ``ceiling`` is None without one.
    n_clips
        Number of pairs of sounds.
    networks
        The networks used, by hash or name; None if not given.
    found
        Score -> its rows: see `n2s.evaluation.sound_scores.score_sounds`.
    absent
        Network -> the scores that are absent without it, and how to get it.
    notes
        Notes for the user about the sounds.
    units, n_units
        The independent units, in words, and their number.
    assumed
        A sentence: which clips are assumed to share a stimulus, and why.
    seed
        Seed for the exchanges.
    """

    reference: str
    generated: str
    ceiling: str | None
    n_clips: int
    networks: dict
    found: dict
    absent: dict
    notes: Sequence[str]
    units: str
    n_units: int
    assumed: str
    seed: int

    def scores(self) -> Scores:
        """See `Result`. There are no subjects."""
        values = {}
        for name, one in self.found.items():
            chance = None if one["chance"] is None else Score(one["chance"])
            rows = {row: score_of(one[row]) for row in ("generated", "ceiling", "shuffled")} | {"chance": chance}
            values[name] = {row: {ALL: score} for row, score in rows.items() if score is not None}
        # equal sounds have no finite PSNR, for every pair
        reasons = {}
        for name, one in self.found.items():
            if one["shuffled"] is None:
                reasons[name] = OF_LENGTHS
            elif one["shuffled"]["mean"] is None:
                reasons[name] = "Exchanged sounds have no finite score."
        return Scores(ROWS, measures(values, reasons), values)

    def shown(self) -> list[Shown]:
        """See `Result`."""
        headline = [
            f"{self.n_clips} generated sounds, compared with the true ones clip by clip and as sets.",
            *claims_text(sound_claims(self.found)),
        ]
        notes = [*self._intervals(), *(f"Note: {note}" for note in self.notes)]
        notes += [f"Absent: {reason}" for reason in self.absent.values()]
        return [Shown(headline=headline, scores=self.scores(), notes=notes, counts={"n_clips": self.n_clips})]

    def facts(self) -> dict:
        """See `Result`. ``scores`` has a folder's scores by row, without subjects: there are none."""
        return {
            "reference": self.reference,
            "generated": self.generated,
            "ceiling": self.ceiling,
            "n_clips": self.n_clips,
            "networks": self.networks,
            "scores": self.found,
            "absent": self.absent,
            "claims": sound_claims(self.found),
            "intervals": [*self.scores().kinds(), *self._intervals()],
            "notes": list(self.notes),
            "n_units": self.n_units,
            "seed": self.seed,
        }

    def _intervals(self) -> list[str]:
        lines = [
            "k-way: how often the true clip is the most alike of k different clips, by correlation",
            "each interval stands for itself: one in twenty misses its true value",
            self.assumed,
            f"exchanged among clips: generated sounds exchanged between {self.units}",
        ]
        if self.n_units < 2:
            lines[1] = f"no intervals: all clips are of one of the {self.units}"
        return lines
