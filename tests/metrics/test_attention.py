"""Which of two talkers was attended: against a loop, a closed form, and a null that knows what the talkers look like."""

import numpy as np
import pytest
import scipy.signal
import scipy.stats

from n2s.metrics.attention import attention
from n2s.metrics.intervals import wilson_interval

SFREQ = 16.0


def courses(n, gain, n_dims=1, seed=0):
    rng = np.random.default_rng(seed)
    attended, unattended, noise = rng.standard_normal((3, n, n_dims))
    return gain * attended + noise, attended, unattended


def test_each_window_as_a_loop_over_numpys_correlations():
    decoded, attended, unattended = courses(1000, 0.2, n_dims=3)
    stretches = [slice(10, 400), slice(450, 1000)]
    (found,) = attention(decoded, attended, unattended, sfreq=SFREQ, stretches=stretches, lengths_s=[5.0], n_draws=3)
    own, other = [], []
    for stretch in stretches:
        for start in range(stretch.start, stretch.stop - 79, 80):
            rows = slice(start, start + 80)
            for kept, sound in ((own, attended), (other, unattended)):
                kept.append(np.mean([np.corrcoef(decoded[rows, i], sound[rows, i])[0, 1] for i in range(3)]))
    assert found.n_windows == len(own) == 4 + 6
    np.testing.assert_allclose(found.attended_r, own)
    np.testing.assert_allclose(found.unattended_r, other)
    np.testing.assert_array_equal(found.right, np.array(own) > np.array(other))
    assert found.share == np.mean(np.array(own) > np.array(other))
    assert found.first.tolist() == [10, 90, 170, 250, *range(450, 930, 80)]


@pytest.mark.slow
def test_longer_windows_decide_better_as_the_normal_distribution_has_it():
    gain = 0.1
    found = attention(*courses(400_000, gain), sfreq=SFREQ, lengths_s=[2.5, 5.0, 10.0, 30.0], n_draws=20)
    for one in found:
        rho, n = gain / np.hypot(1, gain), round(one.length_s * SFREQ)
        expected = scipy.stats.norm.cdf(rho * np.sqrt(n / 2))
        assert one.share == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / one.n_windows))
        assert one.interval.low < expected < one.interval.high and len(np.unique(one.block)) == 20
        assert one.chance == pytest.approx(0.5, abs=0.02) and one.p == pytest.approx(1 / 21)


def test_a_decoder_that_knows_the_talkers_alone_is_at_its_chance_which_is_not_a_half():
    """The decoded course is as slow as the attended sound and has nothing of it; the other sound is fast."""
    rng = np.random.default_rng(1)
    slow = scipy.signal.butter(2, 0.3, fs=SFREQ, output="sos")
    decoded, attended = scipy.signal.sosfilt(slow, rng.standard_normal((2, 20_000, 1)), axis=1)
    decoded = np.abs(decoded)
    attended = np.abs(attended) + np.linspace(0, 1, 20_000)[:, None]
    (found,) = attention(decoded, attended, rng.standard_normal((20_000, 1)), sfreq=SFREQ, lengths_s=[10.0])
    assert found.p > 0.05 and found.share == pytest.approx(found.chance, abs=0.1)


def test_p_is_even_without_attention():
    ps = [
        attention(*courses(4000, 0.0, seed=seed), sfreq=SFREQ, lengths_s=[5.0], n_draws=99)[0].p for seed in range(60)
    ]
    assert 0.35 < np.mean(ps) < 0.7 and np.mean(np.array(ps) <= 0.1) < 0.25


def test_silence_is_left_out_ties_count_half_and_short_data_have_no_value():
    decoded, attended, unattended = courses(800, 0.5)
    unattended[:80] = 0
    decoded[80:160] = 1.0
    short, long = attention(decoded, attended, unattended, sfreq=SFREQ, lengths_s=[5.0, 60.0])
    assert (short.n_windows, short.n_left_out) == (8, 2)
    assert (long.n_windows, long.share, long.interval, long.chance, long.p) == (0, None, None, None, None)
    (tied,) = attention(decoded, attended, attended, sfreq=SFREQ, lengths_s=[5.0], n_draws=5)
    assert tied.share == 0.5 and tied.p == 1.0
    assert len(np.unique(short.block)) == 4 and 0.2 < short.interval.low < short.share == 1.0
    (one,) = attention(decoded, attended, unattended, sfreq=SFREQ, lengths_s=[30.0])
    assert one.n_windows == 1 and one.interval == (one.share, None, None)  # a single block has no spread
    (few,) = attention(*courses(100, 1.0), sfreq=SFREQ, lengths_s=[5.0])
    assert few.n_windows == 1 and few.chance is None and few.p is None  # no shift leaves its own moment
    (none,) = attention(decoded, attended, unattended, sfreq=SFREQ, lengths_s=[5.0], stretches=[])
    assert none.n_windows == 0


def wandering(seconds, seed, tau_s=15.0):
    """A course that follows the attended sound more and less, in waves of some ``tau_s``: neighbouring windows are right together."""
    rng = np.random.default_rng(seed)
    n = round(seconds * SFREQ)
    keep = np.exp(-1 / (tau_s * SFREQ))
    start = rng.standard_normal(1) * keep
    wave = scipy.signal.lfilter([np.sqrt(1 - keep**2)], [1, -keep], rng.standard_normal(n), zi=start)[0]
    attended, unattended, noise = rng.standard_normal((3, n, 1))
    return (0.1 + 0.15 * wave[:, None]) * attended + noise, attended, unattended


def test_intervals_cover_the_share_though_neighbouring_windows_are_alike():
    """Of ten minutes each: as if windows were independent, a 95% interval would cover the share of the listener far less often."""
    (whole,) = attention(*wandering(80_000, 1000), sfreq=SFREQ, lengths_s=[5.0], n_draws=0)
    covered = {"blocks": [], "windows": []}
    for seed in range(150):
        (found,) = attention(*wandering(600, seed), sfreq=SFREQ, lengths_s=[5.0], n_draws=0)
        alone = wilson_interval(round(found.right.sum()), found.n_windows)
        for name, one in (("blocks", found.interval), ("windows", alone)):
            covered[name].append(one.low < whole.share < one.high)
    assert np.mean(covered["blocks"]) >= 0.9 and np.mean(covered["windows"]) < 0.87


def test_blocks_go_on_over_small_gaps_and_stop_at_the_ends_of_a_part():
    """Stretches of 6 s in two parts: windows of 5 s that follow each other are not independent, though a second lies between them."""
    n = round(60 * SFREQ)
    stretches = [slice(at, at + 96) for at in range(0, 2 * n - 95, 112)]
    given = {"sfreq": SFREQ, "stretches": stretches, "lengths_s": [5.0], "n_draws": 0}
    (alone,) = attention(*courses(2 * n, 0.2), **given)
    (together,) = attention(*courses(2 * n, 0.2), part=np.repeat([0, 1], n), **given)
    assert len(np.unique(alone.block)) == alone.n_windows == len(stretches)
    assert len(np.unique(together.block)) < together.n_windows / 1.4
    part = together.first // n
    assert not set(together.block[part == 0]) & set(together.block[part == 1])
    wider, narrow = (one.interval.high - one.interval.low for one in (together, alone))
    assert wider > narrow


@pytest.mark.parametrize(
    "length_s, shift_s, least", [(5.0, 0.0, 80), (2.0, 8.0, -128), (5.0, 100.0, 400), (1.0, 0.5, -16)]
)
def test_the_null_turns_by_a_window_and_by_the_shift_or_more(length_s, shift_s, least):
    """The course is the attended sound of another moment: the turn that finds it again, forwards or backwards, is right everywhere, if it is
    made.
    """
    _, attended, unattended = courses(1600, 0.0)
    given = {"sfreq": SFREQ, "lengths_s": [length_s], "shift_s": shift_s, "n_draws": 4500}
    found = [
        attention(np.roll(attended, turn, 0), attended, unattended, **given)[0].null.max()
        for turn in (least, least - np.sign(least))
    ]
    assert found[0] == 1.0 > found[1]


@pytest.mark.parametrize("wrong", ["shape", "nan", "length"])
def test_what_is_refused(wrong):
    decoded, attended, unattended = courses(400, 0.5)
    if wrong == "nan":
        attended[3] = np.nan
    text = {"shape": r"shapes \(400, 1\), \(400, 1\), \(399, 1\)", "nan": "not finite", "length": "windows of 0 rows"}
    with pytest.raises(ValueError, match=text[wrong]):
        lengths = [0.01] if wrong == "length" else [5.0]
        attention(decoded, attended, unattended[: -1 if wrong == "shape" else None], sfreq=SFREQ, lengths_s=lengths)
