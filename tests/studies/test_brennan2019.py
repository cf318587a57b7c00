"""Alice in miniature, with its traps."""

import numpy as np
import pytest
from scipy.io import savemat
from trees.brennan2019 import LABELS, START_S, story, write_proc, write_tree

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import Brennan2019


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "v1")


@pytest.fixture
def table(root):
    study = Brennan2019(str(root))
    return study.events(study.recordings()[0])


def test_who_was_excluded_has_no_proc_file(root):
    assert [one.subject for one in Brennan2019(str(root)).recordings()] == ["S01", "S03"]
    with pytest.raises(UserError, match="no subject 'S02'; there are S01, S03"):
        Brennan2019(str(root), subjects=["S02"])


def test_electrodes_of_the_cap_and_nothing_else(root):
    study = Brennan2019(str(root))
    raw = study.load(study.recordings()[0])
    assert raw.ch_names == LABELS[:60] and "29" not in raw.ch_names and raw.info["sfreq"] == 500
    assert np.isfinite([channel["loc"][:3] for channel in raw.info["chs"]]).all()
    assert raw.get_data().std() == pytest.approx(20e-6, rel=0.05)


def test_a_words_onset_is_not_its_epochs_first_sample(table):
    words = table[table.kind == "word"]
    segment = words.text.str[4].astype(int)
    wanted = words.stimulus_onset + segment.map(START_S)
    assert np.abs(words.onset - wanted).max() < 0.0021  # a sample


def test_a_sound_that_begins_before_the_recording_is_cut(table):
    first = table[table.kind == "sound"].iloc[0]
    assert first.onset == 0 and first.stimulus_onset == pytest.approx(0.8, abs=0.0021)
    assert (table.onset >= 0).all() and "word10" not in table.text.tolist()


def test_rejected_words_do_not_shift_the_others(root):
    study = Brennan2019(str(root))
    table = study.events(study.recordings()[1])
    words = table[table.kind == "word"].set_index("text")
    assert "word15" not in words.index
    truth = story().set_index("Word")
    assert np.allclose(words.stimulus_onset, truth.onset[words.index], atol=0.0021)


def test_sentences(table):
    texts = table.text[table.kind == "sentence"].tolist()
    assert texts[-1] == "word28 word29 word210 word211" and len(texts) == 6


def test_what_is_wrong_is_said(root):
    study = Brennan2019(str(root))
    one = study.recordings()[0]
    write_proc(root / "proc" / "S01.mat", story().assign(Order=lambda t: t.Order + 100))
    with pytest.raises(UserError, match="words .* of trl are not in AliceChapterOne-EEG.csv"):
        study.events(one)
    savemat(root / "proc" / "S01.mat", {"other": 1})
    with pytest.raises(UserError, match="expected a struct 'proc' with trl, varnames; found other"):
        study.events(one)
    (root / "S01.mat").write_bytes(b"broken")
    with pytest.raises(UserError, match="not a whole MATLAB file"):
        study.load(one)


def test_one_batch(root):
    data = MEGDataModule(
        {"alice": Brennan2019(str(root))}, Mel(n_mels=8),
        preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.0, picks=["eeg"]), scaler="recording",
        split=SplitByStory(test=["DownTheRabbitHoleFinal_SoundFile2"], val=[], val_fraction=0.0),
        window_s=1.0, train_windows=Grid(0.5), batch_size=4, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    assert not len(data.windows["val"])  # as the split says
    batch = next(iter(data.train_dataloader()))
    assert batch.brain.isfinite().all() and batch.target.isfinite().all()
