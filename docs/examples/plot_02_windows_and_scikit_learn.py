"""
Windows as NumPy, and a scikit-learn pipeline with all controls
===============================================================

n2s prepares recordings, splits them by story, and scales them by training windows alone. What comes out are plain arrays: here they
go into a pipeline of scikit-learn, and :func:`n2s.evaluate` scores it as ``n2s test`` scores a network, with every control beside it.
"""

# %%
# One simulated person hears four short stories. One story is held out for the test, one for validation.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

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
# A ridge from the first 60 components of all sensors and samples to the whole spectrogram. It is fitted on training windows (a clone of
# it: the test never sees a fit), and its estimate of each test window is ranked among all segments that were heard.

flat = FunctionTransformer(lambda X: X.reshape(len(X), -1))
found = n2s.evaluate(make_pipeline(flat, PCA(60), Ridge(100.0)), data, name="PCA and ridge")
table = found.table.query("subject == 'all'") if "all" in set(found.table.subject) else found.table
table[["score", "row", "mean", "low", "high"]].round(1).head(7)

# %%
# The linear decoder of n2s, which knows that the brain follows the sound by some lags, finds more: lags are a better idea than 43 thousand
# free weights for each band.

rows = table[table.score == table.score.iloc[1]].drop_duplicates("row")
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.barh(rows.row, rows["mean"], color=["C0" if role == "model" else "0.7" for role in rows.role])
ax.set(xlabel=f"{rows.score.iloc[0]} of {len(test)} windows")
ax.invert_yaxis()
