"""Set-up time of an fMRI study of 20 runs: runs read and cleaned every time, against runs prepared once.

    python benchmarks/bold_prepare.py [--runs 20] [--volumes 300] [--folder DIR]

Writes NIfTI runs of 64 x 64 x 30 voxels (int16, gzip) with a mask, an atlas, 12 confounds, clips and audio. Each way runs in
its own process with one thread. ``cold``: the prepared files are first dropped from the system's file cache, so that they
come from the disk. ``floor``: NumPy reads the same arrays from end to end and does nothing else. On a busy
machine look at the CPU times.
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

import nibabel  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import soundfile  # noqa: E402

from n2s.data import FMRIDataModule, fmri  # noqa: E402
from n2s.data.bold_steps import cleaned  # noqa: E402
from n2s.features import MelStatistics  # noqa: E402
from n2s.studies import GenericFMRI  # noqa: E402
from n2s.studies.bold_cleaning import BoldCleaning  # noqa: E402
from n2s.studies.fmri import Bold  # noqa: E402
from n2s.studies.readers.bold_files import BoldFiles  # noqa: E402
from n2s.studies.study import Recording  # noqa: E402

SHAPE, TR_S, CLIP_S, N_SUBJECTS = (64, 64, 30), 2.0, 4.0, 2
CONFOUNDS = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"] + [f"a_comp_cor_0{i}" for i in range(6)]
CLEANING = BoldCleaning(detrend=True, highpass_hz=0.008, confounds=("trans_?", "rot_?", "a_comp_cor_0?"))


def write_study(root: Path, n_runs: int, n_volumes: int) -> None:
    """Noise in a brain of about a quarter of the image; subjects hear the same stories, of which one is for testing."""
    (root / "stimuli").mkdir(parents=True)
    affine = np.diag([3.0, 3.0, 4.0, 1.0])
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    brain = np.square(places / np.array([0.75, 0.9, 0.8])[:, None, None, None]).sum(0) < 1
    atlas = (brain & (np.abs(places[0]) > 0.5) & (np.abs(places[1]) < 0.2) & (np.abs(places[2]) < 0.3)).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(brain.astype(np.uint8), affine), root / "mask.nii.gz")
    nibabel.save(nibabel.Nifti1Image(atlas, affine), root / "atlas.nii.gz")
    starts_s = np.arange(10.0, n_volumes * TR_S - 16, CLIP_S)
    for number in range(n_runs):
        subject, story = number % N_SUBJECTS + 1, number // N_SUBJECTS
        rng = np.random.default_rng(number)
        if subject == 1:
            soundfile.write(
                root / "stimuli" / f"story{story}.wav", rng.normal(0, 0.1, round(n_volumes * TR_S * 8000)), 8000
            )
            split = "test" if story == 0 else "val" if story == 1 else "train"
            table = pd.DataFrame({"stimulus": f"story{story}", "start_s": starts_s - 10, "duration_s": CLIP_S})
            table = table.assign(time_s=starts_s, split=split)
            table.to_csv(root / f"task-listen_run-{story}_clips.tsv", sep="\t", index=False)
        volumes = np.zeros((*SHAPE, n_volumes), np.int16)
        volumes[brain] = rng.normal(1000, 20, (brain.sum(), n_volumes))
        image = nibabel.Nifti1Image(volumes, affine)
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_zooms((3.0, 3.0, 4.0, TR_S))
        stem = f"sub-0{subject}_task-listen_run-{story}"
        nibabel.save(image, root / f"{stem}_bold.nii.gz")
        confounds = pd.DataFrame(rng.standard_normal((n_volumes, len(CONFOUNDS))), columns=CONFOUNDS)
        confounds.to_csv(root / f"{stem}_desc-confounds_timeseries.tsv", sep="\t", index=False)


class ReadAnew:
    """One run in place of a prepared one: read and cleaned whenever it is asked for, as before runs were kept."""

    folder, key = Path("none/none"), "read anew"

    def __init__(self, study: GenericFMRI, recording: Recording):
        self.study, self.recording = study, recording

    def bold(self, where: str) -> Bold:
        """The cleaned run."""
        return cleaned(self.study.load(self.recording), self.study.cleaning, where)


class WithoutCache(FMRIDataModule):
    """Reads, cleans, cuts and scales each run at each set-up, as before runs and responses were kept."""

    def setup(self, stage: str) -> None:
        fmri.kept_responses = lambda key, make, where: make()  # each way has its own process
        super().setup(stage)

    def _prepared(self, clips: pd.DataFrame, make: Callable, **options: object) -> dict:
        return {key: ReadAnew(self.studies["own"], self.runs[key]) for key in clips.recording.unique()}


def set_up(root: Path, kind: type[FMRIDataModule], roi: str | None) -> dict[str, str]:
    """What a fit does before its first step; gives the hashes of what it will learn from."""
    study = GenericFMRI(str(root), files=BoldFiles(mask="mask.nii.gz", atlas="atlas.nii.gz"), cleaning=CLEANING)
    data = kind({"own": study}, MelStatistics(), roi=roi, lag_s=4.0)
    data.setup("fit")
    return data.data_hashes()


def read_through(root: Path, kind: type, roi: str | None) -> dict:
    """Every prepared array, and nothing done with it."""
    for path in arrays():
        np.fromfile(path, np.float32).max()
    return {}


def arrays() -> list[Path]:
    """The prepared runs."""
    return sorted(Path(os.environ["N2S_CACHE"]).glob("prepared/*/*/brain.npy"))


def drop_from_memory() -> None:
    """Let the system forget the prepared arrays, so that the next reader meets the disk."""
    for path in arrays():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measured(way: Callable, arguments: tuple, found: multiprocessing.Queue) -> None:
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start, start_cpu = time.perf_counter(), time.process_time()
    hashes = way(*arguments)
    spent_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    found.put((spent_s, cpu_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before_mb, hashes))


def benchmark(root: Path) -> None:
    """Print one row a way."""
    context = multiprocessing.get_context("spawn")
    ways = (
        ("first: prepares, makes features", set_up, FMRIDataModule, None, False),
        ("read and clean each run anew", set_up, WithoutCache, None, False),
        ("second", set_up, FMRIDataModule, None, False),
        ("second, cold", set_up, FMRIDataModule, None, True),
        ("second, one region", set_up, FMRIDataModule, "1", False),
        ("second, one region, cold", set_up, FMRIDataModule, "1", True),
        ("floor", read_through, FMRIDataModule, None, False),
        ("floor, cold", read_through, FMRIDataModule, None, True),
    )
    anew, hashes = None, {}
    for name, way, kind, roi, cold in ways:
        if cold:
            drop_from_memory()
        found = context.Queue()
        process = context.Process(target=_measured, args=(way, (root, kind, roi), found))
        process.start()
        spent_s, cpu_s, peak_mb, before_mb, hashes[name] = found.get()
        process.join()
        anew = (spent_s, cpu_s) if kind is WithoutCache else anew
        ratio = f"{anew[0] / spent_s:6.1f} x sooner ({anew[1] / cpu_s:.1f} x less CPU)" if anew else ""
        print(
            f"{name:32} {spent_s:7.2f} s  CPU {cpu_s:7.2f} s  {ratio:36} peak {peak_mb:6.0f} MB ({before_mb:.0f} before)",
            flush=True,
        )
    whole = [hashes[name] for name in ("first: prepares, makes features", "read and clean each run anew", "second")]
    assert whole[0] == whole[1] == whole[2], "the responses differ"
    n_bytes = sum(path.stat().st_size for path in arrays())
    shape = np.load(arrays()[0], mmap_mode="r").shape
    print(
        f"{len(arrays())} runs, each {shape[0]} volumes of {shape[1]} voxels: {n_bytes / 1e6:.0f} MB of prepared arrays"
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--volumes", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="write there (an empty folder), in place of a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        os.environ["N2S_CACHE"] = str(Path(folder) / "cache")
        write_study(Path(folder) / "study", options.runs, options.volumes)
        benchmark(Path(folder) / "study")


if __name__ == "__main__":
    main()
