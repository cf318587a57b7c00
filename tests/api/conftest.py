"""A run of the contrastive recipe on `sound_study`, fitted and tested once."""

from pathlib import Path

import pytest
import sound_recipe

import n2s


@pytest.fixture(scope="session")
def sounds_run(tmp_path_factory):
    """The run, and the folder with ``sounds/one.wav``, ``two.wav`` and ``three.wav``; ``three`` is held out."""
    folder = tmp_path_factory.mktemp("sounds_run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N2S_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        run = n2s.fit(sound_recipe.written(folder), runs_dir=folder / "runs")
        return n2s.test(run), Path(folder)
