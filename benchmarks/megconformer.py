"""A training step of MEGConformer, in both published settings: seconds and memory of ours and of torchaudio's Conformer.

    python benchmarks/megconformer.py                       # batch 256, two threads: some 15 minutes
    python benchmarks/megconformer.py --batch 32 --settings phones

A step is forward, backward and AdamW. Every step is timed in a process of its own, after a small one, and the networks take turns. On a
busy machine compare the seconds of processors.
Operations are those that a step needs, without what is computed again: three times the forward pass. Steps that would not fit into the
free memory are left out; what they need is told from a smaller batch.
"""

import argparse
import math
import multiprocessing
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # a thread that waits for the other is no work, on a busy machine either

import torch
import torchaudio
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from n2s.models import MEGConformer

SETTINGS = {
    "phones": {"n_channels": 306, "n_times": 125, "n_classes": 39, "dim": 144, "depth": 7, "n_heads": 12, "ffn_dim": 2048, "kernel_size": 127, "instance_norm": True},
    "speech": {"n_channels": 306, "n_times": 625, "n_classes": 1, "dim": 144, "depth": 16, "n_heads": 4, "ffn_dim": 576, "kernel_size": 31, "instance_norm": False},
}  # fmt: skip
RUNS = (("ours", "nothing"), ("torchaudio", "nothing"), ("ours", "parts"), ("ours", "layers"), ("torchaudio", "layers"))


class Theirs(nn.Module):
    """Instance norm, 1x1 convolution, dropout, torchaudio's Conformer, mean, classifier: as published."""

    def __init__(
        self, n_channels, n_times, n_classes, dim, depth, n_heads, ffn_dim, kernel_size, instance_norm, recompute
    ):
        super().__init__()
        self.recompute = recompute == "layers"
        if instance_norm:
            self.pre_norm = nn.InstanceNorm1d(n_channels, affine=True)
        self.preproj, self.in_dropout = nn.Conv1d(n_channels, dim, 1), nn.Dropout(0.1)
        self.encoder = torchaudio.models.Conformer(dim, n_heads, ffn_dim, depth, kernel_size)
        self.classifier = nn.Linear(dim, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pre_norm(x) if hasattr(self, "pre_norm") else x
        x = self.in_dropout(self.preproj(x).transpose(1, 2))
        if not self.recompute:
            return self.classifier(self.encoder(x, torch.full((len(x),), x.shape[1]))[0].mean(1))
        x = x.transpose(0, 1)
        for layer in self.encoder.conformer_layers:  # its batch norms then count each step twice
            x = checkpoint(layer, x, None, use_reentrant=False)
        return self.classifier(x.mean(0))


def networks(setting: str, whose: str, recompute: str) -> nn.Module:
    torch.manual_seed(0)
    theirs = Theirs(**SETTINGS[setting], recompute=recompute)
    if whose == "torchaudio":
        return theirs
    ours = MEGConformer(**SETTINGS[setting], recompute=recompute)
    ours.load_state_dict(
        MEGConformer.from_libribrain_experiments(theirs.state_dict(), **SETTINGS[setting]).state_dict()
    )
    return ours


def step(network: nn.Module, optimizer: torch.optim.Optimizer, brain: Tensor) -> None:
    network(brain).logsumexp(1).mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def measured(setting: str, whose: str, recompute: str, batch: int, threads: int) -> tuple[float, float, float]:
    """Seconds of a step by the clock and of the processor, and MB that it adds to a new process; no seconds if they are too many."""
    torch.set_num_threads(threads)
    network = networks(setting, whose, recompute)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4, weight_decay=0.05)
    shape, small = (SETTINGS[setting]["n_channels"], SETTINGS[setting]["n_times"]), max(1, batch // 32)
    brain, before = torch.randn(batch, *shape), _peak_mb()
    step(network, optimizer, brain[:small])
    scaled = (_peak_mb() - before) * batch / small
    if scaled > 0.9 * available_mb():
        return float("nan"), float("nan"), scaled
    start, cpu = time.perf_counter(), time.process_time()
    step(network, optimizer, brain)
    return time.perf_counter() - start, time.process_time() - cpu, _peak_mb() - before


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def in_fresh_process(*arguments) -> tuple[float, float, float]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measured, *arguments).result()


def operations(n_channels, n_times, n_classes, dim, depth, n_heads, ffn_dim, kernel_size, instance_norm) -> float:
    """Of a step for one window: multiplications and additions of all products, three times the forward pass."""
    layer = 4 * dim * ffn_dim + 4 * dim**2 + 2 * n_times * dim + 3 * dim**2 + kernel_size * dim
    return 3 * 2 * n_times * (n_channels * dim + depth * layer)


def peak_rate(repeats: int = 4) -> float:
    """Operations a second of a float32 matrix product."""
    matrix, seconds = torch.randn(2048, 2048), []
    for _ in range(repeats):
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds)


def difference(setting: str) -> float:
    """Largest difference of a weight's gradient in training between both networks, relative to the largest gradient."""
    torch.manual_seed(1)
    brain = torch.randn(4, SETTINGS[setting]["n_channels"], SETTINGS[setting]["n_times"], dtype=torch.float64)
    found = {}
    for whose in ("ours", "torchaudio"):
        network = networks(setting, whose, "nothing").double()
        network.in_dropout.p = 0.0  # its draws depend on the order of values in memory
        network(brain).logsumexp(1).mean().backward()
        state = {name: one.grad for name, one in network.named_parameters()}
        if whose == "torchaudio":
            named = MEGConformer.from_libribrain_experiments(state | dict(network.named_buffers()), **SETTINGS[setting])
            state = dict(named.named_parameters())
        found[whose] = torch.cat([state[name].flatten() for name in sorted(state)])
    return ((found["ours"] - found["torchaudio"]).abs().max() / found["torchaudio"].abs().max()).item()


def available_mb() -> float:
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("MemAvailable"))
    except FileNotFoundError:
        return float("inf")  # not Linux: the user knows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--recompute", nargs="+", default=["nothing", "parts", "layers"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    peak = peak_rate()
    print(
        f"batch {options.batch}, {options.threads} threads, float32 matrix product: {peak / 1e9:.0f} GFLOP/s, torch {torch.__version__}\n"
    )
    for setting in options.settings:
        needed = operations(**SETTINGS[setting]) * options.batch
        with torch.device("meta"):
            n = sum(one.numel() for one in MEGConformer(**SETTINGS[setting]).parameters())
        print(f"{setting}: {n:,} parameters, {needed / 1e12:.2f} TFLOP a step", flush=True)
        runs = [run for run in RUNS if run[1] in options.recompute]
        found = {run: [] for run in runs}
        for _ in range(options.repeats):
            for run in runs:
                found[run].append(in_fresh_process(setting, *run, options.batch, options.threads))
        for run, every in found.items():
            wall, cpu = (min(one[i] for one in every) for i in (0, 1))
            mb, name = max(one[2] for one in every), f"    {run[0]:12}recomputes {run[1]:8}"
            if math.isnan(wall):
                print(f"{name} left out: needs some {mb / 1024:.0f} GB")
                continue
            print(
                f"{name}{wall:8.1f} s{cpu:9.1f} s of processors{mb:9.0f} MB{needed / wall / 1e9:8.0f} GFLOP/s, "
                f"share of the product's {needed / wall / peak:.2f}"
            )
    for setting in options.settings:  # last: a new process inherits the peak of its parent
        print(f"gradients of both for {setting} differ by {difference(setting):.0e} of the largest (float64)")


if __name__ == "__main__":
    main()
