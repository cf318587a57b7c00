"""
How many minutes are needed?
============================

Before a study is recorded: how does a decoder grow with the minutes of training, and how wide is the interval that so many test windows allow? The simulated
study answers for any noise.
"""

# %%
# One person, four stories of up to 100 s. The decoder is a ridge from sensors at some lags to a spectrogram, fitted on the first minutes alone.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import binomtest

import n2s
from n2s.data import Grid, MEGDataModule, Preprocessing
from n2s.features import Mel
from n2s.models import EncodingRidge
from n2s.studies import SimulatedMEG

stories = ["lighthouse.en", "beekeeper.en", "mapmaker.en", "train", "orchestra.en"]
study = SimulatedMEG(n_subjects=1, stories=stories, max_story_s=100.0, noise_level=0.7)
data = MEGDataModule(
    {"simulated": study},
    Mel(n_mels=10, hop=640),
    preprocessing=Preprocessing(sfreq=25.0, highpass_hz=1.0, picks=["mag"]),
    train_windows=Grid(3.0),
    test_windows=Grid(3.0),
    window_s=3.0,
    offset_s=0.0,
    n_jobs=1,
)
train, test = n2s.windows(data, "train"), n2s.windows(data, "test")


def lagged(X, n_lags=8):
    """(n, c, t) -> rows (n (t - 7), 8 c): every sensor at the 0.3 s after each moment."""
    n_times = X.shape[2] - n_lags + 1
    stacked = np.concatenate([X[:, :, lag : lag + n_times] for lag in range(n_lags)], axis=1)
    return stacked.transpose(0, 2, 1), n_times


# %%
# A test window is right where its own segment correlates best with the decoded spectrogram, among all segments of the held-out story.

(X, n_times), (X_test, _) = lagged(train.X), lagged(test.X)
y, y_test = (one.y[:, :, :n_times].transpose(0, 2, 1) for one in (train, test))
minutes, found = [0.5, 1, 2, 4], []
for amount in minutes:
    n = min(round(amount * 60 / 3), len(X))
    groups = (np.arange(n) * 3 // n).repeat(n_times)  # three stretches: folds of the choice of the penalty
    ridge = EncodingRidge(alphas=[1e3, 1e4, 1e5], n_folds=3)
    ridge.fit(X[:n].reshape(-1, X.shape[2]), y[:n].reshape(-1, y.shape[2]), groups)
    decoded = np.asarray(ridge.predict(X_test.reshape(-1, X.shape[2]))).reshape(len(test), -1)
    true = y_test.reshape(len(test), -1)
    similar = np.corrcoef(decoded, true)[: len(test), len(test) :]
    right = int((similar.argmax(1) == np.arange(len(test))).sum())
    interval = binomtest(right, len(test)).proportion_ci(method="wilson")
    found.append((n * 3 / 60, 100 * right / len(test), 100 * interval.low, 100 * interval.high))

# %%
# The interval is as important as the curve: it is that of so many test windows of one person, and says nothing of other people.

amount, mean, low, high = np.array(found).T
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.errorbar(amount, mean, yerr=[mean - low, high - mean], fmt="o-", capsize=3)
ax.axhline(100 / len(test), color="0.5", ls=":", label=f"chance ({len(test)} candidates)")
ax.set(
    xlabel="minutes of training",
    ylabel="segment found at once (%)",
    ylim=(0, 100),
    title="A linear decoder of one person",
)
ax.legend()
