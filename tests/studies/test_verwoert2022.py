"""SingleWordProductionDutch in miniature, with its traps."""

import h5py
import numpy as np
import pytest
import soundfile
from trees.verwoert2022 import CLOCK_S, LATER_S, LENGTH_S, SAID_S, VOICE_S, WORDS, onsets, voice, write_nwb, write_tree

from n2s.data import EncodingDataModule, Lags, Preprocessing, SplitBySentence
from n2s.errors import UserError
from n2s.features import Mel, WordRate
from n2s.findings import kept
from n2s.studies import Verwoert2022
from n2s.studies.public.verwoert2022 import shown_words
from n2s.studies.readers.voice import voiced


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "SingleWordProductionDutch-iBIDS")


def file_of(root, subject="01"):
    return root / f"sub-{subject}" / "ieeg" / f"sub-{subject}_task-wordProduction_ieeg.nwb"


def test_contacts_have_the_names_and_units_of_the_table(root):
    study = Verwoert2022(str(root.parent))  # the folder around it
    with kept() as said:
        raw = study.load(study.recordings()[0])
    assert (
        raw.ch_names[:2] == ["LA1", "LA2"]
        and raw.info["bads"] == ["LB1"]
        and raw.info["sfreq"] == 1024
        and raw.info["line_freq"] == 50
    )
    assert raw.get_channel_types() == ["seeg"] * 5 + ["misc"]
    assert raw.get_data("LA1").std() == pytest.approx(40e-6, rel=0.02) and any(
        "says microvolts" in one.text for one in said
    )
    as_written = Verwoert2022(str(root), unit="V").load(study.recordings()[0])
    assert as_written.get_data("LA1").std() == pytest.approx(40, rel=0.02)


def test_the_unit_is_that_of_the_contacts(root):
    """A marker channel has none."""
    table = file_of(root).with_name("sub-01_task-wordProduction_channels.tsv")
    table.write_text(table.read_text().replace("MKR\tMISC\tmicroV", "MKR\tMISC\tn/a"))
    study = Verwoert2022(str(root), subjects=["01"])
    assert study.load(study.recordings()[0]).get_data("LA1").std() == pytest.approx(40e-6, rel=0.02)


def test_words_are_where_the_voice_is(root):
    study = Verwoert2022(str(root))
    table = study.events(study.recordings()[0])
    words = table[table.kind == "word"]
    assert words.text.tolist() == list(WORDS) and set(table.condition) == {"overt"} and set(table.speaker) == {"sub-01"}
    assert np.allclose(words.onset, onsets() + VOICE_S, atol=0.02) and np.allclose(words.duration, SAID_S, atol=0.03)
    shown = Verwoert2022(str(root), words="shown").events(study.recordings()[0])
    assert np.allclose(shown.onset[shown.kind == "word"], onsets()) and np.allclose(
        shown.duration[shown.kind == "word"], 1.5
    )
    assert Verwoert2022(str(root), words="shown").settings() != study.settings()


def test_sound_and_brain_have_large_times_of_one_clock(root):
    study = Verwoert2022(str(root))
    table = study.events(study.recordings()[0])
    (sound,) = table[table.kind == "sound"].itertuples()
    assert (
        sound.onset == pytest.approx(LATER_S)
        and sound.stimulus_onset == 0
        and sound.onset + sound.duration == pytest.approx(LENGTH_S)
    )
    assert np.allclose(table.onset - table.stimulus_onset, LATER_S)
    samples, rate_hz = soundfile.read(study.audio("sub-01"))
    truth = voice(0)
    assert rate_hz == 16000 and np.abs(samples).max() == pytest.approx(1, abs=1e-4)
    assert np.allclose(samples * np.abs(truth).max(), truth, atol=1e-3)
    assert study.audio("sub-02") != study.audio("sub-01") == study.audio("sub-01")


def test_all_repetitions_of_a_word_have_one_name(root):
    study = Verwoert2022(str(root))
    tables = [study.events(one) for one in study.recordings()]
    names = {}
    for table in tables:
        trials = table[table.kind == "sentence"]
        assert len(trials) == len(WORDS) and np.allclose(trials.onset, onsets())
        for text, name in zip(trials.text, trials.sequence, strict=True):
            names.setdefault(text, set()).add(name)
    assert all(len(one) == 1 for one in names.values()) and len(set.union(*names.values())) == len(set(WORDS))


def test_no_repetition_of_a_word_is_on_both_sides(root):
    data = EncodingDataModule(
        {"words": Verwoert2022(str(root))}, {"mel": Mel(n_mels=4), "rate": WordRate()}, Lags(-0.1, 0.1),
        preprocessing=Preprocessing(sfreq=32.0, picks=["seeg"]), split=SplitBySentence(), n_folds=2,
    )  # fmt: skip
    data.setup("fit")
    study = Verwoert2022(str(root))
    of_name = {
        f"words/{row.sequence}": row.text
        for one in study.recordings()
        for row in study.events(one).itertuples()
        if row.kind == "sentence"
    }
    for subject in data.subjects:
        units = data.rows(subject).unit
        for fold in data.folds(subject):
            train, test = ({of_name[one] for one in units[part]} for part in (fold.train, fold.test))
            assert train and test and not train & test and train | test == set(WORDS)


def test_streams_that_are_not_there_or_have_another_clock(root):
    study = Verwoert2022(str(root))
    write_nwb(file_of(root), 0, audio=False)
    with pytest.raises(
        UserError, match="no /acquisition/Audio; it holds Stimulus, iEEG|no /acquisition/Audio; it holds iEEG, Stimulus"
    ):
        study.events(study.recordings()[0])
    write_nwb(file_of(root), 0, audio_clock_s=12.0)
    with pytest.raises(UserError, match="Audio starts -86400.250 s after iEEG .*on other clocks"):
        study.events(study.recordings()[0])
    write_nwb(file_of(root), 0)
    with h5py.File(file_of(root), "a") as file:
        file["acquisition/iEEG/timestamps"][5000:] = CLOCK_S + 3.0 + np.arange(5000, round(LENGTH_S * 1024)) / 1024
    with pytest.raises(UserError, match="timestamps of iEEG jump by 3.001 s after 4.882 s"):
        study.load(study.recordings()[0])
    file_of(root).write_bytes(b"no HDF5" * 10_000)
    with pytest.raises(UserError, match="not a whole NWB file"):
        study.load(study.recordings()[0])


def test_words_outside_the_recording_and_words_that_nobody_says(root):
    with h5py.File(file_of(root), "a") as file:
        file["acquisition/Stimulus/timestamps"][:] -= 0.9  # the first word is shown before the brain is recorded
        audio = file["acquisition/Audio/data"][()]
        silent = slice(round((onsets()[3] - LATER_S - 0.9) * 16000), round((onsets()[3] + 1.5) * 16000))
        audio[silent] = 0.002 * np.random.default_rng(1).standard_normal(silent.stop - silent.start)
        file["acquisition/Audio/data"][:] = audio
    study = Verwoert2022(str(root))
    with kept() as said:
        table = study.events(study.recordings()[0])
    assert (table.kind == "sentence").sum() == 5 and table.text[table.kind == "word"].tolist() == [
        "water",
        "huis",
        "zeven",
        "water",
    ]
    assert sorted(one.text.split()[0] for one in said) == ["1", "no"] and "1 of 5 words" in "".join(
        one.where for one in said
    )


def test_other_numbers_of_channels_and_no_places(root):
    study = Verwoert2022(str(root))
    table = file_of(root).with_name("sub-01_task-wordProduction_channels.tsv")
    text = table.read_text()
    table.write_text("\n".join(text.splitlines()[:-1]) + "\n")
    with pytest.raises(UserError, match="6.* samples by channels, but .*channels.tsv lists 5 channels"):
        study.load(study.recordings()[0])
    table.write_text(text)
    (file_of(root).parent / "sub-01_space-ACPC_electrodes.tsv").unlink()
    raw = study.load(study.recordings()[0])
    assert raw.get_montage() is None and len(study.sources(study.recordings()[0])) == 2  # encoded without places
    with pytest.raises(UserError, match="words is 'heard'"):
        Verwoert2022(str(root), words="heard")
    with pytest.raises(UserError, match="Set root to the unpacked data set"):
        Verwoert2022(str(root / "sub-01"))


def test_other_ways_to_write_the_same_streams(root):
    """Two channels of whole numbers, texts of any length, a rate in the place of timestamps, a conversion."""
    before = Verwoert2022(str(root)).events(Verwoert2022(str(root)).recordings()[0])
    with h5py.File(file_of(root), "a") as file:
        streams = file["acquisition"]
        audio, marks, start_s = streams["Audio/data"][()], streams["Stimulus/data"][()], streams["iEEG/timestamps"][0]
        del streams["Audio/data"], streams["Stimulus/data"], streams["iEEG/timestamps"]
        streams["Audio/data"] = (10_000 * np.stack([audio, audio], 1).clip(-3, 3)).astype(np.int16)
        streams["Stimulus"].create_dataset("data", data=[one.decode() for one in marks], dtype=h5py.string_dtype())
        streams["iEEG"].create_dataset("starting_time", data=start_s).attrs["rate"] = 1024.0
        streams["iEEG/data"].attrs["conversion"] = 1e-6
    study = Verwoert2022(str(root))
    assert np.allclose(study.events(study.recordings()[0]).onset, before.onset, atol=0.011)
    assert study.load(study.recordings()[0]).get_data("LA1").std() == pytest.approx(40e-6, rel=0.02)
    assert soundfile.info(study.audio("sub-01")).channels == 1


def test_who_was_recorded(root):
    found = Verwoert2022(str(root), subjects=["02"]).participants()
    assert found.to_dict("records") == [{"subject": "02", "age": 31.0, "sex": "M"}]


def test_runs_of_marks():
    marks = np.array([b"", b"a", b"a", b"+", b"+", b"drie", b"drie", b"a"])
    found = shown_words(marks, 2.0)
    assert found.to_dict("list") == {"text": ["a", "drie", "a"], "onset": [0.5, 2.5, 3.5], "stop": [1.5, 3.5, 4.0]}
    assert shown_words(np.array(["", "+"]), 2.0).empty


def test_a_voice_is_loud_for_a_while():
    rng, rate_hz = np.random.default_rng(0), 1000.0
    audio = 0.01 * rng.standard_normal(10_000)
    for start, stop in ((1000, 1300), (1450, 1800), (4000, 4020), (7000, 7400)):  # a stop of 0.15 s inside; a click
        audio[start:stop] += rng.standard_normal(stop - start)
    assert np.allclose(voiced(audio, rate_hz, [(0.5, 3.0), (6.0, 9.0)]), [(1.0, 1.8), (7.0, 7.4)], atol=0.011)
    assert voiced(audio, rate_hz, [(3.5, 5.0), (8.0, 10.0)]) == [None, None]
    assert voiced(0.01 * rng.standard_normal(5000), rate_hz, [(0.0, 5.0)]) == [None] and voiced(
        np.zeros(5000), rate_hz, [(0.0, 5.0)]
    ) == [None]


def test_the_end_of_a_late_word_is_not_the_next_one():
    """Words are spoken over the border of their windows: each belongs to where it begins."""
    rate_hz, rng = 1000.0, np.random.default_rng(0)
    audio = 0.01 * rng.standard_normal(30_000)
    for start in range(2700, 29_000, 3000):
        audio[start : start + 600] += rng.standard_normal(600)
    windows = [(start, start + 3.0) for start in np.arange(0.0, 27.0, 3.0)]
    starts, stops = np.array(voiced(audio, rate_hz, windows)).T
    np.testing.assert_allclose(starts, np.arange(9) * 3 + 2.7, atol=0.011)
    np.testing.assert_allclose(stops, np.arange(9) * 3 + 3.0)
