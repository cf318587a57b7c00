"""What the side files say of a recording's clock: compared, told, and refused where the onsets count from another time."""

import pytest
from builders import bids_from_raw, simulated_raw, story_events
from raw_folders import fif, table

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.readers.raw_files import open_raw


def told(tmp_path, *rows, first_s=20.0):
    path = fif(tmp_path / "a_meg.fif", first_s=first_s)
    events = table(tmp_path, *rows, columns="onset duration trial_type stim_file sample")
    with kept() as found:
        open_raw(path, events=events)
    return [one.text for one in found]


def test_onset_and_sample(tmp_path):
    rows = [(2, 3, "sound", "a.wav"), (12.004, 3, "sound", "a.wav")]
    assert told(tmp_path, *[(*row, round(100 * row[0])) for row in rows]) == []
    assert told(tmp_path, *[(*row, round(100 * row[0]) + 1) for row in rows]) == []  # from 1, as MATLAB counts
    assert (
        told(tmp_path, *[(*row, round(100 * row[0]) + 2000) for row in rows]) == []
    )  # from the start of the acquisition
    assert told(tmp_path, *[(*row, "n/a") for row in rows]) == []
    (text,) = told(tmp_path, (*rows[0], 200), (*rows[1], 3200))
    assert "disagree in 1 of 2 rows: in line 3, 12.004 s and sample 3200, which is 32.000 s at 100 Hz" in text


def test_onsets_from_the_start_of_the_acquisition(tmp_path):
    """Public report of the same kind: mne-tools/mne-python#7711 (what first_samp is added to)."""
    rows = [(7, 3, "sound", "a.wav", 200), (17, 3, "sound", "a.wav", 1200)]
    with pytest.raises(UserError, match=r"events\.tsv: every onset is 5\.000 s later than its sample, .*first_samp"):
        told(tmp_path, *rows, first_s=5.0)


def test_rate_and_length_in_the_json_file(tmp_path):
    path = bids_from_raw(simulated_raw(3), tmp_path / "lab", events=story_events("a.wav", []))
    side = path.copy().update(extension=".json", split=None).fpath
    with kept() as found:
        open_raw(path)
    assert not [one for one in found if "JSON" in one.text]
    text = side.read_text()
    side.write_text(text.replace('"SamplingFrequency": 100.0', '"SamplingFrequency": 200.0').replace("19.99", "39.99"))
    with kept() as found:
        open_raw(path)
    assert [one.text.split(";")[0] for one in found] == [
        "SamplingFrequency in its JSON file is 200 Hz",
        "RecordingDuration in its JSON file is 39.99 s",
    ]
