"""The picture of README and of the first pages, from a run: python docs/images/draw.py checkpoints/meg_contrastive/RUN."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "n2s"  # the same file each time

import matplotlib.pyplot as plt  # noqa: E402

ROWS = {  # row of the scores -> label, colour
    "ceiling": ("best possible decoder", "#b0b7bd"),
    "model": ("network", "#1f6f8b"),
    "linear": ("linear decoder", "#5aa6bf"),
    "shuffled": ("shuffled brain", "#d98f3d"),
    "no_brain": ("no brain", "#d98f3d"),
}


def main(run: Path, score: str = "top1") -> None:
    """Bars of the means over people, a point for each person."""
    test = json.loads((run / "metrics.json").read_text("utf-8"))["test"]
    rows = {name: by for name, by in test["scores"][score].items() if name in ROWS}
    figure, axes = plt.subplots(figsize=(7.2, 2.9), layout="constrained")
    for place, name in enumerate(reversed([name for name in ROWS if name in rows])):
        label, colour = ROWS[name]
        by_person = [100 * one["mean"] for who, one in rows[name].items() if who != "all subjects"]
        mean = 100 * rows[name]["all subjects"]["mean"]
        axes.barh(place, mean, color=colour, height=0.66)
        axes.plot(by_person, [place] * len(by_person), "o", color="black", markersize=3.5, alpha=0.7)
        axes.text(max([mean, *by_person]) + 1.2, place, f"{mean:.0f}%", va="center", fontsize=10)
        axes.text(-1.2, place, label, va="center", ha="right", fontsize=10)
    axes.axvline(100 / test["n_candidates"], color="black", linewidth=1, linestyle=":")
    axes.set_xlim(0, 104)
    axes.set_yticks([])
    axes.set_xlabel(
        f"which of {test['n_candidates']} segments of 3 s was heard: right at first choice (%), chance dotted"
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(Path(__file__).with_name("contrastive_result.svg"), metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
