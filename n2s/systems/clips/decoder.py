"""Base of the decoders of clips: one network per subject, and the outputs of a test."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from n2s.data.batch import Batch
from n2s.data.clip_data import ClipData
from n2s.data.fmri import FMRIDataModule
from n2s.decoding.decoder import Decoder
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.seeded import seeded
from n2s.systems.clips.decoded import Decoded
from n2s.systems.clips.new_clips import ClipsOfBold, ClipsOfSensors
from n2s.systems.clips.result import ClipResult
from n2s.systems.clips.results import clip_results
from n2s.systems.processes import check_strategy
from n2s.systems.stages import SUBJECTS, part_of
from n2s.systems.system import System

FEWEST = 3  # test clips of a subject: a correlation over two is 1 or -1


class ClipDecoder(System, ABC):
    """One network per subject (their voxels differ, and the published models are for single subjects).

    There is one network per entry of the data's ``brains``. With MEG and EEG all subjects share one, in a single process.
    With fMRI several processes share the batches of a fit; each of them validates, tests and predicts everything.

    A test stores ``tested``: all decoded clips, in their order; and, if prompts are compared with them, ``prompts``: the
    feature of each, ``(*shape)``, by its name.
    """

    takes = (FMRIDataModule,)

    def __init__(
        self, *, optimizer: OptimizerCallable = torch.optim.AdamW, scheduler: LRSchedulerCallable | None = None
    ):
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.subjects: list[str] = []
        self.networks = nn.ModuleList()
        self.tested: Decoded | None = None
        self.prompts: dict[str, np.ndarray] = {}

    @abstractmethod
    def build(self, data: ClipData, subject: int) -> nn.Module:
        """Build a network for a subject of the data; raises a UserError if the data do not match."""

    @abstractmethod
    def blank(self, state: dict[str, Tensor]) -> nn.Module:
        """Build a network for the state dict of an earlier `build`."""

    @abstractmethod
    def decode(self, batch: Batch) -> Decoded:
        """Decode a batch's responses."""

    def answer(self, network: nn.Module, *inputs: Tensor) -> Tensor:
        """What a network decodes -> the target in its own units, ``(b, *shape)``.

        ``inputs`` are of BOLD the scaled volumes, ``(b, v)`` or ``(b, n, v)``; of MEG and EEG what a brain encoder takes.
        Systems without it decode no recording outside their studies.
        """
        raise UserError(
            f"{type(self).__name__} decodes the clips of its own studies alone. Put the recording into a study, and run n2s predict."
        )

    def decoder(self, trained: Trained) -> Decoder:
        """See `System`."""
        return (ClipsOfBold if trained.front.plain["kind"] == "bold" else ClipsOfSensors)(self, trained)

    @property
    def data(self) -> ClipData:
        """See `System`."""
        found = self.trainer.datamodule
        if not isinstance(found, self.takes):
            kinds = " or ".join(f"n2s.data.{kind.__name__}" for kind in self.takes)
            raise UserError(f"{type(self).__name__} decodes clips: data has to be {kinds}.")
        found.check_clips()
        return found

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """See Lightning: steps get the target in its own units, and the spectrogram."""
        return self.data.clips(batch)

    def setup(self, stage: str) -> None:
        """Build the networks for a fit; for a test, they are made from the checkpoint."""
        data = self.data
        check_strategy(self)
        if data.dealt and self.trainer.world_size > 1:
            raise UserError(
                f"{type(self).__name__} decodes windows of MEG in one process; {self.trainer.world_size} were started. Set "
                "trainer.devices to 1."
            )
        few = too_few_clips(data)
        if few and stage == "test":
            raise UserError(f"{few} Give more clips the split test, or leave that subject out (data.subjects).")
        if few and stage == "fit":
            tell("odd", "data", f"{few} A test will refuse them.")
        if stage == "fit" and self.trainer.world_size > 1:
            self.check_shared(data)
        if stage == "fit" and not self.subjects:
            self.subjects = list(data.brains)
            self.networks = nn.ModuleList(self._built_alike(data, index) for index in range(len(self.subjects)))

    def _built_alike(self, data: ClipData, subject: int) -> nn.Module:
        """Initial weights from the seed and the subject only: Lightning reseeds if there are several processes."""
        with seeded((torch.initial_seed() + subject) % 2**63):
            return self.build(data, subject)

    def check_shared(self, data: ClipData) -> None:
        """Raise a UserError if several processes cannot share the steps of a fit."""
        if len(data.brains) > 1 and not self.trainer.strategy._ddp_kwargs.get("find_unused_parameters"):
            raise UserError(
                f"{type(self).__name__} has one network per subject, and a step trains one of them: several processes do "
                "not support that. Give each job one of data.subjects, or set trainer.strategy to "
                "ddp_find_unused_parameters_true, which is slower."
            )

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Store the subjects of the networks."""
        checkpoint[SUBJECTS] = list(self.subjects)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Make the networks of the subjects that the checkpoint has."""
        if SUBJECTS not in checkpoint:
            raise UserError(f"the checkpoint is not from {type(self).__name__}: it names no subjects.")
        self.rebuild(checkpoint["state_dict"], checkpoint)

    def rebuild(self, state: Mapping[str, Tensor], entries: Mapping) -> None:
        """See `System`: the networks of the subjects that a checkpoint has."""
        if entries[SUBJECTS] != self.subjects:
            self.subjects = list(entries[SUBJECTS])
            blanks = [self.blank(part_of(state, f"networks.{index}.")) for index in range(len(self.subjects))]
            self.networks = nn.ModuleList(blanks).to(self.device)

    def network(self, batch: Batch) -> nn.Module:
        """The network of the batch's subject."""
        name = self.data.brains[batch.brain_index]
        if name not in self.subjects:
            raise UserError(
                f"{name} was not trained on; the checkpoint has {', '.join(self.subjects)}. (data.subjects)"
            )
        return self.networks[self.subjects.index(name)]

    def on_test_epoch_start(self) -> None:
        """Start with no decoded clips."""
        self._decoded: list[Decoded] = []

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Decode."""
        self._decoded.append(self.decode(batch).cpu())

    def on_test_epoch_end(self) -> None:
        """Leave ``tested``."""
        self.tested = Decoded.joined(self._decoded)
        del self._decoded

    def results(self, seed: int) -> Mapping[str, ClipResult]:
        """See `System`: one result per study."""
        return clip_results(self, seed)

    def predict_step(self, batch: Batch, batch_index: int) -> Decoded:
        """Decode a batch's responses."""
        return self.decode(batch)


def too_few_clips(data: ClipData) -> str | None:
    """A sentence about a subject with too few test clips to be scored; None if each has enough."""
    if "test" not in data.splits or not len(data.splits["test"].table):
        return None
    counts = data.splits["test"].table.subject.value_counts()
    if counts.min() >= FEWEST:
        return None
    return f"{counts.idxmin()} has {counts.min()} test clips, and a correlation over clips needs {FEWEST}."


def target_moments(data: ClipData) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each number of the target over training clips, in its shape."""
    mean, deviation = (torch.from_numpy(value).reshape(data.target.shape) for value in data.train_moments("target"))
    return mean, deviation
