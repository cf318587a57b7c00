"""Bins of volumes where the TR is not what was asked for, and kept components of runs in any order."""

import numpy as np
import pytest
from paired_worlds import Sensors, Volumes, paired, runs_of, tunes

from n2s.data.bold_courses import bold_courses
from n2s.data.paired_bold import PairedBold


@pytest.mark.parametrize("tr_s", [2.0, 2.0045, 2.0109, 1.35])
@pytest.mark.parametrize("segment_s", [10.0, 2.02, 4.0])
def test_each_bin_has_the_volumes_that_start_in_it_or_else_the_nearest(tr_s, segment_s):
    """An empty bin, where a TR is a little longer than a bin, gave infinite numbers."""
    options = PairedBold(segment_s, (4.0, 4.0), 2.0, 32.0, 3, None)
    begins_s = np.random.default_rng(0).uniform(0, 500, 3000)
    first, after = options.bins(begins_s, tr_s)
    assert (after > first).all()
    assert (np.diff(first, axis=1) >= 0).all()
    start_s = tr_s * np.arange(400)
    for at in range(0, 3000, 7):
        for one in range(options.n_bins):
            bin_s = begins_s[at] + 4.0 + 2.0 * one
            inside = np.flatnonzero((start_s >= bin_s - 0.011) & (start_s < bin_s + 2.0 - 0.011))
            if not len(inside):
                inside = [np.argmin(np.abs(start_s + tr_s / 2 - bin_s - 1.0))]
            assert list(range(first[at, one], after[at, one])) == list(inside)


@pytest.mark.slow
def test_pairs_are_finite_where_the_tr_is_a_little_above_a_bin(tmp_path):
    """Of a real scanner's 2.0045 s, and in every bin the mean of its own volumes."""
    sounds = tunes(tmp_path / "sounds", ["a", "b", "c"], 40)
    runs = runs_of(["01"], ["a", "b", "c"], lasts_s=40.0)
    scanner = Volumes(tmp_path / "f", runs, sounds)
    scanner.step_s = 2.0045
    data = paired(Sensors(tmp_path / "m", runs, sounds), scanner, segment_s=4.0)
    seen = 0
    for split in ("train", "val", "test"):
        windows, pairs = data.windows[split], data.pairs[split]
        batch = data.batch(split, np.arange(len(pairs)))
        assert np.isfinite(batch.bold.numpy()).all()
        for at, row in enumerate(pairs.fmri[pairs.fmri >= 0]):
            key = windows.of_interval("recording")[row]
            course = data.courses(windows.of_interval("subject")[row]).courses[key]
            first, after = data.bold_options.bins(np.array([2.0 + windows.start_s[row]]), 2.0045)
            for one in range(data.n_volumes):
                mean = course[first[0, one] : after[0, one]].mean(0)
                np.testing.assert_allclose(batch.bold[at, one].numpy(), mean, atol=1e-5)
                seen += 1
    assert seen > 20


@pytest.mark.slow
def test_kept_components_do_not_depend_on_the_order_of_runs(tmp_path):
    """The key of the cache knows no order, so the kept files must not have one."""
    sounds = tunes(tmp_path / "sounds", ["a", "b", "c"])
    runs = runs_of(["01"], ["a", "b", "c"])
    data = paired(Sensors(tmp_path / "m", runs, sounds), Volumes(tmp_path / "f", runs, sounds))
    training = {name: np.arange(one.meta["shape"][0]) < 40 for name, one in data.runs.items()}
    found = []
    for order in (list(data.runs), list(data.runs)[::-1]):
        own = {name: data.runs[name] for name in order}
        found.append(bold_courses(own, training, 3, roi=None, where="here").courses)
    for name in data.runs:
        np.testing.assert_array_equal(found[0][name], found[1][name])
