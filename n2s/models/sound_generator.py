"""Where a generator of sound comes from: published weights, or a small one that is made on the spot."""

from abc import ABC, abstractmethod

from torch import Tensor

from n2s.models.diffusion import LatentDiffusion, fit_autoencoder, load_audioldm2, small_audioldm2
from n2s.options import check_options


class SoundGenerator(ABC):
    """How a recipe names its latent diffusion."""

    #: Whether its autoencoder works as it comes; else `fit` makes it work.
    published: bool

    @abstractmethod
    def load(self, condition_dim: int) -> LatentDiffusion:
        """The latent diffusion, for tokens of this width; the same weights each time."""

    def fit(self, model: LatentDiffusion, mels: Tensor) -> None:  # noqa: B027 (published ones have nothing to fit)
        """Make the autoencoder work, from the mels ``(n, l, 64)`` of training clips."""


class PretrainedAudioLDM2(SoundGenerator):
    """AudioLDM 2 as it was published, or a folder of the same format; see `n2s.models.diffusion.load_audioldm2`.

    Parameters
    ----------
    id_or_folder
        ``full`` for sound and music, ``speech``, a Hugging Face id, or a folder.
    griffin_lim
        Make sound by Griffin-Lim: the folder then needs no vocoder.
    """

    published = True

    def __init__(self, id_or_folder: str = "full", *, griffin_lim: bool = False) -> None:
        self.id_or_folder, self.griffin_lim = id_or_folder, griffin_lim

    def load(self, condition_dim: int) -> LatentDiffusion:
        """See `SoundGenerator`."""
        return load_audioldm2(self.id_or_folder, condition_dim=condition_dim, griffin_lim=self.griffin_lim)


class SmallAudioLDM2(SoundGenerator):
    """A stand-in that needs no download: random weights, an autoencoder fitted to the training clips, and Griffin-Lim.

    Parameters
    ----------
    channels
        Channels of the UNet's levels, multiples of 8.
    autoencoder_steps, autoencoder_lr
        Steps and learning rate for the autoencoder.
    seed
        Seed for the weights and for that fit.
    """

    published = False

    def __init__(
        self,
        *,
        channels: tuple[int, int, int, int] = (16, 24, 32, 32),
        autoencoder_steps: int = 600,
        autoencoder_lr: float = 1e-2,
        seed: int = 0,
    ) -> None:
        check_options("SmallAudioLDM2: ", low=1, whole=True, channels=list(channels))
        check_options("SmallAudioLDM2: ", low=0, whole=True, autoencoder_steps=autoencoder_steps, seed=seed)
        check_options("SmallAudioLDM2: ", above=0, autoencoder_lr=autoencoder_lr)
        self.channels, self.seed = tuple(channels), seed
        self.autoencoder_steps, self.autoencoder_lr = autoencoder_steps, autoencoder_lr

    def load(self, condition_dim: int) -> LatentDiffusion:
        """See `SoundGenerator`."""
        return small_audioldm2(
            self.seed, condition_dim=condition_dim, channels=self.channels, variant="speech", placed=True
        )

    def fit(self, model: LatentDiffusion, mels: Tensor) -> None:
        """See `SoundGenerator`."""
        fit_autoencoder(model, mels, n_steps=self.autoencoder_steps, lr=self.autoencoder_lr, seed=self.seed)
