"""Sentences lie on the clock of the sound that they are heard in: a split by sentences pairs brain and sound as all others do."""

import numpy as np
import pytest
from event_tables import read_events
from trees.libribrain import write_tree

from n2s.data import SplitBySentence
from n2s.data.content import Heard
from n2s.data.splits import joined
from n2s.studies import LibriBrain

START_S, LENGTH_S = 10.0, 100.0
SOUND = {"onset": START_S, "duration": None, "trial_type": "sound", "stim_file": "a.wav"}


def told(kind, text, at_s, onset, duration, *, placed=True):
    row = {"onset": round(onset, 3), "duration": duration, "trial_type": kind, "stim_file": "a.wav", "text": text}
    return row | {"stimulus_onset": round(at_s, 3) if placed else None}


def words(clock, n=130):
    """Sentences of ten words; the trigger of each comes at ``clock`` of its place in the sound."""
    return [
        told("word", f"w{i}" + "." * (i % 10 == 9), i * 0.7, START_S + clock(i * 0.7), 0.3)
        for i in range(n)
    ]  # fmt: skip


def read(folder, rows):
    table, _ = read_events(folder, [SOUND | {"text": None, "stimulus_onset": None}, *rows], lengths={"a": LENGTH_S})
    return table


def late_s(table) -> np.ndarray:
    """(n,) How far each sentence's clock is from that of the sound that plays then."""
    sounds, rows = table[table.kind == "sound"], SplitBySentence().rows(table)
    piece = np.searchsorted(sounds.onset + 1e-6, rows.onset + 2e-6) - 1
    clock = (sounds.onset - sounds.stimulus_onset).to_numpy()[piece.clip(0)]
    return (rows.onset - rows.stimulus_onset).to_numpy() - clock


@pytest.mark.parametrize(
    "clock",
    [
        lambda t: t + 0.1,  # all words late
        lambda t: t + 0.02 * np.sin(7 * t),  # each trigger for itself
        lambda t: t * 1.003,  # a drift
        lambda t: t + 3.0 * (t > 32),  # a pause in a sentence
    ],
)
def test_made_sentences_follow_their_sound(tmp_path, clock):
    table = read(tmp_path, words(clock))
    assert np.abs(late_s(table)).max() < 1e-3 + 1e-6


def test_a_sentence_that_goes_on_after_a_pause_is_heard_there(tmp_path):
    """Its second half was paired with the sound 3 s before."""
    rows = SplitBySentence().rows(read(tmp_path, words(lambda t: t + 3.0 * (t > 32))))
    one, other = rows[rows.duplicated("text", keep=False)].itertuples()
    assert other.onset - other.stimulus_onset == pytest.approx(START_S + 3.0)
    assert one.stimulus_onset + one.duration == pytest.approx(other.stimulus_onset, abs=0.4)
    assert other.goes_on and not rows.goes_on.drop(other.Index).any()


def test_rows_without_a_place_follow_the_drift_of_the_words(tmp_path):
    """Sentences and phones had the clock of the sound's row, .29 s away at the end."""
    rows = words(lambda t: t * 1.003)
    rows += [
        told(kind, f"{kind}{i}", 0, START_S + i * 7 * 1.003, 6.5 if kind == "sentence" else 0.1, placed=False)
        for i in range(13)
        for kind in ("sentence", "phone")
    ]
    table = read(tmp_path, rows)
    assert np.abs(late_s(table)).max() < 1e-3 + 1e-6
    for kind in ("sentence", "phone"):
        at_s = table[table.kind == kind].stimulus_onset.to_numpy()
        assert np.abs(at_s - 7.0 * np.arange(13)).max() < 0.03


def test_a_sentence_before_its_sound_begins_with_it(tmp_path):
    """Its first moment was paired with the brain 200 ms before."""
    early = told("sentence", "one two three", 0, 9.8, 3.2, placed=False)
    table = read(tmp_path, [early, told("sentence", "four five six", 0, 15.0, 3.0, placed=False)])
    rows = SplitBySentence().rows(table)
    assert rows[["onset", "stimulus_onset", "duration"]].round(6).to_numpy().tolist() == [[10, 0, 3], [15, 5, 3]]


def test_pieces_of_a_sentence_are_drawn_as_the_whole(tmp_path):
    """Listeners with and without a drift share one split: no moment of one's test is in the other's training."""
    split = SplitBySentence(min_block_s=15, val_fraction=0.2, test_fraction=0.3)
    events = {}
    for name, clock in (
        ("even", lambda t: t),
        ("drifts", lambda t: t * 1.003),
        ("pause", lambda t: t + 3.0 * (t > 32)),
    ):
        (tmp_path / name).mkdir()
        events[name] = read(tmp_path / name, words(clock))
    apart = {name: split.intervals({"s": Heard({name: table})}) for name, table in events.items()}
    sides = {name: dict(zip(rows.unit, rows.split, strict=True)) for name, rows in apart.items()}
    assert sides["even"] == sides["drifts"] == sides["pause"] and len(set(sides["even"].values())) > 1
    rows = joined(split.intervals({"s": Heard(events)}), gap_s=0.0)
    edges = [rows[rows.split == one] for one in ("train", "test")]
    for row in edges[0].itertuples():
        stop = edges[1].stimulus_onset + edges[1].duration
        assert (
            (stop <= row.stimulus_onset + 1e-6) | (edges[1].stimulus_onset >= row.stimulus_onset + row.duration - 1e-6)
        ).all()


def test_libribrain_s_sounds_follow_their_words(tmp_path):
    """A chapter had the clock of its first word."""
    study = LibriBrain(str(write_tree(tmp_path / "libribrain")))
    recording = study.recordings()[0]
    path = study._events_path(recording)
    head, *lines = path.read_text().splitlines()
    at = head.split("\t").index("timemeg")
    rows = [line.split("\t") for line in lines]
    first = float(rows[0][at])
    moved = [row[:at] + [f"{first + (float(row[at]) - first) * 1.004:.4f}"] + row[at + 1 :] for row in rows]
    path.write_text("\n".join([head, *("\t".join(row) for row in moved)]) + "\n")
    table = study.events(recording)
    words = table[table.kind == "word"]
    sounds = table[table.kind == "sound"]
    piece = np.searchsorted(sounds.onset + 1e-6, words.onset + 2e-6) - 1
    clock = (sounds.onset - sounds.stimulus_onset).to_numpy()[piece.clip(0)]
    assert np.abs(words.onset - words.stimulus_onset - clock).max() < 0.04  # it was .046
