"""high_gamma against the published extraction, one window after the other in a loop: seconds, memory and the largest difference.

python benchmarks/high_gamma.py           # 5 minutes of 128 contacts at 1024 Hz (a person of SingleWordProductionDutch); one thread
"""

import argparse
import os
import resource
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

BAND_HZ, STOPS_HZ, WINDOW_S, HOP_S = (70, 170), ((98, 102), (148, 152)), 0.05, 0.01


def published(signal: np.ndarray, sfreq: float) -> np.ndarray:
    """Verwoert 2022 as it is described, with SciPy: whole arrays, and a loop over windows."""
    from scipy import fftpack
    from scipy import signal as dsp

    found = dsp.detrend(signal, axis=0)
    for edges, kind in ((BAND_HZ, "bandpass"), *((one, "bandstop") for one in STOPS_HZ)):
        sections = dsp.iirfilter(4, [edge / (sfreq / 2) for edge in edges], btype=kind, output="sos")
        found = dsp.sosfiltfilt(sections, found, axis=0)
    size = np.abs(dsp.hilbert(found, fftpack.next_fast_len(len(found)), axis=0)[: len(found)])
    frames = np.zeros((int((len(size) - WINDOW_S * sfreq) / (HOP_S * sfreq)), size.shape[1]))
    for number in range(len(frames)):
        start = int(np.floor(number * HOP_S * sfreq))
        frames[number] = size[start : int(np.floor(start + WINDOW_S * sfreq))].mean(0)
    return frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--contacts", type=int, default=128)
    parser.add_argument("--sfreq", type=float, default=1024.0)
    options = parser.parse_args()

    from n2s.data import high_gamma

    n = round(options.seconds * options.sfreq)
    signal = np.random.default_rng(0).normal(size=(n, options.contacts)).cumsum(0)
    high_gamma(signal[:5000, :1], options.sfreq)  # imports
    print(
        f"{n} samples x {options.contacts} contacts at {options.sfreq:g} Hz, {signal.nbytes / 2**30:.2f} GB, one thread"
    )
    results = []
    for name, extract in (
        ("high_gamma", high_gamma),
        ("published loop", published),
    ):  # the leaner first: peaks only rise
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        results.append(extract(signal, options.sfreq))
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
        print(f"{name:15} {time.process_time() - start:7.2f} s   {more:5.2f} GB more at the peak")
    print(f"largest relative difference {np.abs(results[0] / results[1] - 1).max():.1e}")


if __name__ == "__main__":
    main()
