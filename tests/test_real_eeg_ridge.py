"""One listener's real EEG: the envelope of what they heard, decoded from its delta band in the pipeline of any MEG.

Prepared recording, contiguous folds with a gap as long as the filter between them, scalers and ridge on training folds.
"""

import mne
import numpy as np
import pytest
import torch
from builders import bids_from_real_eeg

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByTime
from n2s.data.continuous import stretches
from n2s.features import Ready
from n2s.metrics.tracking import circular_shift_null, pearson
from n2s.models.ridge import RidgeDecoder
from n2s.studies import BIDSStudy

N_FOLDS, SFREQ, BAND = 5, 32.0, (0.5, 4.0)


@pytest.fixture(scope="module")
def folds(real_data, tmp_path_factory):
    """Of each fold: training stretches, test stretches, as (brain, envelope)."""
    root = bids_from_real_eeg(real_data, tmp_path_factory.mktemp("real") / "eeg")
    found = []
    for k in range(N_FOLDS):
        data = MEGDataModule(
            {"eeg": BIDSStudy(root, datatype="eeg", features="envelope")}, Ready(n_features=1),
            preprocessing=Preprocessing(sfreq=SFREQ, highpass_hz=BAND[0], lowpass_hz=BAND[1], picks=["eeg"]),
            split=SplitByTime(n_folds=N_FOLDS, test_fold=k, val_fold=(k + 1) % N_FOLDS),
            train_windows=Grid(1.0), test_windows=Grid(1.0), window_s=1.0, baseline_s=0.0, n_jobs=1,
        )  # fmt: skip
        data.setup("fit")
        train = [*stretches(data, "train"), *stretches(data, "val")]
        found.append((train, list(stretches(data, "test"))))
    return found


def decoded(folds, *, lags_s=(0.0, 0.3), turn_s=0.0):
    """Predicted and true envelope of every test fold, each ``(t, 1)``; ``turn_s`` away from what was heard."""
    turn = round(turn_s * SFREQ)
    predicted, wanted = [], []
    for train, test in folds:
        decoder = RidgeDecoder(sfreq=SFREQ, lags_s=lags_s)
        decoder.fit([brain for brain, _ in train], [torch.roll(envelope, turn, 0) for _, envelope in train])
        for brain, envelope in test:
            predicted.append(decoder.predict(brain))
            course = np.roll(envelope.numpy().astype(float), turn, axis=0)
            wanted.append(torch.from_numpy(mne.filter.filter_data(course.T, SFREQ, *BAND, verbose="ERROR").T.copy()))
    return predicted, wanted


def score(predicted, wanted):
    """Correlation over all folds together, and the 95% point of its circular-shift null (turns of 2 s and more)."""
    predicted, wanted = torch.cat(predicted).double(), torch.cat(wanted)
    null = circular_shift_null(predicted, wanted, n_shifts=2000, min_shift=round(2.0 * SFREQ))
    return pearson(predicted, wanted).item(), null.quantile(0.95).item()


def test_the_envelope_is_decoded_from_the_delta_band(folds):
    predicted, wanted = decoded(folds)
    r, null_95 = score(predicted, wanted)
    by_fold = [pearson(p.double(), t).item() for p, t in zip(predicted, wanted, strict=True)]
    print(f"r {r:.3f}, 95% of its null below {null_95:.3f}; by fold {np.round(by_fold, 2)}")
    assert r >= 0.18
    assert null_95 < 0.1
    assert np.mean(by_fold) >= 0.18


@pytest.mark.parametrize(
    "control",
    [
        {"lags_s": (-0.3, -0.03)},  # the brain before the sound
        {"turn_s": 10.0},  # 10 s away from what was heard, within each stretch
    ],
)
def test_controls_are_at_chance(folds, control):
    r, null_95 = score(*decoded(folds, **control))
    print(f"{control}: r {r:.3f}, 95% of its null below {null_95:.3f}")
    assert abs(r) < 0.1
