"""Recipes of closed-form systems made small enough for a test."""

from pathlib import Path

import yaml

CONFIGS = Path(__file__).parents[1] / "configs"
QUIET = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}


def given(name: str) -> tuple[dict, dict, dict]:
    """A recipe of ``configs``, and the options of its data and of its model in it, to be changed there."""
    recipe = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    return recipe, recipe["data"]["init_args"], recipe["model"]["init_args"]


def written(path: Path, recipe: dict, **trainer: object) -> Path:
    """Write a recipe as the experiment ``small``, on a CPU and without progress bars."""
    recipe["trainer"] |= QUIET | trainer
    recipe["experiment"] = "small"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def changed(path: Path, **model: object) -> Path:
    """Change options of the model in a recipe that was written."""
    recipe = yaml.safe_load(path.read_text())
    recipe["model"]["init_args"] |= model
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path
