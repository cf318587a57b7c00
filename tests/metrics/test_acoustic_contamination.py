"""Sound in sensors is found where it is planted; independent signals, however alike to themselves, give uniform p."""

import numpy as np
import pytest
import scipy.signal
from scipy import stats

from n2s.metrics.acoustic_contamination import (
    acoustic_contamination,
    log_power,
    shuffled_frequencies,
    speech_frequencies,
)

SFREQ = 500.0


def voice(rng: np.random.Generator, seconds: float = 40.0) -> np.ndarray:
    """(n,) Harmonics of a pitch that wanders from 80 to 200 Hz, louder and softer."""
    n = int(seconds * SFREQ)
    pitch = 130 + 45 * np.sin(2 * np.pi * np.cumsum(rng.normal(0.4, 0.3, n)) / SFREQ)
    phase = 2 * np.pi * np.cumsum(pitch) / SFREQ
    loud = 0.3 + np.square(np.sin(2 * np.pi * np.arange(n) / SFREQ * 1.3 + rng.uniform(0, 6)))
    return loud * (np.sin(phase) + 0.3 * rng.standard_normal(n))


def found_in(brain: np.ndarray, audio: np.ndarray, **more):
    """Of one run."""
    hz = speech_frequencies(SFREQ)
    return acoustic_contamination(
        [log_power(brain, SFREQ, hz)], [log_power(audio[None], SFREQ, hz)[0]], hz, least_shift=40, **more
    )


def test_a_planted_leak_is_found_in_its_sensor_alone():
    rng = np.random.default_rng(0)
    audio = voice(rng)
    brain = rng.standard_normal((6, len(audio)))
    brain[2] += 0.5 * audio
    found = found_in(brain, audio)
    assert found.p_whole <= 1 / 300 + 1e-9 and found.p_corrected[2] == found.p_whole
    assert (np.delete(found.p_corrected, 2) > 0.05).all()
    assert found.p_frequencies[2] < 0.01
    diagonal, n = np.trace(found.matrix[2]), len(found.hz)
    assert diagonal / n > 0.1 > 3 * (found.matrix[2].sum() - diagonal) / (n**2 - n)


def test_the_matrix_is_that_of_numpy():
    rng = np.random.default_rng(1)
    audio = voice(rng, 10.0)
    brain = rng.standard_normal((2, len(audio))) + 0.2 * audio
    hz = speech_frequencies(SFREQ)
    b, a = log_power(brain, SFREQ, hz), log_power(audio[None], SFREQ, hz)[0]
    found = acoustic_contamination([b], [a], hz, least_shift=20, n_permutations=19)
    naive = np.corrcoef(np.concatenate([b[1], a]))[: len(hz), len(hz) :]
    np.testing.assert_allclose(found.matrix[1], naive, atol=1e-4)


def test_loudness_alone_is_no_sound_in_the_sensors():
    """A muscle that works harder when the voice is louder has other frequencies, and its own slope."""
    rng = np.random.default_rng(2)
    audio = voice(rng, 60.0)
    loud = np.abs(scipy.signal.hilbert(audio))
    hum = scipy.signal.lfilter([1.0], [1.0, -0.8], rng.standard_normal((3, len(audio))), axis=1)
    found = found_in(hum * (0.5 + loud), audio)
    assert np.abs(found.matrix).max() > 0.3  # it follows, at all frequencies
    assert found.p_whole > 0.05


def test_independent_signals_give_uniform_p():
    """Both sides are slow and smooth over frequencies. Shuffled frequencies alone are not uniform: hence the shifts."""
    hz, p, published = np.arange(60.0, 160.0, 5.0), [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        both = rng.standard_normal((3, len(hz) + 6, 700))
        both = scipy.signal.lfilter([1.0], [1.0, -0.9], both, axis=-1)[..., 100:]  # alike over 10 frames
        both = np.stack([both[:, i : i + len(hz)] for i in range(7)]).sum(0)  # and over 7 frequencies
        found = acoustic_contamination([both[:2]], [both[2]], hz, least_shift=60, n_permutations=99, seed=seed)
        p.append(found.p[0])
        published.append(found.p_frequencies[0])
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) < 0.035
    assert np.mean(np.array(published) <= 0.05) > 0.1


def test_runs_are_moved_by_themselves_and_short_ones_are_left_out():
    rng = np.random.default_rng(3)
    hz = speech_frequencies(SFREQ)
    runs = [(rng.standard_normal((2, 10_000)), voice(rng, 20.0)) for _ in range(3)]
    for brain, audio in runs:
        brain[1] += 0.5 * audio
    runs.append((rng.standard_normal((2, 500)), voice(rng, 1.0)))
    b, a = ([log_power(np.atleast_2d(one[i]), SFREQ, hz) for one in runs] for i in (0, 1))
    found = acoustic_contamination(b, [one[0] for one in a], hz, least_shift=40)
    assert found.p_corrected[1] < 0.01 < 0.05 < found.p_corrected[0]
    nothing = acoustic_contamination(b[3:], [a[3][0]], hz, least_shift=40)
    assert np.isnan(nothing.p_whole) and nothing.matrix.shape == (2, len(hz), len(hz))


@pytest.mark.parametrize("sfreq", [100.0, 130.0, 250.0, 1000.0])
def test_frequencies_of_speech_leave_the_mains_out(sfreq):
    hz = speech_frequencies(sfreq)
    assert (hz <= 0.45 * sfreq).all() and (hz >= 60).all()
    assert not any(abs(one - line) < 3 for one in hz for line in (50, 60, 100, 120, 150, 180, 200, 240, 250, 300))
    assert len(hz) == 0 if sfreq == 100 else True


def test_shuffled_frequencies_is_that_of_loops():
    matrix = np.random.default_rng(4).standard_normal((2, 8, 8)) + 0.5 * np.eye(8)
    orders = np.random.default_rng(7).permuted(np.tile(np.arange(8), (50, 1)), axis=1)
    naive = [(1 + sum(one[range(8), order].sum() >= np.trace(one) for order in orders)) / 51 for one in matrix]
    np.testing.assert_allclose(shuffled_frequencies(matrix, 50, 7), naive)


def test_silence_of_zeros_is_no_error():
    rng = np.random.default_rng(5)
    found = found_in(np.stack([np.zeros(5000), rng.standard_normal(5000)]), np.zeros(5000), n_permutations=19)
    assert np.isfinite(found.matrix).all() and found.p_whole > 0.05
