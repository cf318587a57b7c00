"""
Which kind of phone was it? A confusion matrix
==============================================

Windows are cut at phones, a whole story is held out, and a linear classifier says of each window whether a vowel, a plosive or a fricative began. What it
confuses says more than one number does.
"""

# %%
# One simulated person with little noise. Classes are made of ARPABET phones by how they are articulated.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import n2s
from n2s.data import Articulation, AtEvents, EventDataModule, Preprocessing
from n2s.studies import SimulatedMEG

stories = ["lighthouse.en", "beekeeper.en", "train", "orchestra.en"]
study = SimulatedMEG(n_subjects=1, stories=stories, max_story_s=60.0, noise_level=0.1)
data = EventDataModule(
    {"simulated": study},
    AtEvents(Articulation(["vowel", "plosive", "fricative"]), kind="phone"),
    preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.5, picks=["mag"]),
    window_s=0.4,
    n_jobs=1,
)
train, test = n2s.windows(data, "train"), n2s.windows(data, "test")
print(train, test, sep="\n")

# %%
# Means of eight parts of each window, and shrinkage: few events, many sensors.


def binned(X):
    """Means of eight parts in time: (n, c, t) -> (n, 8 c)."""
    return np.concatenate([part.mean(2) for part in np.array_split(X, 8, axis=2)], axis=1)


classifier = make_pipeline(FunctionTransformer(binned), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
classifier.fit(train.X, train.y)
said = classifier.predict(test.X)


def confusion(heard):
    """Of each class that was heard, what share was decoded as which, %."""
    counts = np.array([[((heard == true) & (said == guess)).sum() for guess in range(3)] for true in range(3)])
    return 100 * counts / counts.sum(1, keepdims=True)


exchanged = np.random.default_rng(0).permutation(test.y)
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), layout="constrained")
tables = {f"{len(test)} phones of a held-out story": test.y, "chance: what was heard, exchanged": exchanged}
for ax, (title, heard) in zip(axes, tables.items(), strict=True):
    share = confusion(heard)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(share):
        ax.text(column, row, f"{value:.0f}%", ha="center", va="center", color="white" if value > 60 else "black")
    ax.set_xticks(range(3), test.classes)
    ax.set_yticks(range(3), test.classes)
    ax.set(xlabel="decoded", ylabel="heard", title=title)

# %%
# Vowels are found most surely; plosives and fricatives are taken for each other more often than for vowels.
#
# Is it the brain? Beside the score stand permuted labels, and classifiers that know how long a phone lasted, which came before, or the sound itself.

n2s.evaluate(classifier, data, name="LDA")
