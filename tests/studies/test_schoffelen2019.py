"""MOUS in miniature, with its traps."""

import numpy as np
import pytest
from builders import bids_from_raw
from trees.schoffelen2019 import DRIFT, FILES, SHIFT_S, TEXTS, log_rows, recording, write_log, write_tree

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitBySentence
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import Schoffelen2019
from n2s.studies.readers.presentation import read_log
from n2s.studies.readers.sentences import sentence_id

STARTS = np.array([time_s for _, code, time_s in log_rows() if "Start File" in code])


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "mous")


def rewritten(root, **options):
    bids_from_raw(recording(0, **options), root, subject="A2002", task="auditory", events=[
        {"onset": 1.0, "duration": 0.0, "type": "UPPT001", "value": 20}
    ])  # fmt: skip
    study = Schoffelen2019(str(root))
    return study, study.recordings()[0]


def test_who_is_left_out_and_rest_is_no_listening(root):
    assert [one.name for one in Schoffelen2019(str(root)).recordings()] == [
        f"sub-A{n}_task-auditory" for n in (2002, 2003)
    ]


def test_times_are_in_ten_thousandths_of_a_second_without_negative_ones(tmp_path):
    write_log(tmp_path / "a.log", subject="A2002")
    log = read_log(tmp_path / "a.log")
    assert log.time_s.tolist() == pytest.approx([-0.012, *(time_s for *_, time_s in log_rows())], abs=1e-4)
    assert "no time" not in log.code.tolist() and not log.code.str.contains("Response").any()


def test_a_log_written_twice_is_read_once(root, tmp_path):
    write_log(tmp_path / "once.log", subject="A2002")
    write_log(tmp_path / "twice.log", subject="A2002", twice=True)
    assert read_log(tmp_path / "once.log").equals(read_log(tmp_path / "twice.log"))


def test_sounds_start_with_their_files_on_the_recordings_clock(root):
    study = Schoffelen2019(str(root))
    sounds = study.events(study.recordings()[0]).query("kind == 'sound'")
    assert np.abs(sounds.onset - (STARTS * (1 + DRIFT) + SHIFT_S)).max() < 0.004  # a sample is 3.3 ms
    assert sounds.duration.tolist() == pytest.approx([2.0] * len(FILES), abs=1e-3)
    assert sounds.stimulus.tolist() == [f"EQ_Ramp_Int2_Int1LPF{number:03d}" for number in FILES]


def test_sentences(root):
    study = Schoffelen2019(str(root))
    sentences = study.events(study.recordings()[0]).query("kind == 'sentence'")
    assert sentences.text.tolist() == [TEXTS[number] for number in FILES]
    assert sentences.sequence.tolist() == [sentence_id(TEXTS[number]) for number in FILES]


def test_missing_triggers(root):
    study, one = rewritten(root, lost=(2, 5))
    sounds = study.events(one).query("kind == 'sound'")
    assert np.abs(sounds.onset - (STARTS * (1 + DRIFT) + SHIFT_S)).max() < 0.005
    study, one = rewritten(root, lost=(1, 2, 3, 5, 6, 8))
    with pytest.raises(UserError, match="6 of 10 events of the log have no trigger"):
        study.events(one)


def test_triggers_of_the_other_kind(root):
    study, one = rewritten(root, swapped=True)
    with pytest.raises(UserError, match="10 fixations or announcements of blocks meet a trigger of the other kind"):
        study.events(one)


def test_another_persons_log(root):
    folder = root / "sourcedata" / "meg_task"
    (folder / "01-A2002-MEG-MOUS-Aud.log").unlink()
    study = Schoffelen2019(str(root))
    with pytest.raises(UserError, match=r"0 logs \*A2002\*MEG-MOUS-Aud"):
        study.events(study.recordings()[0])
    (folder / "01-A2002-MEG-MOUS-Aud.log").write_text("nothing")
    with pytest.raises(UserError, match="no table with the columns Event Type, Code, Time"):
        study.events(study.recordings()[0])


def test_one_batch(root):
    data = MEGDataModule(
        {"mous": Schoffelen2019(str(root))}, Mel(n_mels=8), preprocessing=Preprocessing(sfreq=100.0, highpass_hz=0.0),
        split=SplitBySentence(val_fraction=0.25, test_fraction=0.25, seed=3), window_s=0.5, offset_s=0.0, baseline_s=0.0,
        train_windows=Grid(0.25), batch_size=4, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    splits = {split: set(data.window_table(split).stimulus) for split in ("train", "val", "test")}
    assert not splits["train"] & (splits["val"] | splits["test"]) and all(splits.values())
    assert next(iter(data.train_dataloader())).target.isfinite().all()
