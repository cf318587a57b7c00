"""Pages are run as a reader would run them: in an empty folder."""

import matplotlib
import pytest

import n2s

matplotlib.use("Agg")


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """The current folder; runs and data of the user are out of reach."""
    for name in ("N2S_RUNS", "N2S_RUN", "N2S_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    face = {name: getattr(n2s, name) for name in n2s.FACE}
    yield tmp_path
    vars(n2s).update(face)  # a page may fit a small setting in its place
