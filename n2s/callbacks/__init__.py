"""What the command attaches to every Trainer: seeds, checkpoints, the record of a run."""

from n2s.callbacks.checkpoints import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint
from n2s.callbacks.compile import Compile
from n2s.callbacks.continuation import Continuation
from n2s.callbacks.finite_loss import FiniteLoss
from n2s.callbacks.metrics_csv import MetricsCSV
from n2s.callbacks.run_record import RunRecord
from n2s.callbacks.step_seed import StepSeed
from n2s.callbacks.throughput import Throughput
from n2s.callbacks.whereabouts import Whereabouts

__all__ = [
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "Compile",
    "Continuation",
    "FiniteLoss",
    "LastCheckpoint",
    "MetricsCSV",
    "RunRecord",
    "StepSeed",
    "Throughput",
    "Whereabouts",
]
