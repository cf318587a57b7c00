"""`n2s prepare` with a recipe: no run, no model, and a fit that finds everything there."""

from pathlib import Path

import pytest

from n2s.data import recordings
from n2s.features.mel import Mel

RECIPE = Path(__file__).parents[2] / "configs" / "meg_contrastive.yaml"
SMALL = """
data:
  init_args:
    studies:
      simulated:
        class_path: n2s.studies.SimulatedMEG
        init_args: {n_subjects: 1, max_story_s: 40.0, stories: [lighthouse.en, orchestra, train]}
    batch_size: 4
    n_jobs: 1
model:
  init_args:
    encoder: {class_path: n2s.models.BrainEncoder, init_args: {n_virtual: 8, n_fourier: 32, hidden: 8, depth: 2}}
trainer: {max_epochs: 1, enable_progress_bar: false}
"""


@pytest.fixture
def n2s(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    Path("small.yaml").write_text(SMALL)
    return lambda verb, *words: run_n2s(verb, "--config", RECIPE, "--config", "small.yaml", *words)


@pytest.mark.slow
def test_parts_then_everything_then_fit(n2s, tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    status, out, _ = n2s("prepare", "--shard", "1/2", "--n_jobs", "1")
    assert status == 0 and "part 1 of 2 is prepared; 1 recordings are left to other parts" in out
    assert len(list((tmp_path / "cache" / "prepared").rglob("meta.json"))) == 2
    assert not (tmp_path / "cache" / "features").exists()
    status, out, _ = n2s("prepare", "--shard", "2/2", "--n_jobs", "1")
    assert status == 0 and "simulated: 3 recordings of 1 subject" in out and "test: 11 windows, 11 segments" in out
    assert len(list((tmp_path / "cache" / "features").rglob("*.safetensors"))) == 3
    assert not Path("checkpoints").exists()  # no run was made

    def never(*_, **__):
        raise AssertionError("was computed again")

    monkeypatch.setattr(recordings, "_write", never)
    monkeypatch.setattr(Mel, "extract", never)
    status, _, err = n2s("fit")
    assert status == 0, err


def test_what_a_user_gets_wrong(n2s, tmp_path):
    status, _, err = n2s("prepare", "--shard", "3/2")
    assert (
        status == 2 and err == "n2s: --shard is '3/2'; expected i/n with i from 1 to n, such as 3/10: part 3 of 10.\n"
    )
    status, _, err = n2s("prepare", "--data.batch_sise", "3")
    assert status == 2 and "batch_size" in err
    status, out, _ = n2s("prepare", "--help")
    assert status == 0 and "--shard" in out and "3/10" in out
