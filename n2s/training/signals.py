"""How a fit stops: after SIGTERM, Ctrl-C, or the signal that Slurm sends shortly before the time limit."""

import os
import signal
import subprocess
import threading
from types import FrameType, TracebackType
from typing import NoReturn

from lightning.pytorch.plugins.environments import SLURMEnvironment

ASKS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # SIGUSR1: #SBATCH --signal=SIGUSR1@90


class Stopped(BaseException):
    """A signal ends the fit. It is not an `Exception`, so that no error handler catches it.

    ``alone``: the other processes have not agreed to stop, and do not know about it.
    """

    alone = False


class StopSignals:
    """A context in which these signals ask training to save and stop, instead of interrupting it anywhere.

    Before training checks for signals, or when one comes a second time, the process ends at once. Files on disk are
    whole in any case. Lightning's own handlers save inside the handler, in the middle of a step.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._heeded = False
        self._before: dict = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._take) for one in ASKS}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before, self._heeded = {}, False

    def heed(self) -> None:
        """From now on training checks `received`; this replaces the handlers that Lightning has just set."""
        if self._before:
            self._heeded = True
            for one in ASKS:
                signal.signal(one, self._take)

    def stop(self, where: str) -> NoReturn:
        """End the fit, which is saved; ``where`` describes where."""
        raise Stopped(where)

    def message(self, stopped: Stopped) -> str:
        """The message to the user; if Slurm sent the signal, the job is requeued."""
        name = self.received.name if self.received else "asked to stop by another process"
        text = f"{name}: stopped {stopped}. The same command continues the run."
        if self.received is signal.SIGUSR1 and SLURMEnvironment.detect() and os.environ.get("SLURM_PROCID", "0") == "0":
            text += _requeue()
        return text

    @property
    def status(self) -> int:
        """The conventional exit status."""
        return 128 + (self.received or signal.SIGTERM)

    def _take(self, number: int, frame: FrameType | None) -> None:
        again = self.received is not None and number != signal.SIGUSR1
        self.received = signal.Signals(number)
        if again or not self._heeded:
            stopped = Stopped(
                "at once; nothing since the last checkpoint is kept" if self._heeded else "before training"
            )
            stopped.alone = True
            raise stopped
        if os.environ.get("LOCAL_RANK", "0") == "0":
            said = f"n2s: {self.received.name}: saves and stops after this step; again: stops now.\n"
            os.write(2, said.encode())  # print may have been interrupted, and cannot be entered twice


def _requeue() -> str:
    job = os.environ["SLURM_JOB_ID"]
    if os.environ.get("SLURM_ARRAY_JOB_ID"):
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    try:
        done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, timeout=60)
        failed = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        failed = str(error)
    return f" scontrol requeue {job} failed: {failed}" if failed else f" Slurm starts job {job} again."
