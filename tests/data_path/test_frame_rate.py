"""Where a feature and the brain meet at two rates: nothing aliases, no event is lost, nothing is late."""

import dataclasses

import mne
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TinyStudy

from n2s.data import EncodingDataModule, Lags, MEGDataModule, Preprocessing, SplitByStory, SplitByTime
from n2s.data.frame_rate import at_rate, cut
from n2s.data.targets import Targets
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.studies.study import Frames

RATES = [(128.0, 32.0), (50.0, 40.0), (86.1328125, 50.0), (128.0, 50.0), (125.0, 120.0), (1000.0, 32.0)]


def _sine(hz, rate_hz, start_s, n_s=20.0):
    time_s = start_s + np.arange(round(n_s * rate_hz)) / rate_hz
    return Frames(np.sin(2 * np.pi * hz * time_s)[:, None].astype(np.float32), rate_hz, start_s)


def _times(frames):
    return frames.start_s + np.arange(len(frames.values)) / frames.rate_hz


@pytest.mark.parametrize("start_s", [0.0, 0.0039, 0.5])
@pytest.mark.parametrize(("rate_hz", "sfreq"), RATES)
def test_what_is_slow_enough_stays_where_it_is(rate_hz, sfreq, start_s):
    """Against the sine itself at the new moments: its size within 1%, and no delay (1% of a sample)."""
    found = at_rate(_sine(3.0, rate_hz, start_s), sfreq)
    time_s, inner = _times(found), slice(round(sfreq), -round(sfreq))
    assert found.rate_hz == sfreq and np.allclose(time_s * sfreq, np.rint(time_s * sfreq))
    answer = np.exp(-2j * np.pi * 3.0 * time_s[inner]) @ found.values[inner, 0] * 2j / len(time_s[inner])
    assert abs(abs(answer) - 1) < 0.01 and abs(np.angle(answer)) / (2 * np.pi * 3.0) * sfreq < 0.01
    assert np.abs(found.values[inner, 0] - np.sin(2 * np.pi * 3.0 * time_s[inner])).max() < 0.01


@pytest.mark.parametrize(("rate_hz", "sfreq"), [(128.0, 32.0), (1000.0, 32.0), (86.1328125, 50.0)])
def test_what_is_too_fast_is_gone(rate_hz, sfreq):
    """30 Hz at 128 Hz appeared at 2 Hz at full size when frames were picked."""
    hz = 30.0 if sfreq == 32.0 else 40.0
    found = at_rate(_sine(hz, rate_hz, 0.0), sfreq).values[round(sfreq) : -round(sfreq), 0]
    assert found.std() < 0.01 * np.sqrt(0.5)
    picked = _sine(hz, rate_hz, 0.0).values[np.rint(np.arange(0, 19, 1 / sfreq) * rate_hz).astype(int), 0]
    assert picked.std() > 0.5  # the fault


def test_a_whole_ratio_is_what_scipy_gives():
    values = np.random.default_rng(0).standard_normal((4000, 3)).astype(np.float32)
    expected = scipy.signal.resample_poly(values.astype(float), 1, 4, axis=0)
    found = at_rate(Frames(values, 128.0), 32.0)
    assert np.abs(found.values[41:961] - expected[40:960]).max() < 1e-5


def test_frame_centres_between_samples_are_moved_there():
    """Frames at 0.5, 1.5, 2.5 ... samples: picking the nearest took every second one twice."""
    frames = _sine(4.0, 64.0, 0.5 / 64)
    found = at_rate(frames, 64.0)
    inner = slice(64, -64)
    assert np.abs(found.values[inner, 0] - np.sin(2 * np.pi * 4.0 * _times(found)[inner])).max() < 0.01


@settings(max_examples=200, deadline=None)
@given(
    st.floats(5, 1000), st.floats(5, 1000), st.integers(1, 400), st.floats(0, 30), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_every_event_counts_once_and_is_in_its_place(rate_hz, sfreq, n, start_s, seed):
    values = np.random.default_rng(seed).poisson(0.2, (n, 2)).astype(np.float32)
    found = at_rate(Frames(values, rate_hz, start_s), sfreq, True)
    assert np.array_equal(found.values.sum(0), values.sum(0))
    told = np.repeat(start_s + np.arange(n) / rate_hz, values[:, 0].astype(int))
    away = np.abs(np.repeat(_times(found), found.values[:, 0].astype(int)) - told) * found.rate_hz
    inner = (told >= start_s + 1 / sfreq) & (told < start_s + n / rate_hz - 1 / sfreq)
    assert away.max(initial=0) <= 1.0001 and away[inner].max(initial=0) <= 0.5001
    if found.rate_hz != rate_hz:
        tiny_s = 1e-6 / sfreq  # as a millionth of a sample is nothing to `at_rate`
        inside = (_times(found) >= start_s - tiny_s) & (_times(found) < start_s + n / rate_hz - tiny_s)
        assert found.values[inside].sum() == values.sum() or not inside.any()


@settings(max_examples=100, deadline=None)
@given(st.floats(10, 300), st.floats(10, 300), st.integers(1, 30), st.floats(0, 10))
def test_a_piece_shorter_than_the_filter_keeps_its_level(rate_hz, sfreq, n, start_s):
    found = at_rate(Frames(np.full((n, 1), 7.0, np.float32), rate_hz, start_s), sfreq)
    assert np.allclose(found.values, 7.0, rtol=1e-5) and len(found.values)
    assert _times(found)[0] <= start_s + 1 / sfreq and _times(found)[-1] >= start_s + (n - 1) / rate_hz - 1 / sfreq


def test_dense_and_counted_dimensions_of_one_feature():
    values = np.zeros((1280, 2), np.float32)
    values[:, 0] = _sine(3.0, 128.0, 0.0, 10.0).values[:, 0]
    values[::7, 1] = 1
    found = at_rate(Frames(values, 128.0), 32.0, [1])
    assert found.values[:, 1].sum() == values[:, 1].sum() and set(found.values[:, 1]) == {0.0, 1.0}
    assert np.abs(found.values[32:-32, 0] - np.sin(2 * np.pi * 3.0 * _times(found)[32:-32])).max() < 0.01
    with pytest.raises(UserError, match=r"events \[2\] of 2 features"):
        Ready(2, events=[2])


def test_pieces_know_nothing_of_each_other():
    values = np.random.default_rng(0).standard_normal((1000, 1)).astype(np.float32)
    one, two = cut(Frames(values, 100.0, 0.2), np.array([4.0]))
    assert (one.start_s, two.start_s) == (0.2, pytest.approx(4.0)) and len(one.values) == 380
    changed = values.copy()
    changed[380:] = 1e6
    first = [at_rate(cut(Frames(both, 100.0, 0.2), np.array([4.0]))[0], 32.0).values for both in (values, changed)]
    assert np.array_equal(*first)


# -- through the data -------------------------------------------------------------------------------------------------


class Rated(TinyStudy):
    """Ready features at ``rate_hz``: one impulse at each of 180 moments of a story, and a sine of 30 Hz (3 Hz where slow)."""

    def __init__(self, root, rate_hz, **more):
        self.rate_hz = rate_hz
        super().__init__(root, n_subjects=1, **more)

    def settings(self):
        return {"rate_hz": self.rate_hz}

    def features(self, stimulus):
        n = round(self.story_s * self.rate_hz)
        values = np.zeros((n, 2), np.float32)
        values[np.linspace(0, n - 1, 180).astype(int), 0] = 1
        hz, turn = 30 if self.rate_hz > 60 else 3, self.stories.index(stimulus)  # each story is another sound
        values[:, 1] = np.sin(2 * np.pi * hz * np.arange(n) / self.rate_hz + turn)
        return Frames(values, self.rate_hz)

    def load(self, recording):
        names = mne.channels.make_standard_montage("biosemi64").ch_names[:8]
        noise = np.random.default_rng(0).standard_normal((8, round((self.story_s + 2) * 128)))
        raw = mne.io.RawArray(1e-6 * noise, mne.create_info(names, 128.0, "eeg"), verbose="error")
        return raw.set_montage("biosemi64", verbose="error")


def _data(root, rate_hz, sfreq, split=None, **more):
    data = MEGDataModule(
        {"t": Rated(root, rate_hz)}, Ready(2, events=[0]), split=split or SplitByStory(val=["story1"], test=["story0"]),
        preprocessing=Preprocessing(sfreq=sfreq, picks=["eeg"]), n_jobs=1, **more,
    )  # fmt: skip
    data.setup("fit")
    return data


def _of_windows(root, rate_hz, sfreq):
    """(t, 2) the features of the test story at the brain's rate, before they were standardised: windows of 3 s put together."""
    data = _data(root, rate_hz, sfreq, window_s=3.0, offset_s=0.0)
    (batch,) = data.test_dataloader()
    order = batch.start.argsort()
    assert batch.start[order].tolist() == np.arange(0.0, 30.0, 3.0).tolist()
    target = batch.target[order].permute(0, 2, 1).flatten(0, 1).numpy()
    return target * data.targets.deviation + data.targets.mean


def _of_rows(root, rate_hz, sfreq):
    """The same, as rows of an encoding model."""
    data = EncodingDataModule(
        {"t": Rated(root, rate_hz)}, {"f": Ready(2, events=[0])}, Lags(0.0, 0.0), split=SplitByStory(val=["story1"], test=["story0"]),
        preprocessing=Preprocessing(sfreq=sfreq, picks=["eeg"]),
    )  # fmt: skip
    data.setup("fit")
    (fold,) = data.folds("t/01")
    rows = data.rows("t/01").iloc[fold.test]
    playing = rows.stimulus_s.notna().to_numpy()
    np.testing.assert_allclose(rows.stimulus_s[playing], np.arange(playing.sum()) / sfreq, atol=1e-9)
    return data.heard("t/01", fold, "f")[1][playing]


@pytest.mark.parametrize("seen_by", [_of_windows, _of_rows])
@pytest.mark.parametrize("rate_hz", [128.0, 50.0, 10.0])
def test_180_impulses_are_180_at_32_hz(tmp_path, rate_hz, seen_by):
    """49 of 180 were left at 128 Hz, and each came three times at 10 Hz."""
    seen = seen_by(tmp_path, rate_hz, 32.0)
    assert len(seen) == 30 * 32 and seen[:, 0].sum() == pytest.approx(180, abs=0.5)
    if rate_hz == 128.0:
        assert seen[32:-32, 1].std() < 0.01
        spectrum = np.abs(np.fft.rfft(seen[:, 1]))
        assert spectrum[round(2 * 30)] < 0.01 * 480


@pytest.mark.parametrize("seen_by", [_of_windows, _of_rows])
def test_a_slower_feature_is_not_late(tmp_path, seen_by):
    seen = seen_by(tmp_path, 50.0, 120.0)[:, 1]
    time_s = np.arange(len(seen)) / 120.0
    answer = np.exp(-2j * np.pi * 3.0 * time_s) @ seen * 2j / len(seen)
    assert abs(abs(answer) - 1) < 0.02 and abs(np.angle(answer)) / (2 * np.pi * 3) < 0.0005


def test_windows_and_rows_hold_the_same_features(tmp_path):
    windows, rows = _of_windows(tmp_path, 128.0, 32.0), _of_rows(tmp_path, 128.0, 32.0)
    assert np.abs(windows - rows).max() < 2e-3  # windows are rounded to float16


def test_no_frame_of_a_held_out_part_reaches_training_targets(tmp_path):
    """The filter of another rate, too, stops at a border of splits, for features that are not contextual."""

    class Loud(Rated):
        loud = False

        def features(self, stimulus):
            frames = super().features(stimulus)
            held_out = np.arange(len(frames.values)) / self.rate_hz >= 18.0
            return Frames(np.where(held_out[:, None] & self.loud, 1e4, frames.values).astype(np.float32), self.rate_hz)

    data = _data(tmp_path, 128.0, 32.0, split=SplitByTime(n_folds=5), window_s=2.0)
    study = Loud(tmp_path, 128.0)
    seen = []
    for loud in (False, True):
        study.loud = loud
        stimuli = {
            f"t/{name}": dataclasses.replace(data.stimuli[f"t/{name}"], ready=study.features(name))
            for name in study.stories
        }
        targets = Targets(Ready(2), stimuli, data.windows, data.shape, per_dimension=True)
        windows = data.windows["train"]
        rows = targets.rows("train", windows, windows.start_s, np.arange(len(windows)))
        seen.append(targets.values[rows])
    assert np.allclose(*seen, rtol=1e-3, atol=1e-3) and len(seen[0]) > 20


def test_targets_with_a_large_offset_or_heavy_tails_keep_their_changes(tmp_path):
    """float16 of a common scale would lose a small dimension beside its offset; sums in float32 a mean."""

    class Offset(Rated):
        def features(self, stimulus):
            frames = super().features(stimulus)
            rng = np.random.default_rng(ord(stimulus[-1]))
            values = np.stack(
                [300 + 0.01 * rng.standard_normal(len(frames.values)), rng.standard_cauchy(len(frames.values))], 1
            )
            return Frames(values.astype(np.float32), 50.0)

    study = Offset(tmp_path, 50.0)
    data = _data(tmp_path, 50.0, 50.0, offset_s=0.16)  # whole samples: frames stay as they are
    stimuli = {
        f"t/{name}": dataclasses.replace(data.stimuli[f"t/{name}"], ready=study.features(name))
        for name in study.stories
    }
    for per_dimension in (True, False):
        targets = Targets(Ready(2), stimuli, data.windows, data.shape, per_dimension=per_dimension)
        for split, windows in data.windows.items():
            rows = targets.rows(split, windows, windows.start_s, np.arange(len(windows)))
            found = targets.values[rows].astype(float) * targets.deviation + targets.mean
            true = np.stack(
                [
                    stimuli[name].ready.values[round(start * 50) :][: found.shape[1]]
                    for name, start in zip(windows.of_interval("stimulus"), windows.start_s, strict=True)
                ]
            ).astype(float)
            assert (np.square(found - true).mean((0, 1)) < 1e-4 * true.var((0, 1))).all()
