"""
The best possible decoder, and how long a window should be
==========================================================

The simulated studies know how their data were made. So the best possible decoder can be written down: a likelihood. It says what no network can
exceed, and, before a single network is trained, how much a window of some seconds can tell.
"""

# %%
# One person hears a story, in the noise of a shielded room. All segments of the story are candidates.

import matplotlib.pyplot as plt
import numpy as np

from n2s.studies import SimulatedMEG

study = SimulatedMEG(n_subjects=1, stories=["lighthouse.en", "orchestra.en"], max_story_s=60.0, noise_level=0.9)
recording = next(one for one in study.recordings() if "orchestra" in one.task)
story = study.events(recording).query("kind == 'story'").iloc[0]
print(f"{story.stimulus}: {story.duration:.0f} s, from {story.onset:.1f} s of the recording on")

# %%
# For each window the observer gives a log-likelihood ratio of each candidate. A window is right where its own segment has the largest.

lengths_s, found = [0.5, 1.0, 2.0, 3.0], {}
for length_s in lengths_s:
    starts = np.arange(0, story.duration - 3.3, 3.0)  # 3 s apart: as many candidates for each length
    scores = study.ideal_scores(
        recording,
        story.onset + starts,
        [(story.stimulus, start) for start in starts],
        offset_s=0.15,
        duration_s=length_s,
    )
    right = scores.argmax(1) == np.arange(len(starts))
    found[length_s] = 100 * right.mean()
    if length_s == 1.0:
        shown = scores

fig, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
image = axes[0].imshow(shown, cmap="RdBu_r", vmin=-np.abs(shown).max(), vmax=np.abs(shown).max())
axes[0].set(xlabel="candidate", ylabel="window of 1 s", title="Log-likelihood ratios")
fig.colorbar(image, ax=axes[0])
axes[1].plot(lengths_s, [found[one] for one in lengths_s], "o-", label="best possible")
axes[1].axhline(100 / len(shown), color="0.5", ls=":", label="chance")
axes[1].set(
    xlabel="length of the window (s)", ylabel="segment found at once (%)", ylim=(0, 105), title="What a window can tell"
)
axes[1].legend()

# %%
# The page of every ``n2s test`` on a simulated study shows this ceiling beside the network, for the same windows and candidates.
