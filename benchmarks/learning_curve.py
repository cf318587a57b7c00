"""Accuracy on the held-out story against hours of training audio, seeds and losses, beside the ceiling.

    python benchmarks/learning_curve.py --hours 0.1 0.3 --seeds 0 1 2 --losses paper clip

Every row is a real `n2s fit` and `n2s test` of the demo's recipe with one setting changed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

RECIPE = Path(__file__).parents[1] / "configs" / "meg_contrastive.yaml"
LOSSES = {
    "paper": ["target", "null", "false"],
    "clip": ["both", "learned", "true"],
    "symmetric": ["target", "null", "true"],
}


def score(name: str, changes: list[str], folder: Path) -> dict:
    """Fit and test with ``changes``; the test's summary."""
    shared = [
        "--config", str(RECIPE), "--runs_dir", str(folder), "--experiment", name, *changes,
        "--trainer.enable_progress_bar", "false",
    ]  # fmt: skip
    for verb in ("fit", "test"):
        done = subprocess.run([sys.executable, "-m", "n2s", verb, *shared], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"n2s {verb} {' '.join(changes)} failed:\n{done.stderr[-2000:]}")
    return json.loads(next((folder / name).glob("*/metrics.json")).read_text())["test"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, nargs="*", default=[0.05, 0.1, 0.2, 0.4])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--losses", choices=LOSSES, nargs="*", default=["paper", "clip"])
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    epochs = ["--trainer.max_epochs", str(options.epochs), "--model.scheduler.init_args.T_max", str(options.epochs)]
    rows = [(f"hours_{hours:g}", ["--data.train_hours", str(hours)]) for hours in options.hours]
    for loss in options.losses:
        keys = ("normalize", "temperature", "symmetric")
        given = [word for key, value in zip(keys, LOSSES[loss], strict=True) for word in (f"--model.loss.{key}", value)]
        for seed in options.seeds:
            rows.append((f"{loss}_seed_{seed}", [*given, "--seed_everything", str(seed), "--data.seed", str(seed)]))
    print(f"{'':16} {'top-1':>6} {'top-10':>7}   of the ceiling's: top-1, top-10", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, changes in rows:
            found = score(name, [*epochs, *changes], Path(folder))
            model, ceiling = found["model"], found["ceiling"]
            ratio = [model[k]["mean"] / ceiling[k]["mean"] for k in ("top1", "top10")]
            print(
                f"{name:16} {model['top1']['mean']:6.3f} {model['top10']['mean']:7.3f}   {ratio[0]:.2f}, {ratio[1]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
