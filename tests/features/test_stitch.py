import numpy as np
import pytest

from n2s.errors import UserError
from n2s.features.stitch import spanning, stitch


def test_the_sound_is_as_long_as_the_clock_of_the_story_says():
    clips = [np.ones(2400), np.ones(2100), np.ones(2000)]
    assert stitch(clips, [1000, 3000, 5000]).shape == (5000 + 2000 - 1000,)
    assert stitch(clips, range(0, 6000, 2000)).shape == (6000,)


def test_noise_keeps_its_power_through_the_fade():
    rng = np.random.default_rng(0)
    clips = rng.standard_normal((400, 3, 300))
    sounds = np.stack([stitch(list(three), [0, 200, 400]) for three in clips])
    power = (sounds**2).mean(0).reshape(-1, 50).mean(1)  # of 20,000 numbers each
    np.testing.assert_allclose(power, 1, atol=0.05)


def test_what_has_nothing_in_common_fades_as_cosine_and_sine():
    first, second = np.array([1.0, 1, 2, 0, 2, 0]), np.array([0.0, 3, 0, 3, 1, 1])
    angle = np.pi / 2 * np.array([0.125, 0.375, 0.625, 0.875])
    faded = first[2:] * np.cos(angle) + second[:4] * np.sin(angle)
    np.testing.assert_allclose(stitch([first, second], [0, 2]), [1, 1, *faded, 1, 1])


def test_a_sound_cut_into_overlapping_clips_is_itself_again():
    sine = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    starts = [0, 3000, 7500, 9000]
    clips = [sine[start : start + n] for start, n in zip(starts, [4000, 5000, 1800, 7000], strict=True)]
    np.testing.assert_allclose(stitch(clips, starts), sine, atol=1e-12)


def test_alike_clips_keep_their_power_whatever_they_share():
    rng = np.random.default_rng(0)
    for share in (0.0, 0.3, 0.8):
        first, own = rng.standard_normal((2, 300_000))
        second = share * first + np.sqrt(1 - share**2) * own
        sound = stitch([np.append(0, first), np.append(second, 0)], [0, 1])[1:-1]
        np.testing.assert_allclose(np.square(sound).reshape(10, -1).mean(1), 1, atol=0.03)


def test_clips_that_touch_are_joined_and_gaps_are_silent():
    first, second = np.arange(1.0, 4.0), np.arange(4.0, 6.0)
    np.testing.assert_array_equal(stitch([first, second], [7, 10]), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(stitch([first, second], [0, 5]), [1, 2, 3, 0, 0, 4, 5])
    np.testing.assert_array_equal(stitch([first], [9]), first)


def test_half_overlapping_windows_fade_all_the_way():
    """4-s windows every 2 s: each sample is in two of them."""
    np.testing.assert_allclose(stitch([np.ones(8)] * 3, [0, 4, 8]), np.ones(16))


@pytest.mark.parametrize(
    ("starts", "chosen"),
    [
        ([], []),
        ([5], [0]),
        ([0, 10, 20], [0, 1, 2]),  # they touch
        ([0, 25, 40], [0, 1, 2]),  # gaps
        ([0, 3, 6, 9, 12, 15, 18], [0, 3, 6]),
        ([0, 1, 2, 11, 12], [0, 2, 3, 4]),
    ],
)
def test_spanning_leaves_nothing_out_and_no_three_at_one_place(starts, chosen):
    found = spanning(starts, 10)
    assert found == chosen
    covered = {sample for i in range(len(starts)) for sample in range(starts[i], starts[i] + 10)}
    counted = [sample for i in found for sample in range(starts[i], starts[i] + 10)]
    assert set(counted) == covered and max((counted.count(one) for one in covered), default=0) <= 2


def test_float32_stays_float32():
    assert stitch([np.ones(5, np.float32)] * 2, [0, 3]).dtype == np.float32


@pytest.mark.parametrize(
    ("n", "starts", "said"),
    [
        ([], [], "0 clips"),
        ([5, 5], [0], "one start a clip"),
        ([5, 5], [4, 0], "order of their starts"),
        ([9, 2], [0, 3], "inside another"),
        ([9, 9, 9], [0, 3, 6], "three clips at one place"),
    ],
)
def test_what_cannot_be_laid_out_is_an_error(n, starts, said):
    with pytest.raises(UserError, match=said):
        stitch([np.ones(k) for k in n], starts)
