"""The Brain Treebank in miniature, with its traps."""

import json

import h5py
import mne
import numpy as np
import pytest
from builders import write_audio
from trees.wang2024 import LABELS, SENTENCES, SFREQ, timings, words, write_csv, write_tree

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.errors import UserError
from n2s.features import Ready, WordRate
from n2s.findings import kept
from n2s.studies import Wang2024
from n2s.studies.readers.movie_clock import MovieClock


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "braintreebank")


def test_trials_in_order(root):
    study = Wang2024(str(root))
    assert [(one.subject, one.run) for one in study.recordings()] == [("1", "000"), ("1", "001"), ("2", "000")]
    assert len(Wang2024(str(root), subjects=[1], trials=["001"]).recordings()) == 1
    with pytest.raises(UserError, match="no trial|'7'"):
        Wang2024(str(root), trials=["7"])


def test_labels_lose_their_marks_in_every_list(root):
    """``#F1a3`` is corrupted under its marked name, ``O1aIb5*`` under its plain one; a dataset of person 1 has no label."""
    study = Wang2024(str(root))
    raws = [study.load(one) for one in study.recordings()[::2]]
    assert raws[0].ch_names == ["F1a1", "F1a2", "F1a3", "T2b1", "DC4", "TRIG1"]
    assert [raw.info["bads"] for raw in raws] == [["F1a3"], ["O1aIb5"]]
    assert raws[0].get_channel_types() == ["seeg"] * 4 + ["misc"] * 2 and raws[0].info["line_freq"] == 60


def test_samples_are_read_from_the_file_when_they_are_asked_for(root):
    study = Wang2024(str(root))
    raw = study.load(study.recordings()[0])
    assert not raw.preload and raw.info["sfreq"] == SFREQ
    with h5py.File(root / "sub_1_trial000.h5") as file:
        truth = np.array([file[f"data/electrode_{i}"][:] for i in range(6)]) * 1e-6
    assert np.allclose(raw.get_data(), truth) and np.allclose(raw[[3, 1], 100:2000][0], truth[[3, 1], 100:2000])
    assert np.allclose(raw.copy().crop(1.0, 2.0).get_data("T2b1"), truth[3, 2048:4097])
    average = (
        raw.copy()
        .pick(["F1a1", "T2b1"])
        .set_eeg_reference(ch_type="seeg", projection=True, verbose="error")
        .apply_proj()
    )
    assert np.allclose(average.get_data(), truth[[0, 3]] - truth[[0, 3]].mean(0))  # through MNE's projection
    assert mne.pick_types(raw.info, seeg=True).tolist() == [0, 1, 3]


def test_places_are_left_inferior_posterior(root):
    study = Wang2024(str(root))
    raw = study.load(study.recordings()[0])
    assert np.allclose(raw.info["chs"][0]["loc"][:3], [-0.032, 0.018, 0.008])  # L 160, P 110, I 120 mm


def test_words_are_where_the_triggers_put_them(root):
    study = Wang2024(str(root))
    with kept() as said:
        table = study.events(study.recordings()[0])
    spoken = table[table.kind == "word"]
    assert spoken.text.tolist() == [
        text for one in SENTENCES for text in one if text != "n't"
    ]  # a part of a word has no time
    assert np.allclose(spoken.onset - spoken.stimulus_onset, 1.0, atol=1e-3) and np.allclose(
        spoken.duration, 0.4, atol=1e-3
    )
    assert table.text[table.kind == "sentence"].tolist() == [
        "Where is the ant",
        "It did come home",
        "We wait here",
        "They sing songs at night",
    ]
    assert set(table.story) == {"ant-man"} and any("parts of words" in one.text for one in said)


def test_a_pause_parts_the_movie(root):
    """After it the movie steps back by 0.03 s: a word near it belongs to the stretch that shows it, not to the nearest trigger."""
    study = Wang2024(str(root))
    table = study.events(study.recordings()[2])
    sounds, spoken = table[table.kind == "sound"], table[table.kind == "word"]
    assert (
        len(sounds) == 2
        and np.allclose(sounds.stimulus_onset, [0.5, 7.1])
        and sounds.onset.iloc[1] - sounds.onset.iloc[0] > 8
    )
    later = spoken.onset - spoken.stimulus_onset
    assert np.allclose(later[spoken.stimulus_onset < 7], 2.0, atol=1e-3) and np.allclose(
        later[spoken.stimulus_onset > 7], 3.53, atol=1e-3
    )


def test_a_word_that_a_pause_parts_has_no_place(root):
    """By its ends it would last as long as the pause, and its sound's row would go on through it."""
    path = root / "subject_timings" / "sub_1_trial000_timings.csv"
    rows = [row | {"index": row["index"] + (row["movie_time"] > 5.8) * round(20 * SFREQ)} for row in timings(1.0, ())]
    rows += [{"movie_time": 5.8, "index": round(6.8 * SFREQ)}, {"movie_time": 5.801, "index": round(26.8 * SFREQ)}]
    write_csv(path, sorted(rows, key=lambda row: row["index"]))
    with h5py.File(root / "sub_1_trial000.h5", "a") as file:  # long enough
        for name, one in list(file["data"].items()):
            values = np.tile(one[()], 3)
            del file["data"][name]
            file[f"data/{name}"] = values
    study = Wang2024(str(root))
    with kept() as said:
        table = study.events(study.recordings()[0])
    spoken, sounds = table[table.kind == "word"], table[table.kind == "sound"]
    assert (
        len(spoken) == 15 and "home" not in set(spoken.text) and any("pause of the movie" in one.text for one in said)
    )
    assert np.allclose(spoken.duration, 0.4, atol=1e-3) and len(sounds) == 2
    assert sounds.onset.iloc[0] + sounds.duration.iloc[0] < 6.8 < 26.8 < sounds.onset.iloc[1]


def test_the_clock_of_a_movie(tmp_path):
    path = tmp_path / "timings.csv"
    write_csv(path, timings(2.0, ((7.0, 1.5),)))
    clock = MovieClock(path, SFREQ)
    assert clock.span_s == (0.0, 14.0)
    assert np.allclose(
        clock.recorded_s([0.3, 6.95, 6.98, 7.1, 13.9, 14.5]), [2.3, 8.95, 10.51, 10.63, 17.43, 18.03], atol=1e-3
    )
    write_csv(
        path, [{"movie_time": t, "index": round((t * 1.001 + 1) * SFREQ)} for t in np.arange(0, 100, 10.0)]
    )  # a slow clock is no pause
    assert np.allclose(MovieClock(path, SFREQ).recorded_s([14.0, 88.0]), [15.01, 89.09], atol=6e-3)
    write_csv(path, [{"movie_time": None, "index": 5}])
    with pytest.raises(UserError, match="no row has both"):
        MovieClock(path, SFREQ)
    write_csv(path, [{"time": 1.0, "index": 5}])
    with pytest.raises(UserError, match="no column movie_time; there are time, index"):
        MovieClock(path, SFREQ)


def test_words_outside_the_triggers_or_the_recording(root):
    path = root / "subject_timings" / "sub_1_trial000_timings.csv"
    write_csv(path, [row for row in timings(1.0, ()) if row["movie_time"] <= 9])
    study = Wang2024(str(root))
    with kept() as said:
        table = study.events(study.recordings()[0])
    assert table.stimulus_onset.max() < 9 and any("(5 words)" in one.where for one in said)
    write_csv(path, timings(100.0, ()))
    with pytest.raises(UserError, match="no word of 'ant-man' lies in the recording"):
        study.events(study.recordings()[0])


def test_loudness_and_pitch_stand_for_the_sound(root):
    study, told = Wang2024(str(root)), words()
    with kept() as said:
        frames = study.features("ant-man")
    assert study.audio("ant-man") is None and frames.rate_hz == 100 and frames.values.shape[1] == 3
    pitches = [row["pitch"] for row in told if row["start"] is not None and row["pitch"]]
    assert np.allclose(frames.values[52], [1, 0.02, 180]) and not frames.values[95].any()
    assert frames.values[240, 2] == pytest.approx(np.median(pitches)) and any(
        "1 of 16 words" in one.where for one in said
    )
    first = frames.values[:, 0]
    assert first.sum() == pytest.approx(16 * 40, abs=16) and set(first) == {0, 1}


def test_the_sound_can_be_brought(root):
    write_audio(root / "sounds" / "ant-man.wav", 14.0)
    study = Wang2024(str(root), audio_dir=str(root / "sounds"))
    assert study.audio("ant-man").name == "ant-man.wav" and study.features("ant-man") is None
    assert study.settings() != Wang2024(str(root)).settings()


def test_what_is_missing_is_named(root):
    (root / "sub_2_trial000.h5").rename(root / "sub_2_trial000.h5.zip")
    study = Wang2024(str(root))
    assert len(study.recordings()) == 2
    (root / "localization" / "sub_1" / "depth-wm.csv").unlink()
    with pytest.raises(UserError, match="Download localization.zip of braintreebank.dev"):
        study.load(study.recordings()[0])
    (root / "corrupted_elec.json").unlink()
    with pytest.raises(UserError, match="no .*corrupted_elec.json, which lists bad contacts"):
        study.load(study.recordings()[0])
    (root / "electrode_labels/sub_1/electrode_labels.json").write_text(json.dumps([*LABELS["1"], "A1", "A2"]))
    with pytest.raises(UserError, match="holds 7 electrodes, but there are 8 labels: no electrode_7"):
        study.load(study.recordings()[0])
    for path in root.glob("*.h5"):
        path.unlink()
    with pytest.raises(UserError, match="Unpack sub_2_trial000.h5.zip"):
        Wang2024(str(root))


def test_archives_that_were_unpacked_into_folders_of_their_names(root):
    (root / "inner").mkdir()
    (root / "transcripts").rename(root / "inner" / "transcripts")
    (root / "inner").rename(root / "transcripts")
    study = Wang2024(str(root))
    assert len(study.events(study.recordings()[0])) == 21


def test_a_movie_is_held_out_for_everybody(root):
    data = EncodingDataModule(
        {"treebank": Wang2024(str(root))}, {"loudness": Ready(3), "words": WordRate()}, Lags(-0.1, 0.3),
        preprocessing=Preprocessing(sfreq=32.0, picks=["seeg"]), n_folds=2,
    )  # fmt: skip
    data.setup("fit")
    for subject in data.subjects:
        rows = data.rows(subject)
        for fold in data.folds(subject):
            assert not set(rows.story[fold.train]) & set(rows.story[fold.test]) - {""}
            _, spoken = data.heard(subject, fold, "words")
            assert spoken.sum() == 16  # in one stretch or two
    assert len(data.folds("treebank/1")) == 2 and data.measured("treebank/2").own_names
