"""The figures of a run's training, each with its caption, from the log of the fit."""

from itertools import cycle
from pathlib import Path

import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from n2s.errors import reading
from n2s.metrics.result import Drawing
from n2s.report.figures import COLORS, LINES, blank_panels

#: Column of metrics.csv: label of its axis, and scale factor.
THROUGHPUT = {
    "throughput/windows_per_s": ("windows, clips or fits a second", 1.0),
    "throughput/data_wait": ("waiting for data (%)", 100.0),
    "throughput/utilisation": ("of the peak FLOPS (%)", 100.0),
    "throughput/gflops_per_s": ("GFLOPS", 1.0),
    "throughput/peak_gb": ("peak memory (GB)", 1.0),
}

#: Error rates that are drawn beside losses: of characters, words and classes.
ERRORS = ("cer", "wer", "error")


def run_drawings(run_dir: Path) -> dict[str, Drawing | str]:
    """Figures from ``metrics.csv``, by title; or the reason why there is none."""
    file = run_dir / "metrics.csv"
    if not file.is_file() and (run_dir / "folds").is_dir():
        return dict.fromkeys(("Learning curves", "Throughput"), "the page of each fold has its own")
    if not file.is_file():
        return dict.fromkeys(("Learning curves", "Throughput"), "the run has no metrics.csv")
    with reading(file, "what `n2s fit` logs", "Fit again."):
        metrics = pd.read_csv(file)
        once = one_epoch(metrics)
        if once:
            return {**once}
        return {
            "Learning curves": learning_curves(metrics)
            or "metrics.csv holds neither a loss nor an accuracy by epoch (a fit in closed form has none)",
            "Throughput": throughput_curves(metrics) or "metrics.csv holds no throughput",
        }


def one_epoch(metrics: pd.DataFrame) -> dict[str, str]:
    """What a fit of a single epoch logged, in sentences: one point is no curve. Empty where there are more epochs, or none."""
    if "epoch" not in metrics:
        return {}
    epochs = metrics.groupby("epoch").mean(numeric_only=True)
    fitted = [c for c in epochs if c.startswith(("train/", "val/", "throughput/"))]
    logged = epochs[fitted].dropna(how="all")
    if len(logged) != 1:
        return {}
    values = logged.iloc[0].dropna()
    told = [
        f"{name} {value:.3g}"
        for name, value in values.items()
        if not name.startswith("throughput/") and "chance" not in name and not name.endswith("_step")
    ]
    speed = [f"{scale * values[name]:.3g} {label}" for name, (label, scale) in THROUGHPUT.items() if name in values]
    return {
        "Learning curves": f"one epoch is no curve; its means are {', '.join(told)}"
        if told
        else "one epoch without a loss is no curve",
        "Throughput": f"one epoch is no curve; it had {', '.join(speed)}"
        if speed
        else "metrics.csv holds no throughput",
    }


def learning_curves(metrics: pd.DataFrame) -> Drawing | None:
    """Losses, validation accuracy and errors by epoch, from the CSV log; None if it has none.

    Rows of one epoch are averaged. Columns that end in ``_step`` are left out if the epoch's mean was logged too.
    """
    epochs = metrics.groupby("epoch").mean(numeric_only=True) if "epoch" in metrics else pd.DataFrame()
    epochs = epochs.loc[:, [not (c.endswith("_step") and f"{c[:-5]}_epoch" in epochs) for c in epochs.columns]]
    fitted = [c for c in epochs if c.startswith(("train/", "val/")) and epochs[c].notna().any()]
    losses = [c for c in fitted if "loss" in c]
    scores = [c for c in fitted if "/top" in c]
    errors = [c for c in fitted if c.partition("/")[2] in ERRORS]
    kinds = [kind for kind in ((losses, "loss"), (scores, "accuracy (%)"), (errors, "errors (%)")) if kind[0]]
    if not kinds:
        return None
    figure, panels = blank_panels(len(kinds), width=9.2, height=3.6)
    palette = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
    for axes, (columns, label) in zip(panels, kinds, strict=True):
        for column, color in zip(columns, cycle(palette), strict=False):
            values = epochs[column].dropna()
            style = "-" if column.startswith("val/") else "--"
            axes.plot(
                values.index, values, style, color=color, label=column, marker="o" if len(values) < 30 else None, ms=3
            )
            chance = column.replace("/top", "/chance_top")
            if label != "loss" and chance in epochs:
                axes.plot(epochs[chance].dropna(), linestyle=LINES["chance"], color=color)
        if label != "loss":
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
            axes.set_ylim(0, 1.02 if label == "accuracy (%)" else None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(epochs) == 1:
            axes.set_xticks(epochs.index)
        axes.set(xlabel="epoch", ylabel=label)
        axes.legend(frameon=False)
    caption = "Mean of each epoch."
    if scores:
        caption += " Accuracies are over the candidates of the split or batch that they were logged on."
    if any("/chance_top" in column for column in epochs):
        caption += " Dotted: chance."
    return Drawing("Learning curves", figure, caption)


def throughput_curves(metrics: pd.DataFrame) -> Drawing | None:
    """Speed of each epoch, from the CSV log; None if it is not logged.

    GFLOPS are left out if their share of the device's peak is known.
    """
    epochs = metrics.groupby("epoch").mean(numeric_only=True) if "epoch" in metrics else pd.DataFrame()
    logged = [name for name in THROUGHPUT if name in epochs and epochs[name].notna().any()]
    if "throughput/utilisation" in logged:
        logged.remove("throughput/gflops_per_s")
    if not logged:
        return None
    figure, panels = blank_panels(len(logged), width=9.2, height=2.8)
    for axes, name in zip(panels, logged, strict=True):
        label, scale = THROUGHPUT[name]
        values = scale * epochs[name].dropna()
        axes.plot(values.index, values, color=COLORS["model"], marker="o" if len(values) < 30 else None, ms=3)
        axes.set(xlabel="epoch", ylabel=label, ylim=(0, 1.05 * max(values.max(), 1e-9)))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(epochs) == 1:
            axes.set_xticks(epochs.index)
    caption = (
        "Of each epoch's training, validation left out: what was done in a second, by all processes together; the "
    )
    caption += "share of the time in which a batch was waited for; memory at its highest."
    return Drawing("Throughput", figure, caption)
