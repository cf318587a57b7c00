"""Prompts that the data give: a clip's label in a text, and the clips that a study keeps as prompts."""

import numpy as np
import pytest
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.studies.study import Stimulus
from n2s.systems.sound.prompts import mean_vectors, read_prompts, study_prompts


def made(root, *, labels=True):
    """The last three clips of the tested sound are prompts: of the labels odd, even, odd."""
    study = TinyFMRI(root)

    def clips(run, table):
        last = (table.index >= 9) & (run.task == "s5")
        table = table.assign(split=np.where(last, "prompt", table.split))
        return table if labels else table.drop(columns="label")

    study.clips_of = clips
    data = FMRIDataModule({"tiny": study}, MelStatistics(n_mels=4), lag_s=LAG_S, val_fraction=0.0)
    data.setup("predict")
    return data


def test_a_text_takes_each_clips_label():
    clips, labels = ["a", "b"], ["pop", "rock"]
    assert read_prompts("{label} music", clips, labels) == {"a": "pop music", "b": "rock music"}
    with pytest.raises(UserError, match=r"'\{label\} music' takes each clip's label, and 1 of 2 clips have none \(b\)"):
        read_prompts("{label} music", clips, ["pop", ""])


def test_a_studys_prompts_are_each_there_once_and_averaged_by_label(tmp_path):
    data = made(tmp_path)
    kept = study_prompts(data)
    assert kept.start_s.tolist() == [9.0, 10.0, 11.0] and kept.kind.tolist() == [
        "odd",
        "even",
        "odd",
    ]  # two subjects, two repeats
    assert len(data.splits["test"].table) == 2 * 9
    found = mean_vectors(kept, data.target)
    sound = Stimulus("s5", data.stimuli["tiny/s5"].audio)
    own = data.target.extract(sound, np.array([9.0, 10.0, 11.0]), 1.0)
    np.testing.assert_allclose(found["odd"], (own[0] + own[2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(found["even"], own[1], rtol=1e-6)


def test_without_labels_a_stimulus_is_a_kind(tmp_path):
    assert set(study_prompts(made(tmp_path, labels=False)).kind) == {"tiny/s5"}


def test_a_study_without_prompts_is_told_so(tmp_path):
    data = FMRIDataModule({"tiny": TinyFMRI(tmp_path)}, MelStatistics(n_mels=4), lag_s=LAG_S)
    data.setup("predict")
    with pytest.raises(UserError, match="study_prompts: tiny keep no clips as prompts"):
        study_prompts(data)
