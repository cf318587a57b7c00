"""
Which clip was heard? Identification from fMRI
==============================================

A ridge turns the voxels after a clip into an embedding of its sound. If that is closer to the true clip's than to another clip's, the pair is identified.
Half of all pairs are identified by chance.
"""

# %%
# One simulated listener in the scanner: short stories, cut into clips of 4 s. One story is held out.

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import soundfile

import n2s
from n2s.data import FMRIDataModule
from n2s.features import MelStatistics
from n2s.studies import SimulatedFMRI

study = SimulatedFMRI(n_subjects=1, n_repeats=1, max_story_s=90.0, resolution_mm=10)
data = FMRIDataModule({"simulated": study}, MelStatistics(), roi="auditory", lag_s=5.0)
train, test = n2s.windows(data, "train"), n2s.windows(data, "test")
print(train.X.shape, train.y.shape, "held out:", sorted(set(test.table.stimulus)))

# %%
# A ridge in two lines of NumPy; every clip's volumes were averaged and scaled by training clips.

X, X_test = (one.X.reshape(len(one), -1) for one in (train, test))
center, spread = train.y.mean(0), train.y.std(0)
weights = np.linalg.solve(X.T @ X + 100.0 * np.eye(X.shape[1]), X.T @ ((train.y - center) / spread))
decoded, true = X_test @ weights, (test.y - center) / spread
similar = np.corrcoef(decoded, true)[: len(true), len(true) :]
identified = 100 * (np.diag(similar)[:, None] > similar).sum() / (len(true) * (len(true) - 1))
print(f"{identified:.0f}% of pairs identified (chance 50%)")

# %%
# Chance is what clips get that are exchanged with each other. In the picture on the left the mean of each row is taken out, which changes no comparison within it.
# (``n2s test`` exchanges whole stretches of a story, since neighbouring clips are alike, and its chance is a little wider.)

pairs = len(true) * (len(true) - 1)
exchanged = [np.random.default_rng(seed).permutation(len(true)) for seed in range(500)]
null = [100 * (similar[np.arange(len(one)), one][:, None] > similar).sum() / pairs for one in exchanged]

fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
order = np.argsort(test.table.start_s.to_numpy())
centred = (similar - similar.mean(1, keepdims=True))[np.ix_(order, order)]
limit = np.abs(centred).max()
image = axes[0].imshow(centred, cmap="RdBu_r", vmin=-limit, vmax=limit)
axes[0].set(xlabel="true clip", ylabel="decoded clip", title="Correlation of embeddings")
fig.colorbar(image, ax=axes[0])
axes[1].hist(null, np.arange(20, 81, 2.5), color="0.75", label="clips exchanged")
axes[1].axvline(identified, color="C3", label="decoded")
axes[1].axvline(50, color="0.3", ls=":", label="chance")
axes[1].set(
    xlabel="pairs identified (%)", ylabel="draws", xlim=(20, 100), title=f"{len(true)} clips of a held-out story"
)
axes[1].legend(loc="upper left")

# %%
# Hear a clip, and the one that the decoder takes for it.


class Sounds:
    """Players on this page."""

    def __init__(self, **clips):
        self.html = ""
        for name, (samples, rate) in clips.items():
            file = io.BytesIO()
            soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
            data = base64.b64encode(file.getvalue()).decode()
            self.html += (
                f'<p>{name.replace("_", " ")}<br><audio controls src="data:audio/wav;base64,{data}"></audio></p>'
            )

    def _repr_html_(self):
        return self.html


def clip(number):
    """4 s of sound."""
    row = test.table.iloc[number]
    samples, rate = soundfile.read(study.audio(row.stimulus.split("/")[-1]))
    first = round(row.start_s * rate)
    return samples[first : first + 4 * rate], rate


number = 3
Sounds(heard=clip(number), taken_for_it=clip(int(similar[number].argmax())))
