"""A trained network that writes sentences, on a recording of nobody's study: the words at each event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch
from torch import nn

from n2s.data.corpus_text import sentence
from n2s.data.windows import WindowShape
from n2s.decoding.asked import Asked, asked
from n2s.decoding.decoded import Decoded
from n2s.decoding.decoder import Decoder, Predicted
from n2s.decoding.new_recording import NewRecording, prepared
from n2s.decoding.sensor_windows import SensorWindows, sensor_windows
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.metrics.edits import edit_distances
from n2s.metrics.result import Shown
from n2s.models.any_network import call
from n2s.options import check_number
from n2s.systems.said_text.decoding import Decoder as Writer

N_SHOWN, N_DRAWS = 200, 1000


@dataclass(eq=False, kw_only=True, repr=False)
class WrittenSentences(Decoded):
    """What was written at each event.

    Attributes
    ----------
    table
        One row an event: ``time_s``, ``words`` (empty where the language model is one of phones), ``phones`` with it, ``phones_greedy`` without
        it, and ``label``: the text that the events name, "" where they name none.
    no_brain
        What is written without a brain, the same for every event.
    of_words
        Whether words are written, or phones alone.
    """

    no_brain: str
    of_words: bool

    def tables(self) -> dict[str, pd.DataFrame]:
        """See `Decoded`."""
        return {"sentences": self.table}

    @property
    def errors(self) -> tuple[float, float, float, float] | None:
        """Errors a word on events with a text: of what was written, of the texts written at other events (mean), of no brain, and p; None without two."""
        known = self.table[self.table.label != ""]
        if not self.of_words or known.label.nunique() < 2:
            return None
        true = [tuple(one.split()) for one in known.label]
        found = [tuple(one.split()) for one in known.words]
        n_words, rng = sum(map(len, true)), np.random.default_rng(0)
        own = edit_distances(found, true).sum() / n_words
        pairs = np.array([edit_distances([one] * len(true), true) for one in found])  # (written, said)
        drawn = np.array([pairs[rng.permutation(len(true)), np.arange(len(true))].sum() for _ in range(N_DRAWS)])
        nobody = edit_distances([tuple(self.no_brain.split())] * len(true), true).sum() / n_words
        p = float((1 + (drawn / n_words <= own + 1e-12).sum()) / (1 + N_DRAWS))
        return float(own), float(drawn.mean() / n_words), float(nobody), p

    def headline(self) -> list[str]:
        """What was found, in words."""
        lines = [f"{len(self.table)} sentences are written. Without a brain it is always “{self.no_brain}”."]
        found = self.errors
        if found is None:
            return [
                *lines,
                "Nobody says that these are right: without texts (trial_type in the events) there is no score.",
            ]
        own, others, nobody, p = found
        verdict = "fewer than texts of other events" if p < 0.05 else "no fewer than texts of other events"
        return [
            *lines,
            f"{100 * own:.0f}% of words are wrong: {verdict} ({100 * others:.0f}%, p = {p:.2g}); without a brain {100 * nobody:.0f}%.",
        ]

    def shown(self) -> Shown:
        """See `Decoded`."""
        names = ["words", "phones"] if self.of_words else ["phones", "phones_greedy"]
        rows = [
            [f"{one.time_s:.2f}", getattr(one, names[0]), getattr(one, names[1]), one.label or "-"]
            for one in self.table.head(N_SHOWN).itertuples()
        ]
        first = f" (the first {N_SHOWN})" if len(self.table) > N_SHOWN else ""
        heads = ["at (s)", *(name.replace("_", ", ") for name in names), "the events say"]
        return Shown(
            headline=self.headline(), notes=[*self.said, NOTE], tables={"Each sentence" + first: (heads, rows)}
        )


NOTE = (
    "Only words of the training sentences can be written, and a language model of these sentences makes every text fluent: compare it with what is written "
    "without a brain, and with the scores of the run's own test."
)


class SentencesOfSensors(Decoder):
    """Write what was heard, said or imagined at events.

    Parameters
    ----------
    network
        Trained.
    writer
        Words of its output.
    trained
        What it was trained on.
    weights
        Of the language model, from which a test chooses.
    """

    takes = "sensors"
    example = ('"recording.fif", events="events.tsv"', "--recording recording.fif --events events.tsv")

    def __init__(self, network: nn.Module, writer: Writer, trained: Trained, weights: Sequence[float]):
        self.network, self.writer, self.trained, self.weights = network.eval(), writer, trained, list(weights)
        plain = trained.front.plain
        self.offset_s = float(plain["event_offset_s"])
        self.shape = WindowShape(plain["sfreq"], plain["window_s"], 0.0, plain["baseline_s"])

    def predict(
        self, recording: Path | str | mne.io.BaseRaw, *, subject: str | None = None, step_s: float = 1.0
    ) -> Predicted:
        """Log-probabilities of phones, class 0 the blank, in windows on a grid, (n, l, k): see `Decoder`."""
        new = prepared(recording, self.trained.preparation())
        windows = self._windows(new, subject, step_s=step_s)
        return Predicted(self._log_probs(windows), windows.start_s, ("window", "step", "phone"), windows.said)

    def decode(
        self,
        recording: Path | str | mne.io.BaseRaw,
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        events: Path | str | pd.DataFrame | Sequence[float] | None = None,
        language_weight: float | None = None,
    ) -> WrittenSentences:
        """The words of each event: see `Decoder`.

        Parameters
        ----------
        recording, subject
            See `Decoder`.
        candidates
            None: it compares no sounds.
        events
            When sentences begin: see `n2s.decoding.asked.asked`. Texts among them are compared with what is written.
        language_weight
            Of the language model against the brain; None: the first of the run's ``model.weights``.

        Raises
        ------
        UserError
            Sounds are given, or no events; or see `n2s.decoding.sensor_windows.sensor_windows`.
        """
        if candidates:
            raise UserError(
                f"{self.trained.name} writes sentences, and compares no sounds: leave the sounds out, and say when the sentences are (--events events.tsv)."
            )
        if events is None:
            raise UserError(
                f"{self.trained.name} writes the sentence that begins at each event: say when they are (--events events.tsv, a table with a column onset, in s; "
                "in Python events=[1.0, 5.2] will do)."
            )
        check_number("language_weight", language_weight or 0.0, low=0)
        self.writer.weight = float(self.weights[0] if language_weight is None else language_weight)
        given = asked(events)
        new = prepared(recording, self.trained.preparation())
        windows = self._windows(new, subject, given=given)
        nothing = self._log_probs(windows, brain=False)[0]
        found = [self.writer(one) for one in self._log_probs(windows)]
        rows = np.flatnonzero(np.isin(given.onset_s + self.offset_s, windows.start_s))
        table = pd.DataFrame(
            {
                "time_s": given.onset_s[rows],
                "words": [" ".join(one.words) for one in found],
                "phones": [" ".join(one.phones) for one in found],
                "phones_greedy": [" ".join(one.greedy) for one in found],
                "label": [sentence(one) for one in given.text[rows]],
            }
        )
        unseen = self.writer(nothing)
        said = [*windows.said, f"weight of the language model: {self.writer.weight:g}"]
        text = " ".join(unseen.words if self.writer.of_words else unseen.phones)
        return WrittenSentences(table, new.name, said, no_brain=text, of_words=self.writer.of_words)

    def _windows(
        self, new: NewRecording, subject: str | None, *, step_s: float = 1.0, given: Asked | None = None
    ) -> SensorWindows:
        start_s = None if given is None else given.onset_s + self.offset_s
        if given is not None and not ((start_s >= 0) & (start_s + self.shape.window_s <= new.duration_s)).any():
            raise UserError(
                f"{new.name} lasts {new.duration_s:.1f} s, and none of {len(start_s)} events ({given.onset_s[0]:.1f} to {given.onset_s[-1]:.1f} s) has its "
                f"window of {self.shape.window_s:g} s inside. Expected seconds from the recording's first sample."
            )
        place = {"step_s": step_s, "start_s": start_s}
        return sensor_windows(new, self.trained, self.network, shape=self.shape, subject=subject, **place)

    @torch.inference_mode()
    def _log_probs(self, windows: SensorWindows, *, brain: bool = True) -> np.ndarray:
        """(n, l, k); without a brain of the first windows alone."""
        found = []
        for seen, *others in windows.inputs():
            found.append(call(self.network, seen if brain else torch.zeros_like(seen), *others).float().numpy())
            if not brain:
                break
        return np.concatenate(found)


def kept_language(words: Sequence[tuple[str, ...]], phones: Sequence[np.ndarray], lexicon: Mapping) -> dict:
    """What a checkpoint holds of the training sentences, in plain types: `Writer` learns from it again."""
    return {
        "words": [list(one) for one in words],
        "phones": [[int(one) for one in own] for own in phones],
        "lexicon": {word: [[int(one) for one in way] for way in ways] for word, ways in lexicon.items()},
    }
