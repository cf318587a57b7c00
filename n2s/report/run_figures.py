"""The figures of a run's training, each with its caption. They take numbers; nothing is read or written here."""

import pandas as pd
from matplotlib.ticker import MaxNLocator

from n2s.report.figures import COLORS, Drawing, blank_panels

#: Column of metrics.csv: label of its axis, and what to multiply by.
THROUGHPUT = {
    "throughput/windows_per_s": ("windows a second", 1.0),
    "throughput/data_wait": ("waiting for data (%)", 100.0),
    "throughput/utilisation": ("of the peak FLOPS (%)", 100.0),
    "throughput/gflops_per_s": ("GFLOPS", 1.0),
    "throughput/peak_gb": ("peak memory (GB)", 1.0),
}


def throughput_curves(metrics: pd.DataFrame) -> Drawing | None:
    """How fast each epoch was, from the CSV log; None where it does not say.

    GFLOPS are left out where their share of the device's peak is known.
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
