"""Several processes of one run: none waits for ever for another, and none continues after another has failed."""

import json
import os
import re
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any

import torch.distributed as dist
from lightning.fabric.plugins.collectives.torch_collective import default_pg_timeout
from lightning.pytorch.strategies import DDPStrategy, Strategy

from n2s.errors import UserError

POLL_S = 0.5
OWN_END_S = 6.0  # time for a process to end by itself, once it knows that it must
LEAVE_S = 12.0  # how long a failed process stays, so that the others hear of it
LAST_S = 60.0  # how long the first process, which others ask, stays for them after a good end
MARGIN_S = 60.0  # the backend's own time limit comes this much later: its message names no process

_LOST = r"closed by peer|reset by peer|Broken pipe|remote process exited|Connection (was )?(closed|refused)"
_LATE = r"[Tt]imed out|[Tt]imeout"
_watches = 0  # in this process: each has its own keys


def wait_no_longer(strategy: Strategy, limit_s: float) -> None:
    """Give the backend a time limit: the last resort, if all processes wait and none is behind another.

    A limit in the recipe's strategy is kept.
    """
    if isinstance(strategy, DDPStrategy) and strategy._timeout == default_pg_timeout:  # Lightning has no setter
        strategy._timeout = timedelta(seconds=limit_s + MARGIN_S)


class Watch:
    """A context around the work of a Trainer; with one process it does nothing.

    A thread reports to the others where this process is, through their common store, and checks two things:

    - Another process has failed. This one then ends too: by an error if the backend notices the lost
      connection, or else the thread ends it after `OWN_END_S`. NCCL notices nothing: the process would wait inside a call.
    - This process has not moved for ``limit_s``, and another is behind it. All processes then end, with a message
      that says who waited for whom. A single slow step is fine as long as no other process waits for it.

    Parameters
    ----------
    limit_s
        How long to wait for another process.
    """

    def __init__(self, limit_s: float):
        global _watches
        _watches += 1
        self._keys = f"n2s/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}/{_watches}"
        self.limit_s = limit_s
        self.reason: str | None = None  # why this process has to end, if it has
        self._count, self._place, self._since = 0, "starting", time.monotonic()
        self._told = -1
        self._store: Any = None  # a dist.TCPStore, once this process has met others
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="n2s-watch")

    def at(self, place: str) -> None:
        """Report that this process has reached ``place``. All processes reach the same places, in the same order."""
        self._place, self._since = place, time.monotonic()
        self._count += 1

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if isinstance(error, dist.DistError) and self._store is None:
            raise UserError(
                f"not all processes have met ({str(error).splitlines()[0]}). See the messages of the others."
            ) from error
        failed = isinstance(error, Exception) or getattr(error, "alone", False)
        try:
            if self._store is None and not self._meet():  # the thread may not have had the time
                return
            if failed and error is not None:
                self._fail(error)
            self._leave(failed=failed)
        except (dist.DistError, RuntimeError):  # the first process is gone, and the store with it
            self.reason = self.reason or _gone(0)
        if failed and self.reason is not None and not isinstance(error, UserError):
            raise UserError(self.reason) from error

    # -- the thread --------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        try:
            while not self._over.wait(POLL_S):
                if self._store is None and not self._meet():
                    continue
                self._tell()
                self.reason = self._failure() or self._waited()
                if self.reason is not None:
                    break
        except (dist.DistError, RuntimeError):
            self.reason = _gone(0)
        if self.reason is not None and not self._over.wait(OWN_END_S):
            print(f"n2s{f' [process {self._rank}]' if self._rank else ''}: {self.reason}", file=sys.stderr, flush=True)
            with suppress(dist.DistError, RuntimeError):
                self._leave(failed=True)
            os._exit(2)

    def _meet(self) -> bool:
        """Whether there are other processes, and this one is connected to the store that they share."""
        if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
            return False
        self._rank, self._n = dist.get_rank(), dist.get_world_size()
        self._served = dist.distributed_c10d._get_default_store()  # by the first process, past its process group's end
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        # a connection of its own: a wait of the backend keeps the other one busy
        limit = timedelta(seconds=self.limit_s)
        self._store = dist.TCPStore(address, port, is_master=False, wait_for_workers=False, timeout=limit)
        return True

    def _tell(self) -> None:
        if self._told != self._count:
            self._told = self._count
            self._store.set(f"{self._keys}/at/{self._rank}", json.dumps([self._count, self._place]))

    def _failure(self) -> str | None:
        """The error of another process, if one has failed."""
        if not self._store.check([f"{self._keys}/failed"]):
            return None
        rank, message = json.loads(self._store.get(f"{self._keys}/failed"))
        return message if rank is None else f"process {rank} has ended this run: {message} See its message."

    def _waited(self) -> str | None:
        """A message if another process is behind, and has been for too long."""
        waited_s = time.monotonic() - self._since
        if waited_s < self.limit_s or self._count == 0:
            return None
        places = {rank: self._place_of(rank) for rank in range(self._n) if rank != self._rank}
        behind = {rank: place for rank, (count, place) in places.items() if count < self._count}
        if not behind:
            return None
        who = "; ".join(f"process {rank}, which is at: {place}" for rank, place in list(behind.items())[:4])
        message = (
            f"process {self._rank} has waited {waited_s / 60:.3g} minutes ({self._place}) for {who}. Look at its output "
            "and at its machine. If it only needs longer: --wait_minutes, here "
            f"{self.limit_s / 60:g}; data can be made ahead with n2s prepare."
        )
        return self._post(None, message)

    def _place_of(self, rank: int) -> tuple[int, str]:
        if self._store.check([f"{self._keys}/gone/{rank}"]):
            return sys.maxsize, "the end"
        key = f"{self._keys}/at/{rank}"
        return tuple(json.loads(self._store.get(key))) if self._store.check([key]) else (0, "starting")

    # -- the end -----------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """Report the error to the others; or find out from them why a call has failed."""
        self.reason = self.reason or self._failure()
        if self.reason is not None:
            return
        text = str(error)
        if isinstance(error, RuntimeError) and re.search(_LOST, text):
            self.reason = self._post(None, _gone(None))
        elif isinstance(error, RuntimeError) and re.search(_LATE, text):
            self.reason = self._post(
                None,
                f"the processes have waited longer than {self.limit_s / 60:g} minutes for each other, all of them at: "
                f"{self._place}. If a step takes so long: --wait_minutes.",
            )
        else:
            first = (text.splitlines() or [""])[0]
            self._post(self._rank, first if isinstance(error, UserError) else f"{type(error).__name__}: {first}")
        if dist.is_initialized() and dist.get_backend() == "gloo":
            dist.destroy_process_group()  # processes that wait for this one learn now that it will not come

    def _post(self, rank: int | None, message: str) -> str:
        """The first message counts."""
        kept = self._store.compare_set(f"{self._keys}/failed", "", json.dumps([rank, message]))
        kept_rank, kept_message = json.loads(kept)
        return kept_message if kept_rank is None else f"process {kept_rank} has ended this run: {kept_message}"

    def _leave(self, *, failed: bool) -> None:
        """The first process stays until the others are gone, because they ask it. A failed process stays for the first."""
        gone = f"{self._keys}/gone"
        self._store.add(f"{gone}/{self._rank}", 1)
        stays_s = LEAVE_S if failed else LAST_S if self._rank == 0 else 0.0
        waits_for = range(1, self._n) if self._rank == 0 else [0]
        end = time.monotonic() + stays_s
        while time.monotonic() < end and not all(self._store.check([f"{gone}/{rank}"]) for rank in waits_for):
            time.sleep(POLL_S / 5)
        if failed and self._rank == 0:
            time.sleep(POLL_S)  # they may ask once more: the store must answer


def _gone(rank: int | None) -> str:
    return (
        f"the connection to {'another process' if rank is None else 'the first process'} is lost: it ended without a "
        "message. Was it killed, perhaps because memory was full? The run goes on from its last checkpoint with the same command."
    )
