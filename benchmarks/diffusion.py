"""AudioLDM 2: seconds of sound per second against a loop over diffusers' parts, and a training step with and without caches.

python benchmarks/diffusion.py                  # small random weights, 8 clips of 4 s
python benchmarks/diffusion.py --full           # the published sizes with random weights: 15 minutes and 5 GB on one thread
python benchmarks/diffusion.py --threads 4

Each row is a process of its own, so that its memory is its own.
"""

import argparse
import resource
import subprocess
import sys
import time

DURATION_S, GUIDANCE = 4.0, 3.5
SAMPLING = {
    "diffusers, one by one, 25 steps": ("diffusers", 25),
    "diffusers, one batch, 25 steps": ("diffusers batch", 25),
    "n2s, one batch, 25 steps": ("n2s", 25),
    "n2s, one batch, 25 steps, bfloat16": ("bfloat16", 25),
    "n2s, one batch, DDIM 200 steps": ("ddim", 200),
}
TRAINING = {"latents and tokens cached": "cached", "latents and tokens computed": "computed"}


def built(full: bool):
    """The generator and the AudioMAE encoder of its tokens."""
    import torch

    from n2s.models import AudioMAE
    from n2s.models.diffusion import random_audioldm2, small_audioldm2

    torch.manual_seed(0)
    sizes = {} if full else {"dim": 48, "depth": 2, "n_heads": 4}
    encoder = AudioMAE(**sizes, decoder_dim=16, decoder_depth=0, decoder_heads=1).eval().requires_grad_(False)
    return (random_audioldm2() if full else small_audioldm2(condition_dim=48)), encoder


def diffusers_loop(model, tokens, n_steps: int, batch: int):
    """What the pipeline of diffusers does with its parts, batch by batch, without its text encoders."""
    import torch
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler.from_config(model.scheduler.config)
    sounds = []
    for condition in tokens.split(batch):
        scheduler.set_timesteps(n_steps)
        latents = torch.randn(len(condition), 8, 104, 16) * scheduler.init_noise_sigma
        context = torch.cat([torch.zeros_like(condition), condition])
        text = torch.zeros(len(context), 1, 1024)
        for step in scheduler.timesteps:
            both = scheduler.scale_model_input(torch.cat([latents, latents]), step)
            noise = model.unet(both, step, encoder_hidden_states=context, encoder_hidden_states_1=text).sample
            without, given = noise.chunk(2)
            latents = scheduler.step(without + GUIDANCE * (given - without), step, latents).prev_sample
        mel = model.vae.decode(latents / model.vae.config.scaling_factor).sample
        sounds.append(model.vocoder(mel.squeeze(1))[:, :64000])
    return torch.cat(sounds)


def sampled(row: str, full: bool, n_clips: int) -> None:
    """Print seconds of sound per second, and peak memory in GB."""
    import torch

    from n2s.models.diffusion import DDIM, DPMSolver, sample

    how, n_steps = SAMPLING[row]
    model, encoder = built(full)
    tokens = torch.randn(n_clips, 208, model.condition_dim)
    del encoder
    sampler = DDIM(n_steps, GUIDANCE) if how == "ddim" else DPMSolver(n_steps, GUIDANCE)

    def run(clips, sampler):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=how == "bfloat16"):
            if how.startswith("diffusers"):
                return diffusers_loop(model, clips, sampler.n_steps, n_clips if how.endswith("batch") else 1)
            latents = sample(model, clips, [str(index) for index in range(len(clips))], sampler=sampler)
            return model.sound(model.decode(latents), 64000)[0]

    run(tokens[:1], DPMSolver(1, GUIDANCE))  # warm
    start = time.perf_counter()
    sound = run(tokens, sampler)
    spent = time.perf_counter() - start
    assert sound.shape == (n_clips, 64000)
    print(f"{n_clips * DURATION_S / spent:.3f} {peak_gb():.2f}")


def trained(row: str, full: bool, n_clips: int) -> None:
    """Print seconds for a training step, and peak memory in GB."""
    import torch

    from n2s.features.audiomae import fbank, tiled
    from n2s.models.diffusion import choose_trained, clip_mel, denoising_loss

    model, encoder = built(full)
    wavs = 0.1 * torch.randn(n_clips, 64000)
    optimizer = torch.optim.AdamW(choose_trained(model, "lora" if full else "full"), 1e-4)

    @torch.no_grad()
    def computed():
        mean, std = model.encode(clip_mel(wavs, 16000, DURATION_S))
        spectrograms = torch.stack([fbank(tiled(wav, 16000), 16000) for wav in wavs])[:, None]
        return mean + std * torch.randn_like(std), encoder.encode(spectrograms, "contextual" if full else "last")[
            :, :208
        ]

    if TRAINING[row] == "cached":
        latents, tokens = torch.randn(n_clips, 8, 104, 16), torch.randn(n_clips, 208, model.condition_dim)
        del encoder

    def step():
        loss = denoising_loss(model, *((latents, tokens) if TRAINING[row] == "cached" else computed()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()  # warm
    n_steps = 2 if full else 10
    start = time.perf_counter()
    for _ in range(n_steps):
        step()
    print(f"{(time.perf_counter() - start) / n_steps:.3f} {peak_gb():.2f}")


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the published sizes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    n_clips, batch = (1, 1) if options.full else (8, 4)
    if options.measure:
        import torch

        torch.set_num_threads(options.threads)
        if options.measure in SAMPLING:
            sampled(options.measure, options.full, n_clips)
        else:
            trained(options.measure, options.full, batch)
        return
    size = "published sizes" if options.full else "small"
    print(f"AudioLDM 2, {size}, random weights, clips of {DURATION_S:g} s, {options.threads} threads")
    for title, rows in (
        (f"sampling {n_clips} clips, guidance {GUIDANCE}: s of sound per s", SAMPLING),
        (f"training ({'LoRA' if options.full else 'full'}), {batch} clips: s per step", TRAINING),
    ):
        print(f"{title:60} {'':>8} {'peak GB':>8}")
        for row in rows:
            command = [sys.executable, __file__, "--threads", str(options.threads), "--measure", row]
            done = subprocess.run(command + ["--full"] * options.full, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            rate, peak = done.stdout.split()[-2:]
            print(f"  {row:58} {rate:>8} {peak:>8}", flush=True)


if __name__ == "__main__":
    main()
