"""AudioLDM 2: seconds of sound per second beside a loop over diffusers' parts; a training step with and without caches.

python benchmarks/sound_speed.py                      # the published sizes, few steps; then a small model, batches of 1, 8, 32
python benchmarks/sound_speed.py --sizes small
python benchmarks/sound_speed.py --device cuda        # the published sizes in float32 and bfloat16, batches of 1, 8, 32

Weights are random, which does not change the speed. The loop is that of AudioLDM2Pipeline without its text encoders, with
the same UNet, noise, schedule and guidance; in float32 its latents must equal those of n2s. In bfloat16 its autoencoder and
vocoder also run in bfloat16, while n2s keeps them in float32: with few steps this is visible. Each row runs in its own
process, so that memory is measured separately: of the process on a CPU, torch's allocations on a GPU.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

GUIDANCE, N_VOXELS, N_SEMANTIC, SEED = 3.5, 768, 512, 0
CACHES = ("latents", "features", "conditions")  # in the order in which they are added


@dataclass(frozen=True)
class Row:
    """The measurement of one process: sampling if ``mode`` is None, else a training step in that mode."""

    label: str
    size: str
    batch: int
    duration_s: float
    device: str
    n_steps: int  # of the sampler, or of the training
    stock: bool = False
    bfloat16: bool = False
    mode: str | None = None
    n_caches: int = 0  # of CACHES


def rows(size: str, device: str) -> list[Row]:
    """All rows of a table."""
    if size == "small":
        plain = Row("", "small", 8, 1.5, device, 20)
        batches, precisions = (1, 8, 32), (False,)
        trained = replace(plain, n_steps=8)
    else:
        on_gpu = device == "cuda"
        plain = Row("", "full", 8 if on_gpu else 1, 4.0, device, 20 if on_gpu else 3)
        batches, precisions = ((1, 8, 32), (False, True)) if on_gpu else ((1,), (False, True))
        trained = replace(plain, n_steps=8 if on_gpu else 1, bfloat16=on_gpu)
    found = [
        replace(plain, label=f"{name}, batch {batch}, {kind}", batch=batch, stock=stock, bfloat16=bfloat16)
        for batch in batches
        for bfloat16, kind in zip(precisions, ("float32", "bfloat16"), strict=False)
        for name, stock in (("diffusers' parts", True), ("n2s", False))
    ]
    modes = {"full": "all of the UNet", "cross_attention": "cross-attention", "lora": "LoRA"}
    found += [replace(trained, label=f"{modes[mode]}, all cached", mode=mode, n_caches=len(CACHES)) for mode in modes]
    by_caches = range(len(CACHES)) if size == "small" or device == "cuda" else (0,)
    for n in by_caches:
        what = f"{' and '.join(CACHES[:n])} cached" if n else "nothing cached"
        found.append(replace(trained, label=f"{modes['lora']}, {what}", mode="lora", n_caches=n))
    return found


def built(row: Row):
    """The generator on the row's device."""
    import torch

    from n2s.models.diffusion import random_audioldm2, small_audioldm2

    torch.manual_seed(SEED)
    model = random_audioldm2() if row.size == "full" else small_audioldm2(condition_dim=48, prediction="epsilon")
    return model.eval().to(row.device)


def sampled(row: Row) -> tuple[float, float]:
    """Seconds of sound per second, and peak memory in GB."""
    import torch

    from n2s.models.audiomae import n_patches
    from n2s.models.diffusion import DPMSolver, sample

    model, n_samples = built(row), round(16000 * row.duration_s)
    tokens = torch.randn(row.batch, n_patches(row.duration_s), model.condition_dim).to(row.device)
    ids = [str(clip) for clip in range(row.batch)]

    def of_n2s(n_steps: int):
        latents = sample(model, tokens, ids, sampler=DPMSolver(n_steps, GUIDANCE), seed=SEED)
        return latents, model.sound(model.decode(latents), n_samples)[0]

    def run(n_steps: int):
        with torch.no_grad(), torch.autocast(row.device, torch.bfloat16, enabled=row.bfloat16):
            return of_stock(model, tokens, ids, n_steps, n_samples) if row.stock else of_n2s(n_steps)

    run(1)  # warm
    (latents, sound), spent = timed(lambda: run(row.n_steps), row.device)
    assert sound.shape == (row.batch, n_samples)
    peak = peak_gb(row.device)
    if row.stock and not row.bfloat16 and row.size == "small":
        torch.testing.assert_close(latents, of_n2s(row.n_steps)[0], rtol=1e-3, atol=1e-3)
    return row.batch * row.duration_s / spent, peak


def of_stock(model, tokens, ids: list[str], n_steps: int, n_samples: int):
    """Sample as AudioLDM2Pipeline does: both halves of the guidance in one batch, then autoencoder and vocoder."""
    import torch
    from diffusers import DPMSolverMultistepScheduler

    from n2s.models.diffusion.sampling import clip_noise

    scheduler = DPMSolverMultistepScheduler.from_config(model.scheduler.config)
    scheduler.set_timesteps(n_steps, device=tokens.device)
    shape = (model.unet.config.in_channels, tokens.shape[1] // 2, 16)
    latents = torch.stack([clip_noise(shape, SEED, clip) for clip in ids]).to(tokens.device)
    latents = latents * scheduler.init_noise_sigma
    context = torch.cat([torch.zeros_like(tokens), tokens])
    text = tokens.new_zeros(len(context), 1, model.second_dim)
    mask = torch.ones(len(context), 1, dtype=torch.int64, device=tokens.device)
    for step in scheduler.timesteps:
        noise = model.unet(
            scheduler.scale_model_input(torch.cat([latents] * 2), step),
            step,
            encoder_hidden_states=context,
            encoder_hidden_states_1=text,
            encoder_attention_mask_1=mask,
            return_dict=False,
        )[0].float()
        without, given = noise.chunk(2)
        latents = scheduler.step(without + GUIDANCE * (given - without), step, latents).prev_sample
    mel = model.vae.decode(latents / model.vae.config.scaling_factor).sample
    return latents, model.vocoder(mel.squeeze(1).float())[:, :n_samples].float()


def trained(row: Row) -> tuple[float, float]:
    """Seconds of a training step, and peak memory in GB. The step computes uncached parts from sound and voxels."""
    import torch

    from n2s.models.diffusion import choose_trained, denoising_loss

    model = built(row)
    made = []
    for index, make in enumerate((latents_of, features_of, conditions_of)):
        made.append(kept(make(row, model)) if index < row.n_caches else make(row, model))
    optimizer = torch.optim.AdamW(choose_trained(model, row.mode), 1e-4)
    model.unet.train()

    def step() -> float:
        with torch.autocast(row.device, torch.bfloat16, enabled=row.bfloat16):
            with torch.no_grad():
                (mean, deviation), true, decoded = (of() for of in made)
            told = torch.rand(row.batch, 1, 1, device=row.device) < 0.5
            latents = mean + deviation * torch.randn_like(mean)
            loss = denoising_loss(model, latents, torch.where(told, true, decoded))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    if row.n_steps > 1:
        step()  # warm: the optimizer's state is there afterwards
    _, spent = timed(lambda: [step() for _ in range(row.n_steps)], row.device)
    return spent / row.n_steps, peak_gb(row.device)


def kept(make: Callable) -> Callable:
    """Return one precomputed result again and again, without keeping the networks that made it."""
    import torch

    with torch.no_grad():
        value = make()
    return lambda: value


def latents_of(row: Row, model) -> Callable:
    """Mean and deviation of the latents of sounds."""
    import torch

    from n2s.models.diffusion import clip_mel

    wavs = 0.1 * torch.randn(row.batch, round(16000 * row.duration_s))
    return lambda: model.encode(clip_mel(wavs, 16000, row.duration_s).to(row.device))


def features_of(row: Row, model) -> Callable:
    """AudioMAE tokens of sounds."""
    import torch

    from n2s.features.audiomae import fbank, tiled
    from n2s.models import AudioMAE
    from n2s.models.audiomae import n_patches

    sizes = {} if row.size == "full" else {"dim": model.condition_dim, "depth": 8, "n_heads": 4}
    encoder = AudioMAE(**sizes, decoder_dim=16, decoder_depth=0, decoder_heads=1).eval().to(row.device)
    wavs = 0.1 * torch.randn(row.batch, round(16000 * row.duration_s))

    def make():
        seen = torch.stack([fbank(tiled(wav, 16000), 16000) for wav in wavs])[:, None].to(row.device)
        return encoder.encode(seen, "contextual" if row.size == "full" else "last")[:, : n_patches(row.duration_s)]

    return make


def conditions_of(row: Row, model) -> Callable:
    """Tokens decoded from voxels and meaning."""
    import torch

    from n2s.models import AcousticDecoder
    from n2s.models.acoustic_decoder import BrainTokens
    from n2s.models.audiomae import n_patches

    dim = model.condition_dim
    sizes = {} if row.size == "full" else {"depth": 1, "n_heads": 4, "hidden": 128}
    tokens = BrainTokens(N_VOXELS, N_SEMANTIC, dim=dim).to(row.device)
    decoder = AcousticDecoder(dim=dim, **sizes).to(row.device)
    voxels, meaning = (torch.randn(row.batch, n).to(row.device) for n in (N_VOXELS, N_SEMANTIC))
    return lambda: decoder(tokens(voxels, meaning), n_patches(row.duration_s))


def timed(run: Callable, device: str) -> tuple[object, float]:
    """The result of a call, and its time in s."""
    import torch

    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    wait()
    start = time.perf_counter()
    found = run()
    wait()
    return found, time.perf_counter() - start


def peak_gb(device: str) -> float:
    import torch

    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=["full", "small"], default=["full", "small"])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        import torch

        torch.set_num_threads(options.threads)
        row = Row(**json.loads(options.measure))
        print(*(trained if row.mode else sampled)(row))
        return
    where = f"{options.threads} threads" if options.device == "cpu" else "one GPU"
    for size in options.sizes:
        table = rows(size, options.device)
        print(f"\nAudioLDM 2, {size} size, random weights, clips of {table[0].duration_s:g} s, {where}")
        training = None
        for row in table:
            if training != (row.mode is not None):
                training = row.mode is not None
                title = (
                    f"training, batch {row.batch}, {'bfloat16' if row.bfloat16 else 'float32'}: s per step"
                    if training
                    else f"sampling, DPM-Solver++ {row.n_steps} steps, guidance {GUIDANCE}: s of sound per s"
                )
                print(f"{title:72} {'':>8} {'peak GB':>8}")
            command = [
                sys.executable,
                __file__,
                "--threads",
                str(options.threads),
                "--measure",
                json.dumps(asdict(row)),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{row.label}\n{done.stderr}")
            value, peak = map(float, done.stdout.split()[-2:])
            print(f"  {row.label:70} {value:8.3f} {peak:8.2f}", flush=True)


if __name__ == "__main__":
    main()
