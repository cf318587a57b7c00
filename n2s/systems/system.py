"""What every system is: a LightningModule that says what data it takes and what its test leaves."""

import inspect
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from n2s.data.datamodule import NeuralDataModule
from n2s.decoding.decoder import Decoder
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.metrics.result import Result


class System(LightningModule):
    """The base of every system. A new one is a file with a subclass, and a recipe that names it.

    After ``n2s test``, `results` gives what the test leaves; after ``n2s predict``, `predicted` does. The command saves
    it, prints the table, and writes ``metrics.json``, the page and W&B.

    Parameters
    ----------
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule that is stepped once an epoch; None for a constant rate.
    """

    #: Datamodules that the system can take.
    takes: ClassVar[tuple[type[NeuralDataModule], ...]] = (NeuralDataModule,)

    #: The recipe that trains it, for messages of later stages that find no run of it.
    recipe: ClassVar[str] = ""

    #: Why it decodes no recording outside its studies, and what does: the end of a sentence. Systems that do have a `decoder` of their own.
    instead: ClassVar[str] = "put it into a study (n2s studies example shows how), and run n2s test or n2s predict."

    #: Networks that `n2s.training.Compile` compiles by default, by their names in the system.
    compiles: ClassVar[tuple[str, ...]] = ()

    #: Whether ``n2s predict`` leaves sounds, for ``n2s listen``.
    makes_sounds: ClassVar[bool] = False

    def __init__(
        self, *, optimizer: OptimizerCallable = torch.optim.AdamW, scheduler: LRSchedulerCallable | None = None
    ):
        super().__init__()
        self.optimizer, self.scheduler = optimizer, scheduler

    def save_hyperparameters(self, *args: Any, **kwargs: Any) -> None:
        """See Lightning, which warns of each network that it is kept twice: here a recipe's networks are options, too."""
        frame = kwargs.pop("frame", None) or inspect.currentframe().f_back
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Attribute .* is an instance of `nn.Module`")
            super().save_hyperparameters(*args, frame=frame, **kwargs)

    @classmethod
    def shapes(cls, data: Mapping[str, int], options: Mapping) -> dict[str, int]:
        """The numbers that the networks of a recipe take from the data.

        Parameters
        ----------
        data
            `n2s.data.NeuralDataModule.shapes` of the recipe's data.
        options
            The system's own options in the recipe, ``class_path`` and ``init_args`` for objects. While a recipe is read
            they are not complete.

        Returns
        -------
        By the name of a parameter (``n_subjects``: of any network), or by network and parameter (``encoder.n_outputs``).
        Which names there are must not depend on ``data`` or ``options``.
        """
        return dict(data)

    def decoder(self, trained: Trained) -> Decoder:
        """What decodes recordings that are in no study, with this system's weights.

        Parameters
        ----------
        trained
            What the system was trained on.

        Raises
        ------
        UserError
            It does not decode such recordings.
        """
        raise UserError(f"{type(self).__name__} decodes no recording outside its studies: {self.instead}")

    def rebuild(self, state: Mapping[str, Tensor], entries: Mapping) -> None:
        """Make what has its shape from a checkpoint, before its weights are loaded without a trainer.

        Parameters
        ----------
        state, entries
            Weights, and what else a checkpoint holds.
        """

    def as_published(self) -> list[str]:
        """Entries of the state dict that a checkpoint leaves out: they load as they were published."""
        return []

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """See Lightning."""
        optimizer = self.optimizer(self.parameters())
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])

    @property
    def data(self) -> NeuralDataModule:
        """The trainer's datamodule; a UserError where it is of a kind that the system cannot take."""
        found = self.trainer.datamodule
        if not isinstance(found, self.takes):
            kinds = " or ".join(f"n2s.data.{kind.__name__}" for kind in self.takes)
            raise UserError(f"{type(self).__name__} takes {kinds}; data is {type(found).__name__}.")
        return found

    @property
    def experiment(self) -> Path:
        """The experiment's folder, in which the run lies. Runs of earlier stages lie in folders beside it."""
        return Path(self.trainer.default_root_dir).absolute().parent

    def results(self, seed: int) -> Mapping[str, Result]:
        """What a finished test leaves: the name of each test set -> its result. Only the first process is asked.

        Parameters
        ----------
        seed
            For controls that are drawn at random.
        """
        return {}

    def leave(self) -> None:
        """Keep what a test leaves for later stages beside its results, which are saved. Only the first process is asked."""

    def predicted(self, folder: Path, seed: int) -> Result | None:
        """What ``n2s predict`` leaves, once all batches are predicted. Only the first process is asked.

        Parameters
        ----------
        folder
            The run's folder for it, ``predictions``.
        seed
            For what is drawn at random.
        """
        return None
