"""No process waits for ever: one that fails, is killed or is late ends the others, which say why."""

import multiprocessing
import os
import re
import socket
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy

from n2s.errors import UserError
from n2s.training import watch
from n2s.training.watch import MARGIN_S, Watch, wait_no_longer

N, LIMIT_S = 3, 1.5


def process(rank: int, port: int, what: str, folder: Path) -> None:
    """Meet the others, come to two places with a barrier after each; one of them does not."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    watch.OWN_END_S, watch.LEAVE_S = 2.0, 4.0
    sys.stderr = open(folder / f"{rank}.err", "w", buffering=1)  # noqa: SIM115
    begun = time.monotonic()
    try:
        with Watch(LIMIT_S) as own:
            dist.init_process_group("gloo", rank=rank, world_size=N)
            own.at("here")
            dist.barrier()
            if what == f"fault of {rank}":
                raise UserError("its own fault.")
            if what == f"bug of {rank}":
                raise ValueError("oops")
            if what == f"kill {rank}":
                os._exit(9)
            if what == f"{rank} is late":
                time.sleep(60)
            own.at("there")
            if what == f"{rank} works long":
                time.sleep(2 * LIMIT_S)  # alone, behind nobody
            elif not what.endswith("works long"):
                dist.barrier()
    except Exception as error:  # as the command does
        told = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        print(told, file=sys.stderr)
        print(f"{time.monotonic() - begun:.1f} s", file=sys.stderr)
        sys.exit(2)


def run(what: str, folder: Path) -> tuple[list[int], list[str]]:
    """The exit statuses and what was told on stderr."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    fork = multiprocessing.get_context("fork")
    forks = [fork.Process(target=process, args=(rank, port, what, folder)) for rank in range(N)]
    for one in forks:
        one.start()
    for one in forks:
        one.join(40)
        assert one.exitcode is not None, f"{what}: a process hangs"
    return [one.exitcode for one in forks], [(folder / f"{rank}.err").read_text() for rank in range(N)]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["nothing", "0 works long", "2 works long"])
def test_they_end_well(tmp_path, what):
    assert run(what, tmp_path) == ([0] * N, [""] * N)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "what", "told"),
    [
        (1, "fault of 1", r"process 1 has ended this run: its own fault\. See its message"),
        (0, "fault of 0", r"process 0 has ended this run: its own fault\. See its message"),
        (2, "bug of 2", r"process 2 has ended this run: ValueError: oops"),
    ],
)
def test_a_failure_ends_the_others(tmp_path, who, what, told):
    """Status 2 for all, and a pointer to the one that failed, which says its own."""
    status, said = run(what, tmp_path)
    assert status == [2] * N
    for rank, text in enumerate(said):
        assert re.search("its own fault|ValueError: oops" if rank == who else told, text), text
        assert (f"process {who} has ended" in text) == (rank != who)


@pytest.mark.slow
def test_one_that_is_killed(tmp_path):
    status, said = run("kill 1", tmp_path)
    assert status == [2, 9, 2]
    assert all("it ended without a message" in said[rank] and "same command" in said[rank] for rank in (0, 2))


@pytest.mark.slow
def test_one_that_is_late(tmp_path):
    """Who waited for whom, where both are, and what to do; all of them end."""
    status, said = run("1 is late", tmp_path)
    assert status == [2] * N
    told = (
        r"process [02] has waited \S+ minutes \(there\) for process 1, which is at: here\..*--wait_minutes, here 0.025"
    )
    assert all(re.search(told, text) for text in said), said


def test_the_backend_gives_up_later():
    strategy = DDPStrategy()
    wait_no_longer(strategy, 600)
    assert strategy._timeout == timedelta(seconds=600 + MARGIN_S)
    own = DDPStrategy(timeout=timedelta(hours=5))
    wait_no_longer(own, 600)
    assert own._timeout == timedelta(hours=5)  # the recipe's
