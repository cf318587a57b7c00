"""A study of 100 recordings: prepared, killed in the middle, resumed; then windows per second from 1, 10 and 100 of them.

    python benchmarks/scale.py [--folder DIR]      # 8 GB there; pip install "n2s[bench]" for braindecode

Recordings of 5 minutes, 306 channels at 1 kHz; three distinct files, linked. Windows of 3 s at 120 Hz, batches of 256,
in random order, one thread, as a training takes them from the datamodule: scaled float32 windows and their targets.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["THP_MEM_ALLOC_ENABLE"] = "1"

import argparse  # noqa: E402
import resource  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import mne  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from data_path import Read, loader, peers, rate  # noqa: E402
from prepare import write_recording  # noqa: E402

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByTime  # noqa: E402
from n2s.data.recordings import listed  # noqa: E402
from n2s.features import Ready  # noqa: E402
from n2s.studies import Frames, Recording, Study  # noqa: E402
from n2s.studies.events import events_table  # noqa: E402

MINUTES, N_DISTINCT = 5.0, 3


class Linked(Study):
    """Many subjects with one recording each; the files are links to a few originals."""

    name = "linked"

    def __init__(self, root: str, n: int):
        self.root, self.n = Path(root), n

    def recordings(self) -> list[Recording]:
        return [Recording(f"{i:03d}") for i in range(self.n)]

    def sources(self, recording: Recording) -> list[Path]:
        return [self.root / f"{recording.subject}_raw.fif"]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        return mne.io.read_raw_fif(self.sources(recording)[0], verbose="error")

    def events(self, recording: Recording):
        row = {"onset": 0.0, "duration": 60 * MINUTES - 1, "kind": "story", "story": "a", "stimulus": "a"}
        return events_table([row | {"stimulus_onset": 0.0}], where=recording.name)

    def features(self, stimulus: str) -> Frames:
        return Frames(np.random.default_rng(0).standard_normal((round(50 * 60 * MINUTES), 64)).astype(np.float32), 50.0)


def datamodule(root: Path, n: int, *, residency: str = "device", n_jobs: int = 1) -> MEGDataModule:
    return MEGDataModule(
        {"linked": Linked(str(root), n)},
        Ready(n_features=64),
        preprocessing=Preprocessing(sfreq=120.0, highpass_hz=1.0, lowpass_hz=40.0),
        split=SplitByTime(),
        train_windows=Grid(0.5),
        batch_size=256,
        residency=residency,
        n_jobs=n_jobs,
    )


def write_study(root: Path, n: int) -> None:
    """Write the files, each in its own process."""
    root.mkdir(parents=True, exist_ok=True)
    distinct = [root / f"distinct{i}_raw.fif" for i in range(N_DISTINCT)]
    for path in distinct:
        if not path.exists():
            write_recording(path, MINUTES)
    for i in range(n):
        link = root / f"{i:03d}_raw.fif"
        if not link.exists():
            link.symlink_to(distinct[i % N_DISTINCT].name)


def kill_and_resume(root: Path, n: int, n_jobs: int) -> None:
    """Prepare in another process, kill it and its workers after a third of the recordings, and continue here."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import scale; from pathlib import Path; "
    code += f"scale.prepare_all(Path({str(root)!r}), {n}, {n_jobs})"
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.DEVNULL)
    items = listed(Linked(str(root), n), datamodule(root, n).preprocessing)
    while sum(item.ready for item in items) < n // 3:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first_s = time.perf_counter() - start
    made = {item.folder: (item.folder / "brain.npy").stat().st_mtime_ns for item in items if item.ready}
    start = time.perf_counter()
    prepare_all(root, n, n_jobs)
    second_s = time.perf_counter() - start
    kept = sum((folder / "brain.npy").stat().st_mtime_ns == stamp for folder, stamp in made.items())
    parts = list(items[0].folder.parent.glob(".*.part"))
    speed = n * MINUTES * 60 / (first_s + second_s)
    print(
        f"{n} recordings of {MINUTES:g} min, {n_jobs} processes: killed after {len(made)} ({first_s:.0f} s); resumed and done "
        f"in {second_s:.0f} s: {kept} of {len(made)} kept, {sum(item.ready for item in items)} of {n} there, "
        f"{len(parts)} half-written left; {speed:.0f} x real time in all, both starts included",
        flush=True,
    )


def prepare_all(root: Path, n: int, n_jobs: int) -> None:
    """Recordings, features and scalers, as `n2s prepare` does."""
    datamodule(root, n, n_jobs=n_jobs).prepare()


def batches(data: MEGDataModule):
    """Sizes of training batches, epoch after epoch."""
    training = data.train_dataloader()
    epoch = 0
    while True:
        training.sampler.set_epoch(epoch)
        for batch in training:
            yield len(batch)
        epoch += 1


def main() -> None:
    """Print a line of preparing, and a table of windows per second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--recordings", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.folder or Path(tempfile.mkdtemp())
    os.environ["N2S_CACHE"] = str(folder / "cache")
    root, n = folder / "study", options.recordings
    write_study(root, n)
    kill_and_resume(root, n, options.jobs)
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"disk: {used / 1e9:.1f} GB")
    found = {}
    for residency in ("device", "host"):
        for count in (1, n // 10, n):
            data = datamodule(root, count, residency=residency)
            data.setup("fit")
            found[f"n2s, {residency}, {count} recordings"] = rate(batches(data))
            del data
    array = np.load(listed(Linked(str(root), 1), datamodule(root, 1).preprocessing)[0].folder / "brain.npy")
    fif = folder / "peer_raw.fif"
    mne.io.RawArray(array.T * 1e-13, mne.create_info(array.shape[1], 120.0, "mag"), verbose="error").save(
        fif, overwrite=True, verbose="error"
    )
    for name, (read, n_windows) in peers(fif, len(array)).items():
        found[f"{name}, 1 recording"] = rate(loader(Read(read, n_windows, to_model=True)))
    best = max(value for name, value in found.items() if not name.startswith("n2s"))
    for name, value in found.items():
        print(f"{name:44} {value:8.0f} windows/s {value / best:6.1f} x the fastest other way")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if options.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
