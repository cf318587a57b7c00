"""A recording of nobody's study as responses to clips that begin anywhere in it: what a trained decoder of clips is given."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import mne
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from n2s.data.responses import VolumeWindow
from n2s.data.scaler import VoxelScale
from n2s.data.windows import WindowShape
from n2s.decoding.new_bold import NewBold, new_bold
from n2s.decoding.new_recording import NewRecording, prepared
from n2s.decoding.sensor_windows import sensor_windows
from n2s.decoding.trained import Trained
from n2s.errors import UserError, first_of
from n2s.options import check_choice, check_number
from n2s.studies.fmri import Bold
from n2s.systems.system import System

if TYPE_CHECKING:
    import nibabel


@dataclass(frozen=True)
class Responses:
    """``start_s (n,)`` of clips, s on the recording's clock; ``inputs``: what the network takes, some clips at once; ``said``: what was found."""

    start_s: np.ndarray
    inputs: Iterable[tuple[Tensor, ...]]
    said: list[str]


class Opened(ABC):
    """A recording that was read and prepared.

    Attributes
    ----------
    name
        Its name.
    network
        What decodes this person.
    usual_step_s
        From one clip to the next where nothing else is asked for, s.
    """

    name: str
    network: nn.Module
    usual_step_s: float

    @abstractmethod
    def cut(self, step_s: float | None) -> Responses:
        """The responses to clips that begin every ``step_s`` seconds; None: ``usual_step_s``.

        Raises
        ------
        UserError
            The recording is too short for one.
        """


class OpenedBold(Opened):
    """A run of BOLD.

    Parameters
    ----------
    system, trained
        A trained decoder of clips, and what it was trained on.
    recording, confounds, tr_s
        See `n2s.decoding.new_bold.new_bold`.
    subject
        Who it is: voxels are each person's own.
    scale
        Voxels are z-scored by the ``training`` clips of the person, or by this ``recording`` itself.
    """

    def __init__(
        self,
        system: System,
        trained: Trained,
        recording: "Path | str | Bold | nibabel.Nifti1Image",
        *,
        subject: str | None,
        scale: Literal["training", "recording"] = "training",
        confounds: Path | None = None,
        tr_s: float | None = None,
    ):
        check_choice("scale", scale, ("training", "recording"))
        plain = trained.front.plain
        self.trained, self.scale, self.person = trained, scale, known_person(system, trained, subject)
        self.response = VolumeWindow(plain["lag_s"], plain["window_s"], plain["volumes"])
        self.clip_s = float(plain["clip_s"])
        self.network = system.networks[system.subjects.index(self.person)]
        given = {"confounds": confounds, "tr_s": tr_s, "own_scale": scale == "recording"}
        self.new: NewBold = new_bold(recording, trained.front, self.person, **given)
        self.name, self.usual_step_s = self.new.name, self.new.tr_s

    def cut(self, step_s: float | None) -> Responses:
        """See `Opened`."""
        step_s = self.usual_step_s if step_s is None else step_s
        check_number("step_s", step_s, above=0)
        new, response = self.new, self.response
        last_s = new.duration_s - response.lag_s - response.lasts_s(self.clip_s)
        start_s = np.arange(0, max(last_s, -1e-6) + 1e-6, step_s)
        bounds, inside = np.zeros((0, 2), int), np.zeros(0, bool)
        if len(start_s):
            clips = pd.DataFrame({"time_s": start_s, "duration_s": self.clip_s})
            bounds, inside = response.bounds(clips, len(new.data), new.tr_s, new.name)
        if not inside.any():
            raise UserError(
                f"{new.name} has {len(new.data)} volumes of {new.tr_s:g} s; a response to a clip of {self.clip_s:g} s ends "
                f"{response.lag_s + response.lasts_s(self.clip_s):g} s after the clip began. Give a longer run."
            )
        every = np.ones(new.data.shape[1], bool)
        brain = response.cut(Bold(new.data, new.tr_s), bounds[inside], every, new.name)
        number = self.trained.subjects.index(self.person)
        own = VoxelScale(*(self.trained.front.arrays[f"{name}.{number}"] for name in ("mean", "deviation")))
        scaled = (own if self.scale == "training" else VoxelScale.fit(brain)).apply(brain)
        return Responses(start_s[inside], [(torch.from_numpy(scaled),)], self._said())

    def _said(self) -> list[str]:
        of = "of training clips" if self.scale == "training" else "of this run itself"
        window, lag_s = self.response.lasts_s(self.clip_s), self.response.lag_s
        said = [
            f"person: {self.person}, as in training",
            *self.new.said,
            f"clips of {self.clip_s:g} s, answered by the volumes {lag_s:g} to {lag_s + window:g} s later; scale {of}",
        ]
        shortest, longest = self.trained.front.plain["clips_s"]
        if longest - shortest > 0.05:
            said.append(
                f"clips of training last {shortest:g} to {longest:g} s; here each is {self.clip_s:g} s, their median"
            )
        return said


class OpenedSensors(Opened):
    """A recording of MEG or EEG.

    Parameters
    ----------
    system, trained
        A trained decoder of clips, and what it was trained on.
    recording
        See `n2s.decoding.new_recording.prepared`.
    subject
        Who it is; None: somebody new.
    shape
        Of a window.
    """

    usual_step_s = 1.0

    def __init__(
        self,
        system: System,
        trained: Trained,
        recording: Path | str | mne.io.BaseRaw,
        *,
        subject: str | None,
        shape: WindowShape,
    ):
        trained.number_of(subject)  # before the recording is read
        self.trained, self.subject, self.shape = trained, subject, shape
        (self.network,) = system.networks
        self.new: NewRecording = prepared(recording, trained.preparation())
        self.name = self.new.name

    def cut(self, step_s: float | None) -> Responses:
        """See `Opened`."""
        step_s = self.usual_step_s if step_s is None else step_s
        found = sensor_windows(
            self.new, self.trained, self.network, shape=self.shape, subject=self.subject, step_s=step_s
        )
        return Responses(found.start_s, found.inputs(), found.said)


def known_person(system: System, trained: Trained, subject: str | None) -> str:
    """``study/subject`` of somebody with a network; a UserError for anybody else."""
    if subject is None:
        raise UserError(
            f"{trained.name}: voxels are each person's own, so somebody new cannot be decoded. Say who it is (--subject), one of "
            f"{first_of(trained.subjects, 6)}; fit on somebody else first."
        )
    person = trained.number_of(subject)[1]
    if person not in system.subjects:
        raise UserError(f"{trained.name}: no network of {person}; it has {first_of(system.subjects, 6)}.")
    return person
