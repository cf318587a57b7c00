"""Which of two talkers was attended: against a loop, a closed form, and a null that knows what the talkers look like."""

import numpy as np
import pytest
import scipy.signal
import scipy.stats

from n2s.metrics.attention import attention

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


def test_longer_windows_decide_better_as_the_normal_distribution_has_it():
    gain = 0.1
    found = attention(*courses(400_000, gain), sfreq=SFREQ, lengths_s=[2.5, 5.0, 10.0, 30.0], n_draws=20)
    for one in found:
        rho, n = gain / np.hypot(1, gain), round(one.length_s * SFREQ)
        expected = scipy.stats.norm.cdf(rho * np.sqrt(n / 2))
        assert one.share == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / one.n_windows))
        assert one.interval.low < expected < one.interval.high
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
    (few,) = attention(*courses(100, 1.0), sfreq=SFREQ, lengths_s=[5.0])
    assert few.n_windows == 1 and few.chance is None and few.p is None  # no shift leaves its own moment
    (none,) = attention(decoded, attended, unattended, sfreq=SFREQ, lengths_s=[5.0], stretches=[])
    assert none.n_windows == 0


@pytest.mark.parametrize("wrong", ["shape", "nan", "length"])
def test_what_is_refused(wrong):
    decoded, attended, unattended = courses(400, 0.5)
    if wrong == "nan":
        attended[3] = np.nan
    text = {"shape": r"shapes \(400, 1\), \(400, 1\), \(399, 1\)", "nan": "not finite", "length": "windows of 0 rows"}
    with pytest.raises(ValueError, match=text[wrong]):
        lengths = [0.01] if wrong == "length" else [5.0]
        attention(decoded, attended, unattended[: -1 if wrong == "shape" else None], sfreq=SFREQ, lengths_s=lengths)
