"""AudioLDM 2 driven by AudioMAE tokens: loading, training, sampling, fine-tuning, and its spectrogram and vocoder."""

from n2s.models.diffusion.finetuning import RunningAverage, choose_trained, parameter_groups
from n2s.models.diffusion.latent_diffusion import LatentDiffusion
from n2s.models.diffusion.loading import load_audioldm2, save_audioldm2
from n2s.models.diffusion.lora import add_lora, load_lora, merge_lora, save_lora
from n2s.models.diffusion.sampling import DDIM, DPMSolver, Sampler, UniPC, sample
from n2s.models.diffusion.small import fit_autoencoder, random_audioldm2, small_audioldm2
from n2s.models.diffusion.spectrogram import clip_mel, log_mel, n_frames
from n2s.models.diffusion.training import denoising_loss
from n2s.models.diffusion.vocoder import GriffinLim, to_sound

__all__ = [
    "DDIM",
    "DPMSolver",
    "GriffinLim",
    "LatentDiffusion",
    "RunningAverage",
    "Sampler",
    "UniPC",
    "add_lora",
    "choose_trained",
    "clip_mel",
    "denoising_loss",
    "fit_autoencoder",
    "load_audioldm2",
    "load_lora",
    "log_mel",
    "merge_lora",
    "n_frames",
    "parameter_groups",
    "random_audioldm2",
    "sample",
    "save_audioldm2",
    "save_lora",
    "small_audioldm2",
    "to_sound",
]
