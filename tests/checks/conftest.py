"""The example folder, written once; each test may break a copy."""

import shutil
from pathlib import Path

import pytest

from n2s.studies.simulated.example import write_example


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    return write_example(tmp_path_factory.mktemp("example") / "lab")


@pytest.fixture
def lab(written, tmp_path) -> Path:
    """A copy to break."""
    return shutil.copytree(written, tmp_path / "lab")
