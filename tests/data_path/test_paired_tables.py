"""Tables of pairs, the check of a folder, and splits in which one modality lacks everything."""

from types import SimpleNamespace

import numpy as np
import pytest
from tiny_pairs import tiny_pairs

from n2s.checks.dealt import dealt
from n2s.data.stimuli import collect_stimuli
from n2s.findings import kept

pytestmark = pytest.mark.slow


def test_the_summary_counts_people_and_the_check_deals_as_a_fit_does(tmp_path):
    data = tiny_pairs(tmp_path)
    seen, surveys = [], []
    for name, study in data.studies.items():
        events = {one: study.events(one) for one in study.recordings()}
        seen = [SimpleNamespace(name=one.name, events=table, recording=one) for one, table in events.items()]
        stimuli = collect_stimuli(study, {one.name: table for one, table in events.items()})
        surveys.append(SimpleNamespace(name=name, study=study, stimuli=stimuli, seen=seen))
    rows = {row[0]: row for row in dealt(data, surveys).rows}
    with kept():
        data.setup("fit")
    assert rows["test"][-1] == "story5" and rows["val"][-1] == "story4"
    assert str(data).startswith("2 people: 2 with both, 2 in MEG (12 recordings), 2 in fMRI (12 runs)")
    batch = data.batch("train", np.arange(3))
    places = data.places(batch)
    table = data.pair_table("train")
    assert places[0].startswith(f"meg/sub-{table.person[0]}_task-{table.story[0]}, {table.story[0]}, 0.00 to 5.00 s")


def test_a_split_that_was_scanned_alone(tmp_path):
    data = tiny_pairs(tmp_path, meg={"only": None})
    with kept():
        data.setup("fit")
    pairs = data.pairs["val"]
    data.pairs["val"] = pairs.assign(meg=-1)
    batch = data.batch("val", np.arange(len(pairs)))
    assert len(batch.meg) == 0 and batch.meg.brain.shape[1:] == data.batch("test", np.arange(1)).meg.brain.shape[1:]
    assert len(batch.bold) == len(pairs) and not batch.has("meg").any() and batch.has("fmri").all()
