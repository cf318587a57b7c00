"""What the UNet is trained on: noise of a random step, and now and then no condition."""

from torch import Generator, Tensor, rand, randint, randn
from torch.nn import functional as F

from n2s.models.diffusion.latent_diffusion import LatentDiffusion

DROPOUT = 0.1  # of conditions (AudioLDM 2)


def denoising_loss(
    model: LatentDiffusion,
    latents: Tensor,
    conditions: Tensor,
    *,
    dropout: float = DROPOUT,
    generator: Generator | None = None,
) -> Tensor:
    """Mean squared error of the predicted noise (or velocity, if the scheduler is set so), a scalar.

    Each sample has its own step of the schedule, its own noise, and its own chance to lose its condition, so that the UNet
    also learns what to do without: classifier-free guidance needs that.

    Parameters
    ----------
    model
        Its UNet predicts.
    latents
        (b, 8, l / 4, 16) clean, scaled; a cache may hold them in float16, and the conditions too.
    conditions
        (b, n_patch, d)
    dropout
        Chance of a sample's condition to be zeros.
    generator
        Random generator for steps, noise and dropout, on the CPU or on the device of the latents; by default torch's own. A loss that is to
        be compared from epoch to epoch gets one with a fixed seed.

    Raises
    ------
    UserError
        Conditions of another width, or of other clips' length.
    """
    model.check_conditions(conditions, latents.shape[2])
    latents, conditions = latents.float(), conditions.float()
    device = generator.device if generator is not None else latents.device
    steps = randint(model.scheduler.config.num_train_timesteps, (len(latents),), generator=generator, device=device)
    noise = randn(latents.shape, generator=generator, device=device).to(latents.device)
    kept = dropped(conditions, dropout, generator=generator)
    steps = steps.to(latents.device)
    predicted = model.predict(model.scheduler.add_noise(latents, noise, steps), steps, kept)
    velocity = model.scheduler.config.prediction_type == "v_prediction"
    target = model.scheduler.get_velocity(latents, noise, steps) if velocity else noise
    return F.mse_loss(predicted.float(), target)


def dropped(conditions: Tensor, dropout: float, *, generator: Generator | None = None) -> Tensor:
    """Set the condition of each sample to zeros with a chance of ``dropout``, ``(b, n_patch, d) -> (b, n_patch, d)``."""
    if not dropout:
        return conditions
    device = generator.device if generator is not None else conditions.device
    lost = rand(len(conditions), generator=generator, device=device) < dropout
    return conditions.masked_fill(lost.to(conditions.device)[:, None, None], 0)
