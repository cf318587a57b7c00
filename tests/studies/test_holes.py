"""Times that were not recorded: refused with their size where events lie after them, else a seam; and recordings in pieces."""

import mne
import numpy as np
import pytest
from builders import bids_from_raw, simulated_raw, story_events, write_audio
from raw_folders import bdf, brainvision, edf, eeglab, fif, table

from n2s.data.edges import bad_spans, filtered_apart
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy
from n2s.studies.readers.holes import Hole, ctf_holes, edf_holes, noted_holes
from n2s.studies.readers.raw_files import open_raw

LATE, EARLY = (15, 3, "sound", "a.wav"), (2, 3, "sound", "a.wav")
PAUSE = "New Segment,,1001,1,0,20200101000030000000"  # 10 s of samples, 30 s on the clock


def opened(path, *rows, **options):
    """The recording, and what is told of it."""
    with kept() as found:
        raw = open_raw(path, events=table(path.parent, *rows), **options)
    return raw, [one.text for one in found]


def test_edf_with_a_hole(tmp_path):
    """Public report of the same kind: mne-tools/mne-python#13429."""
    starts = [*range(10), *range(30, 40)]
    path = edf(tmp_path / "a.edf", starts)
    assert edf_holes(path) == [Hole(10.0, 20.0)]
    with pytest.raises(
        UserError, match=r"a\.edf: 20\.000 s were not recorded after 10\.000 s.*1 events .* at 15\.000 s"
    ):
        opened(path, EARLY, LATE)
    raw, told = opened(path, EARLY)
    assert noted_holes(raw) == [Hole(10.0, 20.0)] and "No event of its events.tsv ends after that." in told[0]
    assert bad_spans(raw) == [[10.0, 0.0]] and filtered_apart(raw) == [(0, 1000), (1000, 2000)]


@pytest.mark.parametrize(
    ("starts", "holes"),
    [
        (list(range(20)), []),  # many devices write EDF+D without a hole
        ([0.5 + i for i in range(20)], []),
        ([*range(5), *range(7, 12), *range(15, 25)], [Hole(5.0, 2.0), Hole(10.0, 3.0)]),
        ([*range(10), *[i + 0.25 for i in range(10, 20)]], [Hole(10.0, 0.25)]),
        ([*range(10), *range(5, 15)], [Hole(10.0, -5.0)]),
        ([i + 0.004 * (i % 2) for i in range(20)], []),  # the jitter of a computer's clock
        ([1.003 * i for i in range(20)], [Hole(7.0, 0.021), Hole(14.0, 0.021)]),  # 3 ms lost in each second
    ],
)
@pytest.mark.parametrize("kind", ["EDF+D", "EDF+C"])  # the header's word does not decide
def test_the_clock_of_edf_records(tmp_path, starts, holes, kind):
    path = edf(tmp_path / "a.edf", starts, kind=kind)
    assert edf_holes(path) == holes
    if not holes:
        assert opened(path, EARLY, LATE)[0].n_times == 2000
    elif holes[0].lost_s < 0:
        with pytest.raises(UserError, match=r"the clock goes back by 5\.000 s"):
            opened(path, LATE)


def test_bdf_with_a_hole(tmp_path):
    path = bdf(tmp_path / "a.bdf", [*range(10), *range(30, 40)])
    assert edf_holes(path) == [Hole(10.0, 20.0)]
    assert open_raw(path).n_times == 2000  # MNE reads it as one piece
    with pytest.raises(UserError, match=r"a\.bdf: 20\.000 s were not recorded after 10\.000 s"):
        opened(path, LATE)


def test_edf_without_times(tmp_path):
    plain = tmp_path / "a.edf"
    mne.export.export_raw(plain, simulated_raw(2, kind="eeg"), verbose="ERROR")
    content = plain.read_bytes()
    assert edf_holes(plain) == []
    for bad in (
        b"",
        content[:100],
        content[:252] + b"xxxx" + content[256:],
        content[:236] + b"-1      " + content[244:],
    ):
        plain.write_bytes(bad)
        assert edf_holes(plain) == []


def test_brainvision_with_a_pause(tmp_path):
    path = brainvision(tmp_path / "a.vhdr", PAUSE)
    with pytest.raises(UserError, match=r"a\.vhdr: 20\.000 s were not recorded after 10\.000 s"):
        opened(path, LATE)
    path = brainvision(
        tmp_path / "b.vhdr", PAUSE, "Stimulus,S  1,1501,1,0"
    )  # its markers count samples: so do the events
    raw, told = opened(path, LATE)
    assert noted_holes(raw) == [Hole(10.0, 20.0)] and "lie on the file's own markers" in told[0]
    path = brainvision(tmp_path / "c.vhdr", PAUSE, "Stimulus,S  1,1301,1,0")
    with pytest.raises(UserError, match=r"20\.000 s were not recorded"):  # the event is at 15 s, its marker at 13 s
        opened(path, LATE)


def test_events_that_a_sound_card_plays_late(tmp_path):
    markers = [f"Stimulus,S  1,{sample},1,0" for sample in (1201, 1301, 1451, 1601)]
    path = brainvision(tmp_path / "a.vhdr", PAUSE, *markers)
    rows = [(onset + 0.08, 0.5, "sound", f"{onset}.wav") for onset in (12, 13, 14.5, 16)]
    assert "lie on the file's own markers" in opened(path, *rows)[1][0]
    rows[1:] = [(onset + 0.08 * i, *rest) for i, (onset, *rest) in enumerate(rows[1:], 2)]  # of no common delay
    with pytest.raises(UserError, match=r"20\.000 s were not recorded"):
        opened(path, *rows)


def test_a_seam_of_unknown_length_is_told(tmp_path):
    raw, told = opened(brainvision(tmp_path / "a.vhdr", "New Segment,,1001,1,0"), LATE)
    assert bad_spans(raw) == [[10.0, 0.0]] and "nothing says how much time was lost" in told[0]
    raw, told = opened(brainvision(tmp_path / "b.vhdr", "New Segment,,1001,1,0,20200101000010000000"), LATE)
    assert bad_spans(raw) == [[10.0, 0.0]] and not told  # no time was lost


def test_eeglab_with_data_cut_out(tmp_path):
    path = eeglab(tmp_path / "a.set", ("boundary", 1000.5, 3000.0))
    with pytest.raises(UserError, match=r"a\.set: 30\.000 s were not recorded after 9\.995 s"):
        opened(path, LATE)
    raw, _ = opened(eeglab(tmp_path / "b.set", ("boundary", 1000.5, 3000.0), ("S1", 1501.0, 1.0)), LATE)
    assert noted_holes(raw) == [Hole(9.995, 30.0)] and bad_spans(raw) == [[9.995, 0.0]]
    assert filtered_apart(raw) == [(0, 1000), (1000, 2000)]  # the boundary lies between samples 999 and 1000
    raw, told = opened(eeglab(tmp_path / "c.set", ("boundary", 1000.5, np.nan)), LATE)
    assert bad_spans(raw) == [[9.995, 0.0]] and "nothing says how much time" in told[0]
    raw, _ = opened(
        eeglab(tmp_path / "d.set", (-99, 1000.5, 3000.0), (7, 1501.0, 1.0)), LATE
    )  # a boundary among numbers
    assert noted_holes(raw) == [Hole(9.995, 30.0)]


def test_a_sound_that_plays_across_a_hole(tmp_path):
    raw = simulated_raw(3, kind="eeg")
    path = bids_from_raw(raw, tmp_path / "lab", datatype="eeg", format="BrainVision", events=story_events("a.wav", []))
    marker = path.fpath.with_suffix(".vmrk")
    lines = ["Mk1=New Segment,,1,1,0,20200101000000000000", f"Mk2={PAUSE}", "Mk3=Stimulus,S  1,1501,1,0"]
    marker.write_text(marker.read_text().split("Mk1=")[0] + "\n".join(lines) + "\n")
    write_audio(tmp_path / "lab" / "stimuli" / "a.wav", 12.0)
    events = path.copy().update(suffix="events", extension=".tsv").fpath
    row = "\t".join(["0", "n/a", "sound", "a.wav"])
    events.write_text(f"onset\tduration\ttrial_type\tstim_file\n{row}\n15\t0\tbutton\tn/a\n")
    study = BIDSStudy(tmp_path / "lab", datatype="eeg")
    with pytest.raises(
        UserError, match=r"the sound 'a' plays from 0\.000 to 12\.000 s, but at 10\.000 s .* 20\.000 s were not"
    ):
        study.events(study.recordings()[0])
    write_audio(tmp_path / "lab" / "stimuli" / "a.wav", 4.0)
    study = BIDSStudy(tmp_path / "lab", datatype="eeg")
    assert study.events(study.recordings()[0]).duration.tolist() == [4.0]


def test_the_clock_of_ctf_trials():
    """Trials of 2 s: the second starts 5 s late."""
    clock = np.concatenate([np.arange(200), np.arange(700, 900), np.arange(900, 1100)]) / 100.0
    info = mne.create_info(["SCLK01-177"], 100.0, "misc")
    raw = mne.io.RawArray(clock[None], info, verbose="ERROR")
    raw._raw_extras = [{"block_size": 200}]
    assert ctf_holes(raw) == [Hole(2.0, pytest.approx(5.0))]


def test_skipped_data_of_fif_keep_their_time(tmp_path):
    raw, told = opened(fif(tmp_path / "a_meg.fif", (8.0, 1.0, "BAD_ACQ_SKIP"), first_s=5.0), LATE)
    assert raw.n_times == 2000 and noted_holes(raw) == [] and not told
    assert bad_spans(raw) == [[8.0, 1.0]] and filtered_apart(raw) == [(0, 800), (900, 2000)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Averaged=YES\nAveragedSegments=40", "averaged 'YES'"),
        ("SegmentationType=MARKERBASED\nSegmentDataPoints=100", "segmentationtype 'MARKERBASED'"),
        ("DataType=FREQUENCYDOMAIN", "datatype 'FREQUENCYDOMAIN'"),
    ],
)
def test_brainvision_in_pieces(tmp_path, line, said):
    with pytest.raises(UserError, match=rf"a\.vhdr: its header says {said}; expected .*continuous"):
        open_raw(brainvision(tmp_path / "a.vhdr", header=line))
    assert (
        open_raw(brainvision(tmp_path / "b.vhdr", header="SegmentationType=NOTSEGMENTED\nAveraged=NO")).n_times == 2000
    )


def test_eeglab_in_epochs(tmp_path):
    path = eeglab(tmp_path / "a.set", trials=4, pnts=500)
    with pytest.raises(UserError, match=r"a\.set: it is not a continuous recording \(The number of trials is 4"):
        open_raw(path)


def test_what_the_json_file_says(tmp_path):
    path = bids_from_raw(simulated_raw(3), tmp_path / "lab", events=story_events("a.wav", []))
    side = path.copy().update(extension=".json", split=None).fpath
    text = side.read_text()
    assert '"RecordingType": "continuous"' in text
    side.write_text(text.replace('"continuous"', '"epoched"'))
    with pytest.raises(UserError, match=r"RecordingType in its JSON file is 'epoched'"):
        open_raw(path)
    side.write_text(text.replace('"continuous"', '"discontinuous"'))
    with kept() as found:
        open_raw(path)
    assert ["is 'discontinuous'" in one.text for one in found] == [True]
