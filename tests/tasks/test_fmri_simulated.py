"""The simulated study through datamodule and test: the ceiling is the ideal observer's, over all hearings of a clip."""

import numpy as np
import pytest
from lightning.pytorch import Trainer

from n2s.data import FMRIDataModule
from n2s.features import MelStatistics
from n2s.metrics.result import record
from n2s.studies import SimulatedFMRI
from n2s.systems import Semantic

STUDY = {"n_subjects": 1, "stories": ["beekeeper", "mapmaker", "orchestra", "train"], "max_story_s": 60.0}


def trained(folder, **study):
    data = FMRIDataModule(
        {"simulated": SimulatedFMRI(**STUDY | study)}, MelStatistics(n_mels=6), roi="auditory", lag_s=5.0
    )
    task = Semantic(n_voxels=50, n_folds=2)
    options = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(
        max_epochs=1, default_root_dir=folder, num_sanity_val_steps=0, enable_checkpointing=False, **options
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    trainer.test(task, datamodule=data, verbose=False)
    (result,) = task.results(0).values()
    return data, result, record(result)


@pytest.mark.slow
def test_the_ceiling_is_the_ideal_observers_over_all_hearings(tmp_path):
    data, result, found = trained(tmp_path)
    study = data.studies["simulated"]
    clips = [
        (name.split("/")[1], start) for name, start in zip(result.clips.stimulus, result.clips.start_s, strict=True)
    ]
    runs = [run for run in study.recordings() if run.task == "orchestra"]
    expected = sum(
        study.ideal_scores(run, study.clips(run).time_s.to_numpy(), clips, offset_s=5.0, duration_s=4.0) for run in runs
    )
    assert len(runs) == 2 and len(clips) > 10
    np.testing.assert_allclose(result.ideal, expected, rtol=1e-4, atol=1e-3)
    ways = found["identification"]["10"]
    assert ways["ideal_observer"]["mean"] > 0.8 and ways["ideal_observer"]["mean"] >= ways["model"]["mean"]
    assert result.ideal.shape == (len(clips), len(clips)) and (result.target == np.arange(len(clips))).all()


@pytest.mark.slow
def test_without_a_signal_nothing_is_decoded(tmp_path):
    _, result, found = trained(tmp_path, signal_gain=0.0)
    two = found["identification"]["2"]["model"]["mean"]
    assert two == pytest.approx(0.5, abs=3.3 / np.sqrt(12 * len(result.target)))
