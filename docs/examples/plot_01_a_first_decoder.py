"""
A first decoder from Python
===========================

Train the contrastive decoder on simulated MEG, test it on a story that was in nobody's training data, and look at its scores: three calls.
"""

# %%
# The recipe ``meg_contrastive`` has four people and ten stories, and takes some minutes. Overrides make it a matter of seconds here: one person, four short stories,
# less noise. They are the same words as on the command line.

import contextlib
import io
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
told = io.StringIO()
with contextlib.redirect_stdout(told):
    run = n2s.fit("meg_contrastive", small, runs_dir=folder.name)
print(told.getvalue().replace(folder.name, "checkpoints"))  # the default of runs_dir

# %%
# A run knows everything about itself: its network, its config, who was in training.

encoder = run.model.encoder
print(f"{sum(one.numel() for one in encoder.parameters()):,} parameters; people: {run.subjects}")

# %%
# The test ranks all segments of the held-out story for each window, beside every control. It prints a table and what it means in words; here only the
# table of :attr:`run.scores <n2s.TrainedRun.scores>` is shown.

with contextlib.redirect_stdout(io.StringIO()):
    run = n2s.test(run)
scores = run.scores
top1 = scores[scores.score == "top1"].drop_duplicates("row").set_index("row").rename(index={"no_brain": "no brain"})
(100 * top1[["mean", "low", "high"]]).round(1)

# %%
# The same scores as a picture. A network is worth something where it is above chance and above what knows no brain, and worth its time where it is above
# the linear decoder, too. A story of a minute has few windows, so that the intervals are wide.

chance = 100 * top1["mean"]["chance"]
shown = 100 * top1.drop(index="chance")[["mean", "low", "high"]]
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.barh(
    shown.index,
    shown["mean"],
    xerr=[shown["mean"] - shown.low, shown.high - shown["mean"]],
    color=["C0" if row == "model" else "0.75" for row in shown.index],
    error_kw={"lw": 1, "capsize": 3},
)
ax.axvline(chance, color="C3", ls=":", label=f"chance ({chance:.0f}%)")
ax.set(xlabel="segment found at once (%), with 95% intervals", xlim=(0, 101))
ax.invert_yaxis()
ax.legend()

# %%
# *linear* and *encoding* are a linear decoder and an encoding model of the same windows; *shuffled* is the network with brains exchanged; *no brain* knows
# only when a window is; *ceiling* is the best possible decoder, which a simulated study knows. ``run.report()`` writes the page with everything, and returns its path.

folder.cleanup()
