"""SMN4Lang in miniature, with its traps; the real text files of its first subject."""

import shutil

import numpy as np
import pytest
from scipy.io import savemat
from trees.smn4lang import SOUND_ONSET, SOUND_S, WORDS, write_tree

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByTime
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import SMN4Lang


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "ds004078")


def test_word_times_lose_the_lead_of_the_fmri(root):
    study = SMN4Lang(str(root))
    table = study.events(study.recordings()[0])
    words = table[table.kind == "word"]
    assert words.text.tolist() == [text for text, *_ in WORDS]
    assert np.allclose(words.stimulus_onset, [start for _, start, _ in WORDS])
    assert np.allclose(words.onset, [SOUND_ONSET + start for _, start, _ in WORDS])
    assert np.allclose(words.duration, [stop - start for _, start, stop in WORDS])
    assert set(table.language) == {"zh"} and set(table.story) == {"story_1"}
    assert table.text[table.kind == "sentence"].tolist() == ["今天 天气", "很好"]  # a pause of 1 s


def test_a_missing_starting_trigger_is_counted_back_from_the_end(root):
    study = SMN4Lang(str(root))
    onsets = {}
    for recording in study.recordings():
        (sound,) = study.events(recording).query("kind == 'sound'").itertuples()
        onsets[recording.name] = sound.onset
        assert sound.duration == pytest.approx(SOUND_S)
    assert onsets == {f"sub-{s}_task-RDR_run-{r}": pytest.approx(SOUND_ONSET) for s in ("01", "02") for r in (1, 2)}


def test_no_trigger_at_all(root):
    study = SMN4Lang(str(root))
    path = next(root.rglob("sub-01_task-RDR_run-1_events.tsv"))
    path.write_text("onset\tduration\ttrial_type\n1.0\t0.0\tAnswer\n")
    with pytest.raises(UserError, match="no trigger Beg.*Found Answer"):
        study.events(study.recordings()[0])


def test_real_trigger_files(real_data, tmp_path, root):
    """The published file of subject 1, run 1, with its byte order mark: 406.4 s between the triggers."""
    real = real_data / "openneuro_meta" / "ds004078" / "sub-01" / "meg" / "sub-01_task-RDR_run-1_events.tsv"
    shutil.copy(real, next(root.rglob("sub-01_task-RDR_run-1_events.tsv")))
    (row,) = SMN4Lang(str(root)).read_rows(real).query("kind == 'sound'").itertuples()
    assert row.onset == 13.726


def test_word_times_that_are_wrong(root):
    study = SMN4Lang(str(root))
    recording = study.recordings()[0]
    path = study.sources(recording)[[p.suffix for p in study.sources(recording)].index(".mat")]
    savemat(path, {"start": [[0.2]], "end": [[0.5]], "word": np.array(["a"])})
    with pytest.raises(UserError, match="starts -10.45 s before the sound.*shifted already"):
        study.events(recording)
    savemat(path, {"start": [[11.0]], "end": [[12.0, 13.0]], "word": np.array(["a"])})
    with pytest.raises(UserError, match="1 starts, 2 ends, 1 words"):
        study.events(recording)
    path.write_text("no MATLAB")
    with pytest.raises(UserError, match="not a whole MATLAB file"):
        study.events(recording)
    path.unlink()
    with pytest.raises(UserError, match="no word times"):
        study.events(recording)


def test_one_batch(root):
    data = MEGDataModule(
        {"smn": SMN4Lang(str(root), runs=[1])}, Mel(n_mels=8), preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.0),
        split=SplitByTime(n_folds=3, test_fold=2, val_fold=1),
        window_s=1.0, train_windows=Grid(0.5), batch_size=4, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch.brain.shape[:2] == (4, 8) and batch.target.isfinite().all() and data.n_subjects == 2
