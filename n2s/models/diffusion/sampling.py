"""From noise to latents in some steps, guided by the condition; a clip is the same in any batch."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.diffusion.latent_diffusion import FRAMES_PER_TOKEN, SHRINK, LatentDiffusion
from n2s.models.diffusion.spectrogram import N_MELS
from n2s.options import check_number

if TYPE_CHECKING:
    from diffusers import SchedulerMixin


class Sampler(ABC):
    """How noise becomes latents.

    Parameters
    ----------
    n_steps
        Calls of the UNet for a batch, each with and without the condition. At most half of the schedule's.
    guidance
        Weight of the condition: 1 takes the prediction as it is (and costs half), more moves further away from the
        prediction without a condition. 3.5 is AudioLDM 2's.
    clip
        The clean latents that each step predicts are kept within this many standard deviations. None: no limit, as
        published. A UNet that predicts noise and has just begun to learn needs it (4): the error of its first steps is
        multiplied by 60, and what comes out has many times the right size.
    """

    def __init__(self, n_steps: int = 25, guidance: float = 3.5, clip: float | None = None) -> None:
        name = type(self).__name__
        check_number(f"{name}: n_steps", n_steps, low=1, whole=True)
        check_number(f"{name}: guidance", guidance, low=0)
        check_number(f"{name}: clip", clip, above=0, otherwise="null for no limit")
        self.n_steps, self.guidance, self.clip = n_steps, guidance, clip

    @abstractmethod
    def scheduler(self, like: "SchedulerMixin") -> "SchedulerMixin":
        """A fresh scheduler of diffusers with the noise schedule of ``like``."""


class DPMSolver(Sampler):
    """DPM-Solver++ of second order: 20 to 25 steps are enough. The default.

    References
    ----------
    Lu et al. 2022, DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models.
    """

    def scheduler(self, like: "SchedulerMixin") -> "SchedulerMixin":
        """DPMSolverMultistepScheduler."""
        from diffusers import DPMSolverMultistepScheduler  # 3 s

        return DPMSolverMultistepScheduler.from_config(like.config)


class UniPC(Sampler):
    """UniPC: a predictor and a corrector of one order; as many steps as `DPMSolver`.

    References
    ----------
    Zhao et al. 2023, UniPC: a unified predictor-corrector framework for fast sampling of diffusion models, NeurIPS.
    """

    def scheduler(self, like: "SchedulerMixin") -> "SchedulerMixin":
        """UniPCMultistepScheduler."""
        from diffusers import UniPCMultistepScheduler

        return UniPCMultistepScheduler.from_config(like.config)


class DDIM(Sampler):
    """DDIM without added noise, 200 steps: what AudioLDM 2 is published with.

    References
    ----------
    Song, Meng, Ermon 2021, Denoising diffusion implicit models, ICLR.
    """

    def __init__(self, n_steps: int = 200, guidance: float = 3.5, clip: float | None = None) -> None:
        super().__init__(n_steps, guidance, clip)

    def scheduler(self, like: "SchedulerMixin") -> "SchedulerMixin":
        """DDIMScheduler."""
        from diffusers import DDIMScheduler

        return DDIMScheduler.from_config(like.config)


@torch.no_grad()
def sample(
    model: LatentDiffusion,
    conditions: Tensor,
    clip_ids: Sequence[str],
    *,
    sampler: Sampler | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Latents of a batch of clips; `LatentDiffusion.decode` and `LatentDiffusion.sound` make them heard.

    The noise that a clip starts from is a function of seed and clip id, and no more is drawn: whatever else is in the
    batch, a clip comes out the same, within 1e-4 of the latents' unit variance in float32.

    Parameters
    ----------
    model
        Its UNet is put into evaluation mode meanwhile.
    conditions
        (b, n_patch, d), on the device of the model.
    clip_ids
        (b,) Whatever names a clip for good. Versions of one clip with the same id start from the same noise.
    sampler
        By default `DPMSolver` with 25 steps.
    seed
        Seed for the noise.
    progress
        Called after each step with the steps done and all steps.

    Returns
    -------
    Tensor
        (b, 8, n_patch / 2, 16) float32.

    Raises
    ------
    UserError
        Conditions of another width or length; ids that are not one a clip; NaN or infinite values on the way, with the
        step and the clips.
    """
    sampler = DPMSolver() if sampler is None else sampler
    model.check_conditions(conditions)
    if len(clip_ids) != len(conditions):
        raise UserError(f"sample: {len(clip_ids)} clip ids for {len(conditions)} conditions; expected one each.")
    _all_finite(conditions, clip_ids, "the conditions have NaN or infinite values before the first step")
    conditions = conditions.float()
    scheduler = sampler.scheduler(model.scheduler)
    longest = scheduler.config.num_train_timesteps // 2
    if sampler.n_steps > longest:
        # of 1000, 501 to 999 steps would be the first ones only: diffusers rounds their distance down
        raise UserError(f"sample: {sampler.n_steps} steps; expected {longest} at most.")
    scheduler.set_timesteps(sampler.n_steps, device=conditions.device)
    shape = (model.unet.config.in_channels, conditions.shape[1] * FRAMES_PER_TOKEN // SHRINK, N_MELS // SHRINK)
    latents = torch.stack([clip_noise(shape, seed, clip_id) for clip_id in clip_ids]).to(conditions.device)
    latents = latents * scheduler.init_noise_sigma
    training = model.unet.training
    model.unet.eval()
    try:
        for done, step in enumerate(scheduler.timesteps, start=1):
            scaled = scheduler.scale_model_input(latents, step)
            predicted = _guided(model, scaled, step, conditions, sampler.guidance).float()
            if sampler.clip is not None:
                predicted = _clipped(predicted, latents, step, scheduler, sampler.clip)
            latents = scheduler.step(predicted, step, latents, return_dict=False)[0]
            _all_finite(latents, clip_ids, f"NaN or infinite values at step {done} of {sampler.n_steps}")
            if progress is not None:
                progress(done, sampler.n_steps)
    finally:
        model.unet.train(training)
    return latents


def clip_noise(shape: tuple[int, ...], seed: int, clip_id: str) -> Tensor:
    """Standard normal noise that depends on seed and clip id alone; drawn on the CPU, so on any device the same."""
    digest = hashlib.sha256(f"{seed}/{clip_id}".encode()).digest()
    return torch.randn(shape, generator=torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1))


def _guided(model: LatentDiffusion, latents: Tensor, step: Tensor, conditions: Tensor, guidance: float) -> Tensor:
    """The UNet's prediction, moved away from the one without a condition; both in one batch."""
    if guidance == 1:
        return model.predict(latents, step, conditions)
    both = torch.cat([torch.zeros_like(conditions), conditions])
    without, given = model.predict(torch.cat([latents, latents]), step, both).chunk(2)
    return without + guidance * (given - without)


def _clipped(predicted: Tensor, latents: Tensor, step: Tensor, scheduler: "SchedulerMixin", clip: float) -> Tensor:
    """The prediction that leads to clean latents within +- clip."""
    kept = scheduler.alphas_cumprod[int(step)].item()
    signal, spread = kept**0.5, (1 - kept) ** 0.5
    if scheduler.config.prediction_type == "v_prediction":
        clean = signal * latents - spread * predicted
        return (signal * latents - clean.clamp(-clip, clip)) / spread
    clean = (latents - spread * predicted) / signal
    return (latents - signal * clean.clamp(-clip, clip)) / spread


def _all_finite(values: Tensor, clip_ids: Sequence[str], what: str) -> None:
    finite = values.flatten(1).isfinite().all(1)
    if not bool(finite.all()):
        bad = [str(clip_ids[index]) for index in (~finite).nonzero().flatten().tolist()]
        raise UserError(
            f"sampling stopped: {what}, in {len(bad)} of {len(clip_ids)} clips ({', '.join(bad[:3])}). Sample in float32 "
            "or bfloat16 instead of float16, with less guidance, or from a checkpoint before the loss became NaN."
        )
