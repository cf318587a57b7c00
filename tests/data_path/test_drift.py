"""A drift costs no signal: windows less their baseline hold what float64 gives, whatever the offset."""

import json

import numpy as np
import pytest
import torch
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.data.recordings import PreparedRecording
from n2s.data.residency import OnDevice, OnHost, Scaled, finish, for_windows
from n2s.data.scaler import OWN, Scaler
from n2s.features.ready import Ready
from n2s.studies.study import Recording

SFREQ, N, N_BASELINE, C = 120.0, 360, 60, 3
BOUND = 1e-4  # of the signal's power
FEATURES = np.zeros((1, 1), np.float16)


def _recording(folder, drift, *, minutes=10, good=(True, True, True), seed=0):
    """White noise of an interquartile range of 1 plus ``drift (t,)``, in steps of 37 fT, as the cache holds it."""
    n = round(minutes * 60 * SFREQ)
    signal = np.random.default_rng(seed).standard_normal((n, C)) / 1.349
    folder.mkdir(parents=True)
    np.save(folder / "brain.npy", (37.0 * (signal + drift(np.arange(n) / n)[:, None])).astype(np.float32))
    (folder / "meta.json").write_text(json.dumps({"shape": [n, C], "sfreq": SFREQ, "good": list(good)}))
    scaler = Scaler(np.zeros(C, np.float32), np.full(C, 37.0, np.float32), OWN)
    scaled = Scaled.of(PreparedRecording(folder, Recording("01")), scaler, recentre=False)
    return scaled.suited(np.arange(0, n - N, N), N), signal


def _less_baseline(values):
    return values - values[:, :N_BASELINE].mean(1, keepdims=True)


@pytest.mark.parametrize("kind", ["offset", "slow", "step", "ramp"])
@pytest.mark.parametrize("size", [0.0, 250.0, 2000.0, 20000.0, 200000.0])
def test_error_of_power_is_bounded_whatever_the_drift(tmp_path, size, kind):
    """float16 of the scaled value lost 0.24% at 250 interquartile ranges, 15% at 2000, everything at 20000."""
    course = {
        "offset": np.ones_like,
        "slow": lambda t: np.sin(3 * t),
        "step": lambda t: (t > 0.7) * 1.0,
        "ramp": lambda t: t,
    }[kind]
    scaled, signal = _recording(folder := tmp_path / f"{kind}{size:g}", lambda t: size * course(t))
    assert scaled.wide == (size > 0)
    start = np.arange(0, len(signal) - N, 331)
    stored = np.load(folder / "brain.npy").astype(float) / 37.0
    exact, own = (_less_baseline(np.stack([x[s : s + N] for s in start])) for x in (stored, signal))
    if size in (250.0, 2000.0) and kind == "offset":
        rounded = _less_baseline(np.stack([stored[s : s + N].astype(np.float16).astype(float) for s in start]))
        assert np.square(rounded - exact).sum() / np.square(own).sum() > {250.0: 0.002, 2000.0: 0.1}[size]
    found = []
    given = [scaled], [np.arange(len(scaled.gain))], FEATURES
    for source in (OnDevice(*given, torch.device("cpu")), OnHost(*given, pin=False)):
        brain = source.brain(np.zeros(len(start), int), start, N)
        assert brain.dtype == (torch.float32 if size else torch.float16)
        found.append(finish(brain, n_baseline=N_BASELINE, n_offset=0, clamp=1e9).transpose(1, 2).numpy())
    assert np.array_equal(*found)
    bound = BOUND if size < 1e5 else 1e-3  # float32, in which recordings are prepared, has steps of 0.016 at 200000
    assert np.square(found[0] - exact).sum() / np.square(own).sum() < bound


def test_batches_of_drifting_and_other_recordings_hold_what_each_alone_has(tmp_path):
    items = [
        _recording(tmp_path / f"mixed{i}", lambda t, s=size: s * np.sin(9 * t), minutes=1, seed=i)[0]
        for i, size in enumerate((0.0, 2000.0, 0.0, 400.0))
    ]
    assert [item.wide for item in items] == [False, True, False, True]
    rng = np.random.default_rng(0)
    recording, start = rng.integers(0, 4, 50), rng.integers(0, 7200 - N, 50)
    options = {"n_baseline": N_BASELINE, "n_offset": 18, "clamp": 20.0}
    given = items, [np.arange(len(item.gain)) for item in items], FEATURES
    sources = [OnDevice(*given, torch.device("cpu")), OnHost(*given, pin=False)]
    device, host = (finish(source.brain(recording, start, N), **options) for source in sources)
    assert torch.equal(device, host)
    for row in range(50):
        alone = finish(sources[0].brain(recording[row : row + 1], start[row : row + 1], N), **options)
        assert torch.equal(alone[0], device[row])


def test_only_what_needs_it_is_kept_twice_as_large(tmp_path):
    """Not a short jump, not a channel that is marked as bad, not what the system skipped."""
    assert not _recording(tmp_path / "jump", lambda t: 300.0 * ((t > 0.5) & (t < 0.5005)))[0].wide
    assert not _recording(tmp_path / "slight", lambda t: 8 * np.sin(20 * t))[0].wide
    scaled, _ = _recording(tmp_path / "bad", lambda t: 5000.0 * t, good=(False, False, False))
    assert not scaled.wide
    scaled, _ = _recording(tmp_path / "skipped", lambda t: 0 * t)
    brain = np.load(tmp_path / "skipped" / "brain.npy")
    brain[: len(brain) // 2] = 37.0 * 5000
    np.save(tmp_path / "skipped" / "brain.npy", brain)
    scaled = Scaled(scaled.prepared, scaled.gain, scaled.bias).suited(np.arange(0, len(brain) - N, N), N)
    assert not scaled.wide and scaled.table().dtype == torch.float16


def test_training_is_cut_from_what_training_needs(tmp_path):
    """A drift in held-out windows alone makes another copy for those; training stays as it was, to the bit."""
    scaled, _ = _recording(tmp_path / "late", lambda t: 900.0 * (t > 0.8))
    early, late = np.arange(0, 50_000, N), np.arange(60_000, 71_000, N)
    one, other = for_windows(scaled, early, late, N)
    assert (one.wide, other.wide) == (False, True)
    assert all(item.wide for item in for_windows(scaled, late, early, N))
    one, other = for_windows(scaled, early, early, N)
    assert one is other and not one.wide


@pytest.mark.parametrize("residency", ["device", "host"])
def test_an_unfiltered_study_that_drifts_gives_the_batches_of_one_that_does_not(tmp_path, residency):
    """Through the datamodule: a drift in the raw recording, constant in each window but for 1% of its signal."""

    class Drifting(TinyStudy):
        volts = 0.0

        def settings(self):
            return {"volts": self.volts}

        def load(self, recording):
            raw = super().load(recording)
            raw._data += self.volts * np.where(raw.times < 12.0, 0.3, 1.0)
            return raw

    found = []
    for volts in (0.0, 2e-3):  # signal: some uV
        study = Drifting(tmp_path / str(volts), n_subjects=1)
        study.volts = volts
        data = MEGDataModule(
            {"t": study}, Ready(4), split=SplitByStory(val=["story1"], test=["story0"]), residency=residency, n_jobs=1,
            preprocessing=Preprocessing(sfreq=100, picks=["eeg"]),
        )  # fmt: skip
        data.setup("fit")
        batch = next(iter(data.test_dataloader()))
        clear = (batch.start > 11.5) | (batch.start < 7.5)
        order = batch.row[clear].argsort()
        found.append(batch.brain[clear][order])
    scale = found[0].std() / found[1].std()
    assert abs(scale - 1) < 0.1
    assert (found[1] * scale - found[0]).square().mean() < 0.05**2 * found[0].square().mean()
