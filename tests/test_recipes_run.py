"""Every recipe is run, not only parsed: a step of training, a validation, a test, on its study in miniature."""

from pathlib import Path

import pytest
from recipe_data import FOLDERS
from recipe_runs import CONFIGS, step_and_test

PAPER = Path("paper") / "defossez2023"
CELLS = sorted(path.stem for path in (CONFIGS / PAPER).glob("*.yaml") if path.stem != "base")
ABLATIONS = sorted(path.stem for path in (CONFIGS / PAPER / "ablations").glob("*.yaml"))
MEG = {path.stem: path for path in sorted((CONFIGS / "data").glob("*.yaml"))}

# At the full size of the network a window takes a tenth of a second: the recipe's batches of 256 are minutes on a CPU.
SMALL_BATCH = {"data__batch_size": 4}


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """N2S_DATA: name a folder, and it is there."""
    root = tmp_path_factory.mktemp("n2s_data")

    def ask(name: str) -> Path:
        if not (root / name).exists():
            FOLDERS[name](root / name)
        return root

    return ask


@pytest.fixture
def step(tmp_path, monkeypatch, run_n2s, data):
    """Run recipes for a step on the studies that a folder of N2S_DATA holds."""
    monkeypatch.chdir(tmp_path)

    def run(folder: str, *recipes, **changes) -> dict:
        monkeypatch.setenv("N2S_DATA", str(data(folder)))
        return step_and_test(run_n2s, *recipes, **changes)

    return run


FOLDER = {"bel2026": "ds007523"}


@pytest.mark.parametrize("study", MEG)
def test_every_study_of_meg_runs_over_the_contrastive_recipe(study, step):
    scores = step(FOLDER.get(study, study), "meg_contrastive.yaml", MEG[study])
    print(scores)
