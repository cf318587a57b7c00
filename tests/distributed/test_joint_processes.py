"""Two processes are one in joint training, also where one of them has no row with fMRI, or no process has any."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
DAILY, NIGHTLY = ("symmetric", "meg"), ("paper", "usual")


@pytest.fixture(scope="module", params=[DAILY, pytest.param(NIGHTLY, marks=pytest.mark.nightly)], ids=" ".join)
def found(request, tmp_path_factory):
    """By the number of processes: what each found, by the name of the training."""
    folder = tmp_path_factory.mktemp("joint")
    paths = os.pathsep.join(map(str, (HERE.parents[1], HERE.parent, HERE)))
    command = [sys.executable, str(HERE / "joint_trainings.py"), str(folder), "1", "2"]
    environment = os.environ | {"PL_GLOBAL_SEED": "3", "PYTHONPATH": paths, "TRAININGS": " ".join(request.param)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, cwd=folder)
    assert done.returncode == 0, done.stderr[-6000:]
    return {n: [torch.load(folder / str(n) / f"{rank}.pt", weights_only=False) for rank in range(n)] for n in (1, 2)}


def test_weights_and_losses_are_those_of_one_process(found):
    (one,) = found[1]
    for name, whole in one.items():
        for other in (part[name] for part in found[2]):
            assert whole["trained"].keys() == other["trained"].keys()
            for key, value in whole["trained"].items():
                torch.testing.assert_close(other["trained"][key], value, rtol=1e-4, atol=4e-6, msg=f"{name} {key}")
            losses = {key for key in whole["logged"] if "loss" in key and key.startswith("train")}
            assert {"train/loss", "train/loss_meg", "train/loss_both"} <= losses
            for key in whole["logged"]:
                assert other["logged"][key] == pytest.approx(whole["logged"][key], rel=1e-4, abs=1e-5), (name, key)


def test_every_process_has_the_scores_of_all_pairs(found):
    (one,) = found[1]
    for name, whole in one.items():
        assert len(whole["tested"]["meg"]) == 16
        for other in (part[name]["tested"] for part in found[2]):
            for key, value in whole["tested"].items():
                np.testing.assert_array_equal(other[key], value, err_msg=f"{name} {key}")


def test_weights_differ_between_trainings(found):
    """There is something to compare."""
    (one,) = found[1]
    first, second = (trained["trained"] for trained in one.values())
    apart = [float((first[key] - second[key]).abs().max()) for key in first if key.startswith("encoder.")]
    assert max(apart) > 1e-4
