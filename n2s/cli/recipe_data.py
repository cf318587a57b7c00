"""The data of a recipe, without its model and without a run."""

import warnings
from collections.abc import Sequence

from n2s.cli.main import run_cli
from n2s.cli.prepare import PrepareCLI, Preparer
from n2s.data.datamodule import NeuralDataModule


def recipe_data(files: Sequence[str]) -> NeuralDataModule:
    """The datamodule of a recipe and the overlays over it, as ``n2s prepare --config`` makes it; nothing is read yet."""
    taken: list[NeuralDataModule] = []

    class Take(PrepareCLI):
        def _run_subcommand(self, subcommand: str) -> None:
            taken.append(self.datamodule)

    words = [word for file in files for word in ("--config", file)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LightningCLI's args parameter")  # it expects no command line beside
        run_cli(Take, trainer_class=Preparer, args=["prepare", *words])
    return taken[0]
