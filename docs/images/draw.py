"""The pictures of README and of the site, from a run that was tested: python docs/images/draw.py checkpoints/meg_contrastive/RUN.

The bars are drawn of ``metrics.json``; the other pictures are figures of the run's page, and its first part, if Chromium is here.
"""

import base64
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
from PIL import Image

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "n2s"  # the same file each time

import matplotlib.pyplot as plt  # noqa: E402

HERE = Path(__file__).parent
#: Title of a figure of the page -> name of the picture.
FIGURES = {"Accuracy by subject": "by_subject", "Accuracy by rank": "by_rank", "Learning curves": "learning_curves"}
TOP = (1000, 1330)  # pixels of the page's first part

ROWS = {  # row of the scores -> label, colour
    "ceiling": ("best possible decoder", "#b0b7bd"),
    "model": ("network", "#1f6f8b"),
    "linear": ("linear decoder", "#5aa6bf"),
    "shuffled": ("shuffled brain", "#d98f3d"),
    "no_brain": ("no brain", "#d98f3d"),
}


def main(run: Path) -> None:
    """All pictures."""
    bars(run)
    page = run / "report.html"
    figures(page.read_text("utf-8"))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser:
        top(page, browser)
    for picture in sorted(HERE.glob("*.*g")):
        print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} kB")


def figures(page: str) -> None:
    """Those that the page offers as SVG."""
    for title, name in FIGURES.items():
        (packed,) = re.findall(rf'<figure><img alt="{title}"[^>]*>.*?class="svg">([^<]+)<', page, re.DOTALL)
        (HERE / f"report_{name}.svg").write_bytes(gzip.decompress(base64.b64decode(packed)))


def top(page: Path, browser: str) -> None:
    """The verdict and the table as a browser shows them, in 32 colours."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "top.png"
        size = f"--window-size={TOP[0]},{TOP[1]}"
        options = ("--headless=new", "--no-sandbox", "--hide-scrollbars", size, f"--screenshot={shot}")
        subprocess.run([browser, *options, page.resolve().as_uri()], check=True, capture_output=True, timeout=120)
        picture = Image.open(io.BytesIO(shot.read_bytes())).convert("RGB")
    picture.quantize(32).save(HERE / "report_top.png", optimize=True)


def bars(run: Path, score: str = "top1") -> None:
    """Means over people, a point for each person."""
    test = json.loads((run / "metrics.json").read_text("utf-8"))["test"]
    rows = {name: by for name, by in test["scores"][score].items() if name in ROWS}
    figure, axes = plt.subplots(figsize=(7.2, 2.9), layout="constrained")
    for place, name in enumerate(reversed([name for name in ROWS if name in rows])):
        label, colour = ROWS[name]
        by_person = [100 * one["mean"] for who, one in rows[name].items() if who != "all subjects"]
        mean = 100 * rows[name]["all subjects"]["mean"]
        axes.barh(place, mean, color=colour, height=0.66)
        axes.plot(by_person, [place] * len(by_person), "o", color="black", markersize=3.5, alpha=0.7)
        axes.text(
            max([mean, *by_person]) + 1.2,
            place,
            f"{mean:.0f}%" if mean >= 10 else f"{mean:.1f}%",
            va="center",
            fontsize=10,
        )
        axes.text(-1.2, place, label, va="center", ha="right", fontsize=10)
    axes.axvline(100 / test["n_candidates"], color="black", linewidth=1, linestyle=":")
    axes.set_xlim(0, 104)
    axes.set_yticks([])
    axes.set_xlabel(f"right at first choice among {test['n_candidates']} segments of a story (%); dotted: chance")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(HERE / "contrastive_result.svg", metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
