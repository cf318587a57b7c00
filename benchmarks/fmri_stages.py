"""Compare on the simulated fMRI study, with real commands: coarse to fine, fine only, the mean of the training clips.

    python benchmarks/fmri_stages.py --seeds 3

Prints for each the correlation of the median dimension, identification and mel PCC with their standard deviation over
seeds, the ideal observer, and the wall time of every command. Writes the figure that compares the decoded dimensions.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from n2s.systems.clips.figures import correlation_quartiles
from n2s.systems.clips.result import ClipResult

CONFIGS = Path(__file__).parents[1] / "configs"
STAGES = {
    "semantic": ("fmri_semantic", []),
    "coarse to fine": ("fmri_acoustic", []),
    "fine only": ("fmri_acoustic", ["--model.semantic", "false"]),
    "perceptron to mel": ("fmri_mel", []),
}


def measured(name: str, seed: int, folder: Path) -> tuple[dict, float, Path]:
    """Fit and test one stage; return its scores, the seconds of both, and the run's folder."""
    recipe, options = STAGES[name]
    experiment = f"{name.replace(' ', '_')}_{seed}"
    words = [
        "--config",
        str(CONFIGS / f"{recipe}.yaml"),
        "--experiment",
        experiment,
        "--runs_dir",
        str(folder),
        *options,
    ]
    words += ["--seed_everything", str(seed), "--data.seed", str(seed), "--trainer.enable_progress_bar", "false"]
    if recipe == "fmri_acoustic":
        words += ["--model.semantic_run", str(folder / f"semantic_{seed}")]
    begun = time.monotonic()
    for verb in ("fit", "test"):
        done = subprocess.run([sys.executable, "-m", "n2s", verb, *words], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"n2s {verb} {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    (run,) = (folder / experiment).iterdir()
    return json.loads((run / "metrics.json").read_text())["test"], time.monotonic() - begun, run


def numbers(summary: dict, row: str) -> dict[str, float]:
    """The columns of the table for one row of a test's scores."""
    found = {}
    if row in summary["correlation"]:
        found["correlation"] = summary["correlation"][row]["mean"]
    for n in ("2", "10", str(summary["n_candidates"])):
        if row in summary["identification"][n]:
            found[f"{n}-way"] = summary["identification"][n][row]["mean"]
    if row in summary.get("mel_pcc", {}):
        found |= {"mel PCC": summary["mel_pcc"][row]["mean"], "mel PSNR": summary["mel_psnr"][row]["mean"]}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="seeds of the networks; the data are the same")
    parser.add_argument("--folder", type=Path, default=Path("fmri_stages"), help="where runs are kept")
    given = parser.parse_args()
    os.environ.setdefault("WANDB_MODE", "disabled")
    rows: dict[str, list[dict]] = {}
    correlations = {}
    for seed in range(given.seeds):
        for name in STAGES:
            summary, spent_s, run = measured(name, seed, given.folder)
            rows.setdefault(name, []).append(numbers(summary, "model") | {"seconds": spent_s})
            if name == "coarse to fine":
                for row in ("shuffled", "mean_prediction", "ceiling", "ideal_observer"):
                    rows.setdefault(row.replace("_", " "), []).append(numbers(summary, row))
            if name in ("coarse to fine", "fine only") and seed == 0:
                scores = ClipResult.load(run / "test" / "test").evaluated
                correlations |= {name: scores.correlations["model"], "shuffled": scores.correlations["shuffled"]}
    columns = list(dict.fromkeys(key for found in rows.values() for one in found for key in one))
    print(f"{'':20}" + "".join(f"{column:>18}" for column in columns))
    for name, found in rows.items():
        cells = []
        for column in columns:
            values = [one[column] for one in found if column in one]
            spread = f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}" if values else "-")
        print(f"{name:20}" + "".join(f"{cell:>18}" for cell in cells))
    order = ["coarse to fine", "fine only", "shuffled"]
    drawing = correlation_quartiles({name: correlations[name] for name in order}, what="AudioMAE tokens")
    drawing.figure.savefig(given.folder / "dimensions.png")
    print(f"{given.folder / 'dimensions.png'}: {drawing.caption}")


if __name__ == "__main__":
    main()
