"""The run folder, and what every fit has: checkpoints, seeds, signals, the record of a run."""

from n2s.training.compile import Compile

__all__ = ["Compile"]
