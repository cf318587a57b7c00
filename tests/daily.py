"""What of a parametrization runs every day, and what with --nightly alone."""

from collections.abc import Iterable

import pytest


def some(every: Iterable, *shown: str) -> list:
    """All of them, of which those that are not ``shown`` run with --nightly."""
    every = list(every)
    assert set(shown) <= set(every)
    return [one if one in shown else pytest.param(one, marks=pytest.mark.nightly) for one in every]
