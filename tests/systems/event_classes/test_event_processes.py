"""Two processes train and validate a classifier with weighted classes as one does."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from said_recipe import said_recipe

TESTS = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.spawns
@pytest.mark.nightly
def test_two_processes_are_one(at):
    network = {"class_path": "said_network.Means", "init_args": {"n_channels": 8}}
    data = {"average": 2, "batch_size": 31}  # parts of a batch differ in size, and in the classes that they have
    recipe = said_recipe(
        at / "recipe.yaml", data=data, model={"network": network, "label_smoothing": 0.1}, max_epochs=2
    )
    paths = [TESTS.parent, TESTS, Path(__file__).parent]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    found = []
    for n, strategy in ((1, "auto"), (2, "ddp")):
        words = [
            "fit",
            "--config",
            recipe,
            "--experiment",
            f"p{n}",
            "--trainer.devices",
            n,
            "--trainer.strategy",
            strategy,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "n2s", *map(str, words)], capture_output=True, text=True, env=environment, cwd=at
        )
        assert done.returncode == 0, done.stderr[-2000:]
        (run,) = (at / "checkpoints" / f"p{n}").iterdir()
        found.append(pd.read_csv(run / "metrics.csv")[["train/loss", "val/loss", "val/f1_macro"]])
    pd.testing.assert_frame_equal(*found, rtol=1e-5)
