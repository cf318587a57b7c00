"""Systems that are fitted in closed form: one batch a subject and fold, in one epoch, by one process."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from n2s.data.encoding_data import Fold
from n2s.errors import UserError, first_of
from n2s.systems.system import System


class ClosedForm(System):
    """The base of systems without steps of gradient descent."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self._nothing = nn.Parameter(torch.zeros(()))

    @property
    def folder(self) -> Path:
        """The run's."""
        return Path(self.trainer.default_root_dir)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """An optimizer without effect: Lightning counts its steps, and saves no checkpoint before the first."""
        return torch.optim.SGD([self._nothing], lr=0.0)

    def check_alone(self, instead: str, verb: str = "fitted") -> None:
        """Raise a UserError if several processes were started; ``instead``: what to do for speed, a part of the sentence or empty."""
        if self.trainer.world_size > 1:
            raise UserError(
                f"{type(self).__name__} is {verb} by one process; {self.trainer.world_size} were started. Set trainer.devices to 1{instead}."
            )

    def check_epoch(self, what: str) -> None:
        """Raise a UserError in a second epoch, which would fit the same again."""
        if self.current_epoch:
            raise UserError(f"{what} in one epoch: set trainer.max_epochs to 1.")


def check_made(fitted_by: Mapping | None, own: Mapping, *, prefix: str = "model.") -> None:
    """Raise a UserError if a test names other options of the fit than the run was fitted with: its table would tell of these.

    Parameters
    ----------
    fitted_by
        Option -> value of the run; None: the run does not say. Options that one side alone has do not count.
    own
        The same of the test.
    prefix
        Before the option's name, in the message.
    """
    for name in own:
        if fitted_by and name in fitted_by and fitted_by[name] != own[name]:
            raise UserError(
                f"{prefix}{name} is {own[name]}, but the run was fitted with {fitted_by[name]}. Take the run's own config.yaml, or fit again."
            )


class FoldFits(ClosedForm):
    """The base of systems with a fit for each subject and fold: ``fits``, which checkpoints hold; ``fitted_by``: how they were made.

    While a run goes on, each fit is in a file of its own, from which an interrupted run goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fits: dict[str, dict[str, dict]] = {}
        self.fitted_by: dict | None = None

    def fit_path(self, subject: str, fold: Fold) -> Path:
        """The file of a fit until the checkpoint is written."""
        return self.folder / "fits" / f"{subject.replace('/', '_')}_{fold.name.replace(' ', '_')}.pt"

    def on_fit_end(self) -> None:
        """The checkpoint has all fits: those of single folds are removed."""
        if (self.folder / "fits").is_dir():
            shutil.rmtree(self.folder / "fits")

    def check_fitted(self, subjects: Iterable[str]) -> None:
        """Raise a UserError if the run has no fit of one of some subjects."""
        missing = [name for name in subjects if name not in self.fits]
        if missing:
            raise UserError(
                f"the run holds no fit of {first_of(missing)}; it has {first_of(self.fits) or 'none'}. Fit them, or choose others "
                "(data.subjects)."
            )
