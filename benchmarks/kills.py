"""Kill real fits with SIGKILL at random moments, give the same command again, compare with the uninterrupted run.

    python benchmarks/kills.py [--kills 30] [--seed 0] [--epochs 3] [--keep FOLDER]

Each fit has its own folder and cache, so that it simulates, prepares, computes features, trains and validates. Two
of three kills aim at each stage in turn, at a random moment; the others happen at any time. Every fourth fit is killed again
after it continued. Every second fit writes a checkpoint after each step, so that it continues inside an epoch; two of
four read their data from memory maps. All are compared with one run that does neither. A fit is a forked process with
all modules imported: otherwise imports would take most of its time.
Exit status 0: every stage was hit, and every run ended with the same bits as the uninterrupted run and left no orphan.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["WANDB_MODE"] = "disabled"

import argparse  # noqa: E402
import contextlib  # noqa: E402
import functools  # noqa: E402
import multiprocessing  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from lightning.pytorch import Trainer  # noqa: E402
from lightning.pytorch.loops.evaluation_loop import _EvaluationLoop  # noqa: E402
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop  # noqa: E402

import n2s.cli.main  # noqa: E402
from n2s.__main__ import main  # noqa: E402
from n2s.data import MEGDataModule  # noqa: E402
from n2s.features.store import FeatureStore  # noqa: E402
from n2s.training.checkpoints import AtomicCheckpointIO  # noqa: E402
from n2s.training.compare import results  # noqa: E402
from n2s.training.run import Run, runs_of  # noqa: E402

RECIPE = Path(__file__).parents[1] / "configs" / "meg_contrastive.yaml"
OVERLAY = """
data:
  init_args:
    studies:
      simulated:
        class_path: n2s.studies.SimulatedMEG
        init_args: {{n_subjects: 1, max_story_s: 24.0, stories: [lighthouse.en, orchestra, train]}}
    train_windows: {{class_path: n2s.data.Grid, init_args: {{step_s: 1.0, jitter: true}}}}
    batch_size: 4
    residency: {residency}
    n_jobs: 1
model:
  init_args:
    encoder: {{class_path: n2s.models.BrainEncoder, init_args: {{n_virtual: 8, n_fourier: 32, hidden: 8, depth: 2}}}}
    scheduler: {{class_path: torch.optim.lr_scheduler.CosineAnnealingLR, init_args: {{T_max: {epochs}}}}}
checkpoint_minutes: {minutes}
trainer: {{max_epochs: {epochs}, enable_progress_bar: false, enable_model_summary: false, logger: false,
          accelerator: cpu, log_every_n_steps: 1}}
"""
STAGES = ("starting", "preparing", "features", "training", "validation", "saving", "after the fit")
AIMED = STAGES[1:]


class Progress:
    """State shared with a fit: its current stage, and how often it has entered each stage."""

    def __init__(self):
        self.stage = multiprocessing.RawValue("i", 0)
        self.entered = multiprocessing.RawArray("i", len(STAGES))
        self.spent_s = multiprocessing.RawArray("d", len(STAGES))
        self.aim = multiprocessing.RawArray(
            "i", [-1, 0]
        )  # a stage, and at which entry to it the fit waits to be let on
        self.waits = multiprocessing.RawValue("i", 0)

    def enter(self, index: int) -> None:
        """Record that a stage begins; at the aimed entry, stop, so that the killer knows the exact moment."""
        self.stage.value = index
        self.entered[index] += 1
        if list(self.aim) == [index, self.entered[index]]:
            self.waits.value = 1
            os.kill(os.getpid(), signal.SIGSTOP)

    def during(self, name: str, function: Callable) -> Callable:
        """``function``, recording when it starts and ends."""
        index = STAGES.index(name)

        @functools.wraps(function)
        def told(*args, **kwargs):
            before = self.stage.value
            self.enter(index)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent_s[index] += time.perf_counter() - start
                self.stage.value = before

        return told

    def watch(self) -> None:
        """Make the fit in this process record its stage."""
        for name, owner, method in (
            ("preparing", MEGDataModule, "prepare"),
            ("features", FeatureStore, "frames"),
            ("training", _TrainingEpochLoop, "run"),
            ("validation", _EvaluationLoop, "run"),
            ("saving", AtomicCheckpointIO, "save_checkpoint"),
        ):
            setattr(owner, method, self.during(name, getattr(owner, method)))
        fit, last = Trainer.fit, STAGES.index("after the fit")

        @functools.wraps(fit)
        def fit_then_say(*args, **kwargs):
            fit(*args, **kwargs)
            self.enter(last)

        Trainer.fit = fit_then_say


@dataclass
class Trial:
    """One run and its kills."""

    folder: Path
    epochs: int
    number: int = 0
    kills: list[str] = field(default_factory=list)  # the stages that it was killed in

    def start(self, aim: tuple[int, int] = (-1, 0)) -> tuple[multiprocessing.Process, Progress]:
        """The command, the same each time."""
        progress = Progress()
        progress.aim[:] = aim
        process = multiprocessing.get_context("fork").Process(target=self._fit, args=(progress,))
        process.start()
        return process, progress

    def _fit(self, progress: Progress) -> None:
        for name in ("cache", "runs", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        os.environ |= {"N2S_CACHE": str(self.folder / "cache"), "N2S_RUNS": str(self.folder / "runs")}
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder / "tmp")
        os.chdir(self.folder)
        said = os.open(self.folder / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        (self.folder / "tiny.yaml").write_text(OVERLAY.format(**self.options()))
        sys.argv = ["n2s", "fit", "--config", str(RECIPE), "--config", "tiny.yaml"]
        progress.watch()
        main()

    def options(self) -> dict[str, object]:
        """Options of the recipe. A checkpoint after every step and data on the host do not change the result."""
        minutes = "1.0e-9" if self.number % 2 else "null"
        return {"epochs": self.epochs, "minutes": minutes, "residency": "host" if self.number % 4 > 1 else "device"}

    def kill(self, aim: tuple[int, int], wait_s: float) -> bool:
        """Start the fit, kill it ``wait_s`` after the aimed entry to a stage or after the start; False if it ended before."""
        process, progress = self.start(aim)
        while aim[0] >= 0 and process.is_alive() and not progress.waits.value:
            time.sleep(5e-4)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        end = time.perf_counter() + wait_s
        while (left := end - time.perf_counter()) > 0:
            time.sleep(left if left > 0.01 else 0)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)  # so that it is killed where it is looked at
        stage = STAGES[progress.stage.value]
        process.kill()
        process.join()
        killed = process.exitcode == -signal.SIGKILL
        if killed:
            self.kills.append(stage)
        return killed

    def finish(self) -> tuple[float, Progress]:
        """Run the same command to its end."""
        begun = time.perf_counter()
        process, progress = self.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{self.folder}: exit status {process.exitcode}\n{(self.folder / 'said').read_text()}")
        return time.perf_counter() - begun, progress

    @property
    def run(self) -> Run:
        """The run: there is exactly one, however often the command was repeated."""
        (run,) = runs_of(self.folder / "runs" / "meg_contrastive")
        return run

    @property
    def finished(self) -> bool:
        """Whether the record says that the run is finished."""
        return any(run.finished for run in runs_of(self.folder / "runs" / "meg_contrastive"))

    def orphans(self) -> list[str]:
        """Files that a killed process left behind."""
        found = [path for path in self.folder.rglob("*.part")]
        found += [path for path in (self.folder / "tmp").rglob("*")]
        found += [p for p in self.run.folder.iterdir() if p.name not in EXPECTED]
        return sorted({str(path.relative_to(self.folder)) for path in found})


EXPECTED = {"best.ckpt", "last.ckpt", "config.yaml", "run.json", "metrics.csv", ".lock"}


def differences(run: Run, other: Run) -> list[str]:
    """What differs in any bit: checkpoints, logged numbers, data."""
    found = [f"{name}: {told}" for name, all_told in results(run, other).items() for told in all_told]
    found += [] if run.read()["data"] == other.read()["data"] else ["data"]
    return found + ([] if run.finished else ["not finished"])


def kill_once(trial: Trial, rng: np.random.Generator, aim: str | None, whole_s: float, typical: Progress) -> None:
    """Kill at a random moment of the stage or of the whole fit; try again if the fit was faster."""
    for _ in range(5):
        if aim is None:
            killed = trial.kill((-1, 0), rng.uniform(0, 0.7 * whole_s))  # the first fit is the slowest
        else:
            index = STAGES.index(aim)
            count = max(typical.entered[index], 1)
            wait_s = rng.uniform(0, 0.9 * typical.spent_s[index] / count)
            killed = trial.kill((index, int(rng.integers(1, count, endpoint=True))), wait_s)
        if killed or trial.finished:
            return


def benchmark(n_kills: int, epochs: int, seed: int, folder: Path) -> int:
    """Print the table; return the number of missed stages plus runs that differed."""
    rng = np.random.default_rng(seed)
    reference = Trial(folder / "uninterrupted", epochs)
    whole_s, typical = reference.finish()
    print(f"uninterrupted: {whole_s:.1f} s; entered " + ", ".join(map("{} {}".format, STAGES[1:], typical.entered[1:])))
    hit, failed, number, done = Counter(), 0, 0, 0
    print("run  killed in                        resumed to the bit  orphans")
    while done < n_kills:
        trial = Trial(Path(tempfile.mkdtemp(prefix=f"run{number:02d}-", dir=folder)), epochs, number)
        aims = [AIMED[number % len(AIMED)] if number % 3 else None] + [None] * (number % 4 == 3)
        for aim in aims[: n_kills - done]:
            if not trial.finished:
                kill_once(trial, rng, aim, whole_s, typical)
        if not trial.kills:
            continue  # it ended sooner than the first; use another folder
        if not trial.finished:  # it may have been killed after its last message
            trial.finish()
        wrong, orphans = differences(trial.run, reference.run), trial.orphans()
        failed += bool(wrong or orphans)
        hit.update(trial.kills)
        done += len(trial.kills)
        print(
            f"{number:3}  {', '.join(trial.kills):32} {'yes' if not wrong else ', '.join(wrong):19} {', '.join(orphans) or '-'}",
            flush=True,
        )
        number += 1
    missed = [stage for stage in STAGES if not hit[stage]]
    print(f"{done} kills of {number} runs: " + ", ".join(f"{hit[stage]} {stage}" for stage in STAGES))
    print(
        f"{number - failed} of {number} resumed, bit-identical, without orphans; stages missed: {', '.join(missed) or 'none'}"
    )
    return failed + len(missed)


def cli() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="work there and leave everything")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.keep:
        return benchmark(given.kills, given.epochs, given.seed, given.keep.absolute())
    with tempfile.TemporaryDirectory() as folder:
        return benchmark(given.kills, given.epochs, given.seed, Path(folder))


if __name__ == "__main__":
    assert n2s.cli.main  # imported before the first fork
    sys.exit(cli())
