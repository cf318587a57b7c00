"""The datamodule of events: windows of MEG, EEG or iEEG at phones, words or commands, heard, said or imagined, and their classes."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from n2s.data.batch import Batch
from n2s.data.event_averages import Averages
from n2s.data.event_heard import heard_of, learning
from n2s.data.event_intervals import Dealt, deal
from n2s.data.event_reader import EventReader, NoTargets
from n2s.data.event_tables import check_classes, lay_windows_at_events, windows_of
from n2s.data.event_windows import EventWindows
from n2s.data.front import Front
from n2s.data.holdout_loader import HoldoutReader, check_holdout, check_sensors, numbered
from n2s.data.loader import BatchLoader
from n2s.data.priority import SPLITS
from n2s.data.recordings import Shard, listed, prepare
from n2s.data.sensor_data import SensorDataModule
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.sensor_recording import SensorRecording
from n2s.data.splits import Split
from n2s.data.windows import WindowShape
from n2s.errors import counted
from n2s.options import check_number, check_numbers
from n2s.studies.holdout import Holdout, Span
from n2s.studies.study import Study

EVALUATION_BATCH = 256  # windows scored at once: only memory depends on it
N_READ = 1024  # windows that `EventDataModule.arrays` reads at once


class EventDataModule(SensorDataModule):
    """Windows of MEG, EEG or iEEG at events, and the class of each event.

    A window lasts ``window_s`` from ``offset_s`` after the event (before it, if negative). It lies wholly in one split. The silence
    around what was heard or said belongs to the nearest split; at borders a gap is opened, as far as filters reach.

    Parameters
    ----------
    studies
        The data sets, by a name of your choice; subjects are ``name/subject``.
    windows
        Which moments have a window, and their classes: `AtEvents` or `Frames`.
    preprocessing
        The preprocessing of each recording: `Preprocessing`, or `HighGamma` of iEEG.
    split
        What is held out: `SplitByStory`, `SplitBySentence`, `SplitByRun`, ... A study's official split overrides it.
    window_s, offset_s
        Length of a window, and where it starts: s from the event (`AtEvents`: from its onset, middle or end).
    baseline_s
        The mean over so long from the window's start is subtracted from each sensor; 0: nothing.
    average
        A training or validation sample is the mean of so many windows of one class and condition: in training of one subject, drawn
        anew in each epoch; in validation of one recording, always the same. 1: single windows.
    test_averages
        Averages that are tested beside single windows, and reported apart; None: that of training.
    least_windows
        A class with fewer training windows is an error.
    clamp
        Values beyond this many interquartile ranges are clipped; inf: none.
    scaler
        See `n2s.data.MEGDataModule`.
    batch_size
        Samples a training batch, over all processes.
    residency
        ``device``: all data on the model's device, as float16. ``host``: memory maps, read ahead.
    balance
        How an epoch is balanced: ``windows`` (each once), or equally many samples of each ``class``, ``subject`` or ``study``.
    seed
        Seed of the order of windows, and of averages.
    n_jobs
        Processes that prepare recordings.
    holdout
        Windows without labels, as of a competition: ``n2s predict`` classifies them in place of the test windows.

    Examples
    --------
    >>> from n2s.data import Articulation, AtEvents, EventDataModule, Preprocessing
    >>> from n2s.studies import SimulatedMEG
    >>> studies = {"simulated": SimulatedMEG(n_subjects=2, root=folder)}  # nothing is simulated yet
    >>> windows = AtEvents(Articulation(["vowel", "plosive", "nasal"]), kind="phone")
    >>> data = EventDataModule(studies, windows, preprocessing=Preprocessing(sfreq=100), window_s=0.4, offset_s=-0.1)
    >>> data.shapes()
    {'n_subjects': 2, 'n_classes': 3, 'n_times': 40, 'sfreq': 100.0}
    """

    shape_names = ("n_subjects", "n_classes", "n_times", "sfreq")
    made_at_setup = (*SensorDataModule.made_at_setup, "tables", "_readers", "_trained")

    #: Logits of a network: see `n2s.data.event_windows.EventWindows.n_logits`.
    n_classes: int

    #: t: samples of a window, and how many a second.
    n_times: int
    sfreq: float

    def __init__(
        self,
        studies: dict[str, Study],
        windows: EventWindows,
        *,
        preprocessing: SensorPreparation | None = None,
        split: Split | None = None,
        window_s: float = 0.5,
        offset_s: float = 0.0,
        baseline_s: float = 0.0,
        average: int = 1,
        test_averages: list[int] | None = None,
        least_windows: int = 10,
        clamp: float = 20.0,
        scaler: Literal["training", "recording"] = "training",
        batch_size: int = 256,
        residency: Literal["device", "host"] = "device",
        balance: Literal["windows", "class", "subject", "study"] = "windows",
        seed: int = 0,
        n_jobs: int = 2,
        holdout: Holdout | None = None,
    ):
        super().__init__()
        self.set_options(
            studies,
            preprocessing,
            split,
            clamp=clamp,
            scaler=scaler,
            batch_size=batch_size,
            residency=residency,
            balance=balance,
            balances=("windows", "class", "subject", "study"),
            seed=seed,
            n_jobs=n_jobs,
        )
        for name, value in (("average", average), ("least_windows", least_windows)):
            check_number(f"data.{name}", value, low=1, whole=True)
        check_numbers("data.test_averages", test_averages, low=2, whole=True)
        check_number("data.offset_s", offset_s)
        windows.check_offset(offset_s)
        self.event_windows, self.holdout = windows, holdout
        self.shape = WindowShape(self.preprocessing.sfreq, window_s, 0.0, baseline_s)
        self.sfreq, self.offset_s, self.average, self.least_windows = self.shape.sfreq, offset_s, average, least_windows
        self.test_averages = [average] * (average > 1) if test_averages is None else sorted(set(test_averages))
        self.class_names = list(windows.names)
        self.n_classes, self.n_times = windows.n_logits, self.shape.n_times
        self.n_features = self.n_classes
        if holdout is not None:
            given = {"names": self.class_names, "n_logits": self.n_classes, "sfreq": self.shape.sfreq}
            check_holdout(holdout, **given, preparation=self.preprocessing)
        self.notes: list[str] = []

    # -- Lightning ---------------------------------------------------------------------------------------------------

    def prepare(self, shard: Shard | None = None) -> None:
        """See `NeuralDataModule`. Events are checked and dealt out first, so that mistakes show before hours of preparing."""
        if shard is not None:
            dealt, items = self._dealt(), []
            for name, study in self.studies.items():
                preparation, chosen = learning(self.preprocessing, dealt, name, study)
                prepare(study, preparation, chosen, n_jobs=self.n_jobs, shard=shard)
                items += listed(study, preparation, chosen)
            if shard.leaves(items):
                return
        self.setup("prepare")

    def setup(self, stage: str) -> None:
        """Read the prepared recordings, split them and place the windows; check everything before the first step."""
        if not self.windows:
            self._set_up()
        if stage == "fit":
            n_samples = {split: len(self.averages(split)) for split in SPLITS if len(self.windows[split])}
            rank_zero_info(", ".join(f"{split}: {len(self.windows[split])} windows" for split in n_samples))

    def _dealt(self) -> Dealt:
        return deal(self.split, heard_of(self.studies, self.split, self.event_windows))

    def front(self) -> Front:
        """See `NeuralDataModule`: with the classes, and when a window begins."""
        sensors = super().front()
        own = {"class_names": self.class_names, "event_offset_s": self.offset_s}
        return Front({**sensors.plain, **own}, sensors.arrays)

    def _set_up(self) -> None:
        dealt = self._dealt()
        self.recordings: dict[str, SensorRecording] = {}
        for name, study in self.studies.items():
            preparation, chosen = learning(self.preprocessing, dealt, name, study)
            items = prepare(study, preparation, chosen, n_jobs=self.n_jobs)
            self.recordings |= {f"{name}/{item.recording.name}": item for item in items}
        self._trained = {self._subject(key) for key in self.recordings if len(dealt.training(key))}
        self.tables = lay_windows_at_events(
            self.recordings,
            dealt,
            self.event_windows,
            self.shape,
            offset_s=self.offset_s,
            places={key: self._place(key) for key in self.recordings},
        )
        check_classes(self.tables, self.class_names, self.least_windows, split=self.split)
        self.windows = {split: windows_of(table) for split, table in self.tables.items()}
        self.scale(studies_apart=False)
        self._readers: dict[tuple[str, int], EventReader] = {}

    def train_dataloader(self) -> BatchLoader:
        """Samples in a new order each epoch."""
        return self._loader("train", self.average, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> BatchLoader | list:
        """Validation samples; an empty list if there are none."""
        return self._loader("val", self.average, batch_size=EVALUATION_BATCH, shuffle=False) if self.validates else []

    def test_dataloader(self) -> list[BatchLoader]:
        """Single windows; then averages of each of ``test_averages``."""
        return [self._loader("test", k, batch_size=EVALUATION_BATCH, shuffle=False) for k in (1, *self.test_averages)]

    def predict_dataloader(self) -> BatchLoader:
        """Windows of the holdout in its order, or single test windows."""
        if self.holdout is None:
            return self._loader("test", 1, batch_size=EVALUATION_BATCH, shuffle=False)
        trainer = self.trainer
        processes = {"rank": trainer.global_rank, "world_size": trainer.world_size} if trainer else {}
        return self.holdout_reader().loader(EVALUATION_BATCH, **processes)

    # -- what systems ask ----------------------------------------------------------------------------------------------

    def events(self, split: str) -> pd.DataFrame:
        """One row a window of a split: ``recording``, ``study``, ``subject``, ``onset``, ``duration``, ``start_s`` (of the window), all s on the recording's clock, ``text``, ``name`` (of its class), ``label``, ``condition``, ``story``, ``sequence``, ``speaker``, ``unit`` (what the split keeps together), ``previous``, ``pause_s``."""
        return self.tables[split]

    def averages(self, split: str, k: int | None = None) -> Averages:
        """The samples of a split: averages of ``k`` windows (None: as in training)."""
        table, k = self.tables[split], self.average if k is None else k
        within = (
            table.groupby(["subject" if split == "train" else "recording", "condition"], sort=False).ngroup().to_numpy()
        )
        return Averages(table.label.to_numpy(np.int64), within, k, seed=self.seed, fixed=split != "train")

    def arrays(self, split: str, rows: np.ndarray | None = None) -> np.ndarray:
        """(n, c, t) float32 windows of a split (some of its rows, or all): scaled, clamped; bad sensors are 0."""
        reader = self.reader(split, 1)
        rows = np.arange(len(self.tables[split])) if rows is None else np.asarray(rows)
        found = np.empty((len(rows), len(self.ch_names), self.n_times), np.float32)
        for at in range(0, len(rows), N_READ):
            found[at : at + N_READ] = reader.brain(rows[at : at + N_READ]).cpu().numpy()
        return found

    def lay_as(self, trained: Mapping[str, list[str]]) -> None:
        """See `SensorDataModule`."""
        super().lay_as(trained)
        self._readers = {}

    @property
    def ch_names(self) -> list[str]:
        """The sensor of each column of `arrays` and of batches: see `n2s.data.sensor_layout.lay_sensors`."""
        return self.layout.names

    def places(self, batch: Batch) -> list[str]:
        """See `NeuralDataModule`."""
        if batch.split != "train":
            return []
        windows, which = self.averages("train").windows(batch.row.numpy(), 0)
        first = windows[np.r_[True, which[1:] != which[:-1]]]
        table = self.tables["train"].iloc[first]
        return [f"{row.recording}, {row.name} at {row.onset:.2f} s" for row in table.itertuples(index=False)]

    def __str__(self) -> str:
        """Summary of the prepared data."""
        if not self.windows:
            return "nothing is prepared yet"
        who = f"{counted(len(self.recordings), 'recording')} of {counted(len(self.subjects), 'subject')}"
        lines = [f"{who} at {self.shape.sfreq:g} Hz"]
        for split, table in self.tables.items():
            counts = counted(len(table), "window"), counted(table.label.nunique(), "class", "classes")
            lines.append(f"{split}: {', '.join(counts)}, {counted(table.unit.nunique(), 'unit')}")
        return "\n".join(lines)

    # -- how ----------------------------------------------------------------------------------------------------------

    def _subject(self, key: str) -> str:
        return f"{key.split('/')[0]}/{self.recordings[key].recording.subject}"

    def _place(self, key: str) -> dict[str, object]:
        """Columns of every window of a recording."""
        subject = self._subject(key)
        index = self.subjects.index(subject) if subject in self._trained else -1
        return {
            "recording": key,
            "recording_index": list(self.recordings).index(key),
            "study": key.split("/")[0],
            "subject": subject,
            "subject_index": index,
        }

    def reader(self, split: str, k: int) -> EventReader:
        """Reads averages of ``k`` windows of a split; the arrays are placed when the first windows are read."""
        if (split, k) not in self._readers:
            of, averages = self.window_reader(NoTargets()), self.averages(split, k)
            self._readers[split, k] = EventReader(of, split, self.windows[split], averages)
        return self._readers[split, k]

    def holdout_reader(self) -> HoldoutReader:
        """Reads the windows of ``holdout``; a UserError if it has other sensors than the data."""
        check_sensors(self.holdout, self.ch_names)
        span = Span(round(self.offset_s * self.shape.sfreq), self.shape.n_window)
        return HoldoutReader(
            self.holdout, self.window_reader(NoTargets()), span, numbered(self.subjects, self._trained)
        )

    def _loader(self, split: str, k: int, *, batch_size: int, shuffle: bool) -> BatchLoader:
        reader = self.reader(split, k)
        sampler = self.sampler(
            len(reader.averages),
            batch_size=batch_size,
            shuffle=shuffle,
            dealt=split != "train",
            balance=self._balance(reader.averages) if split == "train" and self.balance != "windows" else None,
        )
        return reader.loader(sampler)

    def _balance(self, averages: Averages) -> np.ndarray:
        """(g,) Number of the group of each training sample that an epoch has equally many of."""
        if self.balance == "class":
            return averages.label
        table = self.tables["train"]
        of_whom = table.subject if self.balance == "subject" else table.study
        number = table.groupby(["subject", "condition"], sort=False).ngroup().to_numpy()  # as in `averages`
        _, first = np.unique(number, return_index=True)
        return pd.factorize(of_whom)[0][first][averages.within]
