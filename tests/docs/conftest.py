"""Pages are run as a reader would run them: in an empty folder."""

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """The current folder; runs and data of the user are out of reach."""
    for name in ("N2S_RUNS", "N2S_RUN", "N2S_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path
