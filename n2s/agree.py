"""One decision for all processes, before a Trainer exists: the first decides, the others learn it."""

import json
import os
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
_KEY = "N2S_AGREED"
_stores: list[TCPStore] = []  # the first process serves the others as long as it lives


def agree(decide: Callable[[], dict]) -> dict:
    """What ``decide`` gave on the first process.

    Processes of torchrun, Slurm, LSF and MPI meet at the address that Lightning will use too; those that Lightning
    starts itself (``--trainer.devices 2``) inherit the decision in their environment.

    Parameters
    ----------
    decide
        Called on the first process only; gives plain JSON types.

    Raises
    ------
    UserError
        As ``decide`` raises it; on other processes, if the first one ended without a decision.
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


def _cluster() -> ClusterEnvironment | None:
    for environment in (TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment):
        try:
            if environment.detect():
                return environment()
        except RuntimeError as error:  # Lightning's word on a job script that cannot work
            raise UserError(str(error)) from None
    return None


def _over_network(decide: Callable[[], dict], cluster: ClusterEnvironment) -> dict:
    first = cluster.global_rank() == 0
    # torchrun's own process serves its workers; else the first one does, and Lightning's process group will share
    # that server with us, which multi_tenant allows
    serves = first and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    try:
        store = TCPStore(
            cluster.main_address, cluster.main_port, is_master=serves, timeout=PATIENCE, wait_for_workers=False,
            multi_tenant=True,
        )  # fmt: skip
        _stores.append(store)
        if not first:
            return json.loads(store.get(_KEY))
    except DistError as error:
        raise UserError(f"the first process ended before the run was chosen; see its message ({error}).") from None
    decision = decide()
    store.set(_KEY, json.dumps(decision))
    return decision
