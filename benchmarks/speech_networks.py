"""Train the networks of Millet & King 2021 in small (configs/millet2021_small), several seeds each, and print their error rates.

Every network is ``n2s fit`` and ``n2s test`` in processes of their own, with one thread. Networks that are finished are not
trained again, so that the command continues where it was stopped.

    python benchmarks/speech_networks.py --seeds 6 --jobs 2
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from n2s.metrics.score import ALL
from n2s.training.run import runs_of

CONFIGS = Path(__file__).parents[1] / "configs"
KINDS = {"dutch": "cer", "english": "cer", "bengali": "cer", "scenes": "error"}
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def trained(kind: str, seed: int, runs_dir: Path, more: list[str]) -> None:
    """Fit and test one network."""
    words = ["--config", CONFIGS / "speech_net.yaml", "--config", CONFIGS / "millet2021_small" / f"{kind}.yaml"]
    words += ["--seed_everything", seed, "--runs_dir", runs_dir, "--trainer.accelerator", "cpu"]
    words += ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false", *more]
    for verb in ("fit", "test"):
        done = subprocess.run(
            [sys.executable, "-m", "n2s", verb, *map(str, words)],
            env={"WANDB_MODE": "disabled"} | os.environ | THREADS,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"n2s {verb} {kind}, seed {seed}:\n{done.stderr[-3000:]}")


def scores(kind: str, seeds: range, runs_dir: Path) -> dict[str, list[float]]:
    """Row -> the error rate of each seed, from the newest test of each."""
    found: dict[int, dict] = {}
    for run in runs_of(runs_dir / f"millet2021_small_{kind}"):  # the newest first
        seed, file = run.settings()["seed_everything"], run.folder / "metrics.json"
        if seed in seeds and seed not in found and file.is_file():
            found[seed] = json.loads(file.read_text())["test"]["scores"][KINDS[kind]]
    rows = next(iter(found.values()))
    return {row: [one[row][ALL]["mean"] for one in found.values()] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--seeds", type=int, default=1, help="of each kind, from 0 on; the paper has 6")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="networks at once, one thread each")
    parser.add_argument("--runs_dir", type=Path, default=Path("checkpoints"))
    given, more = parser.parse_known_args()  # what it does not know goes to n2s, such as --model.max_steps 20
    seeds, start = range(given.seeds), time.monotonic()
    with ThreadPoolExecutor(given.jobs) as pool:
        first = [pool.submit(trained, kind, 0, given.runs_dir, more) for kind in given.kinds]
        for one in first:  # they make the sounds and the spectrograms that the other seeds share
            one.result()
        rest = [pool.submit(trained, k, seed, given.runs_dir, more) for seed in seeds[1:] for k in given.kinds]
        for one in rest:
            one.result()
    minutes = (time.monotonic() - start) / 60
    print(f"{len(given.kinds) * len(seeds)} networks in {minutes:.1f} min, {given.jobs} at once\n")
    print(
        "| network | seeds | characters or classes wrong (%) | lowest to highest | best control (%) |\n|---|---|---|---|---|"
    )
    for kind in given.kinds:
        rows = {row: 100 * np.array(values, float) for row, values in scores(kind, seeds, given.runs_dir).items()}
        own = rows.pop("model")
        row, values = min(rows.items(), key=lambda item: item[1].mean())
        print(
            f"| {kind} | {len(own)} | {own.mean():.1f} | {own.min():.1f} to {own.max():.1f} | {values.mean():.1f} ({row}) |"
        )


if __name__ == "__main__":
    main()
