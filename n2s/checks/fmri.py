"""Check that an fMRI data set is complete and that its clips fit its runs: a short text and a page."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.progress import track

from n2s.checks.page import against, write_page
from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.studies.fmri import Bold, FMRIStudy, clip_table
from n2s.studies.readers.clips import count_samples
from n2s.studies.study import Recording

COLORS = {"train": "#0072B2", "val": "#56B4E9", "test": "#D55E00", "prompt": "#999999"}


def check_fmri(study: FMRIStudy, page: Path, *, every: bool = False) -> Path:
    """Print what was found and write the page.

    Clips are compared with the runs of the first subject, or of all; volumes are read from the first run, or from all.

    Parameters
    ----------
    study
        The data set.
    page
        The HTML file to write.
    every
        Every subject and run.
    """
    recordings, expected = study.recordings(), study.expected or {}
    subjects = list(dict.fromkeys(one.subject for one in recordings))
    lines, problems = [], []
    for what, found in (("subjects", len(subjects)), ("recordings", len(recordings))):
        lines.append(f"{what}: {found}{against(found, expected.get(what))}")
    tables: dict[Recording, pd.DataFrame] = {}
    read: tuple[Recording, Bold] | None = None
    looked_at = [one for one in recordings if every or one.subject == subjects[0]]
    for number, recording in enumerate(track(looked_at, "checking", transient=True)):
        try:
            tables[recording] = clip_table(study.clips(recording), where=recording.name)
            text = _clips(tables[recording])
            if every or number == 0:
                bold = cleaned(study.load(recording), study.cleaning, f"{study.name}, {recording.name}")
                read = read or (recording, bold)
                text = f"{_volumes(bold)}; {text}"
            lines.append(f"{recording.name}: {text}")
        except UserError as error:
            problems.append(f"{recording.name}: {error}")
    for subject in subjects if every else subjects[:1]:
        own = [table for recording, table in tables.items() if recording.subject == subject]
        if own:
            counts = [f"{n} {what}{against(n, expected.get(what))}" for what, n in count_samples(own).items()]
            lines.append(f"{subject}: {', '.join(counts).replace('_', ' ')}")
            problems += [f"{subject}: {crossing}" for crossing in _crossing(own)]
    lines += [f"PROBLEM {problem}" for problem in problems]
    print("\n".join(lines))
    drawings = []
    if read is not None:
        recording, bold = read
        drawings = [
            ("Clips", _raster(tables[recording], bold), f"Each clip of {recording.name}, and its volumes (ticks)."),
            ("Voxels", _spread(bold), f"Mean and deviation over {len(bold.data)} volumes of {recording.name}."),
        ]
    return write_page(page, study.name, lines, drawings)


def _clips(table: pd.DataFrame) -> str:
    splits = ", ".join(f"{n} {split}" for split, n in table.split.value_counts().items())
    labels = f", {table.label.nunique()} labels" if (table.label != "").any() else ""
    heard = f", heard up to {table['repeat'].max() + 1} times" if table["repeat"].max() else ""
    return (
        f"clips: {splits}; of {table.stimulus.nunique()} sounds{labels}{heard}; "
        f"from {table.time_s.min():g} to {(table.time_s + table.duration_s).max():g} s"
    )


def _volumes(bold: Bold) -> str:
    n, n_voxels = bold.data.shape
    constant = int((np.ptp(bold.data, axis=0) == 0).sum())
    rois = ", ".join(f"{name} {int(marks.sum())}" for name, marks in list(bold.rois.items())[-8:])
    return (
        f"{n} volumes of {bold.tr_s:g} s, {n_voxels} voxels, {constant} of which never change; "
        f"{len(bold.rois)} ROIs{f' ({rois})' if rois else ''}"
    )


def _crossing(tables: list[pd.DataFrame]) -> list[str]:
    """Groups that have clips in different splits in different runs."""
    rows = pd.concat(tables)
    n_splits = rows[rows.split != "prompt"].groupby("group").split.nunique()
    crossing = list(n_splits.index[n_splits > 1])
    return [f"'{crossing[0]}' and {len(crossing) - 1} others have clips in two splits."] if crossing else []


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
