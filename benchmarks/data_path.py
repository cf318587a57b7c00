"""Windows per second of both residencies, against lazily read mne.Epochs and braindecode's windows.

    python benchmarks/data_path.py          # pip install "n2s[bench]" for braindecode

208 magnetometers, 3 s at 120 Hz (360 samples), batches of 256, one thread, half an hour of noise, in random order.
``to the model``: scaled, baseline-corrected, clamped float32 windows, as a model takes them; every path does that work.
``to the bus``: the work of the host for a GPU, which then finishes the batch: scaled float16 windows. For peers it is
the window as read, because their host passes that on. For a GPU the memory is pinned and reused after
each batch: ``memory reused`` measures that; without reuse, a batch is written to new pages.
"""

import json
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # as the command n2s does: torch's large buffers in huge pages

import resource  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import mne  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.utils.data import DataLoader, Dataset  # noqa: E402

from n2s.data.recordings import PreparedRecording  # noqa: E402
from n2s.data.residency import OnDevice, OnHost, Scaled, finish  # noqa: E402
from n2s.data.scaler import OWN, Scaler  # noqa: E402
from n2s.studies.study import Recording  # noqa: E402

C, N, SFREQ, MINUTES, BATCH, BASELINE, CLAMP = 208, 360, 120.0, 30, 256, 60, 20.0
SECONDS = 6.0  # each path is timed for at least this long


def rate(batches: Iterator[int]) -> float:
    """Windows per second of an endless iterator of batch sizes, after one batch of warm-up."""
    next(batches)
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < SECONDS:
        count += next(batches)
    return count / spent


def residency(source: OnDevice | OnHost, n_times: int, *, to_model: bool) -> Iterator[int]:
    rng = np.random.default_rng(0)
    while True:
        start = rng.integers(0, n_times - N, BATCH)
        brain = source.brain(np.zeros(BATCH, np.int64), start, N)
        if to_model:
            brain = finish(brain, n_baseline=BASELINE, n_offset=0, clamp=CLAMP)
        yield len(brain)


class Reused(OnHost):
    """Reuse the same memory, as torch's allocator of pinned memory does for a GPU."""

    memory: torch.Tensor | None = None

    def buffer(self, n_windows: int, n: int, dtype: torch.dtype) -> torch.Tensor:
        if self.memory is None:
            self.memory = super().buffer(n_windows, n, dtype)
        return self.memory


def ready(window: np.ndarray) -> np.ndarray:
    """(c, n) as read -> as a model takes it: scaled, baseline-corrected, clamped."""
    window = window.astype(np.float32) * np.float32(1e13)
    window -= window[:, :BASELINE].mean(1, keepdims=True)
    return np.clip(window, -CLAMP, CLAMP, out=window)


class Read(Dataset):
    """Read one window at a time with ``read(index) -> (c, n)``, and optionally finish it for the model."""

    def __init__(self, read: Callable[[int], np.ndarray], n: int, *, to_model: bool):
        self.read, self.n, self.to_model = read, n, to_model

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> np.ndarray:
        window = self.read(index)
        return ready(window) if self.to_model else window.astype(np.float32)


def loader(dataset: Dataset) -> Iterator[int]:
    while True:
        for batch in DataLoader(dataset, batch_size=32, shuffle=True):
            yield len(batch)


def braindecode_windows(path: Path) -> Dataset | None:
    try:
        from braindecode.datasets import BaseConcatDataset, RawDataset
        from braindecode.preprocessing import create_fixed_length_windows
    except ImportError as error:
        print(f'braindecode is not here ({error}): pip install "n2s[bench]" to compare with it')
        return None
    raw = mne.io.read_raw_fif(path, preload=False, verbose="error")
    return create_fixed_length_windows(
        BaseConcatDataset([RawDataset(raw, description={"subject": 1})]), window_size_samples=N, window_stride_samples=60,
        drop_last_window=True, preload=False, verbose="error",
    )  # fmt: skip


def peers(fif: Path, n_times: int) -> dict[str, tuple[Callable[[int], np.ndarray], int]]:
    """Name -> the function that reads one window, and the number of windows."""
    starts = np.arange(0, n_times - N, 60)
    events = np.stack([starts, np.zeros_like(starts), np.ones_like(starts)], 1)
    raw = mne.io.read_raw_fif(fif, preload=False, verbose="error")
    epochs = mne.Epochs(
        raw, events, tmin=0, tmax=(N - 1) / SFREQ, baseline=None, preload=False, reject_by_annotation=False,
        verbose="error",
    )  # fmt: skip
    epochs.drop_bad(verbose="error")
    found = {"lazy mne.Epochs, DataLoader": (lambda i: epochs[i].get_data(verbose="error")[0], len(epochs))}
    windows = braindecode_windows(fif)
    if windows is not None:
        found["braindecode windows, lazy"] = (lambda i: windows[i][0], len(windows))
    return found


def main() -> None:
    torch.set_num_threads(1)
    n_times = int(MINUTES * 60 * SFREQ)
    data = np.random.default_rng(0).standard_normal((n_times, C)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["N2S_CACHE"] = folder
        fif = Path(folder) / "noise_raw.fif"
        info = mne.create_info(C, SFREQ, "mag")
        mne.io.RawArray(data.T * 1e-13, info, verbose="error").save(fif, verbose="error")
        np.save(Path(folder) / "brain.npy", data)
        meta = {"shape": [n_times, C], "sfreq": SFREQ, "good": [True] * C}
        (Path(folder) / "meta.json").write_text(json.dumps(meta))
        prepared = PreparedRecording(Path(folder), Recording("01"))
        scaler = Scaler(np.zeros(C, np.float32), np.ones(C, np.float32), OWN)
        starts = np.arange(0, n_times - N, N)
        scaled = [Scaled.of(prepared, scaler, recentre=False).suited(starts, N)]
        away = Scaler(np.full(C, 300, np.float32), np.ones(C, np.float32), OWN)  # an offset that float16 could not hold
        drifting = [Scaled.of(prepared, away, recentre=False).suited(starts, N)]
        given = [np.arange(C)], np.zeros((1, 1), np.float16)
        ours = {
            "n2s, residency: host": OnHost(scaled, *given, pin=False),
            "  the same, memory reused": Reused(scaled, *given, pin=False),
            "n2s, residency: device (CPU)": OnDevice(scaled, *given, torch.device("cpu")),
            "  host, of a recording that drifts": OnHost(drifting, *given, pin=False),
            "  device (CPU), of such a one": OnDevice(drifting, *given, torch.device("cpu")),
        }
        theirs = peers(fif, n_times)
        for to_model, title in ((False, "to the bus"), (True, "to the model")):
            found = {name: rate(loader(Read(read, n, to_model=to_model))) for name, (read, n) in theirs.items()}
            best = max(found.values())
            found |= {name: rate(residency(source, n_times, to_model=to_model)) for name, source in ours.items()}
            print(title)
            for name, value in found.items():
                print(f"  {name:36} {value:8.0f} windows/s {value / best:6.1f} x the faster peer")
    source, target = torch.rand(2, 2**26).unbind()
    start = time.perf_counter()
    for _ in range(5):
        target.copy_(source)
    copy = 5 * 2 * source.nbytes / (time.perf_counter() - start)
    for title, n_bytes in (("float16, to the bus", 4), ("float32, to the model", 6)):
        print(
            f"limit: {copy / (C * N * n_bytes):.0f} windows/s {title}: float16 read, at a copy's {copy / 1e9:.1f} GB/s"
        )
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
