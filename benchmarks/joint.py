"""One model trained on two studies with different helmets, people and stories, against one model per study.

    python benchmarks/joint.py [--seeds 0 1 2] [--epochs 30] [--kinds 1]

Study A: two listeners in a Vectorview hear four of the simulated stories; study B: two others in a CTF hear the other four.
Both are tested on a story without training data. Every row is a real `n2s fit` and `n2s test`. A model on both studies sees
the same number of windows per step, and twice as many steps per epoch; `equal steps` gives it the same total of steps.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

RECIPE = Path(__file__).parents[1] / "configs" / "meg_contrastive.yaml"
HELD_OUT = ["orchestra", "train"]  # test and validation of the official split


def study(system: str, seed: int, stories: list[str]) -> dict:
    options = {"n_subjects": 2, "system": system, "seed": seed, "noise_level": 0.9, "stories": [*stories, *HELD_OUT]}
    return {"class_path": "n2s.studies.SimulatedMEG", "init_args": options}


def scores(name: str, studies: dict, balance: str, seed: int, epochs: int, kinds: int, folder: Path) -> dict:
    """Top-1 in each study's test, and its ceiling."""
    overlay = {
        "seed_everything": seed,
        "data": {"init_args": {"studies": studies, "balance": balance, "seed": seed}},
        "model": {
            "init_args": {
                "encoder": {"class_path": "n2s.models.BrainEncoder", "init_args": {"n_kinds": kinds}},
                "scheduler": {"init_args": {"T_max": epochs}},
            }
        },
        "trainer": {"max_epochs": epochs, "enable_progress_bar": False},
    }
    path = folder / f"{name}_{seed}.yaml"
    path.write_text(yaml.safe_dump(overlay))
    for verb in ("fit", "test"):
        command = ["n2s", verb, "--config", str(RECIPE), "--config", str(path), "--runs_dir", str(folder)]
        command += ["--experiment", path.stem]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found = json.loads(next((folder / path.stem).glob("*/metrics.json")).read_text())
    names = list(studies) if len(studies) > 1 else ["test"]
    return {
        study: (found[key]["model"]["top1"]["mean"], found[key]["ceiling"]["top1"]["mean"])
        for study, key in zip(studies, names, strict=True)
    }


def main() -> None:
    """Print one row per training, one column per test set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--kinds", type=int, default=1, help="kinds of sensors that the attention distinguishes")
    options = parser.parse_args()
    a = study("vectorview", 0, ["lighthouse.en", "beekeeper", "bakery.es", "school"])
    b = study("ctf275", 1, ["mapmaker", "lighthouse.es", "bakery.eu", "shepherd"])
    ways = {
        "A alone": ({"a": a}, "hours", 1.0),
        "B alone": ({"b": b}, "hours", 1.0),
        "A and B": ({"a": a, "b": b}, "hours", 1.0),
        "A and B, by study": ({"a": a, "b": b}, "study", 1.0),
        "A and B, equal steps": ({"a": a, "b": b}, "hours", 0.5),
    }
    print(f"{'trained on':22} {'seed':>4}  top-1 on A (of the ceiling)  on B", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, (studies, balance, share) in ways.items():
            rows = []
            for seed in options.seeds:
                epochs = round(options.epochs * share)
                row = scores(
                    name.replace(" ", "_").replace(",", ""), studies, balance, seed, epochs, options.kinds, Path(folder)
                )
                rows.append([row[key][0] if key in row else np.nan for key in ("a", "b")])
                cells = [f"{row[k][0]:.3f} ({row[k][0] / row[k][1]:.2f})" if k in row else "-" for k in ("a", "b")]
                print(f"{name:22} {seed:4}  {cells[0]:>27}  {cells[1]}", flush=True)
            mean = [f"{value:.3f}" if np.isfinite(value) else "-" for value in np.mean(rows, axis=0)]
            print(f"{name:22} mean  {mean[0]:>27}  {mean[1]}", flush=True)


if __name__ == "__main__":
    main()
