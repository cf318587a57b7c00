"""The port of every datamodule: it knows the numbers that a model's shape depends on before anything is loaded."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NoReturn

from lightning.pytorch import LightningDataModule

from n2s.data.front import Front
from n2s.data.recordings import Shard
from n2s.errors import UserError

REMEDY = "Call data.prepare_data() and data.setup('fit') first; a Trainer does it, and so does n2s.windows(data)."


class NotSetUp(UserError, AttributeError):
    """What was asked for is made by a set-up that has not been called; for `hasattr` it is not there."""


class BySplit(dict):
    """What a datamodule has of each split (``train``, ``val``, ``test``): empty before set-up, and says so if it is asked for one."""

    def __missing__(self, key: object) -> NoReturn:
        raise UserError(f"the data of the {key} split are not there: they are not set up. {REMEDY}")


class NeuralDataModule(LightningDataModule, ABC):
    """A datamodule whose shapes are known as soon as it is constructed, from cheap metadata.

    The command line sets the parameters of a recipe's networks from them, so that no recipe repeats them.

    Examples
    --------
    >>> from n2s.data import MEGDataModule, NeuralDataModule
    >>> from n2s.features import Mel
    >>> from n2s.studies import SimulatedMEG
    >>> data = MEGDataModule({"simulated": SimulatedMEG(n_subjects=3, root=folder)}, Mel(n_mels=40))
    >>> isinstance(data, NeuralDataModule), data.shapes()
    (True, {'n_subjects': 3, 'n_features': 40})
    """

    #: Attributes that are shapes. A parameter of any network of a recipe that has such a name is set from the data.
    shape_names: ClassVar[tuple[str, ...]] = ("n_subjects", "n_features")

    #: Attributes that set-up makes: asked for earlier, they say so.
    made_at_setup: ClassVar[tuple[str, ...]] = ()

    #: Subjects with training data: the size of the model's subject layers.
    n_subjects: int

    #: Dimension f of the target, as `n2s.features.Feature.n_features` gives it.
    n_features: int

    #: Findings in the data that a user should know: reported as warnings at set-up.
    notes: list[str]

    #: Processes that prepare recordings.
    n_jobs: int = 1

    def __getattr__(self, name: str) -> object:
        """Only called for attributes that are not there."""
        if name in type(self).made_at_setup:
            raise NotSetUp(f"{type(self).__name__}.{name} is not there: the data are not set up. {REMEDY}")
        raise AttributeError(f"{type(self).__name__} has no attribute '{name}'.")

    def shapes(self) -> dict[str, float]:
        """The numbers that networks take from the data, by the names of their parameters."""
        return {name: getattr(self, name) for name in self.shape_names}

    @property
    def validates(self) -> bool:
        """Whether there is a validation split; known once the data are set up."""
        return True

    @classmethod
    def folded(cls, options: Mapping, n_folds: int, *, validation: bool) -> list[dict]:
        """The options of every fold of a cross-validation: a run is made with each. One alone holds all folds itself.

        Parameters
        ----------
        options
            Those of the recipe, in plain types (``init_args``).
        n_folds
            How many folds.
        validation
            Whether a part of each fold's training data is for validation, since something waits for its score.

        Raises
        ------
        UserError
            Such data cannot be dealt to folds.
        """
        raise UserError(
            f"--cross_validate: {cls.__name__} does not deal its data to folds. MEGDataModule, FMRIDataModule and "
            "EncodingDataModule do."
        )

    @abstractmethod
    def prepare(self, shard: Shard | None = None) -> None:
        """Fill the caches ahead of training; cached results are reused.

        Parameters
        ----------
        shard
            Only this part of the recordings; None: everything.
        """

    @abstractmethod
    def data_hashes(self) -> dict[str, str]:
        """The identity of the data: the name of a recording or stimulus -> a hash of its content. ``run.json`` keeps it."""

    def front(self) -> Front | None:
        """What a trained decoder keeps of the data, for recordings of anybody else; None: such data leave nothing. Known once they are set up."""
        return None

    def places(self, batch: object) -> list[str]:
        """The origin of each training sample of a batch, for a message: recording, story, seconds. Empty: not known."""
        return []
