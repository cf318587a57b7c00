"""An export on the Hugging Face Hub, and back: with a server of this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hub_server import Hub  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.spawns]

UP_AND_DOWN = """
import sys, torch, n2s
here = n2s.load(sys.argv[1])
print("address", here.push_to_hub("lab/sounds", licence="CC0-1.0"))
there = n2s.load("lab/sounds")
assert all(torch.equal(one, there.model.state_dict()[name]) for name, one in here.model.state_dict().items())
print("same", there.subjects, there.metrics == here.metrics)
"""
REFUSED = """
import sys, n2s
from n2s.errors import UserError
for ask in (lambda: n2s.load("lab/nothing"), lambda: n2s.load(sys.argv[1]).push_to_hub("lab/sounds")):
    try:
        ask()
    except UserError as error:
        print("refused:", error)
"""


def _run(code, export, hub, home, token):
    environment = os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", code, str(export)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_run_goes_to_the_hub_and_comes_back(sounds_run, tmp_path):
    export = sounds_run[0].export(tmp_path / "export", licence="CC0-1.0")
    with Hub(tmp_path / "hub") as hub:
        told = _run(UP_AND_DOWN, export, hub, tmp_path / "home", "hf_good")
        assert hub.private == {"lab/sounds": True}
    assert "same ['sounds/01', 'sounds/02'] True" in told
    up = tmp_path / "hub" / "lab" / "sounds"
    assert {path.name for path in up.iterdir()} >= {
        "README.md",
        "config.json",
        "front.safetensors",
        "metrics.json",
        "model.safetensors",
    }
    assert (up / "model.safetensors").read_bytes() == (export / "model.safetensors").read_bytes()


def test_what_the_hub_refuses_is_said_in_one_line(sounds_run, tmp_path):
    export = sounds_run[0].export(tmp_path / "export")
    with Hub(tmp_path / "hub") as hub:
        told = _run(REFUSED, export, hub, tmp_path / "home", "hf_bad").splitlines()
    assert len(told) == 2 and "lab/nothing: no such folder here" in told[0]
    assert "refused the upload" in told[1] and "HF_TOKEN" in told[1]
