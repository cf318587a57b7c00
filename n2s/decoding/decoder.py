"""The port of trained decoders that take recordings from outside their studies."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from n2s.decoding.decoded import Decoded

if TYPE_CHECKING:
    import mne

#: A recording: a file (FIF, EDF, BDF, BrainVision, EEGLAB, CTF, KIT ..., or NIfTI for decoders of BOLD), or a raw recording of MNE.
Recorded = "Path | str | mne.io.BaseRaw"


@dataclass(frozen=True)
class Predicted:
    """What a network says of each window of a recording.

    Parameters
    ----------
    values
        (n, ...) of each window.
    time_s
        (n,) where each window starts, s on the recording's clock.
    axes
        Names of the axes of ``values``.
    said
        What was found and decided: whose scale, which sensors are missing.
    """

    values: np.ndarray
    time_s: np.ndarray
    axes: tuple[str, ...]
    said: list[str] = field(default_factory=list)


class Decoder(ABC):
    """A system's weights, with all that a recording of nobody's study needs: preparation, scales, sensors, people, the target.

    `n2s.systems.System.decoder` makes it; `n2s.load` gives it to users.
    """

    #: What it takes: ``sensors`` (MEG, EEG, iEEG) or ``bold``.
    takes: str = "sensors"
    #: How it is called, for model cards: what `n2s.load(...).decode` takes, and what follows ``n2s decode RUN``.
    example: tuple[str, str] = (
        '"recording.fif", candidates=["a.wav", "b.wav"]',
        "--recording recording.fif --audio a.wav b.wav",
    )

    @abstractmethod
    def predict(
        self, recording: "Path | str | mne.io.BaseRaw", *, subject: str | None = None, step_s: float = 1.0
    ) -> Predicted:
        """What the network says of windows that start every ``step_s`` seconds.

        Parameters
        ----------
        recording
            The recording.
        subject
            Who it is, if it is somebody of the training; None: somebody new.
        step_s
            From one window to the next, s.
        """

    @abstractmethod
    def decode(
        self,
        recording: "Path | str | mne.io.BaseRaw",
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        step_s: float = 1.0,
    ) -> Decoded:
        """What was heard, said or imagined in a recording.

        Parameters
        ----------
        recording, subject, step_s
            See `predict`.
        candidates
            Sound files that may have been heard, for systems that compare.
        """
