"""Every YAML in configs/ is accepted by the command, alone or over the base recipe, and the paper's holds its numbers."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CONFIGS = Path(__file__).parents[1] / "configs"
BASE = CONFIGS / "meg_contrastive.yaml"


def _parsed(*options):
    done = subprocess.run(
        [sys.executable, "-m", "n2s", "fit", "--config", str(BASE), *options, "--print_config"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def _over(path):
    """How a file is given: as a Trainer's group, or as a second config."""
    return ["--trainer" if path.parent.name == "trainer" else "--config", str(path)]


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_recipe_is_accepted(path):
    config = _parsed(*([] if path == BASE else _over(path)))
    assert config["data"]["class_path"] == "n2s.data.MEGDataModule"
    if path.parent.name == "defossez2023" and path.name == "base.yaml":
        data, model = config["data"]["init_args"], config["model"]["init_args"]
        encoder = model["encoder"]["init_args"]
        assert (encoder["n_virtual"], encoder["hidden"], encoder["depth"], encoder["dropout"]) == (270, 320, 10, 0.0)
        assert model["loss"]["init_args"] == {"normalize": "target", "temperature": None, "symmetric": False}
        assert model["optimizer"]["class_path"] == "torch.optim.Adam" and model["optimizer"]["init_args"]["lr"] == 3e-4
        assert model["target_encoder"] is None and model["scheduler"] is None
        assert (data["batch_size"], data["clamp"], data["offset_s"], data["baseline_s"]) == (256, 20.0, 0.15, 0.5)
        assert (
            data["preprocessing"]["init_args"]["sfreq"] == 120.0
            and data["preprocessing"]["init_args"]["highpass_hz"] is None
        )
        assert data["test_windows"]["class_path"] == "n2s.data.WordOnsets"
        assert config["trainer"]["callbacks"][1]["init_args"]["patience"] == 10
