"""The effect of the options beyond the paper on the simulated study: top-1 and top-10 on the held-out story.

    python benchmarks/options.py [--seeds 0 1 2] [--only plain context]

The demo's recipe with one test window per word, as in the paper. Every row is a real `n2s fit` and `n2s test`. Rows
below `plain` that start with a dash score the same test differently: scores pooled over the windows of a sentence, and
averaged over listeners. Printed: means over seeds, and the 95% t interval over subjects (each the mean over seeds).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from n2s.metrics.intervals import t_interval

RECIPE = Path(__file__).parents[1] / "configs" / "meg_contrastive.yaml"
ENCODER = "n2s.models.BrainEncoder"
OPTIONS = {
    "plain": {},
    "instance norm": {
        "model": {"init_args": {"encoder": {"class_path": ENCODER, "init_args": {"instance_norm": True}}}}
    },
    "512 more negatives": {"model": {"init_args": {"extra_negatives": 512}}},
    "Transformer over sentences": {
        "data": {"init_args": {"together": "sentences"}},
        "model": {"init_args": {"context": {"class_path": "n2s.models.SentenceContext"}}},
    },
    "sentences together, no Transformer": {"data": {"init_args": {"together": "sentences"}}},
}
WORDS = {
    "data": {
        "init_args": {
            "val_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 3.0}},
            "test_windows": {"class_path": "n2s.data.WordOnsets"},
        }
    },
    "model": {"init_args": {"sentence_context": True, "average_listeners": True}},
    "trainer": {"enable_progress_bar": False},
}
SETS = {"test": "", "test, sentence context": "- sentence pooled", "test, listeners averaged": "- listeners averaged"}


def tested(name: str, overlay: dict, seed: int, folder: Path) -> dict:
    """The scores of every test set after a fit with an overlay."""
    files = []
    seeded = {"seed_everything": seed, "data": {"init_args": {"seed": seed}}}
    for number, content in enumerate((WORDS, overlay, seeded)):
        files += ["--config", str(folder / f"{name}_{seed}_{number}.yaml")]
        Path(files[-1]).write_text(yaml.safe_dump(content))
    for verb in ("fit", "test"):
        command = [
            "n2s",
            verb,
            "--config",
            str(RECIPE),
            *files,
            "--runs_dir",
            str(folder),
            "--experiment",
            f"{name}_{seed}",
        ]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(next((folder / f"{name}_{seed}").glob("*/metrics.json")).read_text())


def cell(summaries: list[dict], measure: str) -> str:
    """Mean over seeds and subjects, with its interval, in percent."""
    subjects = summaries[0]["model"][measure]["per_subject"]
    values = [np.mean([s["model"][measure]["per_subject"][name]["value"] for s in summaries]) for name in subjects]
    if len(values) == 1:
        return f"{100 * values[0]:.1f}"
    mean, low, high = t_interval(np.array(values), bounds=(0.0, 1.0))
    return f"{100 * mean:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def main() -> None:
    """Print one row per option and way of scoring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", help="first words of the options to run")
    options = parser.parse_args()
    print(f"{'':36} {'top-1 (%)':20} {'top-10 (%)':20} no brain  shuffled  ceiling (top-1)", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, overlay in OPTIONS.items():
            if options.only and name.split()[0] not in options.only:
                continue
            runs = [
                tested(name.replace(" ", "_").replace(",", ""), overlay, seed, Path(folder)) for seed in options.seeds
            ]
            for key, label in SETS.items():
                found = [run[key] for run in runs]
                controls = [
                    np.mean([100 * summary[row]["top1"]["mean"] for summary in found]) if found[0][row] else np.nan
                    for row in ("no_brain", "shuffled", "ceiling")
                ]
                print(
                    f"{label or name:36} {cell(found, 'top1'):20} {cell(found, 'top10'):20} "
                    + "  ".join(f"{value:8.1f}" for value in controls)
                    + f"   {found[0]['n_candidates']} candidates, {found[0]['n_windows']} windows",
                    flush=True,
                )


if __name__ == "__main__":
    main()
