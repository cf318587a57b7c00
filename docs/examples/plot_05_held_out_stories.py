"""
How a split holds out a story
=============================

A story that anybody heard in training is not in the test, in no language, under no name. This picture shows who heard what, when, and which
part of it trains, validates and tests.
"""

# %%
# Two simulated people hear five short stories; the stories of an orchestra and of a train (``train``, which has nothing to do with training) are
# the study's official test and validation stories. The lighthouse's story is there in English and in Spanish: one content, so both are on one side.

import matplotlib.pyplot as plt
import pandas as pd

import n2s
from n2s.data import Grid, MEGDataModule, Preprocessing
from n2s.features import Mel
from n2s.studies import SimulatedMEG

stories = ["lighthouse.en", "beekeeper.en", "lighthouse.es", "train", "orchestra.en"]
study = SimulatedMEG(n_subjects=2, stories=stories, max_story_s=40.0, noise_level=0.3)
data = MEGDataModule(
    {"simulated": study},
    Mel(n_mels=20, hop=320),
    preprocessing=Preprocessing(sfreq=50.0, highpass_hz=1.0, picks=["mag"]),
    train_windows=Grid(3.0),
    test_windows=Grid(3.0),
    window_s=3.0,
    n_jobs=1,
)
tables = pd.concat([n2s.windows(data, split).table.assign(split=split) for split in ("train", "val", "test")])
tables.groupby(["split", "story"]).agg(
    people=("subject", "nunique"), windows=("segment", "size"), segments=("segment", "nunique")
)

# %%
# Every bar is a window of 3 s on the clock of its stimulus. Both languages of the lighthouse have one colour, and both people have the same.

fig, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
colours = {"train": "C0", "val": "C1", "test": "C3"}
lines = {name: place for place, name in enumerate(sorted(set(zip(tables.subject, tables.stimulus, strict=True))))}
for row in tables.itertuples():
    ax.barh(lines[row.subject, row.stimulus], 2.8, left=row.stimulus_start_s, color=colours[row.split])
ax.set_yticks(list(lines.values()), [f"{who.split('/')[1]}: {what.split('/')[1]}" for who, what in lines], fontsize=7)
ax.set(xlabel="time in the story (s)", title="Windows of two listeners")
ax.legend(
    handles=[plt.Rectangle((0, 0), 1, 1, color=one) for one in colours.values()],
    labels=list(colours),
    loc="upper right",
    bbox_to_anchor=(1.15, 1),
)

# %%
# Sounds are known by their samples, not by their names: the overlap of training and test segments is empty by construction, and checked.

units = {split: set(rows.unit) for split, rows in tables.groupby("split")}
for split, names in units.items():
    print(f"{split}: {', '.join(sorted(names))}")
assert not units["train"] & units["test"] and not units["train"] & units["val"] and not units["val"] & units["test"]
