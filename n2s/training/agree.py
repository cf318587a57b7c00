"""One decision for all processes, before a Trainer exists: the first process decides and the others receive it."""

import json
import os
import time
from collections.abc import Callable
from datetime import timedelta

from lightning.pytorch.plugins.environments import (
    ClusterEnvironment,
    LSFEnvironment,
    MPIEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from torch.distributed import DistError, TCPStore

from n2s.errors import UserError

PATIENCE = timedelta(minutes=10)  # a cluster may start its processes minutes apart
GRACE_S = 60.0  # how long the first process stays to report that it failed
_KEY, _LEARNT = "N2S_AGREED", "N2S_LEARNT"
_stores: list[TCPStore] = []  # the first process serves the others as long as it lives


def agree(decide: Callable[[], dict]) -> dict:
    """Return the result of ``decide`` on the first process.

    Processes of torchrun, Slurm, LSF and MPI meet at the address that Lightning will use too; those that Lightning
    starts itself (``--trainer.devices 2``) inherit the decision in their environment.

    Parameters
    ----------
    decide
        Called on the first process only; returns plain JSON types.

    Raises
    ------
    UserError
        ``decide`` raised it; or, on other processes, the first process ended without a decision.
    """
    cluster = _cluster()
    if cluster is not None and cluster.world_size() > 1:
        return _over_network(decide, cluster)
    if int(os.environ.get("LOCAL_RANK", 0)) > 0 and _KEY in os.environ:
        return json.loads(os.environ[_KEY])
    if int(os.environ.get("NODE_RANK", 0)) > 0:
        raise UserError("Training on several nodes: start every node with torchrun or srun.")
    decision = decide()
    os.environ[_KEY] = json.dumps(decision)
    return decision


def process_rank() -> int:
    """The rank of this process among all, before a Trainer exists."""
    cluster = _cluster()
    return cluster.global_rank() if cluster is not None else int(os.environ.get("LOCAL_RANK", 0))


def n_processes() -> int:
    """How many processes torchrun or a cluster has started."""
    cluster = _cluster()
    return 1 if cluster is None else cluster.world_size()


def _cluster() -> ClusterEnvironment | None:
    for environment in (TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment):
        try:
            if environment.detect():
                return environment()
        except RuntimeError as error:  # Lightning's error for a job script that cannot work
            raise UserError(str(error)) from None
    return None


def _over_network(decide: Callable[[], dict], cluster: ClusterEnvironment) -> dict:
    first = cluster.global_rank() == 0
    # torchrun's own process serves its workers; else the first one does, and Lightning's process group will share
    # that server with us, which multi_tenant allows
    serves = first and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    address, port = cluster.main_address, cluster.main_port
    try:
        store = TCPStore(address, port, is_master=serves, timeout=PATIENCE, wait_for_workers=False, multi_tenant=True)
    except DistError:
        raise UserError(f"the first process was not found at {address}:{port}; see its message.") from None
    _stores.append(store)
    if not first:
        answer = json.loads(store.get(_KEY))
        store.add(_LEARNT, 1)
        if answer is None:
            raise UserError("the first process could not choose a run; see its message.")
        return answer
    try:
        decision = decide()
    except UserError:
        store.set(_KEY, "null")
        _wait_for_others(store, cluster.world_size() - 1)
        raise
    store.set(_KEY, json.dumps(decision))
    return decision


def _wait_for_others(store: TCPStore, count: int) -> None:
    """Wait until the others know, but not for a process that never comes: it would look for a server that is gone."""
    end = time.monotonic() + GRACE_S
    while store.add(_LEARNT, 0) < count and time.monotonic() < end:
        time.sleep(0.1)
