"""Training steps at full size: the paper's MEG model on 306 channels, and AudioLDM 2; on a GPU or, small, on a CPU.

    python benchmarks/accelerator.py                    # pip install "n2s[bench]" for braindecode
    python benchmarks/accelerator.py --seconds 10       # a shorter look; --batch 64, --only "bf16, compiled"

MEG: 9.6 million weights, windows of 3 s at 120 Hz, 1024 features, Adam, with the Trainer and the datamodule of `n2s fit`;
for comparison, the stages of braindecode's BrainModule with the same head, loss and optimizer, fed by a DataLoader.
AudioLDM 2: published sizes with random weights, latents and tokens of 4 s from a cache. Each row runs in its own process.
Utilisation is relative to the GPU's data sheet at the row's precision, or to a measured product of matrices.
"""

import argparse
import contextlib
import functools
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

EPOCH = 300_000  # windows: Gwilliams 2022, a window each half second
N_SENSORS, N_FEATURES, SFREQ, RATE, MINUTES, N_SUBJECTS = 306, 1024, 120.0, 50.0, 5.0, 4
WARMUP = 3
# row: (whose, precision, compiled, residency); "tf32": float32 with the tensor cores' shorter products
MEG = {
    "n2s, float32": ("n2s", "32-true", False, "device"),
    "n2s, TF32": ("n2s", "tf32", False, "device"),
    "n2s, bf16": ("n2s", "bf16-mixed", False, "device"),
    "n2s, float32, compiled": ("n2s", "32-true", True, "device"),
    "n2s, bf16, compiled": ("n2s", "bf16-mixed", True, "device"),
    "n2s, bf16, compiled, host": ("n2s", "bf16-mixed", True, "host"),
    "n2s, float32, host": ("n2s", "32-true", False, "host"),
    "braindecode, float32, DataLoader": ("braindecode", "32-true", False, "loader"),
    "braindecode, TF32, DataLoader": ("braindecode", "tf32", False, "loader"),
    "braindecode, bf16, DataLoader": ("braindecode", "bf16-mixed", False, "loader"),
    "braindecode, bf16, compiled, DataLoader": ("braindecode", "bf16-mixed", True, "loader"),
}
# row: (what learns, precision, compiled)
SOUND = {
    "AudioLDM 2, LoRA, float32": ("lora", "32-true", False),
    "AudioLDM 2, LoRA, bf16": ("lora", "bf16-mixed", False),
    "AudioLDM 2, all, float32": ("full", "32-true", False),
    "AudioLDM 2, all, bf16": ("full", "bf16-mixed", False),
    "AudioLDM 2, all, bf16, compiled": ("full", "bf16-mixed", True),
}
NOT_ON_CPU = ("TF32", "AudioLDM 2, all", "braindecode, bf16, compiled")


def timed_callback(seconds: float, device, clock):
    """A callback that times training steps after a warm-up, counts the operations of one more, and stops."""
    import torch
    from lightning.pytorch import Callback
    from torch.utils.flop_counter import FlopCounterMode

    from n2s.profiling.batch import n_windows
    from n2s.profiling.memory import peak_bytes
    from n2s.profiling.peak import synchronize

    class Timed(Callback):
        n, windows, start_s, found = 0, 0, 0.0, None

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            self.n += 1
            if self.found is not None:
                self.counting.close()
                self.found["operations"] = self.counter.get_total_flops() / n_windows(batch)
                trainer.should_stop = True
            elif self.n == WARMUP:
                synchronize(device)
                if device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats(device)
                self.start_s = clock()
            elif self.n > WARMUP:
                self.windows += n_windows(batch)
                if clock() - self.start_s > seconds:
                    synchronize(device)
                    spent = clock() - self.start_s
                    self.found = {"rate": self.windows / spent, "peak_gb": peak_bytes(device) / 1e9}
                    self.counting = contextlib.ExitStack()
                    self.counting.enter_context(torch.compiler.set_stance("force_eager"))
                    self.counter = self.counting.enter_context(FlopCounterMode(display=False))

    return Timed()


def study(root: Path):
    """Noise with the paper's numbers of channels and features, already at the model's rate."""
    import mne
    import numpy as np

    from n2s.studies import Frames, Recording, Study
    from n2s.studies.events import events_table

    class Noise(Study):
        name = "noise"

        def __init__(self):
            self.root = root

        def recordings(self):
            return [Recording(f"{i:02d}") for i in range(N_SUBJECTS)]

        def sources(self, recording):
            path = root / f"{recording.name}.txt"
            path.write_text(recording.name) if not path.exists() else None
            return [path]

        def load(self, recording):
            rng = np.random.default_rng(int(recording.subject))
            data = rng.standard_normal((N_SENSORS, round(60 * MINUTES * SFREQ))) * 1e-12
            info = mne.create_info([f"MEG{i:04d}" for i in range(N_SENSORS)], SFREQ, "mag")
            place = np.random.default_rng(0).standard_normal((N_SENSORS, 3))
            for channel, at in zip(info["chs"], place / np.linalg.norm(place, axis=1, keepdims=True), strict=True):
                channel["loc"][:3] = 0.1 * at * [1, 1, np.sign(at[2]) or 1]
            return mne.io.RawArray(data, info, verbose="error")

        def events(self, recording):
            row = {"onset": 0.0, "duration": 60 * MINUTES - 1, "kind": "story", "story": "a", "stimulus": "a"}
            return events_table([row | {"stimulus_onset": 0.0}], where=recording.name)

        def features(self, stimulus):
            values = np.random.default_rng(0).standard_normal((round(RATE * 60 * MINUTES), N_FEATURES))
            return Frames(values.astype(np.float32), RATE)

    return Noise()


def datamodule(root: Path, batch: int, residency: str):
    from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByTime
    from n2s.features import Ready

    return MEGDataModule(
        {"noise": study(root)},
        Ready(n_features=N_FEATURES),
        preprocessing=Preprocessing(sfreq=SFREQ, highpass_hz=None, lowpass_hz=None, notch_hz=None),
        split=SplitByTime(),
        train_windows=Grid(0.5),
        batch_size=batch,
        residency=residency,
        n_jobs=1,
    )


def peer(data, batch: int, optimizer):
    """Braindecode's stages with our head, loss and optimizer, and a DataLoader over the same prepared recordings."""
    import numpy as np
    import torch
    from lightning.pytorch import LightningModule
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    from n2s.losses import ClipLoss

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from braindecode.models import BrainModule

        place = np.random.default_rng(0).normal(size=(N_SENSORS, 12))
        stages = BrainModule(
            n_outputs=1, chs_info=[{"ch_name": f"MEG{i}", "loc": one} for i, one in enumerate(place)],
            n_times=data.shape.n_times, sfreq=SFREQ, hidden_dim=320, use_merger=True, n_virtual_channels=270,
            subject_layers=True, subject_dim=1, n_subjects=N_SUBJECTS,
        )  # fmt: skip
    stages.final_layer = nn.Sequential(nn.Conv1d(320, 640, 1), nn.GELU(), nn.Conv1d(640, N_FEATURES, 1))

    class Windows(Dataset):
        """One window: sliced, scaled, baseline-corrected, clamped; its features resampled to the brain's rate."""

        def __init__(self):
            self.windows, self.values = data.windows["train"], torch.from_numpy(data.targets.values)
            self.brain = [torch.from_numpy(np.ascontiguousarray(item.brain.T)) for item, _ in data.scaled]
            self.gain = [item.gain[:, None] for item, _ in data.scaled]
            rows = np.arange(len(self.windows))
            self.start_s = self.windows.jittered(data.shape.window_s, [0, 0])
            self.first = self.windows.brain_start(self.start_s, np.full(N_SUBJECTS, SFREQ), rows)
            self.recording = self.windows.of_interval("recording_index")

        def __len__(self):
            return len(self.windows)

        def __getitem__(self, row):
            of, first, shape = self.recording[row], int(self.first[row]), data.shape
            window = self.brain[of][:, first : first + shape.n_window] * self.gain[of]
            window = window[:, shape.n_offset :] - window[:, : shape.n_baseline].mean(1, keepdim=True)
            rows = data.targets.rows("train", self.windows, self.start_s[[row]], np.array([row]))[0]
            return window.clamp(-20, 20), int(of), self.values[rows].float().T

    class Peer(LightningModule):
        def __init__(self):
            super().__init__()
            self.encoder, self.loss = stages, ClipLoss()

        def training_step(self, batch, index):
            brain, subject, target = batch
            return self.loss(self.encoder(brain, subject), target)

        def configure_optimizers(self):
            return optimizer(self.parameters())

        def train_dataloader(self):
            gpu = torch.cuda.is_available()
            workers = min(8, os.cpu_count() or 1) if gpu else 0
            return DataLoader(
                Windows(), batch, shuffle=True, drop_last=True, num_workers=workers, pin_memory=gpu,
                persistent_workers=workers > 0,
            )  # fmt: skip

    return Peer()


def set_precision(precision: str) -> str:
    """The options of a Trainer. Without TF32, convolutions are in float32 too, which is not torch's default."""
    import torch

    torch.set_float32_matmul_precision("highest" if precision == "32-true" else "high")
    torch.backends.cudnn.allow_tf32 = precision != "32-true"
    return "32-true" if precision == "tf32" else precision


def measure_meg(row: str, options: argparse.Namespace) -> dict:
    import torch
    from lightning.pytorch import Trainer

    from n2s.models import BrainEncoder
    from n2s.systems import Contrastive
    from n2s.training.compile import Compile
    from n2s.training.step_seed import StepSeed

    whose, precision, compiled, residency = MEG[row]
    precision = set_precision(precision)
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    optimizer = functools.partial(torch.optim.Adam, lr=3e-4, fused=device.type == "cuda")
    root = Path(options.folder)
    data = datamodule(root, options.batch, "host" if residency == "host" else "device")
    if whose == "n2s":
        model = Contrastive(BrainEncoder(N_SUBJECTS, N_FEATURES), optimizer=optimizer)
    else:
        data.setup("fit")
        model = peer(data, options.batch, optimizer)
    timed = timed_callback(options.seconds, device, clock_of(options))
    trainer = Trainer(
        accelerator=device.type, devices=1, precision=precision, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, max_epochs=-1, limit_val_batches=0,
        num_sanity_val_steps=0, callbacks=[StepSeed(0), timed, *([Compile(["encoder"])] if compiled else [])],
    )  # fmt: skip
    trainer.fit(model, **({"datamodule": data} if whose == "n2s" else {}))
    return timed.found | share(timed.found, device, precision, clock_of(options))


def measure_sound(row: str, options: argparse.Namespace) -> dict:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from n2s.models.diffusion import choose_trained, denoising_loss, random_audioldm2
    from n2s.profiling.memory import peak_bytes
    from n2s.profiling.peak import compute_dtype, synchronize

    mode, precision, compiled = SOUND[row]
    precision = set_precision(precision)
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    torch.manual_seed(0)
    model = random_audioldm2().to(device)
    model.vae = model.vocoder = torch.nn.Identity()  # latents are cached
    optimizer = torch.optim.AdamW(choose_trained(model, mode), 1e-4, fused=device.type == "cuda")
    n = options.clips
    latents, tokens = torch.randn(n, 8, 104, 16, device=device), torch.randn(n, 208, 768, device=device)
    if compiled:
        model.unet.compile()

    def step() -> None:
        dtype = compute_dtype(precision)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = denoising_loss(model, latents, tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(WARMUP if device.type == "cuda" else 1):
        step()
    synchronize(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    clock, steps = clock_of(options), 0
    start = clock()
    while (spent := clock() - start) < options.seconds or not steps:
        step()
        steps += 1
        if steps % 10 == 0 or device.type == "cpu":
            synchronize(device)  # otherwise the host would run far ahead
    synchronize(device)
    spent = clock() - start
    found = {"rate": steps * n / spent, "peak_gb": peak_bytes(device) / 1e9}
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        step()
    found["operations"] = counter.get_total_flops() / n
    return found | share(found, device, precision, clock)


def clock_of(options: argparse.Namespace):
    """Seconds of wall time, or of CPU time of this process."""
    return time.process_time if options.cpu_time else time.perf_counter


def share(found: dict, device, precision: str, clock) -> dict:
    """The utilisation, and the source of the peak."""
    from n2s.profiling.peak import compute_dtype, measured_flops, peak_flops

    dtype = compute_dtype(precision)
    peak, source = peak_flops(device, dtype)
    if device.type == "cpu":
        peak = measured_flops(device, dtype, clock)
    return {"utilisation": found["rate"] * found["operations"] / peak, "peak": source}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, help="windows (default: 256 on a GPU, 16 on a CPU)")
    parser.add_argument("--clips", type=int, help="clips of AudioLDM 2 (default: 16 on a GPU, 1 on a CPU)")
    parser.add_argument("--seconds", type=float, help="seconds of each measurement (default: 60 on a GPU, 15 on a CPU)")
    parser.add_argument("--only", help="rows that contain these words")
    parser.add_argument("--folder", help="for the data (default: a temporary one)")
    parser.add_argument("--cpu_time", action="store_true", help="on a CPU that others use too, with one thread")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        found = (measure_meg if options.measure in MEG else measure_sound)(options.measure, options)
        print(json.dumps(found))
        return
    import torch

    gpu = torch.cuda.is_available()
    batch, clips = options.batch or (256 if gpu else 16), options.clips or (16 if gpu else 1)
    seconds = options.seconds or (60 if gpu else 15)
    name = torch.cuda.get_device_name(0) if gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}, torch {torch.__version__}; {batch} windows of {N_SENSORS} x 360, or {clips} clips of 4 s, a step")
    heads = ("", "windows/s", "ms/step", "GFLOP/s", "of peak", "peak GB", "300,000")
    print("{:44}{:>10}{:>10}{:>10}{:>9}{:>9}{:>10}".format(*heads))
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or temporary
        Path(folder).mkdir(parents=True, exist_ok=True)
        sources = set()
        for row in [*MEG, *SOUND]:
            if (options.only and options.only not in row) or (not gpu and any(words in row for words in NOT_ON_CPU)):
                continue
            words = ["--batch", batch, "--clips", clips, "--seconds", seconds, "--folder", folder, "--measure", row]
            words += ["--cpu_time"] * options.cpu_time
            done = subprocess.run(
                [sys.executable, __file__, *map(str, words)], capture_output=True, text=True, check=False,
                env=os.environ | {"N2S_CACHE": str(Path(folder) / "cache"), "THP_MEM_ALLOC_ENABLE": "1"},
            )  # fmt: skip
            if done.returncode:
                print(f"{row:44}  {done.stderr.strip().splitlines()[-1][:120]}", flush=True)
                continue
            found = json.loads(done.stdout.strip().splitlines()[-1])
            sources.add(found["peak"])
            rate, size = found["rate"], batch if row in MEG else clips
            epoch = f"{EPOCH / rate / 60:8.1f} m" if row in MEG else ""
            print(
                f"{row:44}{rate:10.2f}{1e3 * size / rate:10.1f}{rate * found['operations'] / 1e9:10.1f}"
                f"{found['utilisation']:9.1%}{found['peak_gb']:9.2f}{epoch:>10}",
                flush=True,
            )
    print("peak: " + "; ".join(sorted(sources)))


if __name__ == "__main__":
    main()
