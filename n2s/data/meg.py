"""The datamodule of MEG and EEG: studies in, batches of (brain window, stimulus features) out."""

from dataclasses import replace
from typing import Literal

import pandas as pd
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from n2s.data.bad_channels import check_bads
from n2s.data.front import Front
from n2s.data.gaps import empty_split, lost_to_gaps
from n2s.data.heard_windows import heard_windows, indexed
from n2s.data.loader import BatchLoader
from n2s.data.placements import Grid, Placement
from n2s.data.priority import SPLITS
from n2s.data.reader import SplitReader
from n2s.data.recordings import Shard, listed, prepare
from n2s.data.same_words import sentences_of, tell_same_words
from n2s.data.sensor_data import SensorDataModule
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.sensor_recording import SensorRecording
from n2s.data.splits import Split, joined
from n2s.data.stimuli import check_shared_audio, collect_stimuli
from n2s.data.tables import WindowTables
from n2s.data.talkers import attended
from n2s.data.targets import Targets
from n2s.data.train_hours import shortened
from n2s.data.training_parts import heard_in, told_training
from n2s.data.window_segments import WindowSegments
from n2s.data.windows import Windows, WindowShape
from n2s.data.without_windows import tell_without_windows
from n2s.data.word_windows import check_words
from n2s.features.feature import Feature
from n2s.options import check_number
from n2s.progress import track
from n2s.studies.study import Stimulus, Study

EVALUATION_BATCH = 256  # windows scored at once: only memory depends on it
VALIDATION_BATCH = 2048  # at most: it is one process', where a training batch is shared by many


class MEGDataModule(WindowTables, WindowSegments, SensorDataModule):
    """MEG or EEG of people who hear speech, cut into windows. Of two sounds at once windows are those of the attended one.

    Parameters
    ----------
    studies
        The data sets, by a name of your choice; subjects are ``name/subject``.
    target
        The stimulus feature to retrieve.
    preprocessing
        The preprocessing of each recording: `Preprocessing`, or `HighGamma` of iEEG.
    split
        What is held out. A study's official split overrides it. Without a validation part (``val_fraction: 0``), the run's
        weights are those of its last epoch.
    window_s, offset_s, baseline_s
        See `n2s.data.windows.WindowShape`.
    train_windows, val_windows, test_windows
        Where windows start; by default validation is as test.
    clamp
        Values beyond this many interquartile ranges are clipped (Défossez 2023: 20; without it nothing is learned); inf: none.
    scaler
        ``training``: each sensor is scaled by the training windows of its recording, or of its subject if the
        recording has none. ``recording``: by the recording itself, without labels; the report names it.
    per_dimension
        Standardise each dimension of the target on its own, else all by one mean and deviation (Défossez 2023).
    batch_size
        Windows a training batch, over all processes.
    residency
        ``device``: all data on the model's device, as float16. ``host``: memory maps, read ahead.
    balance
        How an epoch is balanced: ``hours`` (every window once), or equally many windows of each ``subject`` or ``study``.
    together
        ``sentences``: the windows of a sentence are in one batch, for a model that sees them together.
    train_hours
        Use only the first hours of unique training audio: for learning curves.
    seed
        Seed of the order and jitter of windows.
    n_jobs
        Processes that prepare recordings.

    Examples
    --------
    >>> from n2s.data import MEGDataModule, Preprocessing, SplitByStory
    >>> from n2s.features import Mel
    >>> from n2s.studies import SimulatedMEG
    >>> studies = {"simulated": SimulatedMEG(n_subjects=2, root=folder)}  # nothing is simulated yet
    >>> data = MEGDataModule(studies, Mel(n_mels=40), preprocessing=Preprocessing(sfreq=100), split=SplitByStory(), window_s=3.0)
    >>> data.subjects, data.shapes()
    (['simulated/01', 'simulated/02'], {'n_subjects': 2, 'n_features': 40})
    >>> data.train_dataloader()
    Traceback (most recent call last):
    n2s.errors.UserError: the data of the train split are not there: they are not set up. Call data.prepare_data() and data.setup('fit') first; a Trainer does it, and so does n2s.windows(data).
    """

    made_at_setup = (*SensorDataModule.made_at_setup, "stimuli", "targets", "lost", "notes", "_readers", "_index")

    def __init__(
        self,
        studies: dict[str, Study],
        target: Feature,
        *,
        preprocessing: SensorPreparation | None = None,
        split: Split | None = None,
        window_s: float = 3.0,
        offset_s: float = 0.15,
        baseline_s: float = 0.5,
        train_windows: Placement | None = None,
        val_windows: Placement | None = None,
        test_windows: Placement | None = None,
        clamp: float = 20.0,
        scaler: Literal["training", "recording"] = "training",
        per_dimension: bool = True,
        batch_size: int = 128,
        residency: Literal["device", "host"] = "device",
        balance: Literal["hours", "subject", "study"] = "hours",
        together: Literal["sentences"] | None = None,
        train_hours: float | None = None,
        seed: int = 0,
        n_jobs: int = 2,
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
            balances=("hours", "subject", "study"),
            seed=seed,
            n_jobs=n_jobs,
        )
        check_number("data.train_hours", train_hours, above=0)
        self.target, self.per_dimension, self.together, self.train_hours = target, per_dimension, together, train_hours
        self.shape = WindowShape(self.preprocessing.sfreq, window_s, offset_s, baseline_s)
        self.placements = {
            "train": train_windows or Grid(0.5),
            "test": test_windows or Grid(window_s),
            "val": val_windows or test_windows or Grid(window_s),
        }
        for name, placement in self.placements.items():
            placement.check(f"data.{name}_windows", window_s)
        self.n_features = target.n_features

    def data_hashes(self) -> dict[str, str]:
        """See `NeuralDataModule`; known once the data are set up."""
        heard = self.stimuli if self.windows else {}
        return super().data_hashes() | {f"stimulus {name}": stimulus.sha256 for name, stimulus in heard.items()}

    # -- Lightning ---------------------------------------------------------------------------------------------------

    def prepare(self, shard: Shard | None = None) -> None:
        """See `NeuralDataModule`. Features and scalers are made by the job that finds all recordings there.

        Events and audio are checked first, so that mistakes show before hours of preparing.
        """
        for name, study in self.studies.items():
            events = {r.name: study.events(r) for r in study.recordings()}
            check_words(name, collect_stimuli(study, events), events, self.placements)
            for table in events.values():
                self.split.rows(table)  # sentences, where it cuts at them
        told = self._preparations()
        new = [p for name, study in self.studies.items() for p in listed(study, told[name]) if not p.ready]
        if new and self.preprocessing.bads:
            check_bads(self.preprocessing.bads, self.studies)
        if shard is not None:
            for name, study in self.studies.items():
                prepare(study, told[name], n_jobs=self.n_jobs, shard=shard)
            if shard.leaves(p for name, study in self.studies.items() for p in listed(study, told[name])):
                return
        self.setup("prepare")

    def setup(self, stage: str) -> None:
        """Read the prepared recordings, split them and place the windows; check everything before the first step."""
        if not self.windows:
            self._set_up()
        if stage == "fit":
            for lost in self.lost:
                rank_zero_info(str(lost))

    def _set_up(self) -> None:
        self.recordings: dict[str, SensorRecording] = {}
        self.stimuli: dict[str, Stimulus] = {}
        heard, told = {}, self._preparations()
        for name, study in self.studies.items():
            prepared = {f"{name}/{p.recording.name}": p for p in prepare(study, told[name], n_jobs=self.n_jobs)}
            events = {key: item.events for key, item in prepared.items()}
            stimuli = collect_stimuli(study, events)
            check_words(name, stimuli, events, self.placements)
            heard[name] = heard_in(
                study, events, stimuli, {key: item.recording.subject for key, item in prepared.items()}
            )
            self.stimuli |= {f"{name}/{stimulus}": value for stimulus, value in stimuli.items()}
            self.recordings |= prepared
        self._index = {key: index for index, key in enumerate(self.recordings)}
        dealt = self.split.intervals(heard)
        reach = {key: item.reach for key, item in self.recordings.items()}
        intervals = self._indexed(joined(dealt, gap_s=reach))
        without_gap = self._indexed(joined(dealt, gap_s={key: replace(one, gap_s=0.0) for key, one in reach.items()}))
        self.notes = check_shared_audio(intervals, self.stimuli)
        tell_same_words(sentences_of(heard), [intervals])
        intervals, without_gap = (shortened(attended(table), self.train_hours) for table in (intervals, without_gap))
        windows = {split: self._lay(split, intervals) for split in SPLITS}
        tell_without_windows(without_gap, windows.values(), self.shape.window_s)
        metas = {key: item.meta for key, item in self.recordings.items()}
        self.lost = lost_to_gaps(without_gap, intervals, metas, lambda rows: len(self._lay("train", rows)))
        for split in SPLITS:
            if not len(windows[split]) and (split != "val" or self.split.validates):
                options = {"would_be": len(self._lay(split, without_gap)), "lost": self.lost}
                raise empty_split(split, intervals, **options, window_s=self.shape.window_s)
        self.windows = windows
        self.targets = Targets(self.target, self.stimuli, self.windows, self.shape, per_dimension=self.per_dimension)
        self.scale(studies_apart=True)
        if self.residency == "host":
            for item in track([one for both in self.scaled for one in both], "scaling"):
                item.table()
        self._readers: dict[str, SplitReader] = {}

    def train_dataloader(self) -> BatchLoader:
        """Windows in a new order each epoch."""
        return self._loader("train", batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> BatchLoader | list:
        """Validation windows, in batches like those of training; an empty list if there are none."""
        if not self.validates:
            return []
        return self._loader("val", batch_size=min(self.batch_size, VALIDATION_BATCH), shuffle=False)

    def test_dataloader(self) -> BatchLoader:
        """Test windows."""
        return self._loader("test", batch_size=EVALUATION_BATCH, shuffle=False)

    def predict_dataloader(self) -> BatchLoader:
        """Test windows."""
        return self.test_dataloader()

    def front(self) -> Front:
        """See `NeuralDataModule`: with the moments of the target over training audio."""
        sensors = super().front()
        return Front(
            sensors.plain, {**sensors.arrays, "target.mean": self.targets.mean, "target.scale": self.targets.scale}
        )

    # -- how ----------------------------------------------------------------------------------------------------------

    def _preparations(self) -> dict[str, SensorPreparation]:
        """The preprocessing by study: steps that learn are told what is training."""
        every = {name: (study, study.recordings()) for name, study in self.studies.items()}
        return told_training(self.preprocessing, every, self.split.intervals)

    def _indexed(self, table: pd.DataFrame) -> pd.DataFrame:
        subject = table.study + "/" + table.recording.map(lambda key: self.recordings[key].recording.subject)
        numbers = {name: index for index, name in enumerate(self.subjects)}
        return indexed(table, subject, numbers, self._index, self.stimuli)

    def _lay(self, split: str, intervals: pd.DataFrame) -> Windows:
        spans = {key: item.meta["bad_spans"] for key, item in self.recordings.items()}
        return heard_windows(split, intervals, self.placements[split], self.shape, self.stimuli, spans)

    def reader(self, split: str) -> SplitReader:
        """See `WindowSegments`; the arrays are placed when the first windows are read."""
        if split not in self._readers:
            self._readers[split] = self.window_reader(self.targets).of(split, self.windows[split], seed=self.seed)
        return self._readers[split]

    def _loader(self, split: str, *, batch_size: int, shuffle: bool) -> BatchLoader:
        windows = self.windows[split]
        sampler = self.sampler(
            len(windows),
            batch_size=batch_size,
            shuffle=shuffle,
            dealt=split != "train",
            balance=windows.of_interval(self.balance) if split == "train" and self.balance != "hours" else None,
            together=windows.sentence_heard if self.together else None,
        )
        return self.reader(split).loader(sampler)
