"""The run folder, and what every fit has: checkpoints, seeds, signals, the record of a run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from n2s.training.compile import Compile as Compile

__all__ = ["Compile"]


def __getattr__(name: str) -> object:
    """`Compile` when it is asked for: commands that only look at runs need no torch."""
    if name == "Compile":
        from n2s.training.compile import Compile

        return Compile
    raise AttributeError(f"module 'n2s.training' has no attribute '{name}'")
