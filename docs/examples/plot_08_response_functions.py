"""
Temporal response functions of MEG
==================================

How does a sensor respond to a moment of loudness? An encoding model with the envelope of the sound at many lags answers: its weights over the
lags are the temporal response function.
"""

# %%
# One simulated person hears four short stories; each is held out once. ``Lags`` says how long the brain may respond.

import matplotlib.pyplot as plt
import mne
import numpy as np

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.features import Envelope
from n2s.models import EncodingRidge
from n2s.studies import SimulatedMEG

stories = ["lighthouse.en", "beekeeper.en", "train", "orchestra.en"]
study = SimulatedMEG(n_subjects=1, stories=stories, max_story_s=60.0, noise_level=0.3)
data = EncodingDataModule(
    {"simulated": study},
    {"envelope": Envelope(rate_hz=50)},
    response=Lags(tmin=-0.1, tmax=0.4),
    preprocessing=Preprocessing(sfreq=50.0, highpass_hz=1.0, picks=["mag"]),
    n_folds=4,
    n_jobs=1,
)
data.prepare_data()
data.setup("fit")
(who,) = data.subjects

# %%
# A ridge for each fold. The score is the correlation with what the sensors did in the held-out story; chance is the same with the sensors 10 s later.

scores, moved, weights = [], [], []
for fold in data.folds(who):
    (X, X_test), (Y, Y_test) = data.design(who, fold, "envelope"), data.responses(who, fold)
    ridge = EncodingRidge(alphas=[1e1, 1e2, 1e3, 1e4, 1e5], n_folds=3).fit(X, Y, fold.groups)
    z = [(one - one.mean(0)) / one.std(0) for one in (np.asarray(ridge.predict(X_test)), Y_test)]
    scores.append((z[0] * z[1]).mean(0))
    moved.append((z[0] * np.roll(z[1], 500, axis=0)).mean(0))
    weights.append(np.asarray(ridge.coef_))
score, by_chance, weights = (np.mean(one, axis=0) for one in (scores, moved, weights))
lags_s, _ = data.delays("envelope", who)
print(
    f"{X.shape[1]} lags from {lags_s[0]:.2f} to {lags_s[-1]:.2f} s; best sensor: R = {score.max():.2f} (moved: {by_chance.max():.2f})"
)

# %%
# The response functions of all magnetometers, and where the sound predicts the brain.

raw = study.load(study.recordings()[0])
names = list(data.measured(who).names)
info = mne.pick_info(raw.info, mne.pick_channels(raw.ch_names, names, ordered=True))
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", width_ratios=[2, 1])
axes[0].plot(1000 * lags_s, weights, color="0.6", lw=0.5)
axes[0].plot(1000 * lags_s, weights[:, score.argmax()], color="C3", lw=2)
axes[0].axvline(0, color="0.3", lw=0.8)
axes[0].set(
    xlabel="lag of the brain after the sound (ms)", ylabel="weight", title="Response functions (red: best sensor)"
)
image, _ = mne.viz.plot_topomap(score, info, axes=axes[1], show=False, cmap="Reds", vlim=(0, score.max()), contours=0)
axes[1].set_title("R, held-out stories")
fig.colorbar(image, ax=axes[1], shrink=0.7)

# %%
# The simulated brain has components near 50, 100 and 200 ms. The recipe ``linear`` does this with chance by shifted sounds, and decodes the other way round.
