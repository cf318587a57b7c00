"""Time-segment matching: against NumPy's correlations, a planted response, noise, and people without a change."""

import numpy as np
import pytest

from n2s.metrics.segment_matching import segment_matching

WINDOWS = np.arange(60).reshape(12, 5)


def people(gain, s=4, n=60, v=30, seed=0):
    rng = np.random.default_rng(seed)
    return gain * rng.standard_normal((n, v)) + rng.standard_normal((s, n, v)) + 100 * rng.standard_normal((s, 1, v))


def test_each_rank_as_numpy_has_it_in_one_block_or_several():
    responses = people(0.3)
    found = segment_matching([responses], WINDOWS)
    z = (responses - responses.mean(1, keepdims=True)) / responses.std(1, keepdims=True)
    for person in range(4):
        others = np.delete(z, person, 0).mean(0)
        for at, window in enumerate(WINDOWS):
            r = [np.corrcoef(z[person][window].ravel(), others[one].ravel())[0, 1] for one in WINDOWS]
            assert found.ranks[person, at] == sum(one > r[at] for one in r)
            assert found.turned[person, 2, at] == sum(one > r[(at + 3) % 12] for one in r)
    in_blocks = segment_matching([responses[..., :7], responses[..., 7:29], responses[..., 29:]], WINDOWS)
    np.testing.assert_array_equal(in_blocks.ranks, found.ranks)
    np.testing.assert_array_equal(in_blocks.turned, found.turned)
    assert 0.3 < found.accuracy.mean() < 1


def test_what_all_share_is_found_and_noise_is_at_chance():
    shared, noise = (
        segment_matching([people(2.0)], WINDOWS),
        [segment_matching([people(0.0, seed=i)], WINDOWS) for i in range(20)],
    )
    assert (shared.accuracy == 1).all() and (shared.p == 1 / 12).all()
    accuracy = np.array([one.accuracy.mean() for one in noise])
    assert accuracy.mean() == pytest.approx(1 / 12, abs=4 * accuracy.std() / np.sqrt(20)) and noise[0].chance == 1 / 12
    assert np.mean([one.p for one in noise]) > 0.4


def test_a_person_in_whom_nothing_changes_has_no_value_and_spoils_nobody():
    responses = people(2.0)
    responses[1] = 7.0
    responses[0, :, 3] = 1e6
    found = segment_matching([responses], WINDOWS)
    assert np.isnan(found.accuracy[1]) and np.isnan(found.p[1]) and (found.accuracy[[0, 2, 3]] == 1).all()


@pytest.mark.parametrize(
    ("responses", "windows", "text"),
    [
        ([people(1)], WINDOWS[:1], "two segments or more"),
        ([people(1)], np.stack([WINDOWS[0], WINDOWS[0] + 1]), "segments overlap"),
        ([people(1)[:1]], WINDOWS, "two people or more"),
        ([], WINDOWS, "no target"),
    ],
)
def test_what_is_refused(responses, windows, text):
    with pytest.raises(ValueError, match=text):
        segment_matching(responses, windows)
