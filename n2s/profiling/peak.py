"""The peak floating point operations per second of a device."""

import time
import warnings
from collections.abc import Callable

import torch
from lightning.fabric.utilities.throughput import get_available_flops

SIZES = {"cuda": 8192, "cpu": 1024}  # rows of the square matrices in the timed product
REPEATS = 20


def compute_dtype(precision: str) -> torch.dtype:
    """The dtype in which a Trainer's ``precision`` multiplies: ``bf16-mixed``, ``16-true``, ``32-true`` ..."""
    kinds = {"bf16": torch.bfloat16, "16": torch.float16, "64": torch.float64}
    return kinds.get(str(precision).partition("-")[0], torch.float32)


def peak_flops(device: torch.device, dtype: torch.dtype) -> tuple[float, str]:
    """Operations per second and their source: the data sheet of a known GPU, else a measurement."""
    if device.type == "cuda":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown GPU is measured
            known = get_available_flops(device, dtype)
        if known:
            name, kind = torch.cuda.get_device_name(device), str(dtype).removeprefix("torch.")
            if dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest":
                kind = "tf32"
            return float(known), f"the data sheet of {name}, {kind}"
    return measured_flops(device, dtype), f"a measured product of matrices, {str(dtype).removeprefix('torch.')}"


def measured_flops(device: torch.device, dtype: torch.dtype, clock: Callable[[], float] = time.perf_counter) -> float:
    """Operations per second in the fastest of a few products of square matrices."""
    n = SIZES.get(device.type, 2048)
    matrix, best = torch.randn(n, n, device=device).to(dtype), float("inf")
    for _ in range(REPEATS + 1):  # the first one warms up
        synchronize(device)
        start = clock()
        matrix @ matrix
        synchronize(device)
        best = min(best, clock() - start)
    return 2 * n**3 / best


def synchronize(device: torch.device) -> None:
    """Wait until an accelerator has finished all its work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
