"""A trained run that makes sounds, on a recording of nobody's study: what was heard, as sound."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import mne
import torch
from torch import Tensor

from n2s.decoding.decoder import Decoder
from n2s.decoding.made_sounds import MadeSounds, compared, made_table
from n2s.decoding.sounds import Candidates
from n2s.decoding.trained import Trained
from n2s.models.diffusion.spectrogram import SFREQ
from n2s.progress import track
from n2s.studies.fmri import Bold
from n2s.systems.clips.new_clips import ClipsOfBold, ClipsOfSensors, NewClips
from n2s.systems.clips.new_responses import Opened, OpenedBold, known_person
from n2s.systems.system import System

if TYPE_CHECKING:
    import nibabel

OVERLAP = 0.1  # of a clip: the next one fades in
NOISE = "new recording"  # all clips start from this noise: what differs between two of them is from the brain


class SoundsOfBold(ClipsOfBold):
    """Make sounds of what was heard in a run of BOLD.

    Parameters
    ----------
    system
        A trained `n2s.systems.BrainAudio`.
    trained
        What it was trained on.
    """

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
    ) -> MadeSounds:
        """Make the sound of clips that follow each other; of some sounds, say which was heard, and when.

        Parameters
        ----------
        recording, subject, scale, confounds, tr_s
            See `predict`.
        candidates
            Sound files that may have been heard; none are needed.
        step_s
            From one made sound to the next, s; None: nine tenths of a clip, so that they fade into each other.
        candidate_step_s
            From one stretch of a candidate to the next, s.
        seed
            Of the noise that sounds begin from, and of the draws behind p.
        """
        known_person(self.system, self.trained, subject)
        sounds = self.candidates(candidates, candidate_step_s) if len(candidates) else None
        given = {"subject": subject, "scale": scale, "confounds": confounds, "tr_s": tr_s}
        opened = OpenedBold(self.system, self.trained, recording, **given)
        return _made(self, opened, sounds, step_s=step_s, candidate_step_s=candidate_step_s, seed=seed)


class SoundsOfSensors(ClipsOfSensors):
    """Make sounds of what was heard in a recording of MEG or EEG.

    Parameters
    ----------
    system, trained
        See `SoundsOfBold`.
    """

    def decode(
        self,
        recording: Path | str | mne.io.BaseRaw,
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        step_s: float | None = None,
        candidate_step_s: float = 0.5,
        seed: int = 0,
    ) -> MadeSounds:
        """Make the sound of clips that follow each other; of some sounds, say which was heard, and when: see `SoundsOfBold.decode`."""
        sounds = self.candidates(candidates, candidate_step_s) if len(candidates) else None
        opened = self._opened(recording, subject)
        return _made(self, opened, sounds, step_s=step_s, candidate_step_s=candidate_step_s, seed=seed)


def sounds_decoder(system: System, trained: Trained) -> Decoder:
    """The one that takes what the run was trained on."""
    return (SoundsOfBold if trained.front.plain["kind"] == "bold" else SoundsOfSensors)(system, trained)


def _made(
    clips: NewClips,
    opened: Opened,
    sounds: Candidates | None,
    *,
    step_s: float | None,
    candidate_step_s: float,
    seed: int,
) -> MadeSounds:
    responses = opened.cut(round((1 - OVERLAP) * clips.clip_s, 3) if step_s is None else step_s)
    tokens = clips.answers(opened, responses)
    maker, size = clips.system.maker, clips.system.sounds.batch_size
    with torch.inference_mode():
        parts = track(tokens.split(size), "sounds", least=1)
        made = torch.cat([_sampled(clips.system, maker.stretched(part), seed) for part in parts]).numpy()
        no_brain = _sampled(clips.system, opened.network.mean[None], seed)[0].numpy()
    ranking, likeness = None, None
    if sounds is not None:
        ranking = clips.ranked(opened, sounds, step_s=None, candidate_step_s=candidate_step_s, seed=seed)
        paths = dict(zip(sounds.names, sounds.paths, strict=True))
        likeness = compared(made, no_brain, responses.start_s, SFREQ, sounds=ranking.sounds, paths=paths)
    table = made_table(responses.start_s, made, no_brain, ranking)
    return MadeSounds(
        table,
        opened.name,
        responses.said,
        made=made,
        no_brain=no_brain,
        rate=SFREQ,
        ranking=ranking,
        likeness=likeness,
    )


def _sampled(system: System, tokens: Tensor, seed: int) -> Tensor:
    return system.maker.from_tokens(tokens, [NOISE] * len(tokens), sampler=system.sounds.sampler, seed=seed)[0]
