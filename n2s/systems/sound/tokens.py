"""The tokens that condition a diffusion: check their data, and decode all of them once."""

import numpy as np
import torch
from torch import Tensor

from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.features.audiomae_tokens import AudioMAETokens
from n2s.features.clip_spectrogram import ClipFbank
from n2s.models.brain_to_sound import ToSound
from n2s.systems.sound.latents import placed


def check_tokens(data: ClipData) -> None:
    """Raise a UserError if the data's target or spectrogram is not AudioMAE's."""
    if not isinstance(data.target, AudioMAETokens):
        raise UserError(
            f"BrainAudio makes sound from AudioMAE tokens; data.target is {type(data.target).__name__}. Use the target "
            "of the acoustic stage: n2s.features.AudioMAETokens."
        )
    if not isinstance(data.spectrogram, ClipFbank):
        raise UserError("BrainAudio needs data.spectrogram: set n2s.features.ClipFbank with the target's duration_s.")


@torch.no_grad()
def decoded_once(networks: list[ToSound], data: ClipData, meanings: Tensor | None, device: torch.device) -> Tensor:
    """Decode the tokens of all training rows, (n, n_patch, d) float16.

    Parameters
    ----------
    networks
        One per subject of the data.
    data
        Source of the brain responses.
    meanings
        (n, f) Predictions without the row's own fold; None without a semantic token.
    device
        Device of the networks.
    """
    table = data.splits["train"].table
    found = torch.zeros(len(table), *data.target.shape, dtype=torch.float16)
    for subject, network in enumerate(networks):
        rows = data.splits["train"].rows_of(subject)
        for some in np.array_split(rows, max(1, len(rows) // 64)):
            batch = data.batch("train", some).to(device)
            meaning = () if meanings is None else (placed(meanings[some], batch),)
            found[some] = network(*batch.inputs, *meaning).half().cpu()
    return found
