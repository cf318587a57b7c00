"""Le Petit Prince in miniature, with its traps."""

import numpy as np
import pandas as pd
import pytest
from builders import bids_from_raw
from trees.bel2026 import LATE_S, RUNS, START_S, STOP_S, WORDS, onsets, recording, write_events, write_tree

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.stimuli import collect_stimuli
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import Bel2026
from n2s.studies.readers.sentences import sentence_id


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "ds007523")


def events_file(root, subject="01", run="01"):
    return next(root.rglob(f"sub-{subject}_ses-01_task-listen_run-{run}_events.tsv"))


def test_runs_that_the_authors_leave_out(root):
    names = [one.name for one in Bel2026(str(root)).recordings()]
    assert names == [f"sub-{s}_ses-01_task-listen_run-{r}" for s, r in RUNS if (s, r) != ("21", "08")]
    assert "sub-21 run-08" in Bel2026.card.left_out and len(Bel2026.card.left_out) == 5


def test_words_are_where_their_triggers_fall_whatever_the_first_sample(root):
    study = Bel2026(str(root))
    assert study.load(study.recordings()[0]).first_samp == 5000
    table = study.events(study.recordings()[0])
    words = table[table.kind == "word"]
    spoken = np.array([bool(word.strip()) for word in WORDS])
    assert words.text.tolist() == [word for word in WORDS if word.strip()]  # blanks are dropped
    assert (
        np.abs(words.onset - (onsets()[spoken] + LATE_S)).max() < 0.004
    )  # a sample of 5 ms; the lost one by its neighbours
    (sound,) = table[table.kind == "sound"].itertuples()
    assert (sound.onset, sound.onset + sound.duration) == (pytest.approx(START_S), pytest.approx(STOP_S))
    assert np.allclose(words.stimulus_onset, words.onset - START_S)


def test_words_of_listeners_whose_triggers_jitter_are_one(root):
    """27 words of a run, whoever's triggers tell them."""
    raw = recording(9)
    raw._data[-1] = np.roll(raw._data[-1], 1)  # one sample later: 5 ms
    path = bids_from_raw(raw, root, subject="30", session="01", run="02", task="listen")
    write_events(path.copy().update(suffix="events", extension=".tsv").fpath, shift_s=0.3)
    study = Bel2026(str(root))
    events = {one.name: study.events(one) for one in study.recordings()}
    told = pd.concat([table[(table.kind == "word") & (table.stimulus == "ch4-6")] for table in events.values()])
    spoken = sum(bool(word.strip()) for word in WORDS)
    assert told.stimulus_onset.round(3).nunique() > 1.5 * spoken
    assert len(collect_stimuli(study, events)["ch4-6"].words) == spoken


def test_a_shifted_log_is_brought_back(root):
    write_events(events_file(root), shift_s=0.7)
    study = Bel2026(str(root))
    words = study.events(study.recordings()[0]).query("kind == 'word'")
    assert words.onset.iloc[0] == pytest.approx(onsets()[0] + LATE_S, abs=0.004)


def test_run_n_is_the_nth_audio_file_in_the_order_of_numbers(root):
    study = Bel2026(str(root))
    assert {study.events(one).stimulus.iloc[0] for one in study.recordings()} == {"ch1-3", "ch4-6"}
    assert set(study.events(study.recordings()[1]).story) == {"ch4-6"}


def test_sentences_come_from_the_table_with_commas(root):
    study = Bel2026(str(root))
    table = study.events(study.recordings()[0])
    first = table[table.kind == "sentence"].iloc[0]
    assert first.text == "Lorsque j'avais six ans" and first.sequence == sentence_id("lorsque j’avais six ans")
    path = root / "sourcedata" / "task-listen_run-01_extra_info.tsv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(UserError, match="23 words, but the events of .* have 24"):
        Bel2026(str(root)).events(study.recordings()[0])


def rewritten(root, **options):
    bids_from_raw(recording(0, **options), root, subject="01", session="01", run="01", task="listen")
    write_events(events_file(root))
    study = Bel2026(str(root))
    return study, study.recordings()[0]


def test_too_many_words_without_a_trigger(root):
    study, one = rewritten(root, lost=(0, 1, 2, 3, 5, 6))
    with pytest.raises(UserError, match="6 of 24 events of the log have no trigger within 10 ms"):
        study.events(one)


def test_a_sound_without_its_end(root):
    study, one = rewritten(root, sounds=1)
    with pytest.raises(UserError, match="1 triggers 5 on STI001; expected two"):
        study.events(one)


def test_one_batch(root):
    data = MEGDataModule(
        {"prince": Bel2026(str(root), subjects=["01"])}, Mel(n_mels=8), preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.0),
        split=SplitByStory(test=["ch4-6"], val=[]), val_windows=Grid(3.0), batch_size=4, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    assert not len(data.windows["val"])  # as the split says
    batch = next(iter(data.train_dataloader()))
    assert batch.brain.isfinite().all() and batch.target.isfinite().all()
