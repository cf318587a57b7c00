"""The same people and stories in two simulated scanners, and the best possible decoders of each and of both."""

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.studies import Recording, SimulatedPairFMRI, SimulatedPairMEG

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 2, "n_stories": 3, "minutes": 0.5, "n_test": 1}
STUDIES = (SimulatedPairMEG, SimulatedPairFMRI)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder for all: each tale is spoken once."""
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def both(root):
    return SimulatedPairMEG(**SMALL, root=root), SimulatedPairFMRI(**SMALL, root=root)


def test_people_stories_and_splits_are_the_same(both):
    meg, fmri = both
    assert [one.name for one in meg.recordings()] == [one.name for one in fmri.recordings()]
    assert {one.modality for one in meg.recordings()} == {"meg"} and fmri.recordings()[0].modality == "fmri"
    assert meg.split == fmri.split == {"tale-01": "train", "tale-02": "train", "tale-03": "test"}
    assert meg.content == fmri.content and meg.audio("tale-01.en") == fmri.audio("tale-01.en")


def test_options_out_of_range_are_told(root, both):
    for kind in STUDIES:
        for wrong, message in (
            ({"n_test": 3}, "n_test is 3; it must be from 0 to 2"),
            ({"noise_level": 0}, "noise_level is 0"),
            ({"shared": 0, "private": 0}, "nothing drives anybody"),
        ):
            with pytest.raises(UserError, match=message):
                kind(**SMALL | wrong, root=root)
    for study in both:
        with pytest.raises(UserError, match="no recording sub-07_task-tale-01_run-en; there are sub-01"):
            study.load(Recording("07", task="tale-01", run="en"))
        with pytest.raises(UserError, match="no subject '09'; there are 01 to 02"):
            study.known("09")


def test_a_shared_source_follows_one_mixture_in_both(both):
    meg, fmri = (study.known("01") for study in both)
    np.testing.assert_array_equal(meg.places_mm[meg.shared], fmri.places_mm[fmri.shared])
    factor = meg.mixtures[:, meg.shared] / np.where(
        fmri.mixtures[:, fmri.shared] == 0, 1, fmri.mixtures[:, fmri.shared]
    )
    assert np.ptp(factor[::3]) < 1e-9 * factor[::3].max() and not factor[1::3].any() and not factor[2::3].any()
