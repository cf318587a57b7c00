"""
Brain scores: which area follows which feature?
===============================================

An encoding model predicts each voxel from features of what was heard. The simulated areas have known drivers (the spectrum in A1, phones in STS,
words in MTG), so one sees whether a brain score finds them, and how far it is from what is possible.
"""

# %%
# One simulated listener of Dutch sentences. Voxels are coarse here, so that it takes seconds.

import matplotlib.pyplot as plt
import numpy as np

from n2s.data import EncodingDataModule, Glover
from n2s.features import Articulation, Mel, WordRate
from n2s.models import EncodingRidge
from n2s.studies import SimulatedAreas

study = SimulatedAreas(n_subjects=1, n_blocks=16, n_repeated=0, resolution_mm=12, noise_level=0.5)
data = EncodingDataModule(
    {"areas": study},
    {"mel": Mel(), "phones": Articulation(), "words": WordRate()},
    response=Glover(),
    n_folds=4,
    n_jobs=1,
)
data.prepare_data()
data.setup("fit")
print(data)

# %%
# For each fold, ``design`` gives the features as the scanner would see them (convolved with the haemodynamic response), ``responses`` the voxels: training and
# test rows of each. No training row depends on a sound that is held out. A ridge chooses a penalty for each voxel.

(who,) = data.subjects
spaces = {"mel": ["mel"], "mel + phones": ["mel", "phones"], "words": ["words"]}
scores = {name: [] for name in spaces}
for fold in data.folds(who):
    responses, held_out = data.responses(who, fold)
    for name, parts in spaces.items():
        designs = [data.design(who, fold, part) for part in parts]
        X, X_test = (np.concatenate([one[side] for one in designs], axis=1) for side in (0, 1))
        ridge = EncodingRidge(alphas=[10, 100, 1e3, 1e4], n_folds=3).fit(X, responses, fold.groups)
        predicted = np.asarray(ridge.predict(X_test))
        z = [(one - one.mean(0)) / one.std(0) for one in (predicted, held_out)]
        scores[name].append((z[0] * z[1]).mean(0))
scores = {name: np.mean(found, axis=0) for name, found in scores.items()}

# %%
# The mean correlation in each area that was planted, on sounds that nothing was fitted on.

regions = data.measured(who).rois
areas = [name for name in ("A1", "belt", "STS", "MTG", "V1") if name in regions]
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for place, (name, found) in enumerate(scores.items()):
    ax.bar(
        np.arange(len(areas)) + 0.27 * place - 0.27,
        [np.nanmean(found[regions[area]]) for area in areas],
        0.25,
        label=name,
    )
ax.set_xticks(range(len(areas)), areas)
ax.axhline(0, color="0.3", lw=0.8)
ax.set(ylabel="R on held-out sentences", title="What predicts which area")
ax.legend()

# %%
# Belt and STS need phones beside the spectrum; in A1 phones add nothing. V1 follows nothing, and scores about 0, which is chance. That the rate of words alone
# predicts A1 as well as the spectrum does is a trap: where there are words there is sound, and a scanner that sees a volume every 2 s can hardly tell them apart.
# So the recipe ``brain_scores`` compares nested models, and adds what a paper needs: controls, shifted sounds, ceilings, statistics, maps.
