"""SparrKULee's prepared arrays in miniature."""

import numpy as np
import pytest
from trees.accou2024 import STORIES, write_tree

from n2s.data import SplitByStory, SplitByTime
from n2s.data.content import Heard
from n2s.errors import UserError
from n2s.studies import Accou2024


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "sparrkulee")


def test_runs_are_named_with_their_stimulus(root):
    study = Accou2024(str(root))
    assert [one.name for one in study.recordings()][:2] == [
        f"sub-001_ses-shortstories01_task-listeningActive_run-0{run}" for run in (1, 2)
    ]
    assert {study.events(one).stimulus.item() for one in study.recordings()} == set(STORIES)
    assert len(Accou2024(str(root), subjects=[27]).recordings()) == 3


def test_eeg_starts_with_its_stimulus(root):
    study = Accou2024(str(root))
    one = study.recordings()[0]
    raw, row = study.load(one), study.events(one).iloc[0]
    assert (len(raw.ch_names), raw.info["sfreq"], raw.n_times) == (64, 64.0, 64 * 13.5)
    assert raw.get_data().std() == pytest.approx(5e-6, rel=0.05)
    assert (row.onset, row.duration, row.stimulus_onset, row.language) == (0.0, 12.0, 0.0, "nl")
    assert Accou2024(str(root), features="mel").events(one).duration.item() == 12.0 - 3 / 64
    assert Accou2024(str(root), features="mel").features(row.stimulus).values.shape == (765, 28)


def test_versions_of_a_story_have_its_name(tmp_path):
    root = write_tree(tmp_path / "s", {"audiobook_1": 6.0, "audiobook_1_shifted": 6.0, "audiobook_1_artefact": 6.0})
    study = Accou2024(str(root))
    assert {study.events(one).story.item() for one in study.recordings()} == {"audiobook_1"}
    assert len({study.events(one).stimulus.item() for one in study.recordings()}) == 3
    heard = {one.name: study.events(one) for one in study.recordings()}
    with pytest.raises(UserError, match="would test on what another version"):
        SplitByTime().intervals({"accou2024": Heard(heard, content=study.content)})
    assert len(SplitByStory().intervals({"accou2024": Heard(heard, content=study.content)}).unit.unique()) == 1


def test_a_run_with_two_stimuli(root):
    folder = root / "derivatives/preprocessed_eeg/sub-001/ses-shortstories01"
    for path in folder.glob("*run-02*"):
        path.rename(path.with_name(path.name.replace("run-02", "run-01")))
    runs = [one.run for one in Accou2024(str(root), subjects=["001"]).recordings()]
    assert runs == ["01a", "01b", "03"]


def test_what_is_missing_is_said(root, tmp_path):
    with pytest.raises(UserError, match="Give the folder that holds derivatives"):
        Accou2024(str(root / "derivatives"))
    (root / "derivatives/preprocessed_stimuli/podcast_3_envelope.npy").unlink()
    study = Accou2024(str(root))
    with pytest.raises(UserError, match="podcast_3_envelope.npy. Download derivatives/preprocessed_stimuli"):
        [study.events(one) for one in study.recordings()]


def test_an_array_of_another_cap(root):
    path = next((root / "derivatives/preprocessed_eeg/sub-001").rglob("*run-01*"))
    np.save(path, np.zeros((32, 900)))
    study = Accou2024(str(root))
    with pytest.raises(UserError, match="32 by 900; expected 64 channels"):
        study.load(study.recordings()[0])
