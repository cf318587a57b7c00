"""Windows per second of both residencies, against lazily read mne.Epochs and braindecode's windows.

    python benchmarks/data_path.py          # pip install "n2s[bench]" for braindecode

208 magnetometers, 3 s at 120 Hz (360 samples), batches of 256, one thread, ten minutes of noise. Each path gives
baseline-corrected float32 windows in random order; ours also scales and clamps them.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

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

C, N, SFREQ, MINUTES, BATCH, BASELINE = 208, 360, 120.0, 10, 256, 60
SECONDS = 6.0  # each path is timed for at least this long


def rate(windows: Callable[[], Iterator[int]]) -> float:
    """Windows per second of an endless iterator of batch sizes, after one batch of warm-up."""
    batches = windows()
    next(batches)
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < SECONDS:
        count += next(batches)
    return count / spent


def residency(source: OnDevice | OnHost, n_times: int) -> Iterator[int]:
    rng = np.random.default_rng(0)
    while True:
        start = rng.integers(0, n_times - N, BATCH)
        brain = finish(source.brain(np.zeros(BATCH, np.int64), start, N), n_baseline=BASELINE, n_offset=0, clamp=20.0)
        yield len(brain)


class Lazy(Dataset):
    """One epoch a read, as `mne.Epochs(preload=False)` gives it."""

    def __init__(self, epochs: mne.Epochs):
        self.epochs = epochs

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.epochs[index].get_data(verbose="error")[0].astype(np.float32)


def loader(dataset: Dataset) -> Iterator[int]:
    while True:
        for batch in DataLoader(dataset, batch_size=32, shuffle=True):
            yield len(batch[0] if isinstance(batch, list) else batch)


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


def main() -> None:
    torch.set_num_threads(1)
    n_times = int(MINUTES * 60 * SFREQ)
    data = np.random.default_rng(0).standard_normal((n_times, C)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        fif = Path(folder) / "noise_raw.fif"
        info = mne.create_info(C, SFREQ, "mag")
        mne.io.RawArray(data.T * 1e-13, info, verbose="error").save(fif, verbose="error")
        np.save(Path(folder) / "brain.npy", data)
        (Path(folder) / "meta.json").write_text(f'{{"shape": [{n_times}, {C}]}}')
        prepared = PreparedRecording(Path(folder), Recording("01"))
        scaled = [Scaled.of(prepared, Scaler(np.zeros(C, np.float32), np.ones(C, np.float32), OWN), recentre=False)]
        features = np.zeros((1, 1), np.float16)
        starts = np.arange(0, n_times - N, 60)
        events = np.stack([starts, np.zeros_like(starts), np.ones_like(starts)], 1)
        raw = mne.io.read_raw_fif(fif, preload=False, verbose="error")
        epochs = mne.Epochs(
            raw, events, tmin=0, tmax=(N - 1) / SFREQ, baseline=(0, (BASELINE - 1) / SFREQ), preload=False,
            reject_by_annotation=False, verbose="error",
        )  # fmt: skip
        epochs.drop_bad(verbose="error")
        found = {
            "mne.Epochs, lazy, DataLoader": rate(lambda: loader(Lazy(epochs))),
            "n2s, residency: host": rate(lambda: residency(OnHost(scaled, features, pin=False), n_times)),
            "n2s, residency: device (CPU)": rate(
                lambda: residency(OnDevice(scaled, features, torch.device("cpu")), n_times)
            ),
        }
        theirs = braindecode_windows(fif)
        if theirs is not None:
            found["braindecode windows, lazy"] = rate(lambda: loader(theirs))
    peers = [value for name, value in found.items() if not name.startswith("n2s")]
    for name, value in found.items():
        print(f"{name:32} {value:9.0f} windows/s   {value / max(peers):6.1f} x the faster peer")
    source, target = torch.empty(2, 2**26).unbind()
    start = time.perf_counter()
    for _ in range(5):
        target.copy_(source)
    copy = 5 * 2 * source.nbytes / (time.perf_counter() - start)
    touched = C * N * 4 * 2  # read as float32, given as float32: the least that any path must move
    print(f"limit: {copy / touched:.0f} windows/s at the {copy / 1e9:.1f} GB/s of a copy, reading and giving float32")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
