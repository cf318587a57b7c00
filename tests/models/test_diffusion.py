"""Training and sampling of AudioLDM 2 against plain loops over diffusers' own parts."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from diffusion_parts import PUBLISHED, small_unet, small_vae, small_vocoder

from n2s.errors import UserError
from n2s.models.diffusion import (
    DDIM,
    DPMSolver,
    LatentDiffusion,
    UniPC,
    clip_mel,
    denoising_loss,
    fit_autoencoder,
    sample,
    small_audioldm2,
)
from n2s.models.diffusion.sampling import clip_noise
from n2s.models.diffusion.training import dropped


@pytest.fixture(scope="module")
def model():
    return LatentDiffusion(small_unet(), small_vae(), small_vocoder(), DDIMScheduler(**PUBLISHED)).eval()


@pytest.fixture(scope="module")
def conditions():
    return torch.randn(3, 80, 24, generator=torch.Generator().manual_seed(0))


def latents_like(conditions, seed=0):
    shape = (len(conditions), 8, conditions.shape[1] // 2, 16)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class TestLoss:
    def test_equals_diffusers(self, model, conditions):
        """The same steps, noise and dropout, drawn again in their order."""
        latents = latents_like(conditions)
        loss = denoising_loss(model, latents, conditions, dropout=0.5, generator=torch.Generator().manual_seed(5))
        again = torch.Generator().manual_seed(5)
        steps = torch.randint(0, 1000, (3,), generator=again)
        noise = torch.randn(latents.shape, generator=again)
        lost = torch.rand(3, generator=again) < 0.5
        assert 0 < lost.sum() < 3
        noisy = DDPMScheduler(**{key: PUBLISHED[key] for key in list(PUBLISHED)[:6]}).add_noise(latents, noise, steps)
        predicted = model.unet(
            noisy,
            steps,
            encoder_hidden_states=torch.where(lost[:, None, None], torch.zeros(()), conditions),
            encoder_hidden_states_1=torch.zeros(3, 1, 40),
        ).sample
        assert loss.item() == pytest.approx((predicted - noise).square().mean().item(), rel=1e-6)

    def test_noise_follows_the_published_schedule(self, model):
        """alpha-bar from its definition: the square roots of beta are equally spaced."""
        betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64).square()
        kept = (1 - betas).cumprod(0)
        clean, noise = torch.ones(1000, 1, 1, 1), 2 * torch.ones(1000, 1, 1, 1)
        noisy = model.scheduler.add_noise(clean, noise, torch.arange(1000)).flatten()
        assert torch.allclose(noisy.double(), kept.sqrt() + 2 * (1 - kept).sqrt(), atol=1e-5)

    def test_caches_may_be_float16_and_the_unet_bfloat16(self, model, conditions):
        latents, tokens = latents_like(conditions).half(), conditions.half()
        losses = []
        for autocast in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                losses.append(denoising_loss(model, latents, tokens, generator=torch.Generator().manual_seed(0)))
        exact = denoising_loss(model, latents.float(), tokens.float(), generator=torch.Generator().manual_seed(0))
        assert losses[0].item() == exact.item()
        assert losses[1].dtype == torch.float32
        assert losses[1].item() == pytest.approx(exact.item(), rel=0.02)

    def test_conditions_are_dropped_per_sample_at_their_rate(self):
        given = torch.ones(4000, 2, 3)
        lost = dropped(given, 0.1, generator=torch.Generator().manual_seed(0)).flatten(1)
        assert torch.equal(lost.amin(1), lost.amax(1))  # all of a sample's condition or nothing
        assert 0.08 < 1 - lost[:, 0].mean() < 0.12
        assert torch.equal(given, torch.ones(4000, 2, 3))
        assert dropped(given, 0.0) is given

    @pytest.mark.parametrize("contexts", [(None, 24, 40), (None, 24)])
    def test_the_condition_matters_and_the_second_context_is_zeros(self, contexts, conditions):
        unet = small_unet(contexts=contexts)
        model = LatentDiffusion(unet, small_vae(), small_vocoder(), DDIMScheduler(**PUBLISHED)).eval()
        assert (model.condition_dim, model.second_dim) == (24, 40 if len(contexts) == 3 else None)
        latents, step = latents_like(conditions), torch.tensor(500)
        second = {"encoder_hidden_states_1": torch.zeros(3, 7, 40)} if len(contexts) == 3 else {}
        with torch.no_grad():
            found = model.predict(latents, step, conditions)
            # seven zeros are as one: nothing of them is attended to but biases
            assert torch.allclose(
                found, unet(latents, step, encoder_hidden_states=conditions, **second).sample, atol=1e-5
            )
            assert (found - model.predict(latents, step, conditions.flip(0))).abs().max() > 1e-3

    @pytest.mark.slow
    @torch.no_grad()
    def test_velocity_where_the_scheduler_says_so(self, conditions):
        """A perfect prediction of the velocity has no loss, and leads back to the clean latents."""
        scheduler = DDIMScheduler(**{**PUBLISHED, "prediction_type": "v_prediction"})
        model = LatentDiffusion(small_unet(), small_vae(), small_vocoder(), scheduler)
        clean, kept = latents_like(conditions), scheduler.alphas_cumprod

        def perfect(unet, given, result):
            share = kept[given[1]].reshape(-1, 1, 1, 1)
            noise = (given[0] - share.sqrt() * clean) / (1 - share).sqrt()
            return (share.sqrt() * noise - (1 - share).sqrt() * clean,)

        handle = model.unet.register_forward_hook(perfect)
        assert denoising_loss(model, clean, conditions) < 1e-6
        found = sample(model, conditions, list("abc"), sampler=DDIM(20, guidance=1.0))
        clipped = sample(model, conditions, list("abc"), sampler=DDIM(20, guidance=1.0, clip=1.5))
        handle.remove()
        start = torch.stack([clip_noise((8, 40, 16), 0, name) for name in "abc"])
        noise = (start - kept[951].sqrt() * clean) / (1 - kept[951]).sqrt()
        # as published, the last step leads to step 0, not to the clean latents: set_alpha_to_one is False
        assert (found - kept[0].sqrt() * clean - (1 - kept[0]).sqrt() * noise).abs().max() < 1e-3
        assert clipped.abs().max() < 1.5 + 5 * (1 - kept[0]).sqrt() < found.abs().max()

    @pytest.mark.parametrize(
        ("n_patch", "dim", "said"),
        [(80, 32, r"\(3, 80, 32\).*\(b, n_patch, 24\)"), (112, 24, "112 tokens, but.*160 frames; expected 80 tokens")],
    )
    def test_other_conditions_are_an_error(self, model, conditions, n_patch, dim, said):
        with pytest.raises(UserError, match=said):
            denoising_loss(model, latents_like(conditions), torch.zeros(3, n_patch, dim))


def plain_loop(model, scheduler, conditions, noise, n_steps, guidance):
    """Classifier-free guidance as in the pipelines of diffusers, one clip at a time, two calls a step."""
    clips = []
    for condition, start in zip(conditions[:, None], noise[:, None], strict=True):
        scheduler.set_timesteps(n_steps)
        latents = start * scheduler.init_noise_sigma
        for step in scheduler.timesteps:
            given, without = (
                model.unet(
                    scheduler.scale_model_input(latents, step),
                    step,
                    encoder_hidden_states=context,
                    encoder_hidden_states_1=torch.zeros(1, 1, 40),
                ).sample
                for context in (condition, torch.zeros_like(condition))
            )
            latents = scheduler.step(without + guidance * (given - without), step, latents).prev_sample
        clips.append(latents)
    return torch.cat(clips)


class TestSampling:
    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [(DDIM, DDIMScheduler), (DPMSolver, DPMSolverMultistepScheduler), (UniPC, UniPCMultistepScheduler)],
    )
    @torch.no_grad()
    def test_equals_the_loop_of_diffusers(self, model, conditions, ours, theirs):
        ids = ["story/0", "story/4", "other/0"]
        noise = torch.stack([clip_noise((8, 40, 16), 3, name) for name in ids])
        found = sample(model, conditions, ids, sampler=ours(6), seed=3)
        scheduler = theirs.from_config(DDIMScheduler(**PUBLISHED).config)
        expected = plain_loop(model, scheduler, conditions, noise, 6, 3.5)
        assert (found - expected).abs().max() < 1e-4 * expected.std()
        assert torch.equal(found[0], found[0])
        assert (found[0] - found[1]).abs().max() > expected.std()

    def test_defaults_are_the_published_ones(self):
        assert (DDIM().n_steps, DDIM().guidance) == (200, 3.5)
        assert (DPMSolver().n_steps, DPMSolver().guidance) == (25, 3.5)

    @pytest.mark.slow
    def test_a_clip_is_the_same_in_any_batch(self, model, conditions):
        """To 1e-4 of unit variance for latents, and of full scale for sound."""
        ids = ["a", "b", "c"]
        together = sample(model, conditions, ids, sampler=DPMSolver(8))
        alone = torch.cat(
            [sample(model, conditions[i : i + 1], ids[i : i + 1], sampler=DPMSolver(8)) for i in (2, 0, 1)]
        )
        alone = alone[[1, 2, 0]]
        assert (together - alone).abs().max() < 1e-4 * together.std()
        sounds = [model.sound(model.decode(latents / together.std()))[0] for latents in (together, alone)]
        assert (sounds[0] - sounds[1]).abs().max() < 1e-4

    def test_noise_is_a_function_of_seed_and_clip(self):
        shape = (8, 40, 16)
        torch.manual_seed(0)
        first = clip_noise(shape, 0, "a")
        torch.manual_seed(1)
        assert torch.equal(first, clip_noise(shape, 0, "a"))
        others = [clip_noise(shape, 1, "a"), clip_noise(shape, 0, "b"), clip_noise(shape, 0, "0/a")]
        for other in others:
            assert abs(torch.corrcoef(torch.stack([first.flatten(), other.flatten()]))[0, 1]) < 0.06
        assert abs(first.mean()) < 0.05
        assert abs(first.std() - 1) < 0.05

    @torch.no_grad()
    def test_guidance_of_one_is_the_plain_prediction(self, model, conditions):
        calls = []
        handle = model.unet.register_forward_hook(lambda unet, given, result: calls.append(len(given[0])))
        try:
            found = sample(model, conditions, list("abc"), sampler=DDIM(4, guidance=1.0))
        finally:
            handle.remove()
        assert calls == [3] * 4
        noise = torch.stack([clip_noise((8, 40, 16), 0, name) for name in "abc"])
        expected = plain_loop(model, DDIMScheduler(**PUBLISHED), conditions, noise, 4, 1.0)
        assert (found - expected).abs().max() < 1e-4 * expected.std()

    @pytest.mark.slow
    @torch.no_grad()
    def test_clipping_is_that_of_diffusers_and_works_in_every_sampler(self, model, conditions):
        ids, clip = list("abc"), 2.0
        found = sample(model, conditions, ids, sampler=DDIM(6, guidance=1.0, clip=clip))
        scheduler = DDIMScheduler(**{**PUBLISHED, "clip_sample": True, "clip_sample_range": clip})
        scheduler.set_timesteps(6)
        latents = torch.stack([clip_noise((8, 40, 16), 0, name) for name in ids])
        for step in scheduler.timesteps:
            noise = model.predict(latents, step, conditions)
            latents = scheduler.step(noise, step, latents, use_clipped_model_output=True).prev_sample
        assert (found - latents).abs().max() < 1e-4
        for sampler in (DPMSolver(6), UniPC(6)):
            without = sample(model, conditions, ids, sampler=sampler).abs().max()
            sampler.clip = clip
            assert sample(model, conditions, ids, sampler=sampler).abs().max() < clip + 0.01 < without

    def test_progress_is_told_and_training_goes_on(self, model, conditions):
        seen = []
        model.unet.train()
        sample(model, conditions, list("abc"), sampler=UniPC(3), progress=lambda done, all_: seen.append((done, all_)))
        assert seen == [(1, 3), (2, 3), (3, 3)]
        assert model.unet.training
        model.unet.eval()

    def test_nan_stops_and_says_where(self, model, conditions):
        calls = []

        def break_third(unet, given, result):
            calls.append(1)
            if len(calls) == 3:
                result[0][4, 0, 0, 0] = torch.nan  # of 3 without and 3 with a condition: the second clip
            return result

        handle = model.unet.register_forward_hook(break_third)
        try:
            with pytest.raises(UserError, match=r"at step 3 of 5, in 1 of 3 clips \(b\)"):
                sample(model, conditions, list("abc"), sampler=DDIM(5))
        finally:
            handle.remove()
        assert len(calls) == 3
        with pytest.raises(UserError, match=r"conditions have NaN.*before the first step, in 1 of 3 clips \(c\)"):
            sample(model, conditions.index_fill(0, torch.tensor([2]), torch.inf), list("abc"))

    @pytest.mark.parametrize(
        ("tokens", "ids", "sampler", "said"),
        [
            ((2, 81, 24), "ab", DDIM(2), "81 tokens; expected a multiple of 16"),
            ((2, 80, 768), "ab", DDIM(2), r"\(b, n_patch, 24\)"),
            ((2, 80, 24), "a", DDIM(2), "1 clip ids for 2 conditions"),
            ((2, 80, 24), "ab", DPMSolver(501), "501 steps; expected 500 at most"),
        ],
    )
    def test_other_input_is_an_error(self, model, tokens, ids, sampler, said):
        with pytest.raises(UserError, match=said):
            sample(model, torch.zeros(tokens), list(ids), sampler=sampler)

    def test_a_sampler_without_steps_is_an_error(self):
        with pytest.raises(UserError, match="n_steps is 0"):
            DDIM(0)
        with pytest.raises(UserError, match="clip is 0"):
            DPMSolver(clip=0)


class TestAutoencoder:
    def test_encode_and_decode_are_those_of_diffusers(self, model):
        mel = torch.randn(2, 160, 64, generator=torch.Generator().manual_seed(0))
        mean, std = model.encode(mel)
        posterior = model.vae.encode(mel[:, None]).latent_dist
        assert mean.shape == (2, 8, 40, 16)
        assert torch.allclose(mean, 0.41 * posterior.mean)
        assert torch.allclose(std, 0.41 * posterior.std)
        assert torch.allclose(model.decode(mean), model.vae.decode(posterior.mean).sample[:, 0], atol=1e-5)
        wav, _ = model.sound(model.decode(mean), 24000)
        assert wav.shape == (2, 24000)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(model.encode(mel)[0], mean)
            assert torch.equal(model.sound(model.decode(mean), 24000)[0], wav)

    @pytest.mark.parametrize("shape", [(2, 150, 64), (2, 160, 80), (160, 64), (2, 0, 64)])
    def test_another_mel_is_an_error(self, model, shape):
        with pytest.raises(UserError, match=r"expected \(b, l, 64\) with l a multiple of 32"):
            model.encode(torch.zeros(shape))

    @pytest.mark.slow
    def test_a_small_one_learns_to_reconstruct(self):
        model, t = small_audioldm2(), torch.arange(24000) / 16000
        hiss = 0.01 * torch.randn(4, 24000, generator=torch.Generator().manual_seed(0))
        wavs = [torch.sin(2 * torch.pi * (200 + 400 * i) * t) * (1 + torch.sin(12 * t + i)) for i in range(4)]
        mels = clip_mel(torch.stack(wavs) + hiss, 16000, 1.5)
        knowing_the_bands = (mels - mels.mean((0, 1))).abs().mean()
        errors = fit_autoencoder(model, mels, n_steps=60, batch=2, n_frames=32, lr=1e-2)
        mean, _ = model.encode(mels)
        assert len(errors) == 60
        assert (model.decode(mean) - mels).abs().mean() < 0.8 * knowing_the_bands
        assert mean.std().item() == pytest.approx(1, abs=1e-3)  # what the schedule of the noise is made for
        assert not any(parameter.requires_grad for parameter in model.vae.parameters())
        assert not model.vae.training

    def test_mels_to_fit_of_another_shape_are_an_error(self):
        with pytest.raises(UserError, match=r"mels of \(2, 64, 64\) in stretches of 96 frames"):
            fit_autoencoder(small_audioldm2(), torch.zeros(2, 64, 64))


class TestParts:
    def test_parts_that_do_not_fit_are_errors(self):
        with pytest.raises(UserError, match="latents of 4 channels, the autoencoder makes 8"):
            LatentDiffusion(small_unet(latent_channels=4), small_vae(), small_vocoder(), DDIMScheduler(**PUBLISHED))
        with pytest.raises(UserError, match="prediction_type is 'sample'; expected 'epsilon'"):
            scheduler = DDIMScheduler(**{**PUBLISHED, "prediction_type": "sample"})
            LatentDiffusion(small_unet(), small_vae(), small_vocoder(), scheduler)

    def test_a_small_model_is_the_same_for_one_seed_and_leaves_the_random_state(self):
        torch.manual_seed(7)
        state = torch.get_rng_state()
        one, two, other = small_audioldm2(3), small_audioldm2(3), small_audioldm2(4)
        assert torch.equal(state, torch.get_rng_state())
        weight = "mid_block.resnets.0.conv1.weight"
        assert torch.equal(one.unet.get_parameter(weight), two.unet.get_parameter(weight))
        assert not torch.equal(one.unet.get_parameter(weight), other.unet.get_parameter(weight))
        assert sum(parameter.numel() for parameter in one.parameters()) < 1_000_000
