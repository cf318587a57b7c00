"""Random weights that are a function of a seed alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw weights on the CPU from a seed; afterwards the state of torch's random numbers is what it was.

    ``torch.manual_seed`` would seed the GPUs, too.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
