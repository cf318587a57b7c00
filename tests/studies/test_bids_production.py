"""A lab's own folder of people who hear, speak, mouth and imagine: channels, conditions, and a sound file beside the recording."""

import json
import shutil

import mne
import numpy as np
import pytest
import soundfile
from builders import bids_from_raw, helmet_raw, write_audio

from n2s.checks.survey import survey
from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SideSignals, SplitByRun, at_voice_onsets
from n2s.data.recordings import prepare
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy

WORDS = ("casa", "agua", "pan")
VOICE_S = 0.6  # after the trial begins


def trials() -> list[dict]:
    """Each word heard, spoken, mouthed, imagined: a trial every 3 s."""
    rows = []
    for i, (word, kind) in enumerate(
        (word, kind) for word in WORDS for kind in ("heard", "produced", "mouthed", "inner speech")
    ):
        rows.append({"onset": 2.0 + 3 * i, "duration": 2.0, "trial_type": "trial", "condition": kind, "word": word,
                     "stim_file": f"{word}.wav" if kind == "heard" else None})  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Two runs of one person in MEG with two EMG, EOG, ECG and an ADC channel; run 1 has a microphone's file that began 1.5 s earlier."""
    root, rows = tmp_path_factory.mktemp("bids") / "lab", trials()
    for run in ("1", "2"):
        raw = helmet_raw(6, sfreq=500.0, duration_s=40.0)
        more = 1e-5 * np.random.default_rng(1).standard_normal((5, raw.n_times))
        kinds = {"EMG001": "emg", "EMG002": "emg", "EOG061": "eog", "ECG063": "ecg", "MISC001": "misc"}
        side = mne.io.RawArray(more, mne.create_info(list(kinds), 500.0, list(kinds.values())), verbose="error")
        raw.add_channels([side], force_update_info=True)
        bids_from_raw(raw, root, task="speak", run=run, events=rows)
    rng = np.random.default_rng(2)
    voice = 0.002 * rng.standard_normal(8000 * 45)
    for row in rows:
        if row["condition"] == "produced":
            at = round((row["onset"] + VOICE_S + 1.5) * 8000)
            voice[at : at + 6000] += 0.2 * rng.standard_normal(6000)
    beside = root / "sub-01" / "beh"
    beside.mkdir()
    soundfile.write(beside / "sub-01_task-speak_run-1_recording-vocal_beh.wav", voice, 8000)
    (beside / "sub-01_task-speak_run-1_recording-vocal_beh.json").write_text(json.dumps({"StartTime": -1.5}))
    for word in WORDS:
        write_audio(root / "stimuli" / f"{word}.wav", 1.0)
    return root


@pytest.fixture
def lab(template, tmp_path):
    """A copy to break."""
    return shutil.copytree(template, tmp_path / "lab")


def test_all_conditions_are_read(template):
    study = BIDSStudy(str(template), language="es")
    first, second = study.recordings()
    table = study.events(first)
    words = table[table.kind == "word"]
    assert words.condition.tolist() == ["listen", "overt", "silent", "imagined"] * 3
    assert words.text.tolist() == [word for word in WORDS for _ in range(4)]
    name = "sub-01_task-speak_run-1_recording-vocal_beh"
    assert words.stimulus.tolist() == [one for word in WORDS for one in (word, name, "", "")]
    spoken = words[words.condition == "overt"]
    np.testing.assert_allclose(spoken.stimulus_onset, spoken.onset + 1.5)
    assert study.audio(name).suffix == ".wav" and study.features(name) is None and study.audio("pan").name == "pan.wav"
    words = study.events(second).query("kind == 'word'")  # no file beside it
    assert words.stimulus.tolist() == [one for word in WORDS for one in (word, "", "", "")]
    assert {path.name for path in study.sources(first)} - {path.name for path in study.sources(second)} >= {
        f"{name}.wav",
        f"{name}.json",
    }


def test_the_lab_says_what_its_words_mean(template):
    study = BIDSStudy(
        str(template), conditions={"mouthed": "overt", "inner speech": "rest"}, kinds={"trial": "sentence"}
    )
    table = study.events(study.recordings()[1])
    rows = table[table.kind == "sentence"]
    assert rows.condition.tolist() == ["listen", "overt", "overt", "rest"] * 3
    assert study.settings() != BIDSStudy(str(template)).settings()
    with pytest.raises(UserError, match="conditions: 'mouthed' is 'loud'"):
        BIDSStudy(str(template), conditions={"mouthed": "loud"})


def test_side_signals_of_all_kinds(template):
    study = BIDSStudy(str(template))
    first, second = prepare(study, SideSignals(sfreq=100.0))
    assert first.groups == second.groups == ["audio", "emg", "eog", "ecg"]
    assert first.meta["ch_names"] == ["recorded", "heard", "EMG001", "EMG002", "EOG061", "ECG063"] and second.meta[
        "ch_names"
    ][:2] == ["heard", "EMG001"]
    assert len(first.brain) == len(second.brain) == 4000
    with pytest.raises(UserError, match=r"no head position channel; there are .*6 (mag|grad)|misc MISC001"):
        first.columns("head")
    named, _ = prepare(study, SideSignals(sfreq=100.0, audio=["MISC001"], groups=["audio"]))
    assert named.meta["ch_names"] == ["MISC001"]


def test_voices_are_found_in_the_file_beside(template):
    study = BIDSStudy(str(template))
    recording = study.recordings()[0]
    made = SideSignals(sfreq=100.0, groups=["audio"]).make(study, recording, "here")
    events = study.events(recording)
    moved = at_voice_onsets(events, made.brain[:, 0], 100.0, where="here")
    before, after = (
        table[(table.kind == "word") & (table.condition == "overt")].onset.to_numpy() for table in (events, moved)
    )
    np.testing.assert_allclose(after, before + VOICE_S, atol=0.04)
    spoken = moved[moved.condition == "overt"]
    np.testing.assert_allclose(spoken.stimulus_onset, spoken.onset + 1.5)


@pytest.mark.slow
def test_windows_at_words_of_every_condition(template):
    """And the page of `n2s studies check` finds nothing wrong with trials that have no sound."""
    study = BIDSStudy(str(template))
    windows = AtEvents(Labels(list(WORDS)), kind="word", conditions=["overt", "silent", "imagined"])
    data = EventDataModule({"lab": study}, windows, preprocessing=Preprocessing(sfreq=50.0), split=SplitByRun(val=[], test=["2"]), window_s=1.0,
                           least_windows=1)  # fmt: skip
    data.setup("fit")
    tables = [data.events(split) for split in ("train", "test")]
    assert [table.condition.value_counts().to_dict() for table in tables] == [
        {"overt": 3, "silent": 3, "imagined": 3}
    ] * 2
    assert data.arrays("train").shape == (9, 6, 50)
    assert not [stop for one in survey("lab", study).seen for stop in one.stops]


def test_files_beside_that_are_anothers(lab):
    beside = lab / "sub-01" / "beh"
    for name in ("sub-01_task-speak_run-3_beh.wav", "sub-01_task-rest_run-2_audio.wav", "sub-01_run-2_audio.wav", "sub-01_task-speak_run-2_echo-1_audio.wav",
                 "sub-01_task-speak_run-2_stim.wav"):  # fmt: skip
        write_audio(beside / name, 1.0)
    study = BIDSStudy(str(lab))
    assert study.recorded_sound(study.recordings()[1]) is None
    write_audio(lab / "sub-01" / "meg" / "sub-01_task-speak_run-2_audio.flac", 20.0)
    with kept() as found:
        assert study.recorded_sound(study.recordings()[1]).start_s == 0.0
        words = BIDSStudy(str(lab)).events(study.recordings()[1]).query("kind == 'word' and condition == 'overt'")
    assert (words.stimulus != "").tolist() == [True, True, False]  # it lasts 20 s
    assert any("(StartTime, s): with the recording" in one.text for one in found)
    assert any("1 of 3 rows" in one.where and "after the sound file" in one.text for one in found)


def test_a_start_that_is_no_number(lab):
    (lab / "sub-01" / "beh" / "sub-01_task-speak_run-1_recording-vocal_beh.json").write_text('{"StartTime": "noon"}')
    study = BIDSStudy(str(lab))
    with pytest.raises(UserError, match="StartTime is 'noon'; expected seconds"):
        study.events(study.recordings()[0])


def test_a_type_that_mne_does_not_know_is_no_sensor(lab):
    """channels.tsv says AUDIO, as BIDS has it for MEG: the channel is found by its name."""
    for path in lab.rglob("*_channels.tsv"):
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        kind = rows[0].index("type")
        for row in rows:
            if row[0] == "MISC001":
                row[kind] = "AUDIO"
        path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    study = BIDSStudy(str(lab))
    raw = study.load(study.recordings()[0])
    assert raw.get_channel_types(picks=["MISC001"]) == ["misc"]


@pytest.mark.parametrize(("given", "expected"), [(None, "imagined"), ("listen", "listen"), ("overt", "overt")])
def test_a_task_names_the_condition_of_what_plays_no_sound(tmp_path, given, expected):
    """A cue that plays is heard, whatever the task is called, unless ``default_condition`` says otherwise."""
    cue = {"onset": 1.0, "duration": 1.0, "trial_type": "sound", "stim_file": "casa.wav", "word": None}
    rows = [cue, {"onset": 5.0, "duration": 1.0, "trial_type": "word", "stim_file": None, "word": "casa"}]
    raw = helmet_raw(2, sfreq=100.0, duration_s=10.0)
    bids_from_raw(raw, tmp_path, task="imagined", events=rows[: 2 - (given == "listen")])
    write_audio(tmp_path / "stimuli" / "casa.wav", 1.0)
    study = BIDSStudy(str(tmp_path), default_condition=given)
    with kept():
        table = study.events(study.recordings()[0])
    assert set(table.condition[table.kind == "sound"]) == {given or "listen"}
    assert given == "listen" or table.condition[table.kind == "word"].tolist() == [expected]
