"""Features of clips: mel spectrograms, and the outputs of CNN14, VGGish and CLAP if they are given."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchaudio
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.evaluation.pairs import SFREQ, Sounds
from n2s.features.clap import CLAP
from n2s.metrics.spectrogram import unit_decibels
from n2s.models import cnn14 as cnn14_model
from n2s.models import vggish as vggish_model
from n2s.models.pretrained import frozen, full_float32
from n2s.progress import track
from n2s.studies.study import Stimulus

_CNN14_SHORTEST = 2 * SFREQ  # samples: audioldm_eval pads shorter clips with zeros
_BATCH = 16  # VGGish examples per batch

#: The scores that need each network, and how to get it.
NETWORKS = {
    "cnn14": ("FD, KL and identification by CNN14", f"{cnn14_model.GET[:-1]}: --cnn14 PATH."),
    "vggish": ("FAD", f"{vggish_model.GET[:-1]}: --vggish PATH."),
    "clap": (
        "CLAP score and identification by CLAP",
        "Name a Hugging Face id or a local folder: --clap laion/clap-htsat-unfused.",
    ),
}


@dataclass(frozen=True)
class Networks:
    """The networks that the user gave; None for the others."""

    cnn14: cnn14_model.Cnn14 | None = None
    vggish: vggish_model.VGGish | None = None
    clap: CLAP | None = None

    @classmethod
    def load(cls, *, cnn14_weights: Path | None, vggish_weights: Path | None, clap: str | None) -> "Networks":
        """Load from files or folders of weights, and an id or folder of CLAP."""
        feature = None if clap is None else CLAP(clap)
        if feature is not None:
            feature.n_features  # noqa: B018 (reports an unknown model now, not after minutes)
        return cls(
            None if cnn14_weights is None else frozen(cnn14_model.Cnn14.load(cnn14_weights), None),
            None if vggish_weights is None else frozen(vggish_model.VGGish.load(vggish_weights), None),
            feature,
        )


@dataclass(frozen=True)
class Heard:
    """The features of n clips."""

    mel: list[np.ndarray]  # (64, t) each, from 0 to 1
    embedding: np.ndarray | None  # (n, 2048) of CNN14
    logits: np.ndarray | None  # (n, 527)
    examples: list[np.ndarray] | None  # (l, 128) each, of VGGish
    clap: np.ndarray | None  # (n, 512), of length 1
    semantic: np.ndarray | None = None  # (n, d) of the feature that a decoder was trained to predict, z-scored


@torch.inference_mode()
def hear(sounds: Sounds, networks: Networks, console: Console) -> Heard:
    """Pass clips through each network, one by one: the features of one do not depend on its neighbours.

    Raises
    ------
    UserError
        A clip is too short for VGGish.
    """
    if networks.vggish is not None:
        _long_enough(sounds)
    embedding = logits = examples = clap = None
    with full_float32():
        if networks.clap is not None:
            clips = list(zip(sounds.paths.items(), sounds.durations_s(), strict=True))
            clap = np.concatenate(
                [
                    networks.clap.extract(Stimulus(name, path), np.zeros(1), duration_s)
                    for (name, path), duration_s in track(clips, "CLAP")
                ]
            )
        if networks.cnn14 is not None:
            found = [cnn14_hears(networks.cnn14, clip) for clip in track(sounds.audio, "CNN14")]
            embedding, logits = (np.stack(part) for part in zip(*found, strict=True))
        if networks.vggish is not None:
            examples = [vggish_hears(networks.vggish, clip) for clip in track(sounds.audio, "VGGish")]
    return Heard([evaluation_mel(clip) for clip in sounds.audio], embedding, logits, examples, clap)


def evaluation_mel(audio: Tensor) -> np.ndarray:
    """The mel spectrogram that audioldm_eval compares, ``(samples,) -> (64, t)``, from 0 (-80 dB) to 1 (20 dB).

    16 kHz, windows of 512 every 160 samples, magnitudes in 64 bands of 50 to 8000 Hz; the mean of the sound is removed.
    """
    transform = torchaudio.transforms.MelSpectrogram(
        SFREQ, n_fft=512, hop_length=160, n_mels=64, f_min=50, f_max=8000, power=1, norm="slaney", mel_scale="slaney"
    )
    return unit_decibels(transform((audio - audio.mean()).clamp(-1, 1)).numpy()).astype(np.float32)


def cnn14_hears(network: cnn14_model.Cnn14, audio: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Embedding (2048,) and logits (527,) of a clip (samples,): its mean is removed, and it is padded with zeros to 2 s."""
    clip = F.pad(audio - audio.mean(), (0, max(0, _CNN14_SHORTEST - len(audio))))
    embedding, logits = network(clip[None].to(network.fc1.weight.device))
    return embedding[0].cpu().numpy(), logits[0].cpu().numpy()


def vggish_hears(network: vggish_model.VGGish, audio: Tensor) -> np.ndarray:
    """Embeddings (l, 128) of a clip (samples,), one for each 0.96 s of it."""
    device = network.embeddings[0].weight.device
    parts = vggish_model.examples(audio).split(_BATCH)
    return torch.cat([network(part.to(device)).cpu() for part in parts]).numpy()


def _long_enough(sounds: Sounds) -> None:
    short = [name for name, clip in zip(sounds.paths, sounds.audio, strict=True) if len(clip) < vggish_model.SHORTEST]
    if short:
        more = f" and {len(short) - 5} more" if len(short) > 5 else ""
        raise UserError(
            f"{sounds.folder}: {len(short)} of {len(sounds)} clips are shorter than the "
            f"{vggish_model.SHORTEST / SFREQ} s that VGGish needs "
            f"({', '.join(short[:5])}{more}). Give longer clips, or leave out --vggish."
        )
