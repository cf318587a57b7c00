"""Words and sounds of one table on two clocks: followed, told, or refused with the size of the drift."""

import numpy as np
import pandas as pd
import pytest
from event_tables import read_events, sounds

from n2s.errors import UserError

PAUSE_S, LENGTH_S = 5.0, 600.0


def table_of(clock, *, sound=True, n=300, length_s=LENGTH_S, jitter_s=0.0, digits=3, seed=0, start_s=5.0):
    """A sound from 5 s, with ``n`` words whose trigger comes at ``clock(stimulus_onset)`` on the sound's clock."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0.2, length_s - 0.5, n)
    onset = start_s + clock(at) + rng.normal(0, 1, n) * jitter_s
    rows = [
        {"onset": round(o, digits), "duration": 0.2, "trial_type": "word", "stim_file": "long.wav",
         "stimulus_onset": round(t, digits), "text": f"w{i}."}
        for i, (o, t) in enumerate(zip(onset, at, strict=True))
    ]  # fmt: skip
    if sound:
        rows.insert(0, {"onset": start_s, "duration": None, "trial_type": "sound", "stim_file": "long.wav"})
    return rows


def read(folder, rows, length_s=LENGTH_S, duration_s=700.0):
    return read_events(folder, rows, lengths={"long": length_s}, duration_s=duration_s)


def worst_s(table: pd.DataFrame) -> float:
    """The largest distance of a word from where the pieces of its sound put it."""
    pieces, words = (table[table.kind == kind] for kind in ("sound", "word"))
    worst = 0.0
    for word in words.itertuples():
        own = pieces[(pieces.stimulus_onset <= word.stimulus_onset + 1e-9)]
        own = own[own.stimulus_onset + own.duration >= word.stimulus_onset - 0.05]
        away = (own.onset - own.stimulus_onset) - (word.onset - word.stimulus_onset)
        worst = max(worst, float(away.abs().min()))
    return worst


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("clock", [lambda t: t, lambda t: t * 1.00002, lambda t: t + 0.01])
@pytest.mark.parametrize("noise", [{}, {"digits": 2}, {"digits": 1}, {"jitter_s": 0.03}])
def test_jitter_and_rounding_are_no_drift(tmp_path, sound, clock, noise):
    table, found = read(tmp_path, table_of(clock, sound=sound, n=300, length_s=150.0, **noise), length_s=150.0)
    (only,) = sounds(table)
    assert only[1] - only[3] == pytest.approx(5.0, abs=0.0201) and not found


@pytest.mark.slow
@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("rate", [1e-3, -1e-3, 1e-4, 4e-3])
@pytest.mark.parametrize("jitter_s", [0.0, 0.01])
def test_a_drift_is_followed(tmp_path, sound, rate, jitter_s):
    """LABSN/expyfun#421: the sound card's clock against the recorder's."""
    table, found = read(tmp_path, table_of(lambda t: t * (1 + rate), sound=sound, jitter_s=jitter_s))
    assert worst_s(table) < 0.04 + 3.5 * jitter_s
    pieces = table[table.kind == "sound"]
    assert 0.6 * abs(rate) * LENGTH_S / 0.04 - 1 < len(pieces) < abs(rate) * LENGTH_S / 0.02 + 2
    stop = pieces.stimulus_onset + pieces.duration
    assert (pieces.onset.to_numpy()[1:] >= (pieces.onset + pieces.duration).to_numpy()[:-1] - 1e-6).all()
    assert (pieces.stimulus_onset.to_numpy()[1:] >= stop.to_numpy()[:-1] - 1e-6).all()
    assert pieces.duration.sum() == pytest.approx(LENGTH_S, abs=1.0 + abs(rate) * LENGTH_S)
    ((one,)) = found
    assert one.kind == "corrected" and f"up to {rate * LENGTH_S:+.1f}"[:-1] in one.where


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize(
    ("factor", "said"), [(1.02, r"\+2\.0\d %;"), (48 / 44.1, r"\+8\.[89]\d % \(48 kHz played as 44\.1 kHz\)"),
                         (44.1 / 48, r"-8\.[01]\d %.*44\.1 kHz played as 48"), (0.5, r"-(50|49)\.\d\d %")],
)  # fmt: skip
@pytest.mark.parametrize("shape", [{"n": 28, "length_s": 30.0}, {"n": 9, "length_s": 4.0, "jitter_s": 0.002}])
def test_another_rate_is_refused(tmp_path, sound, factor, said, shape):
    """mne-tools/mne-python#8531."""
    length_s = shape["length_s"]
    with pytest.raises(UserError, match=said):
        read(tmp_path, table_of(lambda t: t * factor, sound=sound, **shape), length_s=length_s)


def test_many_short_sounds_tell_one_rate(tmp_path):
    """Three words a sound are too few for a rate; twenty such sounds are not."""
    rows = []
    for i in range(20):
        rows.append({"onset": 10.0 * i, "duration": None, "trial_type": "sound", "stim_file": "a.wav"})
        rows += [{"onset": 10.0 * i + 1.02 * t, "duration": 0.2, "trial_type": "word", "stimulus_onset": t, "text": f"w{t}"}
                 for t in (0.5, 1.5, 2.5)]  # fmt: skip
    with pytest.raises(UserError, match=r"\+2\.00 %"):
        read_events(tmp_path, rows, lengths={"a": 4.0})


def test_words_that_are_all_late(tmp_path):
    table, found = read(tmp_path, table_of(lambda t: t + 0.06, jitter_s=0.01))
    assert sounds(table) == [("long", 5.0, LENGTH_S, 0.0)]
    ((one,)) = found
    assert one.kind == "odd" and (
        "up to +60 ms" in one.where or "up to +59 ms" in one.where or "up to +61 ms" in one.where
    )


def test_words_of_another_place(tmp_path):
    """Part two of a sound, whose row does not say so."""
    rows = table_of(lambda t: t, n=60, length_s=30.0)
    for row in rows[1:]:
        row["stimulus_onset"] += 300.0
    rows[0]["duration"] = 30.0
    with pytest.raises(
        UserError,
        match=r"line 3: by stimulus_onset, the words of 'long' lie -300\.000 s from .*\(line 2, from 0\.000 s",
    ):
        read(tmp_path, rows)
    rows[0]["stimulus_onset"] = 300.0
    table, found = read(tmp_path, rows)
    assert sounds(table) == [("long", 5.0, 30.0, 300.0)] and not found


def test_one_word_with_a_wrong_time(tmp_path):
    rows = table_of(lambda t: t, n=60, length_s=30.0)
    rows[10]["stimulus_onset"] = 25.0
    table, found = read(tmp_path, rows, length_s=30.0)
    assert any("1 words" in one.where and one.kind == "odd" for one in found)


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("pause_s", [0.08, 0.3])
def test_a_short_pause_of_the_sound(tmp_path, sound, pause_s):
    table, found = read(
        tmp_path, table_of(lambda t: t + pause_s * (t > 15), sound=sound, n=60, length_s=30.0), length_s=30.0
    )
    pieces = sounds(table)
    assert len(pieces) == 2 and worst_s(table) < 0.002
    assert pieces[1][1] - pieces[1][3] == pytest.approx(5.0 + pause_s, abs=0.002)
    if sound:
        assert [one.kind for one in found] == ["corrected"]


def test_a_late_trigger_cuts_no_sound(tmp_path):
    rows = table_of(lambda t: t + 0.07 * (np.arange(60) % 20 == 7), sound=False, n=60, length_s=30.0)
    table, _ = read(tmp_path, rows, length_s=30.0)
    assert len(sounds(table)) == 1


@pytest.mark.parametrize("sound", [True, False])
def test_sentences_are_whole_where_the_sound_is_cut(tmp_path, sound):
    rows = table_of(lambda t: t * 1.004, sound=sound, n=60, length_s=30.0)
    for i, row in enumerate(rows[sound:]):
        row["text"] = f"w{i}" + "." * (i % 10 == 9)
    table, _ = read(tmp_path, rows, length_s=30.0)
    assert len(sounds(table)) > 2
    assert table[table.kind == "sentence"].text.str.split().map(len).tolist() == [10] * 6


def test_a_drift_at_the_recordings_ends(tmp_path):
    rows = table_of(lambda t: t * 1.002, n=60, length_s=30.0, start_s=0.0)
    rows[0]["onset"] = 0.0
    table, _ = read(tmp_path, rows, length_s=30.0, duration_s=30.02)
    pieces = table[table.kind == "sound"]
    assert pieces.onset.min() >= 0 and (pieces.onset + pieces.duration).max() <= 30.02
