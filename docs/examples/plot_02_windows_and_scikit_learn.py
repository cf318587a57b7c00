"""
Windows as NumPy, and an estimator of scikit-learn with all controls
====================================================================

n2s prepares recordings, splits them by story, and scales them by training windows alone. What comes out are plain arrays: here they
go into a pipeline of scikit-learn, and :func:`n2s.evaluate` scores it as ``n2s test`` scores a network, with every control beside it.
"""

# %%
# One simulated person hears four short stories. One story is held out for the test, one for validation.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

import n2s
from n2s.data import Grid, MEGDataModule, Preprocessing
from n2s.features import Mel
from n2s.studies import SimulatedMEG

stories = ["lighthouse.en", "beekeeper.en", "train", "orchestra.en"]
study = SimulatedMEG(n_subjects=1, stories=stories, max_story_s=60.0, noise_level=0.3)
data = MEGDataModule(
    {"simulated": study},
    Mel(n_mels=20, hop=320),
    preprocessing=Preprocessing(sfreq=50.0, highpass_hz=1.0, picks=["meg"]),
    train_windows=Grid(1.0),
    test_windows=Grid(3.0),
    window_s=3.0,
    offset_s=0.15,
    n_jobs=1,
)
train, test = n2s.windows(data, "train"), n2s.windows(data, "test")
print(train)
print(test.table[["story", "stimulus_start_s", "segment"]].head(3))

# %%
# ``X`` is the brain (windows, sensors, samples), ``y`` the spectrogram (windows, bands, samples). Windows of one group (a story) must
# stay on one side of any cross-validation: ``train.groups`` goes into scikit-learn's ``GroupKFold``.

print(train.X.shape, train.y.shape, sorted(set(train.groups)))

fig, axes = plt.subplots(2, 1, figsize=(7, 4), sharex=True, layout="constrained")
time_s = np.arange(train.X.shape[2]) / train.sfreq
axes[0].plot(time_s, train.X[0, ::20].T, lw=0.6)
axes[0].set(ylabel="brain (scaled)", title="One window: some sensors, and what was heard")
axes[1].imshow(train.y[0], aspect="auto", origin="lower", extent=(0, time_s[-1], 0, 20))
axes[1].set(xlabel="time (s)", ylabel="mel band")

# %%
# An estimator of our own: at each moment, a ridge from all sensors at the 0.3 s that follow to the spectrogram. It has ``fit`` and ``predict``,
# as scikit-learn wants them; inside is a pipeline.


class LaggedRidge(RegressorMixin, BaseEstimator):
    """Windows (n, c, t) -> spectrograms, flat (n, f t)."""

    def __init__(self, n_lags=15, n_components=100, alpha=1e4):
        self.n_lags, self.n_components, self.alpha = n_lags, n_components, alpha

    def rows(self, X):
        """(n, c, t) -> (n t, c n_lags); after the window's end there is nothing."""
        padded = np.pad(X, ((0, 0), (0, 0), (0, self.n_lags - 1)))
        lagged = np.stack([padded[:, :, lag : lag + X.shape[2]] for lag in range(self.n_lags)], axis=1)
        return lagged.transpose(0, 3, 1, 2).reshape(len(X) * X.shape[2], -1)

    def fit(self, X, y):
        y = np.asarray(y).reshape(len(X), -1, X.shape[2]).transpose(0, 2, 1)
        self.pipeline_ = make_pipeline(
            PCA(self.n_components, svd_solver="randomized", random_state=0), Ridge(self.alpha)
        )
        self.pipeline_.fit(self.rows(X), y.reshape(-1, y.shape[2]))
        return self

    def predict(self, X):
        rows = self.pipeline_.predict(self.rows(X)).reshape(len(X), X.shape[2], -1)
        return rows.transpose(0, 2, 1).reshape(len(X), -1)


# %%
# It is fitted on training windows (a clone of it: the test never sees a fit), and its estimate of each test window is ranked among all segments
# that were heard.

found = n2s.evaluate(LaggedRidge(), data)
found

# %%
# Chance, a shuffled brain, no brain, and the linear decoder of n2s stand beside it; on simulated data also the ceiling. As a table of pandas:

rows = found.table.query("score == 'top1'").drop_duplicates("row")
chance = 100 * rows[rows.row == "chance"]["mean"].item()
rows = rows[rows.row != "chance"]
percent = 100 * rows[["mean", "low", "high"]].to_numpy().T
# sphinx_gallery_thumbnail_number = 2
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.barh(
    rows.row,
    percent[0],
    xerr=np.nan_to_num(np.abs(percent[1:] - percent[0])),
    color=["C0" if row == "LaggedRidge" else "0.75" for row in rows.row],
    error_kw={"lw": 1, "capsize": 3},
)
ax.axvline(chance, color="C3", ls=":", label=f"chance ({chance:.0f}%)")
ax.set(xlabel=f"segment found at once (%) in {len(test)} windows, with 95% intervals", xlim=(0, 101))
ax.invert_yaxis()
ax.legend()
