"""Windows at words, where the events of one modality alone have the words of a sound."""

import pytest
from paired_worlds import Sensors, Volumes, paired, runs_of, tunes

from n2s.data import Grid, WordOnsets
from n2s.errors import UserError

STORIES = ["a", "b", "c"]
WORDS = {name: [(f"w{i}", float(i)) for i in range(0, 38, 3)] for name in STORIES}


def world(folder, meg=None, fmri=None, **options):
    """Words in some events; validation and test windows at words."""
    sounds, runs = tunes(folder / "sounds", STORIES), runs_of(["01"], STORIES)
    studies = Sensors(folder / "m", runs, sounds, words=meg), Volumes(folder / "f", runs, sounds, words=fmri)
    return paired(*studies, test_windows=WordOnsets(0.5), **options)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["meg", "fmri"])
def test_words_of_one_modality_are_enough_to_prepare(where, tmp_path):
    data = world(tmp_path, **{where: WORDS})
    data.prepare()  # as `n2s prepare` and a fit do before the set-up
    assert (data.pairs["test"][["meg", "fmri"]] >= 0).all(axis=None) and len(data.pairs["test"]) > 5
    for placement in data.placements:
        data.placements[placement] = WordOnsets(0.5)
    data.studies[where].words = {}
    with pytest.raises(UserError, match="have no words"):
        data.prepare()
    data.placements = dict.fromkeys(data.placements, Grid(5.0))
    data.prepare()
