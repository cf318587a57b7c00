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


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """By the number of processes: what each found."""
    folder = tmp_path_factory.mktemp("joint")
    paths = os.pathsep.join(map(str, (HERE.parents[1], HERE.parent, HERE)))
    command = [sys.executable, str(HERE / "joint_trainings.py"), str(folder), "1", "2"]
    environment = os.environ | {"PL_GLOBAL_SEED": "3", "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, cwd=folder)
    assert done.returncode == 0, done.stderr[-6000:]
    return {n: [torch.load(folder / str(n) / f"{rank}.pt", weights_only=False) for rank in range(n)] for n in (1, 2)}


@pytest.mark.parametrize("name", ["paper", "symmetric", "usual", "meg"])
def test_weights_and_losses_are_those_of_one_process(found, name):
    (one,) = (part[name] for part in found[1])
    for other in (part[name] for part in found[2]):
        assert one["trained"].keys() == other["trained"].keys()
        for key, value in one["trained"].items():
            torch.testing.assert_close(other["trained"][key], value, rtol=1e-4, atol=2e-6, msg=key)
        losses = {key for key in one["logged"] if "loss" in key and key.startswith("train")}
        assert {"train/loss", "train/loss_meg", "train/loss_both"} <= losses
        for key in one["logged"]:
            assert other["logged"][key] == pytest.approx(one["logged"][key], rel=1e-4, abs=1e-5), key


@pytest.mark.parametrize("name", ["paper", "usual", "meg"])
def test_every_process_has_the_scores_of_all_pairs(found, name):
    (one,) = (part[name]["tested"] for part in found[1])
    assert len(one["meg"]) == 16
    for other in (part[name]["tested"] for part in found[2]):
        for key, value in one.items():
            np.testing.assert_array_equal(other[key], value, err_msg=key)


def test_weights_moved(found):
    """There is something to compare: what was trained differs between the losses and the modalities."""
    (one,) = found[1]
    first, second = (one[name]["trained"]["bold_encoder.subjects"] for name in ("usual", "meg"))
    assert float((first - second).abs().max()) > 1e-4
