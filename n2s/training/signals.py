"""What a fit does when it is told to stop: SIGTERM, Ctrl-C, and the signal by which Slurm says that time is nearly up."""

import os
import signal
import subprocess
import threading
from types import FrameType, TracebackType
from typing import NoReturn

from lightning.pytorch.plugins.environments import SLURMEnvironment

ASKS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # SIGUSR1: #SBATCH --signal=SIGUSR1@90


class Stopped(BaseException):
    """A signal ends the fit. Not an `Exception`: nothing that expects errors shall catch it.

    ``alone``: the other processes have not agreed to it, and do not know.
    """

    alone = False


class StopSignals:
    """A context in which those signals ask training to save and stop, rather than break it off anywhere.

    Before training looks at them, or when one comes a second time, they end the process at once; what is on disk is
    whole in any case. Lightning's own handlers save from inside the handler, in the middle of a step.
    """

    def __init__(self):
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
        """Training looks at `received` from now on; takes the place of the handlers that Lightning has just set."""
        if self._before:
            self._heeded = True
            for one in ASKS:
                signal.signal(one, self._take)

    def stop(self, where: str) -> NoReturn:
        """End the fit, which is saved; ``where`` says so."""
        raise Stopped(where)

    def message(self, stopped: Stopped) -> str:
        """What to tell the user; where Slurm asked, it is told to start the job again."""
        name = self.received.name if self.received else "asked to stop by another process"
        text = f"{name}: stopped {stopped}. The same command continues the run."
        if self.received is signal.SIGUSR1 and SLURMEnvironment.detect() and os.environ.get("SLURM_PROCID", "0") == "0":
            text += _requeue()
        return text

    @property
    def status(self) -> int:
        """The exit status by custom."""
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
