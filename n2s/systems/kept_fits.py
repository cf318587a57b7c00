"""The fits of single folds that an interrupted run leaves."""

from pathlib import Path

import torch

from n2s.errors import reading
from n2s.paths import written_whole


def kept(path: Path, made: dict) -> dict | None:
    """The fit of one fold, if it was made so and of these data."""
    if not path.is_file():
        return None
    with reading(path, "a fit of one fold", "Remove it: it is made again."):
        found = torch.load(path, map_location="cpu", weights_only=True)
        return found["fit"] if found["made"] == made else None


def keep(path: Path, fit: dict, made: dict) -> None:
    """Keep the fit of one fold until the run's checkpoint is written."""
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        torch.save({"fit": fit, "made": made}, file)
