"""Who heard one test segment alone has nothing to choose from, and no part in a result."""

import numpy as np
import pytest
from paired_worlds import Play, Sensors, Volumes, paired, runs_of, tunes

from n2s.findings import kept
from n2s.systems.fusion.tested import fusion_results


@pytest.mark.slow
def test_rows_of_people_with_one_candidate_are_left_out_and_told(tmp_path):
    sounds, people = tunes(tmp_path / "sounds", ["a", "b", "c"]), ["01", "02"]
    scanned = runs_of(people, ["a", "b", "c"])
    scanned["02", "c"] = [Play("c", 2.0, 5.5)]
    data = paired(
        Sensors(tmp_path / "m", runs_of(people, ["a", "b", "c"]), sounds), Volumes(tmp_path / "f", scanned, sounds)
    )
    n, k = len(data.pairs["test"]), len(data.windows["test"].first)
    scores = np.zeros((n, k), np.float32)
    with kept() as told:
        found = fusion_results(data, "planted", scores, scores, seed=0)
    assert set(found["test"].subject) == {"01"}
    assert set(found["test, MEG only"].subject) == {"02"}  # the other segments: several candidates
    assert any("1 of 9 rows have one candidate" in one.text and "02" in one.text for one in told)
