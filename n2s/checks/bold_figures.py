"""Figures of one run of BOLD: its clips and volumes, and the mean and deviation of its voxels."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.data.bold_steps import cleaned
from n2s.metrics.result import Drawing
from n2s.studies.fmri import Bold, FMRIStudy, clip_table
from n2s.studies.study import Recording

COLORS = {"train": "#0072B2", "val": "#56B4E9", "test": "#D55E00", "prompt": "#999999"}


def bold_drawings(study: FMRIStudy, recording: Recording) -> list[Drawing]:
    """The clips, and the voxels, of one run."""
    clips = clip_table(study.clips(recording), where=recording.name)
    bold = cleaned(study.load(recording), study.cleaning, f"{study.name}, {recording.name}")
    return [
        Drawing("Clips", _raster(clips, bold), f"Each clip of {recording.name}, and its volumes (ticks)."),
        Drawing("Voxels", _spread(bold), f"Mean and deviation over {len(bold.data)} volumes of {recording.name}."),
    ]


def _raster(table: pd.DataFrame, bold: Bold) -> Figure:
    figure = Figure(figsize=(9, 2.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    splits = [split for split in COLORS if (table.split == split).any()]
    for row, split in enumerate(splits):
        shown = table[table.split == split]
        spans = list(zip(shown.time_s, shown.duration_s, strict=True))
        axes.broken_barh(spans, (row - 0.3, 0.6), color=COLORS[split], edgecolor="white", linewidth=0.3)
    axes.vlines(bold.tr_s * np.arange(len(bold.data)), -0.75, -0.5, color="#999999", linewidth=0.4)
    axes.set(yticks=range(len(splits)), yticklabels=splits, xlabel="s in the run")
    return figure


def _spread(bold: Bold) -> Figure:
    figure = Figure(figsize=(8, 2.8), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, values, name in ((left, bold.data.mean(0), "mean"), (right, bold.data.std(0), "standard deviation")):
        axes.hist(values, bins=60, color="#0072B2")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set(xlabel=f"{name} (the file's unit)", ylabel="voxels")
    return figure
