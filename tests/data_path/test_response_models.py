"""Response models: against loops, nilearn and each other; pieces of a sound add up to the whole."""

import numpy as np
import pytest
from nilearn.glm.first_level import glover_hrf

from n2s.data import FIR, Glover, Lags, hrf_response, lanczos_resample
from n2s.errors import UserError
from n2s.studies.study import Frames, Impulses

RNG = np.random.default_rng(0)
MODELS = [Glover(), FIR(), Lags()]


def test_glover_of_frames_is_the_response_at_the_volumes():
    frames = Frames(RNG.standard_normal((400, 3)).astype(np.float32), 50.0, -1.5)
    found = Glover().columns(frames, 20, 2.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, hrf_response(frames.values, 50, -1.5, 2.0, 20), atol=1e-6)
    middle = Glover(reference=0.5).columns(frames, 20, 2.0)
    np.testing.assert_allclose(middle, hrf_response(frames.values, 50, -2.5, 2.0, 20), atol=1e-6)


def test_glover_of_words_is_their_density():
    kernel = glover_hrf(1.0, oversampling=500) * 500
    times_s, values = np.array([-3.0, 0.21, 7.777]), np.array([[1.0, 2.0], [1.0, 0.0], [-1.0, 3.0]])
    lag_s = np.arange(30)[:, None] * 1.3 + 0.65 - times_s
    expected = np.interp(lag_s, np.linspace(0, 32, len(kernel)), kernel, left=0, right=0) @ values
    found = Glover(reference=0.5).columns(Impulses(values, times_s), 30, 1.3)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    steady = Glover().columns(Impulses(np.ones((400, 1)), np.arange(400) / 4), 50, 2.0)
    np.testing.assert_allclose(steady[20:], 4.0, rtol=0.01)  # words a second


def test_fir_of_words_are_delayed_lanczos_sums():
    words = Impulses(RNG.standard_normal((60, 2)), np.sort(RNG.uniform(-10, 60, 60)))
    found = FIR([1, 2, 4]).columns(words, 25, 2.0)
    now = lanczos_resample(words.values, words.times_s, np.arange(-4, 25) * 2.0)
    expected = np.hstack([now[4 - delay : 29 - delay] for delay in (1, 2, 4)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert FIR([1, 2, 4]).delays_s(2.0).tolist() == [2, 4, 8]


@pytest.mark.parametrize("rate_hz", [50.0, 12.5, 0.25])
def test_fir_keeps_the_value_of_a_steady_feature(rate_hz):
    found = FIR([0], reference=0.5).columns(Frames(np.full((2000, 1), 3.0), rate_hz, -200 / rate_hz), 12, 1.5)
    np.testing.assert_allclose(found, 3.0, rtol=0.02)
    counted = FIR([0]).columns(Frames(np.ones((4000, 1)), 50.0, -20.0), 12, 1.5, events=True)
    np.testing.assert_allclose(counted, 75.0, rtol=0.02)


def test_lags_are_copies_of_the_feature():
    frames = Frames(RNG.standard_normal((100, 2)).astype(np.float32), 50.0, 0.4)
    model = Lags(-0.04, 0.1)
    found = model.columns(frames, 120, 0.02)
    np.testing.assert_allclose(model.delays_s(0.02), np.arange(-2, 6) * 0.02)
    padded = np.zeros((160, 2), np.float32)
    padded[40:140] = frames.values  # row 0 is place 20
    expected = np.hstack([padded[20 - lag : 140 - lag] for lag in range(-2, 6)])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_lags_sum_words_at_the_nearest_sample():
    words = Impulses(np.array([[1.0], [2.0], [4.0], [8.0]]), np.array([-0.5, 0.101, 0.109, 0.35]))
    found = Lags(0.0, 0.0).columns(words, 4, 0.1)
    assert found[:, 0].tolist() == [0, 6, 0, 0]  # 0.35 s is nearer to a row that is not there


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rate_hz", [100.0, 62.5, 7.0])
def test_rows_depend_on_no_sound_beyond_the_reach(model, rate_hz):
    step_s = 0.02 if isinstance(model, Lags) else 1.5
    n_rows = 200 if isinstance(model, Lags) else 80
    before_s, after_s = model.reach_s(step_s)
    n = int(n_rows * step_s * rate_hz)
    values = RNG.standard_normal((n, 1)).astype(np.float32)
    other = values.copy()
    first, last = n // 2, n // 2 + max(int(0.2 * rate_hz), 1)
    other[first:last] += 5
    moved = (
        model.columns(Frames(values, rate_hz), n_rows, step_s) != model.columns(Frames(other, rate_hz), n_rows, step_s)
    ).any(1)
    rows_s = np.flatnonzero(moved) * step_s
    frame_s = 1 / rate_hz
    assert moved.any()
    assert rows_s.min() >= first * frame_s - after_s - frame_s
    assert rows_s.max() <= last * frame_s + before_s + frame_s


@pytest.mark.parametrize("model", MODELS)
def test_pieces_of_a_sound_add_up(model):
    step_s, n_rows = (0.02, 200) if isinstance(model, Lags) else (2.0, 40)
    rate_hz = 50.0
    values = RNG.standard_normal((200, 2)).astype(np.float32)
    whole = model.columns(Frames(values, rate_hz, 0.3), n_rows, step_s)
    one = model.columns(Frames(values[:90], rate_hz, 0.3), n_rows, step_s)
    other = model.columns(Frames(values[90:], rate_hz, 0.3 + 90 / rate_hz), n_rows, step_s)
    np.testing.assert_allclose(one + other, whole, atol=1e-4)


def test_pieces_of_slow_frames_count_once():
    """A frame of 1 s before each piece began, its first frame was there already, beside the last of the piece before."""
    values, step_s = RNG.standard_normal((60, 1)).astype(np.float32), 0.71
    whole, one, other = (
        FIR([0]).columns(Frames(values[part], 1.0, 5.0 + part.start), 100, step_s)[:, 0]
        for part in (slice(0, 60), slice(0, 30), slice(30, 60))
    )
    assert ((one != 0) ^ (other != 0))[whole != 0].all()
    assert not whole[: int(5 / step_s)].any()


@pytest.mark.parametrize("model", MODELS)
def test_nothing_heard_gives_zeros(model):
    assert not model.columns(Frames(np.zeros((0, 3), np.float32), 50.0), 10, 0.5).any()
    found = model.columns(Impulses(np.zeros((0, 3), np.float32), np.zeros(0)), 10, 0.5)
    assert found.shape == (10, 3 * len(model.delays_s(0.5))) and not found.any()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: FIR([]), "different whole numbers"),
        (lambda: FIR([1, 1]), "different whole numbers"),
        (lambda: FIR([1.5]), r"FIR: delays\[0\] is 1.5; expected a whole number"),
        (lambda: Glover(reference=2), "Glover: reference is 2; expected a number from 0 to 1"),
        (lambda: Lags(0.5, 0.1), "tmax is 0.1"),
    ],
)
def test_impossible_models_are_named(make, told):
    with pytest.raises(UserError, match=told):
        make()
