"""Side signals as they are looked for in sensors: nothing of speech is carried into rest, and what cannot be seen says so."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from n2s.data.cleaning.by_reference import RemoveByReference
from n2s.data.event_folds import Fold
from n2s.data.gaps import Reach
from n2s.data.side_signals import SideSignals
from n2s.errors import UserError
from n2s.findings import kept
from n2s.metrics.same_moment import band_limited, same_moment
from n2s.systems.contamination.compared import Rows
from n2s.systems.contamination.early import early_scores, quiet_s, whole_before
from n2s.systems.contamination.joined import by_group
from n2s.systems.contamination.reach import COLUMNS, Reached, _alike, _living, _look, _unfit, reached
from n2s.systems.contamination.sources import side_arrays
from n2s.systems.contamination.views import Wide, own_electrodes, pieces

SFREQ = 250.0


def recorded(seed: int, *, answers: bool = True, n_s: float = 120.0) -> Wide:
    """Two seconds of speech, one and a half of rest: muscles and the brain work in speech, and have nothing in common at rest."""
    rng, n = np.random.default_rng(seed), round(n_s * SFREQ)
    speech = (np.arange(n) / SFREQ % 3.5) < 2.0
    how_hard = speech * np.repeat(rng.uniform(0.5, 2, n // 125 + 1), 125)[:n]
    brain = rng.standard_normal((n, 4)) + 30.0 * answers * how_hard[:, None] * np.array([1.0, -1.0, 0.5, 0.2])
    emg = (0.05 + 3 * how_hard[:, None]) * rng.standard_normal((n, 1))
    head = 30 * how_hard[:, None] + 0.1 * rng.standard_normal((n, 1))
    side = {"emg": (emg.astype(np.float32), ["lips"]), "head": (head.astype(np.float32), ["x"])}
    return Wide(brain.astype(np.float32), side, ~speech, speech, SFREQ)


def test_filters_carry_no_speech_into_rest():
    p, ringing = [], []
    for seed in range(8):
        one = recorded(seed)
        for group in ("emg", "head"):
            brain, side, rate = one.viewed("slow", group, one.side[group][1])
            p.append(same_moment([brain], [side], piece=round(rate), n_draws=99, seed=seed).p_whole)
        whole = [band_limited(part, SFREQ, 0.5, 8.0)[::10][one.rest[::10]] for part in (one.brain, one.side["head"][0])]
        ringing.append(same_moment([whole[0]], [whole[1]], least_shift=100, n_draws=99, seed=seed).p_whole)
    assert np.mean(np.array(p) <= 0.05) <= 0.2 and np.mean(p) > 0.3
    assert max(ringing) == 0.01  # what a filter of the whole recording finds


def test_pieces_hold_rest_alone():
    rest = np.zeros(2000, bool)
    rest[100:900] = rest[1000:1200] = rest[1500:1760] = True  # 3 pieces, none, 1
    values = np.where(rest, np.arange(2000) % 7, 1e6)[:, None]
    found = pieces(values, rest, SFREQ)
    assert found.shape == (4, 250, 1) and np.abs(found).max() < 10
    np.testing.assert_allclose(found.mean(1), 0, atol=1e-4)
    assert pieces(values, rest & False, SFREQ).shape == (0, 250, 1)


def look(view: str, group: str, *wide: Wide) -> dict:
    return _look(view, group, list(wide), list("abcd"), Reached(pd.DataFrame()), 99, 0)


def test_what_cannot_be_seen_says_why():
    one = recorded(0)
    flat = Wide(one.brain, {"emg": (one.side["emg"][0] * 0, ["lips"])}, one.rest, one.speech, SFREQ)
    low = Wide(
        one.brain, {"emg": (band_limited(one.side["emg"][0], SFREQ, 20.0, 40.0), ["lips"])}, one.rest, one.speech, SFREQ
    )
    short = Wide(one.brain, one.side, one.rest & (np.arange(len(one.rest)) < 5000), one.speech, SFREQ)
    assert _living("slow", "emg", [one]) == (["lips"], "")
    assert look("slow", "emg", flat) == {"why": "it never changes"}
    assert look("loudness", "emg", low) == {"why": "it has next to nothing above 60 Hz"}
    assert "5 s without speech, in stretches of 1 s or more; expected 40 s" in look("slow", "emg", short)["why"]
    many = [
        Wide(
            one.brain[:1500], {"emg": (one.side["emg"][0][:1500], ["lips"])}, one.rest[:1500], one.speech[:1500], SFREQ
        )
    ] * 12
    assert "0 s of speech, in runs with 8 s or more; expected 20 s" in look("waveform", "emg", *many)["why"]
    assert np.isfinite(look("loudness", "emg", one)["p"])


def test_a_recording_that_was_low_passed_holds_no_muscles():
    one = recorded(0, n_s=20)
    assert _unfit("waveform", [one], inside=False) == ""
    low = Wide(one.brain, one.side, one.rest, one.speech, SFREQ, lowpass_hz=40.0)
    assert (
        "low-passed at 40 Hz" in _unfit("waveform", [one, low], inside=False)
        and _unfit("slow", [low], inside=False) == ""
    )
    assert "recorded at 100 Hz" in _unfit("loudness", [Wide(one.brain, {}, one.rest, one.speech, 100.0)], inside=False)
    assert "the brain's answer" in _unfit("loudness", [one], inside=True)


def test_the_second_sound_is_looked_for_at_the_same_frequencies():
    one = recorded(0, answers=False)
    rng = np.random.default_rng(1)
    sounds = rng.standard_normal((len(one.rest), 2)).astype(np.float32)
    brain = one.brain.copy()
    brain[:, 2] += 0.5 * sounds[:, 1]
    heard = Wide(brain, {"audio": (sounds, ["far", "near"])}, one.rest, one.speech, SFREQ)
    found = look("spectrum", "audio", heard)
    assert found["p"] == pytest.approx(2 / 100) and (found["signal"], found["sensor"]) == ("near", "c")


def test_signals_are_those_that_most_runs_have():
    def item(*names: str) -> SimpleNamespace:
        return SimpleNamespace(
            meta={"ch_names": list(names), "groups": ["emg"] * len(names)}, brain=np.ones((9, len(names)))
        )

    shapes = {
        key: one.shape for key, one in side_arrays({"a": item("x", "y"), "b": item("x"), "c": item("z")}, "emg").items()
    }
    assert shapes == {"a": (9, 1), "b": (9, 1)}
    assert side_arrays({"a": item()}, "emg") == {}


def test_a_group_is_unseen_where_nothing_fast_or_nothing_slow_of_it_was():
    def rows(**p) -> pd.DataFrame:
        given = [{"subject": "lab/01", "group": "emg", "view": view, "p": one, "why": "" if np.isfinite(one) else f"no {view}", "but": ""} for view, one in p.items()]  # fmt: skip
        return pd.DataFrame(given, columns=list(COLUMNS))

    nan = np.nan
    found = [by_group(rows(waveform=a, loudness=b, slow=c)).iloc[0] for a, b, c in ((0.5, nan, 0.02), (nan, nan, 0.02), (0.5, 0.4, nan))]  # fmt: skip
    assert [one.unseen for one in found] == ["", "no waveform", "no slow"]
    assert [one.p for one in found] == pytest.approx([0.04, 0.02, 0.8])


def test_electrodes_lose_the_reference_of_the_sensors():
    rng = np.random.default_rng(0)
    reference, muscles = rng.standard_normal((500, 1)), rng.standard_normal((500, 3))
    values, names, but = own_electrodes(muscles + 5 * reference, ["EMG1", "EMG2", "EMG3"])
    np.testing.assert_allclose(values, muscles[:, :2] - muscles[:, 1:], atol=1e-9)
    assert names == ["EMG1-EMG2", "EMG2-EMG3"] and not but
    values, names, but = own_electrodes(muscles[:, :1], ["EMG1"])
    assert names == ["EMG1"] and "EMG1 and the sensors may have the same reference" in but
    for label in (
        "EMG1-REF",
        "ECG-Ref",
        "EMG-lip",
        "HEOG",
        "EMG1-EMGref",
        "EOG1-M2",
    ):  # may all be against the sensors' reference
        assert label in own_electrodes(muscles[:, :1], [label])[2]
    for label in ("EMG1-EMG2", "EEG EMG-1-EMG-2", "EMG1-2", "ECG+-ECG-", "BIP1"):
        values, names, but = own_electrodes(muscles[:, :2], [label, "EOG"])
        assert names == [label] and not but and values.shape == (500, 1)
    assert own_electrodes(muscles[:, :1], ["Lip-Chin"], {"Lip-Chin"})[2] == ""  # a difference that an option asks for
    assert own_electrodes(muscles[:, :2], ["HEOG", "VEOG"])[1] == ["HEOG-VEOG"]


def test_silence_before_an_event_counts_what_other_conditions_do():
    columns = ["kind", "condition", "onset", "duration"]
    events = pd.DataFrame([
        ("sound", "listen", 0.0, 2.0), ("sentence", "overt", 2.2, 2.0), ("word", "overt", 2.3, 0.5), ("word", "overt", 3.0, 0.5),
        ("word", "rest", 5.0, 1.0), ("sound", "listen", 5.5, 3.0), ("word", "overt", 6.0, 0.5), ("sound", "overt", 10.0, 1.0), ("word", "overt", 10.0, 0.4),
    ], columns=columns)  # fmt: skip
    table = events[(events.kind == "word") & (events.condition == "overt")].assign(recording="lab/a")
    found = quiet_s({"lab/a": SimpleNamespace(events=events)}, table)
    assert found == pytest.approx([0.3, 0.2, 0.0, 1.5])  # after a sound; after a word; while one plays; after it


def test_windows_before_the_voice_are_whole():
    """The first begins before the recording; then a bad span, and an interruption, in what is before an event; the other recording has neither."""
    table = pd.DataFrame({"onset": [0.5, 5.0, 10.0, 15.0, 5.0], "recording": ["a", "a", "a", "a", "b"]})
    broken = SimpleNamespace(
        meta={"bad_spans": [[4.0, 0.6]]}, reach=Reach(1.0, stretches=[(-np.inf, 9.8), (9.8, np.inf)])
    )
    whole = SimpleNamespace(meta={"bad_spans": []}, reach=Reach(1.0))
    assert whole_before({"a": broken, "b": whole}, table).tolist() == [False, False, False, True, True]


def test_events_after_a_pause_are_counted_before_those_that_cannot_be_tested():
    """Each class is in one run alone: all events begin after a pause, and none can be tested."""
    events = pd.DataFrame({"kind": "word", "condition": "overt", "onset": [5.0, 10.0], "duration": 0.5})
    item = SimpleNamespace(events=events, meta={"bad_spans": []}, reach=Reach(1.0))
    table = pd.concat([events.assign(recording=run) for run in "ab"], ignore_index=True)
    folds = [Fold(np.array(train), np.array(test), frozenset()) for train, test in (([0, 1], [2, 3]), ([2, 3], [0, 1]))]
    rows = Rows(np.array([0, 0, 1, 1]), np.array(list("aabb")), np.array(list("aabb")), table.onset, folds, 2, 0.5)
    every = SimpleNamespace(data=SimpleNamespace(shape=SimpleNamespace(sfreq=50.0)), recordings={"a": item, "b": item})
    with kept() as told:
        found = early_scores(every, "lab/01", {}, None, rows, np.ones(4, bool), table, None, condition="overt", n_permutations=9, seed=0)  # fmt: skip
    assert (
        found == {}
        and "4 of 4 events begin after 0.6 s without another one; 4 of them have whole windows before, and 0 of those"
        in told[0].text
    )


def test_rest_that_the_cleaning_learned_from_is_not_looked_at(monkeypatch):
    runs = [SimpleNamespace(subject="01", task=task, name=task) for task in ("say", "gestures", "rest")]
    events = {"say": ["overt"], "gestures": ["rest"], "rest": ["rest"]}
    study = SimpleNamespace(recordings=lambda: runs, events=lambda one: pd.DataFrame({"condition": events[one.task]}))
    item = SimpleNamespace(recording=runs[0], meta={"raw_sfreq": 1000.0})
    chosen = {}

    def looked_at(every, study, subject, wanted, *rest):
        chosen[name] = [one.task for one in wanted]
        raise UserError("enough")

    monkeypatch.setattr("n2s.systems.contamination.reach._read", looked_at)
    for name in ("gestures", "training"):
        steps = [RemoveByReference(fit_on=name)]
        every = SimpleNamespace(
            data=SimpleNamespace(studies={"lab": study}, preprocessing=SimpleNamespace(steps=steps)), recordings={"lab/say": item},
            subject_of=lambda key: "lab/01", table=pd.DataFrame({"condition": ["overt"], "recording": ["lab/say"]}),
        )  # fmt: skip
        with pytest.raises(UserError, match="enough"):
            reached(every, "lab/01", SideSignals(), [], condition="overt")
    assert chosen == {"gestures": ["say", "rest"], "training": ["say", "gestures", "rest"]}


def test_recordings_with_other_sounds_are_not_mixed():
    one = recorded(0, n_s=20)
    sounds = np.random.default_rng(1).standard_normal((len(one.rest), 2)).astype(np.float32)
    wide = [replace(one, side={"audio": (sounds[:, : len(names)], names)}) for names in (["recorded", "heard"], ["recorded"], ["heard"], ["recorded"])]  # fmt: skip
    assert [item.side["audio"][1][0] for item in _alike(wide, "audio")] == ["recorded"] * 3
    assert _living("waveform", "audio", _alike(wide, "audio")) == (["recorded"], "")
