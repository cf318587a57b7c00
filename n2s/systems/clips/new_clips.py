"""Trained decoders of clips on a recording of nobody's study: sounds ranked over time."""

from abc import ABC
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import mne
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.windows import WindowShape
from n2s.decoding.decoder import Decoder, Predicted
from n2s.decoding.placed import place_sounds
from n2s.decoding.ranked_sounds import RankedSounds, ranked_sounds
from n2s.decoding.sounds import Candidates, candidates_of
from n2s.decoding.trained import Trained
from n2s.options import check_number
from n2s.studies.fmri import Bold
from n2s.systems.clips.new_responses import Opened, OpenedBold, OpenedSensors, Responses, known_person
from n2s.systems.system import System

if TYPE_CHECKING:
    import nibabel

MEMORY_S = 12.0  # responses of BOLD last so long: shorter stretches are not exchangeable


class NewClips(Decoder, ABC):
    """The base: decode what was heard around each moment, and compare it with every stretch of some sounds.

    Parameters
    ----------
    system
        A trained `n2s.systems.clips.decoder.ClipDecoder`.
    trained
        What it was trained on.
    shape
        Of a clip's sound.
    memory_s
        How long a response lasts, s.
    """

    def __init__(self, system: System, trained: Trained, *, shape: WindowShape, memory_s: float):
        self.system, self.trained, self.shape, self.memory_s = system.eval(), trained, shape, memory_s

    @property
    def clip_s(self) -> float:
        """Length of a clip's sound, s."""
        return self.shape.duration_s

    @torch.inference_mode()
    def answers(self, opened: Opened, responses: Responses) -> Tensor:
        """(n, *shape) The decoded feature of each clip, in its own units."""
        return torch.cat([self.system.answer(opened.network, *inputs).float() for inputs in responses.inputs])

    def predicted(self, opened: Opened, step_s: float | None) -> Predicted:
        """The same (n, f), standardised as in training."""
        responses = opened.cut(step_s)
        found = self._standard(self.answers(opened, responses))
        return Predicted(found, responses.start_s, ("clip", "feature"), responses.said)

    def candidates(self, paths: Sequence[Path | str], step_s: float) -> Candidates:
        """Every stretch of some sounds."""
        check_number("candidate_step_s", step_s, above=0)
        return candidates_of(paths, self.trained.target(), self.trained.front, self.shape, step_s=step_s)

    def ranked(
        self, opened: Opened, sounds: Candidates, *, step_s: float | None, candidate_step_s: float, seed: int
    ) -> RankedSounds:
        """The stretches of sounds, ranked at each time, and where each sound began."""
        found = self.predicted(opened, step_s)
        targets = np.concatenate([one.flatten(1).numpy() for one in sounds.targets()])
        scores = _correlations(found.values, targets)
        window_s = max(self.clip_s, self.memory_s)
        places = place_sounds(
            scores, found.time_s, sounds.sound, sounds.start_s, step_s=candidate_step_s, window_s=window_s, seed=seed
        )
        table = pd.DataFrame(
            {
                "sound": np.array(sounds.names)[sounds.sound],
                "path": np.array([str(path) for path in sounds.paths])[sounds.sound],
                "start_s": sounds.start_s,
            }
        )
        given = {"recording": opened.name, "window_s": self.clip_s, "said": found.said}
        return ranked_sounds(scores, found.time_s, table, *places, **given)

    def _standard(self, values: Tensor) -> np.ndarray:
        mean, deviation = (self.trained.front.arrays[f"target.{name}"] for name in ("mean", "scale"))
        return (values.flatten(1).numpy() - mean.ravel()) / deviation.ravel()


class ClipsOfBold(NewClips):
    """Decode what was heard around every volume of BOLD.

    Parameters
    ----------
    system, trained
        See `NewClips`.
    """

    takes = "bold"
    example = (
        '"bold.nii.gz", candidates=["a.wav", "b.wav"], subject="01"',
        "--bold bold.nii.gz --audio a.wav b.wav --subject 01",
    )

    def __init__(self, system: System, trained: Trained):
        clip_s = float(trained.front.plain["clip_s"])
        shape = WindowShape(1000.0, clip_s, 0.0, 0.0)  # of a sound alone: the rate only rounds its length, to 1 ms
        super().__init__(system, trained, shape=shape, memory_s=MEMORY_S)

    def predict(
        self,
        recording: "Path | str | Bold | nibabel.Nifti1Image",
        *,
        subject: str | None = None,
        step_s: float | None = None,
        scale: Literal["training", "recording"] = "training",
        confounds: Path | None = None,
        tr_s: float | None = None,
    ) -> Predicted:
        """The estimated features of clips that start every ``step_s`` seconds (None: every volume), (n, f), standardised as in training.

        Parameters
        ----------
        recording, confounds, tr_s
            See `n2s.decoding.new_bold.new_bold`.
        subject
            Who it is: voxels are each person's own.
        step_s
            From one clip to the next, s.
        scale
            Voxels are z-scored by the ``training`` clips of the person, or by this ``recording`` itself.
        """
        given = {"subject": subject, "scale": scale, "confounds": confounds, "tr_s": tr_s}
        return self.predicted(OpenedBold(self.system, self.trained, recording, **given), step_s)

    def decode(
        self,
        recording: "Path | str | Bold | nibabel.Nifti1Image",
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        step_s: float | None = None,
        candidate_step_s: float = 0.5,
        scale: Literal["training", "recording"] = "training",
        confounds: Path | None = None,
        tr_s: float | None = None,
        seed: int = 0,
    ) -> RankedSounds:
        """Rank the stretches of some sounds at each time, and find when each sound began.

        Parameters
        ----------
        recording, subject, step_s, scale, confounds, tr_s
            See `predict`.
        candidates
            Sound files that may have been heard.
        candidate_step_s
            From one stretch of a sound to the next, s.
        seed
            Of the draws behind p.
        """
        known_person(self.system, self.trained, subject)  # before sounds are computed
        sounds = self.candidates(candidates, candidate_step_s)
        given = {"subject": subject, "scale": scale, "confounds": confounds, "tr_s": tr_s}
        opened = OpenedBold(self.system, self.trained, recording, **given)
        return self.ranked(opened, sounds, step_s=step_s, candidate_step_s=candidate_step_s, seed=seed)


class ClipsOfSensors(NewClips):
    """Decode what was heard in every window of MEG or EEG.

    Parameters
    ----------
    system, trained
        See `NewClips`.
    """

    takes = "sensors"

    def __init__(self, system: System, trained: Trained):
        plain = trained.front.plain
        self.window = WindowShape(plain["sfreq"], plain["window_s"], plain["offset_s"], plain["baseline_s"])
        super().__init__(system, trained, shape=self.window, memory_s=0.0)

    def predict(
        self, recording: Path | str | mne.io.BaseRaw, *, subject: str | None = None, step_s: float | None = None
    ) -> Predicted:
        """The estimated features of clips that start every ``step_s`` seconds (None: 1 s), (n, f), standardised: see `Decoder`."""
        return self.predicted(self._opened(recording, subject), step_s)

    def decode(
        self,
        recording: Path | str | mne.io.BaseRaw,
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        step_s: float | None = None,
        candidate_step_s: float = 0.5,
        seed: int = 0,
    ) -> RankedSounds:
        """Rank the stretches of some sounds in each window, and find when each sound began: see `Decoder`.

        Parameters
        ----------
        recording, candidates, subject, step_s
            See `Decoder`.
        candidate_step_s
            From one stretch of a sound to the next, s.
        seed
            Of the draws behind p.
        """
        sounds = self.candidates(candidates, candidate_step_s)
        opened = self._opened(recording, subject)
        return self.ranked(opened, sounds, step_s=step_s, candidate_step_s=candidate_step_s, seed=seed)

    def _opened(self, recording: Path | str | mne.io.BaseRaw, subject: str | None) -> OpenedSensors:
        return OpenedSensors(self.system, self.trained, recording, subject=subject, shape=self.window)


def _correlations(mine: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, f), (k, f) -> (n, k) correlation over features; 0 where one does not change."""

    def unit(values: np.ndarray) -> np.ndarray:
        centred = values - values.mean(1, keepdims=True)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return centred / np.where(length > 0, length, 1)

    return unit(mine.astype(np.float64)) @ unit(others.astype(np.float64)).T
