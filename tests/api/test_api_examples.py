"""The examples in the docstrings of windows and scores in Python run, and give what they show."""

import doctest
import importlib

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["window_set", "windows", "epoch_windows", "evaluate"])
def test_examples_run(name):
    module = importlib.import_module(f"n2s.api.{name}")
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted and not found.failed
