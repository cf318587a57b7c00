"""What datamodules of windows of sensors share: options, scales, columns, and the order in which windows are read."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from n2s.data.batch import Batch
from n2s.data.cross_validated import dealt_folds
from n2s.data.datamodule import BySplit, NeuralDataModule
from n2s.data.event_reader import NoTargets
from n2s.data.front import Front
from n2s.data.preprocessing import Preprocessing
from n2s.data.reader import WindowReader
from n2s.data.sampler import Sampler
from n2s.data.scaled_windows import scaled_for
from n2s.data.sensor_front import sensor_front
from n2s.data.sensor_layout import lay_sensors
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.sensor_recording import SensorRecording
from n2s.data.splits import Split
from n2s.data.story_split import SplitByStory
from n2s.data.targets import Targets
from n2s.data.windows import Windows, WindowShape
from n2s.options import check_choice, check_number, named_studies
from n2s.studies.study import Study


class SensorDataModule(NeuralDataModule):
    """Windows of recordings of MEG, EEG or iEEG, scaled by training windows. A subclass places them, and sets ``shape``.

    Attributes
    ----------
    studies
        By name.
    subjects
        ``study/subject``, in order.
    windows
        Of each split; empty before set-up.
    recordings
        By ``study/recording``, once they are prepared.
    """

    made_at_setup = ("recordings", "scalers", "scaled", "layout")

    studies: dict[str, Study]
    subjects: list[str]
    shape: WindowShape
    windows: dict[str, Windows]
    recordings: dict[str, SensorRecording]

    def set_options(
        self,
        studies: Mapping[str, Study],
        preprocessing: SensorPreparation | None,
        split: Split | None,
        *,
        clamp: float,
        scaler: str,
        batch_size: int,
        residency: str,
        balance: str,
        balances: Sequence[str],
        seed: int,
        n_jobs: int,
    ) -> None:
        """Check and keep options that all have; ``balances``: what ``balance`` may be."""
        check_choice("data.balance", balance, balances)
        check_choice("data.scaler", scaler, ("training", "recording"))
        check_choice("data.residency", residency, ("device", "host"))
        if clamp != float("inf"):  # inf: nothing is clamped
            check_number("data.clamp", clamp, above=0)
        check_number("data.batch_size", batch_size, low=1, whole=True)
        check_number("data.seed", seed, low=0, whole=True)
        check_number("data.n_jobs", n_jobs, low=1, whole=True)
        self.studies, self.split = named_studies(studies), split or SplitByStory()
        self.preprocessing = preprocessing or Preprocessing()
        self.clamp, self.scaler, self.batch_size, self.residency = clamp, scaler, batch_size, residency
        self.balance, self.seed, self.n_jobs = balance, seed, n_jobs
        people = {f"{name}/{one.subject}" for name, study in self.studies.items() for one in study.recordings()}
        self.subjects, self.n_subjects = sorted(people), len(people)
        self.windows = BySplit()

    def data_hashes(self) -> dict[str, str]:
        """See `NeuralDataModule`; known once the data are set up."""
        if not self.windows:
            return {}
        return {f"recording {name}": item.meta["sha256"] for name, item in self.recordings.items()}

    @property
    def validates(self) -> bool:
        """See `NeuralDataModule`."""
        return len(self.windows["val"]) > 0

    @classmethod
    def folded(cls, options: Mapping, n_folds: int, *, validation: bool) -> list[dict]:
        """See `NeuralDataModule`: a split each, with the units of the recipe's own split."""
        return dealt_folds(options, n_folds, validation=validation, units=options.get("split"))

    def prepare_data(self) -> None:
        """Fill the caches: one process does it, the others wait."""
        self.prepare()

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Batches are made on their device; this moves only what was made elsewhere."""
        return batch if batch.brain.device == device else batch.to(device)

    def scale(self, *, studies_apart: bool, windows: Mapping[str, Windows] | None = None) -> None:
        """Fit the scales of the recordings to their windows (or to these of them), and lay their sensors; see `lay_sensors`."""
        options = {"scaler": self.scaler, "clamp": self.clamp}
        self.scalers, self.scaled = scaled_for(self.recordings, windows or self.windows, self.shape, **options)
        self._studies_apart = studies_apart
        self.layout = lay_sensors(self.recordings, studies_apart=studies_apart)
        self._window_reader: WindowReader | None = None

    def lay_as(self, trained: Mapping[str, list[str]]) -> None:
        """Give every sensor the column that it has in ``of`` of the `SensorLayout` that a network learned; see `lay_sensors`."""
        self.layout = lay_sensors(self.recordings, studies_apart=self._studies_apart, trained=trained)
        self._window_reader = None

    def front(self) -> Front:
        """See `NeuralDataModule`."""
        given = {"subjects": self.subjects, "layout": self.layout.of, "shape": self.shape, "clamp": self.clamp}
        return sensor_front(self.recordings, self.scalers, **given)

    def window_reader(self, targets: Targets | NoTargets) -> WindowReader:
        """What reads windows of all splits; the arrays are placed when it is first asked for."""
        if self._window_reader is None:
            device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
            given = self.scaled, self.layout, targets, self.shape
            options = {"residency": self.residency, "clamp": self.clamp, "device": device}
            self._window_reader = WindowReader(*given, **options)
        return self._window_reader

    def sampler(
        self,
        n_rows: int,
        *,
        batch_size: int,
        shuffle: bool,
        dealt: bool,
        balance: np.ndarray | None,
        together: np.ndarray | None = None,
    ) -> Sampler:
        """The order of samples, for this process: see `Sampler`."""
        return Sampler(
            n_rows,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=self.seed,
            rank=self.trainer.global_rank if self.trainer else 0,
            world_size=self.trainer.world_size if self.trainer else 1,
            dealt=dealt,
            balance=balance,
            together=together,
        )
