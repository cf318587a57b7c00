"""The datamodule of MEG and fMRI together: people who heard the same sounds in both scanners, or other people who did."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from n2s.data.bad_channels import check_bads
from n2s.data.bold_courses import BoldCourses
from n2s.data.datamodule import BySplit
from n2s.data.hrf_response import LASTS_S
from n2s.data.loader import BatchLoader
from n2s.data.paired_batch import PairedBatch
from n2s.data.paired_bold import PairedBold
from n2s.data.paired_people import persons
from n2s.data.paired_rows import MODALITIES
from n2s.data.paired_setup import PairedSetUp
from n2s.data.paired_tables import PairedTables
from n2s.data.placements import Grid, Placement
from n2s.data.reader import SplitReader
from n2s.data.recordings import Shard, listed, prepare
from n2s.data.sensor_data import SensorDataModule
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.splits import Split
from n2s.data.windows import WindowShape
from n2s.errors import UserError
from n2s.features.feature import Feature, FrameFeature
from n2s.options import check_number, check_pair
from n2s.studies.study import Study

EVALUATION_BATCH = 128  # pairs scored at once: only memory depends on it


class PairedDataModule(PairedTables, PairedSetUp):
    """MEG and fMRI of people who heard the same sounds. A row (a pair) is one person's responses to one segment of a sound.

    A segment is a stretch of the sound's own clock. It is the same for both modalities and all listeners, however long the silence before the
    sound is in a recording. The MEG window of a segment has the times of the segment. Its BOLD has the volumes that respond to it: from
    ``lags_s[0]`` after its start to ``lags_s[1]`` after its end, as means over bins of ``bin_s``. One of the two may be missing. Both modalities
    have the same split: no second of held-out sound is in anybody's training. Training leaves out volumes that may respond to held-out sound
    (``response_s``), and MEG windows that a filter mixes with held-out ones. Scales and components are fitted on training data.

    Parameters
    ----------
    studies
        The data sets, by a name of your choice: at least one of MEG (or EEG, iEEG) and one of fMRI.
    target
        The feature of a segment that both modalities are compared with: of its sound, or of its words.
    people
        ``same``: the same id in both is the same person. ``strangers``: the people in MEG and in fMRI are different, and heard the same sounds.
        Everybody in MEG then gets a partner in fMRI: the person who heard most of the same test sound. Or a table of who is who: MEG subject ->
        fMRI subject, in quotes (``'01': '07'``).
    modalities
        What is used: both, or one for comparison. Segments, splits and candidates stay the same.
    preprocessing
        Of MEG. BOLD is cleaned as its study says.
    split
        What is held out. A study's official split overrides it.
    segment_s
        Length of a segment.
    offset_s, baseline_s
        Of the MEG window: see `n2s.data.windows.WindowShape`.
    lags_s
        The volumes of a segment: from the first number after its start to the second number after its end.
    bin_s
        Length of a bin of volumes, a TR or more.
    response_s
        How long BOLD responds to a sound. Volumes that are nearer to held-out sound are left out of training.
    n_components
        Principal components of each person's voxels, from training volumes.
    roi
        The region of BOLD to use, by its name in the study; None: all voxels.
    train_windows, val_windows, test_windows
        Where segments start; by default, validation segments are placed as test segments are.
    clamp, scaler, residency
        See `n2s.data.MEGDataModule`.
    per_dimension
        Standardise each dimension of the target on its own.
    batch_size
        Pairs a training batch, over all processes.
    seed
        Seed of the order and jitter of segments.
    n_jobs
        Processes that prepare recordings.

    Examples
    --------
    >>> from n2s.data import PairedDataModule
    >>> from n2s.features import Mel
    >>> from n2s.studies import SimulatedPairFMRI, SimulatedPairMEG
    >>> small = {"n_subjects": 2, "n_stories": 3, "minutes": 0.2, "n_test": 1, "root": folder}
    >>> studies = {"meg": SimulatedPairMEG(**small), "fmri": SimulatedPairFMRI(**small)}  # nothing is simulated yet
    >>> data = PairedDataModule(studies, Mel(n_mels=40), segment_s=10.0)
    >>> data.subjects, data.fmri_subjects, data.n_volumes
    (['meg/01', 'meg/02'], ['fmri/01', 'fmri/02'], 7)
    """

    shape_names = ("n_subjects", "n_features", "n_times", "n_fmri_subjects", "n_components", "n_volumes")
    made_at_setup = (
        *SensorDataModule.made_at_setup,
        "stimuli",
        "targets",
        "lost",
        "notes",
        "runs",
        "events",
        "meg_windows",
        "_readers",
    )

    def __init__(
        self,
        studies: dict[str, Study],
        target: Feature,
        *,
        people: Literal["same", "strangers"] | dict[str | int, str | int] = "same",
        modalities: list[str] = ("meg", "fmri"),  # noqa: B006  (never changed)
        preprocessing: SensorPreparation | None = None,
        split: Split | None = None,
        segment_s: float = 10.0,
        offset_s: float = 0.15,
        baseline_s: float = 0.0,
        lags_s: tuple[float, float] = (4.0, 8.0),
        bin_s: float = 2.0,
        response_s: float = LASTS_S,
        n_components: int = 128,
        roi: str | None = None,
        train_windows: Placement | None = None,
        val_windows: Placement | None = None,
        test_windows: Placement | None = None,
        clamp: float = 20.0,
        scaler: Literal["training", "recording"] = "training",
        per_dimension: bool = True,
        batch_size: int = 128,
        residency: Literal["device", "host"] = "device",
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
            balance="hours",
            balances=("hours",),
            seed=seed,
            n_jobs=n_jobs,
        )
        self.target, self.per_dimension, self.roi, self.people = target, per_dimension, roi, people
        self.modalities = tuple(modalities)
        if not self.modalities or set(self.modalities) - set(MODALITIES) or len(set(modalities)) < len(modalities):
            raise UserError(f"data.modalities is {list(modalities)}; expected meg, fmri or both, each once.")
        self._check_kinds()
        check_number("data.segment_s", segment_s, above=0)
        lags_s = check_pair("data.lags_s", lags_s, low=0)
        self.shape = WindowShape(self.preprocessing.sfreq, segment_s, offset_s, baseline_s)
        self.bold_options = PairedBold(segment_s, lags_s, bin_s, response_s, n_components, roi)
        self.placements = {
            "train": train_windows or Grid(2.0),
            "test": test_windows or Grid(segment_s),
            "val": val_windows or test_windows or Grid(segment_s),
        }
        for name, placement in self.placements.items():
            placement.check(f"data.{name}_windows", segment_s)
        self.n_features, self.n_components = target.n_features, n_components
        self.n_times = self.shape.n_times if isinstance(target, FrameFeature) else 1
        self.n_volumes = self.bold_options.n_bins
        every, self.subjects = self.subjects, []
        self.fmri_subjects = [one for one in every if one.split("/", 1)[0] in self.fmri_studies]
        self.subjects = [one for one in every if one.split("/", 1)[0] not in self.fmri_studies]
        self.n_subjects, self.n_fmri_subjects = len(self.subjects), len(self.fmri_subjects)
        self.persons = persons(self.subjects, self.fmri_subjects, people)
        self.pairs: dict[str, pd.DataFrame] = BySplit()
        self._started: tuple[tuple[str, int], np.ndarray] | None = None

    def data_hashes(self) -> dict[str, str]:
        """See `NeuralDataModule`; known once the data are set up."""
        heard = self.stimuli if self.windows else {}
        runs = self.runs if self.windows else {}
        found = super().data_hashes() | {f"recording {name}": one.meta["sha256"] for name, one in runs.items()}
        return found | {f"stimulus {name}": stimulus.sha256 for name, stimulus in heard.items()}

    @property
    def validates(self) -> bool:
        """See `NeuralDataModule`."""
        return len(self.pairs["val"]) > 0

    # -- Lightning ---------------------------------------------------------------------------------------------------

    def prepare(self, shard: Shard | None = None) -> None:
        """See `NeuralDataModule`. Features, scales and components are made by the job that finds all recordings there."""
        self.check_words({name: {r.name: s.events(r) for r in s.recordings()} for name, s in self.studies.items()})
        told = self.preparations()
        new = [p for name, study in self.studies.items() for p in listed(study, told[name]) if not p.ready]
        if new and self.preprocessing.bads:
            check_bads(self.preprocessing.bads, {k: v for k, v in self.studies.items() if k not in self.fmri_studies})
        if shard is not None:
            for name, study in self.studies.items():
                prepare(study, told[name], n_jobs=self.n_jobs, shard=shard)
            if shard.leaves(p for name, study in self.studies.items() for p in listed(study, told[name])):
                return
        self.setup("prepare")
        if "fmri" in self.modalities:
            for subject in self.scanned:
                self.courses(subject)

    def setup(self, stage: str) -> None:
        """Read the prepared recordings, split what was heard in both, and place the segments; check everything before the first step."""
        if not self.windows:
            self.set_up()
        if stage == "fit":
            for lost in self.lost:
                rank_zero_info(str(lost))

    def train_dataloader(self) -> BatchLoader:
        """Pairs in a new order each epoch."""
        return self._loader("train", self.batch_size, shuffle=True)

    def val_dataloader(self) -> BatchLoader | list:
        """Validation pairs; an empty list if there are none."""
        return self._loader("val", min(self.batch_size, EVALUATION_BATCH), shuffle=False) if self.validates else []

    def test_dataloader(self) -> BatchLoader:
        """Test pairs."""
        return self._loader("test", EVALUATION_BATCH, shuffle=False)

    predict_dataloader = test_dataloader

    def transfer_batch_to_device(self, batch: PairedBatch, device: torch.device, dataloader_idx: int) -> PairedBatch:
        """Batches are made on their device; this moves only what was made elsewhere."""
        return batch if batch.target.device == device else batch.to(device)

    # -- what systems ask for ----------------------------------------------------------------------------------------

    def batch(self, split: str, rows: np.ndarray, epoch: int = 0) -> PairedBatch:
        """Some pairs of a split, by their rows; ``epoch``: of the jitter."""
        table = self.pairs[split].iloc[rows]
        meg, fmri = (table[name].to_numpy() for name in MODALITIES)
        meg_at, bold_at = np.flatnonzero(meg >= 0), np.flatnonzero(fmri >= 0)
        windows = self.windows[split]
        any_row = np.where(meg >= 0, meg, fmri)
        start_s = self._starts_s(split, epoch)
        found = self.targets.rows(split, windows, start_s[any_row], any_row)
        device = self.device
        if len(meg_at):
            brain = self.reader(split).batch(self._place_of[split][meg[meg_at]], epoch)
        else:  # in its shapes
            brain = self.reader("train").batch(np.zeros(1, np.int64)).emptied()
        bold, subject = self._bold_of(split, fmri[bold_at], start_s)
        return PairedBatch(
            meg=replace(brain, shares=[len(meg_at)]),
            meg_at=torch.from_numpy(meg_at).to(device),
            bold=torch.from_numpy(bold).to(device),
            bold_subject=torch.from_numpy(subject).to(device),
            bold_at=torch.from_numpy(bold_at).to(device),
            target=self._window_reader.source.target(found).to(device).float().transpose(1, 2),
            segment=torch.from_numpy(windows.segment[any_row]).to(device),
            row=torch.from_numpy(np.asarray(rows, np.int64)),
            split=split,
        )

    def reader(self, split: str) -> SplitReader:
        """What reads the MEG windows of a split."""
        if split not in self._readers:
            self._readers[split] = self.window_reader(self.targets).of(split, self.meg_windows[split], seed=self.seed)
        return self._readers[split]

    def courses(self, subject: str) -> BoldCourses:
        """The runs of one person in fMRI (``study/id``) as courses of components."""
        if subject not in self._courses:
            own = {key: run for key, run in self.runs.items() if self._subject_of[key] == subject}
            self._courses[subject] = self.bold_options.courses(
                own, self.windows["train"], self._fmri_rows("train"), subject
            )
        return self._courses[subject]

    @property
    def device(self) -> torch.device:
        """The model's."""
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")

    # -- how ---------------------------------------------------------------------------------------------------------

    def _check_kinds(self) -> None:
        n_fmri = len(self.fmri_studies)
        if not 0 < n_fmri < len(self.studies):
            kind = "fMRI" if n_fmri else "MEG"
            raise UserError(
                f"data.studies has {kind} alone ({', '.join(self.studies)}); pairs need a study of MEG and one of fMRI. For one modality, take "
                "n2s.data.MEGDataModule or n2s.data.FMRIDataModule; to compare with one, set data.modalities."
            )

    def _starts_s(self, split: str, epoch: int) -> np.ndarray:
        """(n,) Where all windows of a split start in their sounds in an epoch."""
        windows = self.windows[split]
        key = split, epoch if windows.jitter_s else 0
        if self._started is None or self._started[0] != key:
            self._started = key, windows.jittered(self.shape.window_s, [self.seed, key[1]])
        return self._started[1]

    def _bold_of(self, split: str, rows: np.ndarray, start_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        windows = self.windows[split]
        subject = windows.of_interval("subject")[rows]
        found = np.zeros((len(rows), self.n_volumes, self.n_components), np.float32)
        for name in np.unique(subject):
            own = np.flatnonzero(subject == name)
            found[own] = self.bold_options.read(self.courses(name), windows, rows[own], start_s)
        return found, windows.of_interval("subject_index")[rows].astype(np.int64)

    def _loader(self, split: str, batch_size: int, *, shuffle: bool) -> BatchLoader:
        sampler = self.sampler(
            len(self.pairs[split]), batch_size=batch_size, shuffle=shuffle, dealt=split != "train", balance=None
        )
        return BatchLoader(
            sampler, lambda rows, epoch: (rows, epoch), lambda found: self.batch(split, *found), ahead=False
        )
