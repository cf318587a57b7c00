"""Trained classifiers of events on a recording of nobody's study: the probability of each class, at events or over time."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch
from torch import nn

from n2s.config_classes import built
from n2s.data.event_bands import WHOLE
from n2s.data.event_windows import AtEvents, EventWindows
from n2s.data.windows import WindowShape
from n2s.decoding.asked import Asked, asked
from n2s.decoding.class_probabilities import ClassProbabilities, class_probabilities
from n2s.decoding.decoder import Decoder, Predicted
from n2s.decoding.new_recording import NewRecording, prepared
from n2s.decoding.sensor_windows import SensorWindows, sensor_windows
from n2s.decoding.trained import Trained
from n2s.errors import UserError, first_of
from n2s.models.any_network import call
from n2s.models.window_classifiers import WindowClassifier
from n2s.systems.event_classes.linear_fit import EVERYBODY, Fits, key
from n2s.systems.event_classes.loss import log_probabilities


class EventDecoder(Decoder):
    """Ask a classifier about windows at events, or on a grid.

    Parameters
    ----------
    trained
        What it was trained on.
    network
        It, for how it knows sensors.
    """

    takes = "sensors"
    example = ('"recording.fif", events="events.tsv"', "--recording recording.fif --events events.tsv")

    def __init__(self, trained: Trained, network: nn.Module):
        self.trained, self.network = trained, network
        plain = trained.front.plain
        if "class_names" not in plain:
            raise UserError(
                f"{trained.name}: it does not say which classes it knows: it is of an older version. Run n2s test again with its own config.yaml."
            )
        self.names, self.offset_s = list(plain["class_names"]), float(plain["event_offset_s"])
        self.windows = built(EventWindows, trained.options["windows"])
        self.shape = WindowShape(plain["sfreq"], plain["window_s"], 0.0, plain["baseline_s"])

    @abstractmethod
    def log_proba(self, windows: SensorWindows, person: str | None) -> np.ndarray:
        """(n, k) log-probabilities of windows; ``person``: ``study/subject``, None for somebody new."""

    def predict(
        self, recording: Path | str | mne.io.BaseRaw, *, subject: str | None = None, step_s: float = 1.0
    ) -> Predicted:
        """The probability of each class in windows on a grid, (n, k): see `Decoder`."""
        new = prepared(recording, self.trained.preparation())
        windows = self._windows(new, subject, None, step_s)
        return Predicted(np.exp(self._asked(windows, subject)), windows.start_s, ("window", "class"), windows.said)

    def decode(
        self,
        recording: Path | str | mne.io.BaseRaw,
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        step_s: float = 0.1,
        events: Path | str | pd.DataFrame | Sequence[float] | None = None,
    ) -> ClassProbabilities:
        """The probability of each class at events, or on a grid: see `Decoder`.

        Parameters
        ----------
        recording, subject
            See `Decoder`.
        candidates
            None: it compares no sounds.
        step_s
            From one window of the grid to the next, s; events have windows of their own.
        events
            When they are: see `n2s.decoding.asked.asked`. Labels among them are compared with what is decoded. None: a grid.

        Raises
        ------
        UserError
            Sounds are given; or see `n2s.decoding.sensor_windows.sensor_windows`.
        """
        if candidates:
            raise UserError(
                f"{self.trained.name} says which of {first_of(self.names, 4)} a window is, and compares no sounds: leave the sounds out, and say when the "
                "events are (--events events.tsv), or leave that out, too."
            )
        given = None if events is None else asked(events)
        new = prepared(recording, self.trained.preparation())
        windows = self._windows(new, subject, given, step_s)
        log_proba = self._asked(windows, subject)
        time_s, label = self._moments(windows, given)
        said = [*windows.said, *self._told(given)]
        found = {"names": self.names, "recording": new.name, "said": said}
        return class_probabilities(np.exp(log_proba), time_s, label, **found)

    def _asked(self, windows: SensorWindows, subject: str | None) -> np.ndarray:
        return self.log_proba(windows, self.trained.number_of(subject)[1])

    def _windows(self, new: NewRecording, subject: str | None, given: Asked | None, step_s: float) -> SensorWindows:
        start_s = None if given is None else self._begin(given)
        if given is not None and not ((start_s >= 0) & (start_s + self.shape.window_s <= new.duration_s)).any():
            raise UserError(
                f"{new.name} lasts {new.duration_s:.1f} s, and none of {len(start_s)} events ({given.onset_s[0]:.1f} to {given.onset_s[-1]:.1f} s) has its "
                "window inside. Expected seconds from the recording's first sample."
            )
        return sensor_windows(
            new, self.trained, self.network, shape=self.shape, subject=subject, step_s=step_s, start_s=start_s
        )

    def _begin(self, given: Asked) -> np.ndarray:
        """(n,) Start of the window of each event: of frames the event is in the middle."""
        if isinstance(self.windows, AtEvents):
            return given.at(self.windows.at) + self.offset_s
        return given.onset_s - self._half_s

    @property
    def _half_s(self) -> float:
        """From the start of a frame to its middle sample."""
        return self.shape.n_window // 2 / self.shape.sfreq

    def _moments(self, windows: SensorWindows, given: Asked | None) -> tuple[np.ndarray, np.ndarray]:
        """When each window's event is, s, and the class that the events name."""
        if given is None:
            away_s = -self.offset_s if isinstance(self.windows, AtEvents) else self._half_s
            return windows.start_s + away_s, np.full(len(windows), "", object)
        begin = self._begin(given)
        rows = np.flatnonzero(np.isin(begin, windows.start_s))
        texts = [str(one) for one in given.text[rows]]
        known = self.windows.classes.of(texts) if isinstance(self.windows, AtEvents) else {}
        label = [known.get(text) or (text if text in self.names else "") for text in texts]
        return given.onset_s[rows], np.array(label, object)

    def _told(self, given: Asked | None) -> list[str]:
        """How the classes are to be read."""
        said = []
        if isinstance(self.windows, AtEvents) and given is None:
            said.append(
                f"the network was trained on windows at {self.windows.kind}s; without events every moment of a grid is asked as if there were one: say when "
                "they are (events) to be sure"
            )
        average = self.trained.options.get("average") or 1
        if average > 1:
            said.append(
                f"the network was trained on means of {average} windows; here each window is decoded alone, which is harder"
            )
        return said


class NetworkOnEvents(EventDecoder):
    """A trained network."""

    @torch.inference_mode()
    def log_proba(self, windows: SensorWindows, person: str | None) -> np.ndarray:
        """See `EventDecoder`."""
        logits = torch.cat([call(self.network, *inputs) for inputs in windows.inputs()])
        return log_probabilities(logits.float().numpy())


class LinearOnEvents(EventDecoder):
    """Linear decoders of a person, or of everybody.

    Parameters
    ----------
    trained, network
        See `EventDecoder`.
    classifier
        Takes what was fitted.
    fits
        Person -> decoders.
    """

    def __init__(self, trained: Trained, network: nn.Module, classifier: WindowClassifier, fits: dict[str, Fits]):
        super().__init__(trained, network)
        self.classifier, self.fits = classifier, fits

    def log_proba(self, windows: SensorWindows, person: str | None) -> np.ndarray:
        """See `EventDecoder`."""
        own = self.fits.get(EVERYBODY, self.fits.get(person or "", {}))
        if not own:
            who = f"no decoder of {person}" if person else "somebody new has no decoder"
            raise UserError(
                f"{self.trained.name}: {who}: each person has one of their own, and it knows {first_of(self.fits, 6)}. Say who it is (subject), or fit with "
                "model.together true."
            )
        conditions = sorted({name.split("|")[1] for name in own if name == key(WHOLE, name.split("|")[1])})
        log_proba = np.log(np.mean([np.exp(self._of(own[key(WHOLE, one)], windows)) for one in conditions], axis=0))
        if len(conditions) > 1:
            windows.said.append(f"probabilities are the mean of the decoders of {', '.join(conditions)}")
        return log_proba

    def _of(self, state: dict, windows: SensorWindows) -> np.ndarray:
        self.classifier.load(state)
        return np.concatenate(
            [self.classifier.log_proba((brain * mask[..., None]).numpy()) for brain, _, _, mask, _ in windows.inputs()]
        )
