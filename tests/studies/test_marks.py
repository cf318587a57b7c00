"""Bad spans and seams: on the right clock whatever the dates, each once, and no words."""

import datetime

import mne
import numpy as np
import pytest
from builders import bids_from_raw, helmet_raw, simulated_raw, story_events, write_audio, write_tsv
from raw_folders import UTC, bids_fif, brainvision, edf, fif, table

from n2s.data import Preprocessing
from n2s.data.edges import annotated, bad_spans, filtered_apart
from n2s.data.recordings import prepare
from n2s.findings import kept
from n2s.studies import BIDSStudy
from n2s.studies.readers.marks import is_bad, is_edge
from n2s.studies.readers.raw_files import open_raw

SOUND = {"onset": 12.0, "duration": 3.0, "trial_type": "sound", "stim_file": "a.wav", "text": None}


def load(root, **options):
    study = BIDSStudy(root, **options)
    return study.load(study.recordings()[0])


@pytest.mark.parametrize("first_s", [0.0, 20.0])
@pytest.mark.parametrize("date", [None, 2020])
@pytest.mark.parametrize("scans", [None, "1920-05-05T12:00:00Z", "n/a"])
def test_times_count_from_the_first_sample(tmp_path, first_s, date, scans):
    """Public reports of the same kind: mne-tools/mne-python#7711, #10060, mne-tools/mne-bids#812."""
    notes = [(3.0, 2.0, "BAD_movement"), (8.0, 1.0, "BAD_ACQ_SKIP"), (15.0, 0.0, "EDGE boundary")]
    bids_fif(tmp_path / "lab", *notes, rows=[SOUND], first_s=first_s, date=date)
    path = tmp_path / "lab" / "sub-01" / "sub-01_scans.tsv"
    path.write_text(f"filename\tacq_time\nmeg/sub-01_task-listen_meg.fif\t{scans}\n") if scans else path.unlink()
    raw = load(tmp_path / "lab")
    assert annotated(raw) == [*notes[:2], (12.0, 3.0, "sound"), notes[2]]  # the skip once, though the file has it twice
    assert bad_spans(raw) == [[3.0, 2.0], [8.0, 1.0], [15.0, 0.0]]
    assert filtered_apart(raw) == [(0, 800), (900, 1500), (1500, 2000)]


def test_a_date_that_was_shifted_after_the_annotations_were_written(tmp_path):
    path = fif(tmp_path / "a_meg.fif", (3.0, 2.0, "BAD_x"), first_s=20.0, date=2020)
    raw = mne.io.read_raw_fif(path, preload=True, verbose="ERROR")
    seconds = [int(raw.info["meas_date"].timestamp())]
    seconds.append(seconds[0] - 1000 * 86400)  # a tool that changes the dates of the recording alone
    content = path.read_bytes()
    old, new = (np.array(one, ">i4").tobytes() for one in seconds)
    path.write_bytes(content.replace(old, new))  # the date of the annotations is a float
    changed = mne.io.read_raw_fif(path, verbose="ERROR")
    assert changed.info["meas_date"].year == 2017 and not len(changed.annotations)
    with kept() as found:
        assert bad_spans(open_raw(path)) == [[3.0, 2.0]]
    assert [one.kind for one in found] == ["corrected"] and "2020-01-01, not 2017-04-06" in found[0].text


def test_two_spans_of_one_name(tmp_path):
    rows = [{**SOUND, "onset": 2.0, "duration": 1.0, "trial_type": "BAD_movement", "stim_file": None}, SOUND]
    bids_fif(tmp_path / "lab", (2.0, 1.0, "BAD_movement"), (7.0, 1.0, "BAD_movement"), rows=rows)
    assert bad_spans(load(tmp_path / "lab")) == [[2.0, 1.0], [7.0, 1.0]]


@pytest.mark.parametrize("text", ["BAD_ACQ_SKIP", "BAD boundary", "bad_segment", "BAD", "bad segment"])
def test_rows_that_mark_bad_spans(tmp_path, text):
    raw = open_raw(fif(tmp_path / "a_meg.fif"), events=table(tmp_path, (3, 2, text, "n/a"), (12, 3, "sound", "a.wav")))
    assert bad_spans(raw) == [[3.0, 2.0]]


@pytest.mark.parametrize(
    "text", ["badge", "Badezimmer", "bad luck", "bad", "BADGE", "edges", "edge case", "Boundaries"]
)
def test_words_mark_nothing(tmp_path, text):
    """Neither as a word of ours, nor as the name of a condition or stimulus, nor for MNE's own functions."""
    rows = [
        {**SOUND, "onset": 1.0},
        {**SOUND, "onset": 1.5, "duration": 0.5, "trial_type": "word", "stim_file": None, "text": text},
    ]
    for row in rows:
        row["type"], row["trial_type"] = row["trial_type"], text
    bids_fif(tmp_path / "lab", rows=rows)
    from n2s.studies.readers.event_columns import EventColumns

    raw = load(tmp_path / "lab", columns=EventColumns(kind=("type",)))
    assert bad_spans(raw) == [] and filtered_apart(raw) == [(0, 2000)]
    assert len(raw.annotations) == 2  # they are still there
    assert not any(one.lower().startswith(("bad", "edge")) for one in raw.annotations.description)


def test_a_word_of_the_file_that_the_table_has_too(tmp_path):
    path = fif(tmp_path / "a_meg.fif", (3.0, 0.5, "bad"), (5.0, 0.5, "bad"), (7.0, 0.5, "boundary"))
    rows = [(2, 8, "sound", "n/a", "a.wav"), (3, 0.5, "word", "bad", "n/a"), (7.001, 0.5, "word", "boundary", "n/a")]
    events = table(tmp_path, *rows, columns="onset duration trial_type text stim_file")
    raw = open_raw(path, events=events)
    assert bad_spans(raw) == [[5.0, 0.5]] and filtered_apart(raw) == [(0, 2000)]


def test_rows_that_look_like_marks_are_named(tmp_path):
    events = table(tmp_path, (3, 2, "bad luck", "n/a"), (12, 3, "sound", "a.wav"))
    with kept() as found:
        assert bad_spans(open_raw(fif(tmp_path / "a_meg.fif"), events=events)) == []
    assert ["'bad luck' are not taken for bad spans" in one.text for one in found] == [True]


@pytest.mark.parametrize(
    ("text", "bad", "edge"),
    [
        ("BAD", True, False), ("bad", True, False), ("BAD_x", True, False), ("Bad segment", True, False), ("bad2", True, False),
        ("BADmuscle", True, False), ("BAD_ACQ_SKIP", True, True), ("BAD boundary", True, True), ("EDGE boundary", False, True),
        ("edge", False, True), ("boundary", False, True), ("New Segment/", False, True), ("Comment/boundary", False, True),
        ("Bad Interval/Userdefined", True, False),
        ("badge", False, False), ("Badezimmer", False, False), ("BADGE", False, False), ("edges", False, False),
        ("boundaries", False, False), ("not bad", False, False), ("knowledge", False, False), ("event/boundary", False, False),
    ],
)  # fmt: skip
def test_names_of_marks(text, bad, edge):
    assert (is_bad(text), is_edge(text)) == (bad, edge)


@pytest.mark.parametrize(
    ("notes", "spans", "apart"),
    [
        ([(0.0, 0.0, "EDGE boundary")], [], [(0, 2000)]),
        ([(19.0, 5.0, "BAD_x")], [[19.0, 1.0]], [(0, 2000)]),
        (
            [(4.0, 30.0, "boundary")],
            [[4.0, 0.0]],
            [(0, 400), (400, 2000)],
        ),  # EEGLAB: 30 s were cut out, the rest is good
        ([(4.0, 2.0, "BAD_x"), (4.0, 2.0, "BAD_y")], [[4.0, 2.0]], [(0, 2000)]),
        ([(4.0, 4.0, "BAD_ACQ_SKIP"), (5.0, 1.0, "BAD_ACQ_SKIP")], [[4.0, 4.0], [5.0, 1.0]], [(0, 400), (800, 2000)]),
    ],
)
def test_marks_at_the_ends_and_inside_each_other(notes, spans, apart):
    raw = simulated_raw(2)
    raw.set_annotations(mne.Annotations(*zip(*notes, strict=True)), verbose="ERROR")
    assert bad_spans(raw) == spans and filtered_apart(raw) == apart


def test_an_edge_before_the_first_sample_of_a_cropped_recording():
    raw = simulated_raw(2)
    raw.set_annotations(mne.Annotations([5.0, 12.0], [0.0, 0.0], ["EDGE boundary", "EDGE boundary"]))
    raw.crop(6.0)
    assert filtered_apart(raw) == [(0, 600), (600, 1400)]


def test_joined_recordings_are_filtered_apart_and_no_window_crosses_the_seam(tmp_path):
    parts = [helmet_raw(3, seed=seed) for seed in (0, 1)]
    parts[1]._data += 1e-10
    raw = mne.concatenate_raws(parts, verbose="ERROR")
    bids_from_raw(raw, tmp_path / "lab", events=story_events("a.wav", [("one", 0.5, 0.3)], onset=1.0))
    write_audio(tmp_path / "lab" / "stimuli" / "a.wav", 5.0)
    (item,) = prepare(BIDSStudy(tmp_path / "lab"), Preprocessing(sfreq=50.0, highpass_hz=1.0))
    assert item.meta["bad_spans"] == [[20.0, 0.0]] and item.meta["stretches"] == [[0, 1000], [1000, 2000]]
    brain = np.abs(item.brain)
    assert brain[950:1050].max() < 1.2 * max(brain[100:900].max(), brain[1100:1900].max())


def test_marks_of_brainvision_and_edf(tmp_path):
    notes = mne.Annotations(
        [3.0, 6.0], [2.0, 0.1], ["BAD_x", "S  1"], orig_time=datetime.datetime(2020, 1, 1, tzinfo=UTC)
    )
    path = brainvision(tmp_path / "a.vhdr", "Bad Interval,Userdefined,801,100,0", "New Segment,,1501,1,0", notes=notes)
    raw = open_raw(path, events=table(tmp_path, (12, 3, "sound", "a.wav")))
    assert [8.0, 1.0] in bad_spans(raw) and [15.0, 0.0] in bad_spans(raw)
    assert filtered_apart(raw) == [(0, 1500), (1500, 2000)]
    starts = [0.25 + i for i in range(10)]  # the first sample lies 0.25 s after the second that the header names
    path = edf(tmp_path / "a.edf", starts, kind="EDF+C", notes=((3.25, "BAD_x"), (5.25, "boundary")))
    raw = open_raw(path, events=table(tmp_path, (8, 1, "sound", "a.wav")))
    assert bad_spans(raw) == [[3.0, 0.0], [5.0, 0.0]]
    assert filtered_apart(raw) == [(0, 500), (500, 1000)]


def test_annotations_are_kept_where_there_is_no_table(tmp_path):
    path = fif(tmp_path / "a_meg.fif", (3.0, 0.5, "button"), (5.0, 1.0, "BAD_x"), first_s=20.0)
    assert annotated(open_raw(path)) == [(3.0, 0.5, "button"), (5.0, 1.0, "BAD_x")]


def test_a_table_of_no_rows(tmp_path):
    bids_fif(tmp_path / "lab", (5.0, 1.0, "BAD_x"), rows=[SOUND])
    path = next((tmp_path / "lab").rglob("*_events.tsv"))
    path.write_text("onset\tduration\ttrial_type\n")
    write_tsv(tmp_path / "x.tsv", [SOUND])
    assert bad_spans(open_raw(next((tmp_path / "lab").rglob("*_meg.fif")), events=path)) == [[5.0, 1.0]]


def test_marks_that_the_table_rounds_are_one(tmp_path):
    path = fif(tmp_path / "a_meg.fif", (3.0012, 2.0004, "BAD_x"), (8.0012, 0.0, "EDGE boundary"))
    raw = open_raw(path, events=table(tmp_path, (3.001, 2, "BAD_x", "n/a"), (8.001, 0, "EDGE boundary", "n/a")))
    assert bad_spans(raw) == [[3.0012, 2.0004], [8.0012, 0.0]]


def test_what_marks_too_little_is_named(tmp_path):
    events = table(tmp_path, (3, "n/a", "BAD_x", "n/a"), (12, 3, "sound", "a.wav"))
    with kept() as found:
        open_raw(fif(tmp_path / "a_meg.fif", (5.0, 1.0, "badspan")), events=events)
    told = [one.text for one in found]
    assert len(told) == 2 and "'badspan' are not taken for bad spans (MNE would)" in told[0]
    assert "line 2: 'BAD_x' has the duration n/a" in told[1]
