"""Trained decoders of clips on a run of BOLD of nobody's study: sounds ranked over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import torch

from n2s.data.responses import VolumeWindow
from n2s.data.scaler import VoxelScale
from n2s.data.windows import WindowShape
from n2s.decoding.decoder import Decoder, Predicted
from n2s.decoding.new_bold import NewBold, new_bold
from n2s.decoding.placed import place_sounds
from n2s.decoding.ranked_sounds import RankedSounds, ranked_sounds
from n2s.decoding.sounds import candidates_of
from n2s.decoding.trained import Trained
from n2s.errors import UserError, first_of
from n2s.options import check_choice, check_number
from n2s.studies.fmri import Bold
from n2s.systems.system import System

if TYPE_CHECKING:
    import nibabel

MEMORY_S = 12.0  # responses of BOLD last so long: shorter stretches are not exchangeable


class ClipsOfBold(Decoder):
    """Decode what was heard around every volume, and compare it with every stretch of some sounds.

    Parameters
    ----------
    system
        A trained `n2s.systems.clips.decoder.ClipDecoder`.
    trained
        What it was trained on.
    """

    takes = "bold"

    def __init__(self, system: System, trained: Trained):
        plain = trained.front.plain
        if plain["kind"] != "bold":
            raise UserError(
                f"{type(system).__name__} of MEG decodes the clips of its own studies alone: put the recording into a study, and run n2s predict."
            )
        self.system, self.trained = system.eval(), trained
        self.response = VolumeWindow(plain["lag_s"], plain["window_s"], plain["volumes"])
        self.clip_s = float(plain["clip_s"])

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
        check_choice("scale", scale, ("training", "recording"))
        person = self._person(subject)
        new = new_bold(recording, self.trained.front, person, confounds=confounds, tr_s=tr_s)
        start_s, brain = self._responses(new, person, new.tr_s if step_s is None else step_s, scale)
        said = [f"person: {person}, as in training", *new.said, self._told(scale)]
        shortest, longest = self.trained.front.plain["clips_s"]
        if longest - shortest > 0.05:
            said.append(
                f"clips of training last {shortest:g} to {longest:g} s; here each is {self.clip_s:g} s, their median"
            )
        with torch.inference_mode():
            network = self.system.networks[self.system.subjects.index(person)]
            found = self.system.answer(network, torch.from_numpy(brain)).flatten(1).float().numpy()
        mean, deviation = (self.trained.front.arrays[f"target.{name}"] for name in ("mean", "scale"))
        return Predicted((found - mean) / deviation, start_s, ("clip", "feature"), said)

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
        check_number("candidate_step_s", candidate_step_s, above=0)
        self._person(subject)  # before sounds are computed
        shape = WindowShape(1000.0, self.clip_s, 0.0, 0.0)  # of a sound alone: the rate only rounds its length, to 1 ms
        sounds = candidates_of(candidates, self.trained.target(), self.trained.front, shape, step_s=candidate_step_s)
        found = self.predict(recording, subject=subject, step_s=step_s, scale=scale, confounds=confounds, tr_s=tr_s)
        targets = np.concatenate([one.flatten(1).numpy() for one in sounds.targets()])
        scores = _correlations(found.values, targets)
        places = place_sounds(
            scores,
            found.time_s,
            sounds.sound,
            sounds.start_s,
            step_s=candidate_step_s,
            window_s=max(self.clip_s, MEMORY_S),
            seed=seed,
        )
        table = pd.DataFrame(
            {
                "sound": np.array(sounds.names)[sounds.sound],
                "path": np.array([str(path) for path in sounds.paths])[sounds.sound],
                "start_s": sounds.start_s,
            }
        )
        name = Path(recording).name if isinstance(recording, str | Path) else "the run"
        given = {"recording": name, "window_s": self.clip_s, "said": found.said}
        return ranked_sounds(scores, found.time_s, table, *places, **given)

    def _person(self, subject: str | None) -> str:
        known = self.trained.subjects
        if subject is None:
            raise UserError(
                f"{self.trained.name}: voxels are each person's own, so somebody new cannot be decoded. Say who it is (--subject), one of {first_of(known, 6)}; "
                "fit on somebody else first."
            )
        person = self.trained.number_of(subject)[1]
        if person not in self.system.subjects:
            raise UserError(f"{self.trained.name}: no network of {person}; it has {first_of(self.system.subjects, 6)}.")
        return person

    def _responses(self, new: NewBold, person: str, step_s: float, scale: str) -> tuple[np.ndarray, np.ndarray]:
        """Starts of clips (n,), s, and their z-scored responses (n, v) or (n, k, v)."""
        check_number("step_s", step_s, above=0)
        last_s = new.duration_s - self.response.lag_s - self.response.lasts_s(self.clip_s)
        start_s = np.arange(0, max(last_s, -1e-6) + 1e-6, step_s)
        bounds, inside = np.zeros((0, 2), int), np.zeros(0, bool)
        if len(start_s):
            clips = pd.DataFrame({"time_s": start_s, "duration_s": self.clip_s})
            bounds, inside = self.response.bounds(clips, len(new.data), new.tr_s, new.name)
        if not inside.any():
            raise UserError(
                f"{new.name} has {len(new.data)} volumes of {new.tr_s:g} s; a response to a clip of {self.clip_s:g} s ends "
                f"{self.response.lag_s + self.response.lasts_s(self.clip_s):g} s after the clip began. Give a longer run."
            )
        start_s, bounds = start_s[inside], bounds[inside]
        every = np.ones(new.data.shape[1], bool)
        brain = self.response.cut(Bold(new.data, new.tr_s), bounds, every, new.name)
        number = self.trained.subjects.index(person)
        own = VoxelScale(*(self.trained.front.arrays[f"{name}.{number}"] for name in ("mean", "deviation")))
        return start_s, (own if scale == "training" else VoxelScale.fit(brain)).apply(brain)

    def _told(self, scale: str) -> str:
        of = "of training clips" if scale == "training" else "of this run itself"
        window = self.response.lasts_s(self.clip_s)
        return f"clips of {self.clip_s:g} s, answered by the volumes {self.response.lag_s:g} to {self.response.lag_s + window:g} s later; scale {of}"


def _correlations(mine: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, f), (k, f) -> (n, k) correlation over features; 0 where one does not change."""

    def unit(values: np.ndarray) -> np.ndarray:
        centred = values - values.mean(1, keepdims=True)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return centred / np.where(length > 0, length, 1)

    return unit(mine.astype(np.float64)) @ unit(others.astype(np.float64)).T
