"""Natural speech in miniature, with its traps."""

import shutil

import numpy as np
import pytest
from trees.broderick2019 import write_tree

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import Broderick2019


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "broderick")


def test_recordings_in_the_order_of_numbers(root):
    study = Broderick2019(str(root))
    assert [(one.subject, one.run) for one in study.recordings()] == [(s, r) for s in "12" for r in ("1", "2", "10")]
    assert len(Broderick2019(str(root), subjects=[2], runs=[10]).recordings()) == 1
    with pytest.raises(UserError, match="no run '3'; there are 1, 2, 10"):
        Broderick2019(str(root), runs=[3])


def test_load(root):
    study = Broderick2019(str(root))
    raw = study.load(study.recordings()[0])
    assert len(raw.ch_names) == 128 and raw.info["sfreq"] == 128 and raw.times[-1] == pytest.approx(12 - 1 / 128)
    assert raw.get_data().std() == pytest.approx(20e-6, rel=0.02)
    assert np.isfinite([channel["loc"][:3] for channel in raw.info["chs"]]).all()


def test_words_that_the_aligner_did_not_find_are_left_out(root):
    study = Broderick2019(str(root))
    table = study.events(study.recordings()[2])
    words = table[table.kind == "word"]
    assert words.text.tolist() == ["the", "old", "man", "fished", "alone"]  # nor what lies behind the sound's end
    assert np.allclose(words.onset, [0.5, 0.9, 1.3, 3.0, 3.5]) and set(table.stimulus) == {"audio10"}
    assert table.text[table.kind == "sentence"].tolist() == ["the old man", "fished alone"]
    phones = table[table.kind == "phone"]
    assert phones.text.tolist()[:2] == ["dh", "ah"] and np.allclose(phones.onset[:2], [0.5, 0.6])


def test_without_the_private_audio_it_says_what_is_missing(root):
    shutil.rmtree(root / "stimuli")
    with pytest.raises(UserError, match="not part of the published data set: ask its authors"):
        Broderick2019(str(root))


def test_a_missing_alignment(root):
    (root / "stimuli" / "align2.json").unlink()
    study = Broderick2019(str(root))
    with pytest.raises(UserError, match="align2.json. The audio and its alignment are not"):
        study.events(study.recordings()[1])


@pytest.mark.slow
def test_one_batch(root):
    data = MEGDataModule(
        {"oldman": Broderick2019(str(root))}, Mel(n_mels=8),
        preprocessing=Preprocessing(sfreq=32.0, highpass_hz=0.0, picks=["eeg"]),
        split=SplitByStory(test=["audio2"], val=["audio10"]), window_s=2.0, train_windows=Grid(1.0), batch_size=4, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch.brain.shape[:2] == (4, 128) and batch.target.isfinite().all() and data.n_subjects == 2
