"""`n2s studies check` of a recipe of MEG and fMRI."""

import pandas as pd
import pytest
from paired_worlds import Sensors, Volumes, paired, runs_of, tunes

from n2s.checks.check import check


class Scanner(Volumes):
    """Its sounds are clips, too."""

    def clips(self, recording):
        plays = self.runs[recording.subject, recording.run]
        rows = [(p.stimulus, p.at_s, p.lasts_s, p.start_s, "train", p.stimulus) for p in plays]
        return pd.DataFrame(rows, columns=["stimulus", "time_s", "duration_s", "start_s", "split", "group"])


@pytest.mark.slow
def test_each_study_of_pairs_is_tried_as_its_own_kind(tmp_path, capsys):
    """The preprocessing of sensors is not tried on volumes."""
    sounds, runs = tunes(tmp_path / "sounds", ["a", "b", "c"]), runs_of(["01"], ["a", "b", "c"])
    data = paired(Sensors(tmp_path / "m", runs, sounds), Scanner(tmp_path / "f", runs, sounds))
    n_stops = check(data.studies, tmp_path / "page.html", title="pairs", data=data)
    said = capsys.readouterr().out
    assert not n_stops, said
    assert "6 voxels" in said
