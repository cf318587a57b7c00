"""Speed and memory of the encoder's stages, beside those of braindecode's BrainModule at the same widths.

    python benchmarks/encoder.py --batch 32 --threads 1

BrainModule's head pools over time, so the stages before the head are compared: spatial attention, subject layer, 1x1
convolution, dilated convolutions with their gates. All are 320 wide. Every time is the best of a few repeats; compared
variants are timed in turns. Compare ratios within one run, not milliseconds between runs.
"""

import argparse
import copy
import logging
import multiprocessing
import resource
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from n2s.models import BrainEncoder, SpatialAttention

N_SENSORS, WIDTH, N_SUBJECTS = 208, 320, 27  # sensors and subjects of Gwilliams 2022


class Ours(nn.Module):
    """The encoder without its head."""

    def __init__(self):
        super().__init__()
        self.encoder = BrainEncoder(N_SUBJECTS, n_virtual=WIDTH)
        self.encoder.head = nn.Identity()

    def forward(self, brain: Tensor, positions: Tensor, subject: Tensor) -> Tensor:
        return self.encoder(brain, positions, subject)

    def stages(self) -> dict[str, Callable]:
        e = self.encoder
        return {
            "spatial attention": e.attention,
            "subject layer": e.subjects,
            "1x1 convolution": e.initial,
            "dilated convolutions": e.convs,
        }


class Theirs(nn.Module):
    """BrainModule without its head. With subject layers it also needs a subject embedding: here of one channel."""

    def __init__(self):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from braindecode.models import BrainModule

            places = np.random.default_rng(0).normal(size=(N_SENSORS, 12))
            self.model = BrainModule(
                n_outputs=1,
                chs_info=[{"ch_name": f"MEG{i}", "loc": place} for i, place in enumerate(places)],
                n_times=360,
                sfreq=120,
                hidden_dim=WIDTH,
                use_merger=True,
                n_virtual_channels=WIDTH,
                subject_layers=True,
                subject_dim=1,
                n_subjects=N_SUBJECTS,
            )
        self.model.final_layer = nn.Identity()

    def forward(self, brain: Tensor, positions: Tensor, subject: Tensor) -> Tensor:
        return self.model(brain, subject)

    def stages(self) -> dict[str, Callable]:
        m = self.model
        return {
            "spatial attention": m.merger,
            "subject layer": m.subject_layers_module,
            "1x1 convolution": lambda x: m.input_projection(F.pad(x, (0, 0, 0, 1))),
            "dilated convolutions": m.encoder,
        }


class Unfolded(nn.Module):
    """A convolution as one matrix product over its shifted copies."""

    def __init__(self, conv: nn.Conv1d):
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        self.padding, self.dilation = conv.padding[0], conv.dilation[0]

    def forward(self, x: Tensor) -> Tensor:
        t, kernel = x.shape[2], self.weight.shape[2]
        x = F.pad(x, (self.padding, self.padding))
        x = torch.cat([x[:, :, k * self.dilation : k * self.dilation + t] for k in range(kernel)], dim=1)
        return self.weight.transpose(1, 2).flatten(1) @ x + self.bias[:, None]


class ChannelsLast(nn.Module):
    """The dilated convolutions on images of height 1 in channels-last memory format."""

    def __init__(self, convs: nn.Module):
        super().__init__()
        self.convs = _replaced(convs, nn.Conv1d, _as_image_convolution)
        self.convs = _replaced(self.convs, nn.BatchNorm1d, lambda norm: nn.BatchNorm2d(norm.num_features))
        self.convs.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x[:, :, None].contiguous(memory_format=torch.channels_last))[:, :, 0]


def _as_image_convolution(conv: nn.Conv1d) -> nn.Conv2d:
    image = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        (1, conv.kernel_size[0]),
        padding=(0, conv.padding[0]),
        dilation=(1, conv.dilation[0]),
    )
    image.weight.data, image.bias.data = conv.weight.data[:, :, None], conv.bias.data
    return image


def _replaced(module: nn.Module, kind: type[nn.Module], by: Callable[[nn.Module], nn.Module]) -> nn.Module:
    module = copy.deepcopy(module)
    for name, part in list(module.named_modules()):
        if isinstance(part, kind):
            module.set_submodule(name, by(part))
    return module


def _fused(ours: Ours) -> Ours:
    """Batch norms merged into the convolutions before them, for evaluation."""
    ours = copy.deepcopy(ours).eval()
    for layer in ours.encoder.convs:
        layer.body[0], layer.body[1] = fuse_conv_bn_eval(layer.body[0], layer.body[1]), nn.Identity()
    return ours


class OneMatrix(nn.Module):
    """Attention, 1x1 convolution and subject layer multiplied into one matrix for each window."""

    def __init__(self, ours: Ours):
        super().__init__()
        self.encoder = ours.encoder

    def forward(self, brain: Tensor, positions: Tensor, subject: Tensor) -> Tensor:
        e = self.encoder
        subjects = e.subjects.weights[subject].transpose(1, 2)
        matrix = subjects @ (e.initial.weight[:, :, 0] @ e.attention.weights(positions))
        return e.convs(torch.baddbmm(subjects @ e.initial.bias[:, None], matrix, brain))


def best_times(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of the fastest call of each function, called in turns."""
    times = {name: [] for name in runs}
    for _ in range(repeats + 1):  # the first is for warming up
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: min(seconds[1:]) for name, seconds in times.items()}


def step(function: Callable, *inputs: Tensor) -> Callable[[], Tensor]:
    """A forward and backward pass."""
    gradient = torch.ones_like(function(*inputs))

    def run() -> None:
        function(*inputs).backward(gradient)

    return run


def forward(function: Callable, *inputs: Tensor) -> Callable[[], Tensor]:
    """A forward pass without gradient."""

    def run() -> Tensor:
        with torch.no_grad():
            return function(*inputs)

    return run


def inputs(batch: int, samples: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Brain, positions and subjects: one sensor layout, as in one study."""
    torch.manual_seed(0)
    brain = torch.randn(batch, N_SENSORS, samples)
    positions, subject = torch.rand(1, N_SENSORS, 2).repeat(batch, 1, 1), torch.randint(N_SUBJECTS, (batch,))
    return brain.to(device), positions.to(device), subject.to(device)


def peak_memory(kind: str, batch: int, samples: int, threads: int, device: str) -> float:
    """MB that a forward and backward pass adds to a new process (on a GPU: peak allocation)."""
    torch.set_num_threads(threads)
    model, given = {"ours": Ours, "braindecode": Theirs}[kind]().to(device), inputs(batch, samples, device)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model(*given).sum().backward()
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes on a Mac, else KB
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def in_fresh_process(*arguments) -> float:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(peak_memory, *arguments).result()


def compare_stages(models: dict[str, nn.Module], options: argparse.Namespace) -> None:
    brain, positions, subject = inputs(options.batch, options.samples, options.device)
    hidden = torch.randn(options.batch, WIDTH, options.samples, device=options.device, requires_grad=True)
    given = {
        "spatial attention": (brain, positions),
        "subject layer": (hidden, subject),
        "1x1 convolution": (hidden,),
        "dilated convolutions": (hidden,),
    }
    stages = {kind: model.stages() for kind, model in models.items()}
    rows = [(name, {kind: stages[kind][name] for kind in models}, given[name]) for name in given]
    rows.append(("all stages", models, (brain, positions, subject)))
    columns = [f"{kind}, {what}" for what in ("forward", "step") for kind in models]
    print(f"{'ms, training':24}" + "".join(f"{column:>22}" for column in columns) + "   steps, ours / theirs")
    for name, functions, arguments in rows:
        ahead = best_times({k: forward(f, *arguments) for k, f in functions.items()}, options.repeats)
        both = best_times({k: step(f, *arguments) for k, f in functions.items()}, options.repeats)
        ratio = f"   {both['ours'] / both['braindecode']:.2f}" if len(models) == 2 else ""
        print(f"{name:24}" + "".join(f"{1e3 * s:22.1f}" for s in [*ahead.values(), *both.values()]) + ratio)


def compare_variants(ours: Ours, options: argparse.Namespace) -> None:
    given = inputs(options.batch, options.samples, options.device)
    ours = copy.deepcopy(ours)
    ours.encoder.attention.dropout = 0.0  # a compiled network draws another disc, so results could not be compared

    def with_convs(convs: nn.Module) -> Ours:
        other = copy.deepcopy(ours)
        other.encoder.convs = convs
        return other

    def bfloat16(*arguments: Tensor) -> Tensor:
        with torch.autocast(options.device, torch.bfloat16):
            return ours(*arguments)

    convs = ours.encoder.convs
    compiled = {}
    if options.compile:
        compiled = {"torch.compile": torch.compile(copy.deepcopy(ours))}
    variants = {
        "as it is": ours,
        **compiled,
        "convolutions as matrix products": with_convs(_replaced(convs, nn.Conv1d, Unfolded)),
        "convolutions, channels last": with_convs(ChannelsLast(convs)),
        "first three stages one matrix": OneMatrix(ours),
        "bfloat16 autocast": bfloat16,
    }
    print("\nvariants of ours, all stages, training: step")
    seconds = best_times({name: step(function, *given) for name, function in variants.items()}, options.repeats)
    _print_variants(seconds, {name: _difference(ours, function, given) for name, function in variants.items()})

    evaluated = copy.deepcopy(ours).eval()
    variants = {"as it is": evaluated, "batch norm fused": _fused(ours)}
    if options.compile:
        variants["torch.compile"] = torch.compile(copy.deepcopy(evaluated))
    print("\nvariants of ours, all stages, evaluation: forward")
    seconds = best_times({name: forward(function, *given) for name, function in variants.items()}, options.repeats)
    _print_variants(seconds, {name: _difference(evaluated, function, given) for name, function in variants.items()})


def _difference(one: Callable, other: Callable, given: tuple) -> float:
    """Largest difference relative to the largest value."""
    a, b = forward(one, *given)(), forward(other, *given)()
    return ((a - b).abs().max() / a.abs().max()).item()


def _print_variants(seconds: dict[str, float], differences: dict[str, float]) -> None:
    for name, value in seconds.items():
        share = value / seconds["as it is"]
        print(f"    {name:34}{1e3 * value:10.1f} ms{share:8.2f} x   differs by {differences[name]:.0e}")


def compare_layouts(options: argparse.Namespace) -> None:
    """The cost of the spatial attention if the rows of a batch have different sensors or different bad sensors."""
    brain, one, _ = inputs(options.batch, options.samples, options.device)
    many = torch.rand_like(one)
    bad = torch.rand(options.batch, N_SENSORS, device=options.device) > 0.05
    attention = SpatialAttention(WIDTH).to(options.device)
    runs = {
        "one layout": step(attention, brain, one),
        "one layout, given as one row": step(attention, brain, one[:1]),
        "one layout, other bad channels in each row": step(attention, brain, one, bad),
        "another layout in each row": step(attention, brain, many),
    }
    print("\nspatial attention of ours, training: step")
    for name, seconds in best_times(runs, options.repeats).items():
        print(f"    {name:44}{1e3 * seconds:8.1f} ms")


def compare_with_peak(ours: Ours, options: argparse.Namespace) -> None:
    """Our step's rate of operations compared with that of matrix products on this machine."""
    given = inputs(options.batch, options.samples, options.device)
    run = step(ours, *given)
    with FlopCounterMode(display=False) as counter:
        run()
    n = 1536
    matrix = torch.randn(n, n, device=options.device)
    seconds = best_times({"step": run, "product": lambda: matrix @ matrix}, options.repeats)
    rate, peak = counter.get_total_flops() / seconds["step"] / 1e9, 2 * n**3 / seconds["product"] / 1e9
    print(f"\nour step: {rate:.0f} GFLOP/s; float32 matrix product: {peak:.0f} GFLOP/s; share {rate / peak:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--samples", type=int, default=360, help="samples of a window: 3 s at 120 Hz")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="needs a C++ compiler")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch._logging.set_logs(dynamo=logging.ERROR)  # several compiled parts are expected

    models = {"ours": Ours().to(options.device)}
    try:
        models["braindecode"] = Theirs().to(options.device)
    except ImportError as error:
        print(f"braindecode is absent ({error}): only our own numbers follow. pip install 'n2s[bench]' brings it.\n")
    print(
        f"{options.batch} windows of {N_SENSORS} x {options.samples}, {options.threads} threads, {options.device}, "
        f"torch {torch.__version__}\n"
    )
    print("peak memory of one step, all stages")
    shape = options.batch, options.samples, options.threads, options.device
    for kind in models:  # first: a new process inherits the peak of its parent
        print(f"    {kind:14}{in_fresh_process(kind, *shape):10.0f} MB")
    print()
    compare_stages(models, options)
    compare_with_peak(models["ours"], options)
    compare_layouts(options)
    compare_variants(models["ours"], options)


if __name__ == "__main__":
    main()
