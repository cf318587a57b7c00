"""
A first decoder from Python
===========================

Train the contrastive decoder on simulated MEG, test it on a story that was in nobody's training data, and look at its scores: three calls.
"""

# %%
# The recipe ``meg_contrastive`` has four people and ten stories, and takes some minutes. Overrides make it a matter of seconds here: one person, four short stories,
# less noise. They are the same words as on the command line.

import tempfile

import matplotlib.pyplot as plt

import n2s

small = {
    "data.studies.simulated.init_args": {
        "n_subjects": 1,
        "stories": ["lighthouse.en", "beekeeper.en", "train", "orchestra.en"],
        "max_story_s": 60.0,
        "noise_level": 0.3,
    },
    "data.train_windows.init_args.step_s": 1.0,
    "data.batch_size": 56,
    "data.n_jobs": 1,
    "model.encoder.init_args.hidden": 32,
    "model.encoder.init_args.depth": 2,
    "model.encoder.init_args.n_fourier": 288,
    "trainer.max_epochs": 40,
    "trainer.accelerator": "cpu",
    "trainer.logger": False,
    "trainer.enable_progress_bar": False,
}
folder = tempfile.TemporaryDirectory()
run = n2s.fit("meg_contrastive", small, runs_dir=folder.name)
print(run.name)

# %%
# A run knows everything about itself: its network, its config, who was in training.

encoder = run.model.encoder
print(f"{sum(one.numel() for one in encoder.parameters()):,} parameters; people: {run.subjects}")

# %%
# The test ranks all segments of the held-out story for each window, beside every control.

run = n2s.test(run)
scores = run.scores
top1 = scores[scores.score.str.startswith("top1") | (scores.score == "top-1 (%)")].drop_duplicates("row")
top1[["row", "mean", "low", "high"]]

# %%
# The page with everything is ``run.report()``. The same scores as a picture:

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.barh(top1.row, top1["mean"], color=["C0" if place == 0 else "0.7" for place in range(len(top1))])
ax.set(xlabel="segment found at once")
ax.invert_yaxis()
folder.cleanup()
