import numpy as np
import pytest

from n2s.errors import UserError
from n2s.features.stitch import stitch


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


def test_two_constants_fade_as_cosine_and_sine():
    sound = stitch([np.full(6, 2.0), np.full(6, 3.0)], [0, 2])
    angle = np.pi / 2 * np.array([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(sound, [2, 2, *(2 * np.cos(angle) + 3 * np.sin(angle)), 3, 3])


def test_clips_that_touch_are_joined_and_gaps_are_silent():
    first, second = np.arange(1.0, 4.0), np.arange(4.0, 6.0)
    np.testing.assert_array_equal(stitch([first, second], [7, 10]), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(stitch([first, second], [0, 5]), [1, 2, 3, 0, 0, 4, 5])
    np.testing.assert_array_equal(stitch([first], [9]), first)


def test_half_overlapping_windows_fade_all_the_way():
    """4-s windows every 2 s: each sample is in two of them."""
    sound = stitch([np.ones(8)] * 3, [0, 4, 8])
    assert sound.shape == (16,)
    np.testing.assert_allclose(sound[:4], 1)
    assert (sound[4:12] > 1).all() and sound.max() <= np.sqrt(2)


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
