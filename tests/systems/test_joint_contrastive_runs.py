"""Joint training as a user runs it: a killed fit goes on to the same bits, and a test leaves results."""

import json
import sys
from pathlib import Path

import pytest
import torch
import yaml
from bits import assert_same

from n2s.__main__ import main
from n2s.systems import JointContrastive
from n2s.training.run import runs_of

pytestmark = pytest.mark.slow

ALWAYS = ("--checkpoint_minutes", "1e-9")  # after every step


class Stop(BaseException):
    pass


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Where recordings lie; what is prepared is kept beside them."""
    return tmp_path_factory.mktemp("joint_runs")


@pytest.fixture
def n2s(tmp_path, monkeypatch, study):
    """Run a command with a recipe of tiny pairs; ``modalities`` are what is used, ``stop_after`` an (epoch, batch)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    monkeypatch.setenv("N2S_CACHE", str(study / "cache"))

    def run(verb, *words, name="tiny", modalities=("meg", "fmri"), stop_after=None, **model):
        tiny = {"root": str(study / "study"), "n_subjects": 2, "n_stories": 4, "story_s": 24.0}
        studies = {
            "meg": {"class_path": "tiny.TinyStudy", "init_args": tiny},
            "fmri": {"class_path": "tiny_pairs.TinyScanner", "init_args": {**tiny, "lacks": [["02", "story0"]]}},
        }
        data = {
            "studies": studies,
            "modalities": list(modalities),
            "target": {"class_path": "n2s.features.ready.Ready", "init_args": {"n_features": 4}},
            "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
            "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story2"], "test": ["story3"]}},
            "segment_s": 4.0, "lags_s": [2.0, 8.0], "bin_s": 1.0, "response_s": 10.0, "n_components": 6, "batch_size": 8,
            "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 2.0, "jitter": True}}, "n_jobs": 1,
        }  # fmt: skip
        encoder = {"n_virtual": 6, "n_fourier": 18, "hidden": 8, "depth": 2, "dropout": 0.2}
        options = {
            "encoder": {"class_path": "n2s.models.BrainEncoder", "init_args": encoder},
            "bold_encoder": {
                "class_path": "n2s.models.BoldEncoder",
                "init_args": {"hidden": 4, "n_slow": 4, "bin_s": 1.0, "lag_s": 2.0},
            },
            "target_encoder": {
                "class_path": "n2s.models.DeepMel",
                "init_args": {"n_outputs": 5, "hidden": 6, "depth": 2},
            },
            "dropout": 0.5,
            "likelihoods": False,
        } | model
        trainer = {
            "max_epochs": 2, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False,
            "log_every_n_steps": 1, "num_sanity_val_steps": 0,
        }  # fmt: skip
        recipe = {
            "seed_everything": 3,
            "data": {"class_path": "n2s.data.PairedDataModule", "init_args": data},
            "model": {"class_path": "n2s.systems.JointContrastive", "init_args": options},
            "trainer": trainer,
        }
        Path(f"{name}.yaml").write_text(yaml.safe_dump(recipe))
        with monkeypatch.context() as patch:

            def stop(self, outputs, batch, batch_idx):
                if stop_after == (self.current_epoch, batch_idx):
                    raise Stop

            patch.setattr(JointContrastive, "on_train_batch_end", stop)
            patch.setattr(sys, "argv", ["n2s", verb, "--config", f"{name}.yaml", *words])
            if stop_after is None:
                main()
            else:
                with pytest.raises(Stop):
                    main()
        return runs_of(Path("checkpoints") / name)[0]

    return run


def state(run) -> dict:
    kept = torch.load(run.last, weights_only=True)
    return {key: kept[key] for key in ("state_dict", "optimizer_states", "epoch", "global_step")}


def test_a_fit_that_was_stopped_inside_an_epoch_ends_with_the_same_bits(n2s):
    whole = state(n2s("fit", name="whole"))
    stopped = n2s("fit", *ALWAYS, stop_after=(1, 1))
    assert not stopped.finished and state(stopped)["global_step"] < whole["global_step"]
    run = n2s("fit")
    assert run.folder == stopped.folder
    assert_same(state(run), whole)


@pytest.mark.nightly
def test_a_test_leaves_results_and_runs_of_one_modality_a_late_fusion(n2s, capsys):
    for used in ("meg", "fmri"):
        for verb in ("fit", "test"):
            n2s(verb, name=used, modalities=(used,))
    n2s("fit")
    run = n2s("test", alone={"meg": "meg", "fmri": "fmri"})
    written = json.loads((run.folder / "metrics.json").read_text())
    found = set(written["test"] if "scores" not in written["test"] else written)
    assert {"test", "test, late fusion"} <= found
    assert "late fusion" in capsys.readouterr().out
