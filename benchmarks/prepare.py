"""Preparing one 20-minute recording of 306 channels at 1 kHz: times faster than real time, on one core, and peak memory.

    python benchmarks/prepare.py [--minutes 20] [--sfreq 120]

Compared with plain MNE (read, filter 1-40 Hz, resample, float32 array on disk), each in its own process with one thread.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402
import multiprocessing  # noqa: E402
import resource  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import mne  # noqa: E402
import numpy as np  # noqa: E402

from n2s.data.preprocessing import Preprocessing  # noqa: E402
from n2s.studies.simulated.sensors import helmet  # noqa: E402

BAND_HZ = (1.0, 40.0)


def write_recording(path: Path, minutes: float) -> None:
    """White noise at the level of a shielded room, written minute by minute: single-precision FIF."""
    info = helmet(1000.0)
    scale = np.where(np.array(info.get_channel_types()) == "mag", 100e-15, 1e-12)[:, None].astype(np.float32)
    rng = np.random.default_rng(0)
    data = np.empty((306, round(minutes * 60_000)), np.float32)
    for at in range(0, data.shape[1], 60_000):
        piece = data[:, at : at + 60_000]
        piece[:] = rng.standard_normal(piece.shape, np.float32) * scale
    mne.io.RawArray(data, info, verbose="error").save(path, fmt="single", split_size="1.9GB", verbose="error")


def plain_mne(path: Path, sfreq: float, out: Path) -> None:
    """Prepare a recording as a script without n2s does."""
    raw = mne.io.read_raw_fif(path, preload=True, verbose="error")
    raw.filter(*BAND_HZ, verbose="error").resample(sfreq, verbose="error")
    np.save(out, raw.get_data().T.astype(np.float32))


def n2s_prepare(path: Path, sfreq: float, out: Path) -> None:
    """Prepare a recording as `n2s prepare` does."""
    raw = mne.io.read_raw_fif(path, verbose="error")
    data, *_ = Preprocessing(sfreq=sfreq, highpass_hz=BAND_HZ[0], lowpass_hz=BAND_HZ[1])(raw, "benchmark")
    np.save(out, data)


def _measured(way: Callable, arguments: tuple, found: multiprocessing.Queue) -> None:
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    way(*arguments)
    spent_s = time.perf_counter() - start
    found.put((spent_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before_mb))


def main() -> None:
    """Print one row for each of the two ways."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--sfreq", type=float, default=120.0)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path, rows = Path(folder) / "raw.fif", {}
        writer = context.Process(target=write_recording, args=(path, options.minutes))  # its memory is its own
        writer.start()
        writer.join()
        for name, way in (("plain MNE", plain_mne), ("n2s", n2s_prepare)):
            found = context.Queue()
            process = context.Process(
                target=_measured, args=(way, (path, options.sfreq, Path(folder) / "out.npy"), found)
            )
            process.start()
            rows[name] = found.get()
            process.join()
        print(f"{options.minutes:g} min, 306 channels, 1 kHz -> {options.sfreq:g} Hz, {BAND_HZ[0]:g}-{BAND_HZ[1]:g} Hz")
        for name, (spent_s, peak_mb, before_mb) in rows.items():
            speed = options.minutes * 60 / spent_s
            print(
                f"{name:10}  {speed:6.1f} x real time   {spent_s:6.1f} s   peak {peak_mb:6.0f} MB ({before_mb:.0f} before)"
            )


if __name__ == "__main__":
    main()
