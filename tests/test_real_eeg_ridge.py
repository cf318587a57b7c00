"""One listener's real EEG: the envelope of what they heard, decoded from its delta band.

Band-pass on the whole recording, contiguous folds, and between training and test data a gap as long as the filter, so
that no sample of the one has seen a sample of the other. The decoder scales with what it was trained on.
"""

import mne
import numpy as np
import pytest
import torch
from builders import bids_from_real_eeg

from n2s.metrics.tracking import circular_shift_null, pearson
from n2s.models.ridge import RidgeDecoder
from n2s.studies import BIDSStudy

N_FOLDS = 5
STEP = 2  # 64 to 32 Hz: the filter passes nothing above 6 Hz


@pytest.fixture(scope="module")
def heard(real_data, tmp_path_factory):
    """EEG ``(t, c)`` in uV and envelope ``(t, 1)`` at 64 Hz, from the start of the sound to the end of either."""
    study = BIDSStudy(
        bids_from_real_eeg(real_data, tmp_path_factory.mktemp("real") / "eeg"), datatype="eeg", features="envelope"
    )
    (recording,) = study.recordings()
    raw = study.load(recording)
    (sound,) = study.events(recording).itertuples()
    envelope = study.features(sound.stimulus)
    assert raw.info["sfreq"] == envelope.rate_hz == 64.0
    assert sound.stimulus_onset == envelope.start_s == 0.0
    eeg = 1e6 * raw.get_data()[:, round(sound.onset * 64) :].T
    n_times = min(len(eeg), len(envelope.values))
    assert n_times == 7642
    return eeg[:n_times], envelope.values[:n_times].astype(float)


def decoded(heard, *, band=(0.5, 4.0), lags_s=(0.0, 0.3), turn=0):
    """Predicted and true envelope of every test fold, each ``(t, 1)``; ``turn`` samples away from what was heard."""
    taps = len(mne.filter.create_filter(None, 64.0, *band, verbose="ERROR"))
    gap = -(-taps // STEP)
    eeg, envelope = heard
    brain, true = (
        torch.from_numpy(mne.filter.filter_data(x.T, 64.0, *band, verbose="ERROR").T[::STEP].copy())
        for x in (eeg, np.roll(envelope, turn, axis=0))
    )
    edges = [round(k * len(true) / N_FOLDS) for k in range(N_FOLDS + 1)]
    predicted, wanted = [], []
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        train = [slice(0, max(0, start - gap)), slice(min(len(true), stop + gap), None)]
        train = [part for part in train if len(true[part])]
        decoder = RidgeDecoder(sfreq=64.0 / STEP, lags_s=lags_s)
        decoder.fit([brain[part] for part in train], [true[part] for part in train])
        predicted.append(decoder.predict(brain[start:stop]))
        wanted.append(true[start:stop])
    return predicted, wanted


def score(predicted, wanted):
    """Correlation over all folds together, and the 95% point of its circular-shift null (turns of 2 s and more)."""
    predicted, wanted = torch.cat(predicted), torch.cat(wanted)
    null = circular_shift_null(predicted, wanted, n_shifts=2000, min_shift=round(2.0 * 64 / STEP))
    return pearson(predicted, wanted).item(), null.quantile(0.95).item()


def test_the_envelope_is_decoded_from_the_delta_band(heard):
    predicted, wanted = decoded(heard)
    r, null_95 = score(predicted, wanted)
    folds = [pearson(p, t).item() for p, t in zip(predicted, wanted, strict=True)]
    print(f"r {r:.3f}, 95% of its null below {null_95:.3f}; by fold {np.round(folds, 2)}")
    assert r >= 0.18
    assert null_95 < 0.1
    assert np.mean(folds) >= 0.18


@pytest.mark.parametrize(
    "control",
    [
        {"lags_s": (-0.3, -0.03)},  # the brain before the sound
        {"turn": 64 * 40},  # another 40 s of the story: no fold meets what it heard
    ],
)
def test_controls_are_at_chance(heard, control):
    r, null_95 = score(*decoded(heard, **control))
    print(f"{control}: r {r:.3f}, 95% of its null below {null_95:.3f}")
    assert abs(r) < 0.1
