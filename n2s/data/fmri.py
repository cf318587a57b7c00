"""The datamodule of fMRI: studies in, batches of (response to a clip, features of the clip) out."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
import torch

from n2s.data.batch import Batch
from n2s.data.bold_clips import subject_responses
from n2s.data.bold_front import bold_front
from n2s.data.bold_preparation import BoldPreparation, BoldRun, tell_copies
from n2s.data.clip_splits import check_subjects, listed_clips, split_by_sound
from n2s.data.clip_targets import clip_stimulus, feature_values, moments, tracked
from n2s.data.cross_validated import CrossValidated, dealt_folds
from n2s.data.datamodule import BySplit, NeuralDataModule
from n2s.data.front import Front
from n2s.data.loader import BatchLoader
from n2s.data.priority import SPLITS
from n2s.data.recordings import Shard, listed, prepare
from n2s.data.repeats import one_split
from n2s.data.responses import VolumeWindow
from n2s.data.sampler import Sampler
from n2s.data.scaler import VoxelScale
from n2s.data.segments import Segments
from n2s.data.windows import instants
from n2s.errors import UserError, counted
from n2s.features.clip_spectrogram import ClipSpectrogram
from n2s.features.feature import ClipFeature
from n2s.options import check_choice, check_number, named_studies
from n2s.studies.fmri import FMRIStudy
from n2s.studies.labels import named

SAME_S = 0.005  # clips whose starts and lengths differ by less are one: rounded times, far below any response


class FMRIDataModule(NeuralDataModule):
    """BOLD of people who hear clips of sound, a response a clip.

    A clip's response is the volumes that start in ``[time_s + lag_s, + window_s)``. Prompts are left out; so are clips
    whose window reaches out of their run, and training clips that share a volume with a held-out clip: `str` counts
    them. Voxels are z-scored with training clips only; one that never changes is 0.

    Parameters
    ----------
    studies
        The data sets, by a name of your choice; subjects are ``name/subject``.
    target
        What is decoded. It is computed once for each unique clip and kept in the cache.
    spectrogram
        The clips' spectrogram too, for losses and scores in it.
    subjects
        Keep only these, as ``01`` or ``name/01``; None: all.
    roi
        The region to use, by its name in the study; None: all voxels.
    lag_s, window_s
        Start of the window after the clip's start, and its length, s; by default the length of the clip.
    volumes
        The ``mean`` of the window's volumes, or all as a ``stack``.
    scale
        Voxels are scaled by the training clips of their ``subject``, or of their ``run`` (of the subject, if a run has
        fewer than five).
    average_repeats
        Average the responses to one clip for validation and test; training keeps all of them.
    split
        None: the studies' own. Else every group of clips is dealt to folds, and one is held out.
    val_fraction
        Share of the training groups, chosen by a hash, if a study has no validation clips. 0: all clips are
        used for training, and the run's weights are those of its last epoch. Without effect with ``split``.
    batch_size
        Clips a batch, over all processes; None: all of a subject at once, as closed-form solutions need.
    seed
        Seed of the order of clips.
    n_jobs
        Processes that prepare runs; each holds a whole run in memory.

    Examples
    --------
    >>> from n2s.data import FMRIDataModule
    >>> from n2s.features import MelStatistics
    >>> from n2s.studies import SimulatedFMRI
    >>> studies = {"simulated": SimulatedFMRI(n_subjects=2, root=folder)}  # nothing is simulated yet
    >>> data = FMRIDataModule(studies, MelStatistics(n_mels=40), lag_s=4.0)
    >>> data.subjects, data.shapes()
    (['simulated/01', 'simulated/02'], {'n_subjects': 2, 'n_features': 120})
    """

    #: See `n2s.data.clip_data.ClipData`.
    dealt = False

    made_at_setup = ("n_voxels", "scales", "stimuli", "voxel_places", "_values")

    def __init__(
        self,
        studies: dict[str, FMRIStudy],
        target: ClipFeature,
        *,
        spectrogram: ClipSpectrogram | None = None,
        subjects: list[str] | None = None,
        roi: str | None = None,
        lag_s: float = 4.0,
        window_s: float | None = None,
        volumes: Literal["mean", "stack"] = "mean",
        scale: Literal["subject", "run"] = "subject",
        average_repeats: bool = True,
        split: CrossValidated | None = None,
        val_fraction: float = 0.1,
        batch_size: int | None = None,
        seed: int = 0,
        n_jobs: int = 1,
    ):
        super().__init__()
        check_choice("data.scale", scale, ("subject", "run"))
        check_choice("data.volumes", volumes, ("mean", "stack"))
        check_number("data.lag_s", lag_s)
        check_number("data.window_s", window_s, above=0)
        check_number("data.batch_size", batch_size, low=1, whole=True)
        check_number("data.val_fraction", val_fraction, low=0, below=1)
        check_number("data.seed", seed, low=0, whole=True)
        check_number("data.n_jobs", n_jobs, low=1, whole=True)
        subjects = named(subjects, "data.subjects")
        self.studies, self.target, self.spectrogram = named_studies(studies), target, spectrogram
        self.chosen, self.roi, self.scale, self.average_repeats = subjects, roi, scale, average_repeats
        self.response, self.split = VolumeWindow(lag_s, window_s, volumes), split
        self.val_fraction, self.batch_size, self.seed, self.n_jobs = val_fraction, batch_size, seed, n_jobs
        self.needs_validation = val_fraction > 0 if split is None else split.validates
        self.subjects = check_subjects(self.studies, subjects)
        self.n_subjects, self.n_features = len(self.subjects), target.n_features
        self.splits: dict[str, Segments] = BySplit()
        self._left_out: Counter[str] = Counter()

    def data_hashes(self) -> dict[str, str]:
        """See `NeuralDataModule`; known once the data are set up."""
        if not self.splits:
            return {}
        heard = {f"stimulus {name}": stimulus.sha256 for name, stimulus in self.stimuli.items()}
        return {f"recording {name}": value for name, value in self._hashes.items()} | heard

    @property
    def validates(self) -> bool:
        """See `NeuralDataModule`."""
        return len(self.splits["val"].table) > 0

    @classmethod
    def folded(cls, options: Mapping, n_folds: int, *, validation: bool) -> list[dict]:
        """See `NeuralDataModule`."""
        return dealt_folds(options, n_folds, validation=validation)

    @property
    def brains(self) -> list[str]:
        """See `n2s.data.clip_data.ClipData`: each subject has voxels of its own."""
        return self.subjects

    @property
    def n_voxels(self) -> list[int]:
        """Voxels of each subject; known once the data are set up."""
        return [len(scale.mean) for scale in self.scales]

    # -- Lightning ---------------------------------------------------------------------------------------------------

    def prepare_data(self) -> None:
        """Fill the caches: runs, features. One process does it, the others wait."""
        self.prepare()

    def prepare(self, shard: Shard | None = None) -> None:
        """See `NeuralDataModule`; a shard is a part of the runs, and of the stimuli, whose features are computed.

        Clips and audio are checked first, so that mistakes show before hours of preparing.
        """
        clips = self._listed()
        if shard is not None:
            self._prepared(clips, prepare, n_jobs=self.n_jobs, shard=shard)
            self._features(clips[clips.stimulus.isin(shard.part(sorted(self.stimuli)))])
            if shard.leaves(self._prepared(clips, listed).values()):
                return
        self.setup("prepare")

    def setup(self, stage: str) -> None:
        """Cut the prepared runs, and check everything before the first step."""
        if self.splits:
            return
        clips = self._listed()
        self._bold = self._prepared(clips, prepare, n_jobs=self.n_jobs)
        tell_copies(self._bold)
        self._values = self._features(clips)
        self.scales: list[VoxelScale] = []
        self.voxel_places: list[np.ndarray | None] = []  # (v, 3) of each subject
        self._hashes: dict[str, str] = {}
        rows, responses = [], []
        for index, subject in enumerate(tracked(self.subjects, "reading runs", len(self.subjects))):
            own = clips[clips.subject == subject]
            found = subject_responses(own, self._bold, self.response, roi=self.roi, scale=self.scale)
            rows.append(found.table.assign(brain_index=index))
            responses.append(found.kept.scaled)
            self.scales.append(found.kept.scale)
            self.voxel_places.append(found.places)
            self._hashes |= found.kept.hashes
            self._left_out.update(found.left_out)
        every = pd.concat(rows, ignore_index=True)
        groups = {group: index for index, group in enumerate(every.group.unique())}
        for split in SPLITS:
            averaged = self.average_repeats and split != "train"
            self.splits[split] = found = one_split(split, rows, responses, groups, average_repeats=averaged)
            if not len(found.table) and (split != "val" or self.needs_validation):
                raise UserError(f"the {split} split has no clips: {', '.join(self.studies)} give none for it.")

    def train_dataloader(self) -> BatchLoader:
        """Batches of one subject each, in a new order each epoch."""
        return self._loader("train")

    def val_dataloader(self) -> BatchLoader | list:
        """Validation clips, in their order; an empty list if there are none."""
        return self._loader("val") if self.validates else []

    def test_dataloader(self) -> BatchLoader:
        """Test clips, in their order."""
        return self._loader("test")

    predict_dataloader = test_dataloader

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """See Lightning."""
        return batch if batch.brain.device == device else batch.to(device)

    # -- what tasks and reports ask for --------------------------------------------------------------------------------

    def targets(self, clip: np.ndarray) -> np.ndarray:
        """``(n, *shape)`` float32 target of unique clips, by their numbers."""
        return self._values["target"][clip].reshape(-1, *self.target.shape).astype(np.float32)

    def spectrograms(self, clip: np.ndarray) -> np.ndarray:
        """(n, f, t) float32 spectrogram of unique clips."""
        return self._values["spectrogram"][clip].reshape(-1, *self.spectrogram.shape).astype(np.float32)

    def batch(self, split: str, rows: np.ndarray) -> Batch:
        """See `n2s.data.clip_data.ClipData`."""
        part = self.splits[split]
        table = part.table.iloc[rows]
        (subject,) = table.brain_index.unique()
        clip = table.clip_index.to_numpy()
        return Batch(
            brain=torch.from_numpy(part.brain[subject][table.place.to_numpy()]),
            target=torch.from_numpy(self.targets(clip)),
            spectrogram=None if self.spectrogram is None else torch.from_numpy(self.spectrograms(clip)),
            subject=torch.full((len(table),), int(subject)),
            segment=torch.tensor(clip),
            row=torch.from_numpy(np.asarray(rows)),
            group=torch.tensor(table.group_index.to_numpy()),
            split=split,
            brain_index=int(subject),
        )

    def check_clips(self) -> None:
        """See `n2s.data.clip_data.ClipData`: every target of this datamodule is of clips."""

    def clips(self, batch: Batch) -> Batch:
        """See `n2s.data.clip_data.ClipData`: loaders give such batches."""
        return batch

    def places(self, batch: Batch) -> list[str]:
        """See `NeuralDataModule`; seconds are of the stimulus."""
        table = self.splits["train"].table.iloc[batch.row.numpy()]
        return [
            f"{row.recording}, {row.stimulus}, {row.start_s:.2f} to {row.start_s + row.duration_s:.2f} s"
            for row in table.itertuples()
        ]

    def train_moments(self, name: Literal["target", "spectrogram"]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation (f,) of a feature over all training rows, flattened; 1 is the deviation of what never changes."""
        values = self._values[name]
        return moments(values, np.bincount(self.splits["train"].table.clip_index, minlength=len(values)))

    def front(self) -> Front:
        """See `NeuralDataModule`."""
        table = self.splits["train"].table
        runs = {one: table.recording[table.subject == one].iloc[0] for one in self.subjects}
        return bold_front(
            self.studies,
            self.subjects,
            runs={one: self._bold[name].bold(name) for one, name in runs.items()},
            scales=self.scales,
            roi=self.roi,
            response=self.response,
            clip_s=table.duration_s.to_numpy(float),
            target=self.train_moments("target"),
        )

    def __str__(self) -> str:
        """A summary of the prepared data, a line per split."""
        if not self.splits:
            return "nothing is prepared yet"
        sizes = "" if min(self.n_voxels) == max(self.n_voxels) else f" to {max(self.n_voxels)}"
        lines = [f"{counted(len(self.subjects), 'subject')}, {min(self.n_voxels)}{sizes} voxels"]
        for name, part in self.splits.items():
            clips, groups = (part.table[column].nunique() for column in ("clip_index", "group"))
            of = f"{counted(clips, 'clip')} of {counted(groups, 'group')}"
            lines.append(f"{name}: {counted(len(part.table), 'response')} to {of}")
        lines += [f"{counted(n, 'presentation')} left out: {why}" for why, n in self._left_out.items() if n]
        return "\n".join(lines)

    # -- how ----------------------------------------------------------------------------------------------------------

    def _listed(self) -> pd.DataFrame:
        """Every presentation, with its split and the identity of its sound (``audio``), without reading volumes."""
        clips, self.runs = listed_clips(self.studies, self.chosen)
        stimuli = {name: clip_stimulus(name, rows, self.studies) for name, rows in clips.groupby("stimulus")}
        clips, self.notes = split_by_sound(clips, stimuli, self.studies, self.val_fraction, self.split)
        self.stimuli = {name: stimuli[name] for name in sorted(clips.stimulus.unique())}  # none that only prompts name
        start = instants(clips.audio.to_numpy(), clips.start_s.to_numpy(float), SAME_S)[0]
        return clips.assign(clip_index=instants(start, clips.duration_s.to_numpy(float), SAME_S)[0])

    def _features(self, clips: pd.DataFrame) -> dict[str, np.ndarray]:
        """(k, n_features) of each feature, by the clip's number."""
        wanted = {"target": self.target, "spectrogram": self.spectrogram}
        return {name: feature_values(clips, self.stimuli, one) for name, one in wanted.items() if one is not None}

    def _prepared(
        self, clips: pd.DataFrame, make: Callable[..., list[BoldRun]], **options: object
    ) -> dict[str, BoldRun]:
        """What `prepare` or `listed` gives of the clips' runs, by ``study/recording``."""
        found = {}
        for name, own in clips.groupby("study", sort=False):
            study, runs = self.studies[name], [self.runs[key] for key in own.recording.unique()]
            made = make(study, BoldPreparation(study.cleaning), runs, **options)
            found |= {f"{name}/{one.recording.name}": one for one in made}
        return found

    def _loader(self, split: str) -> BatchLoader:
        shuffle = split == "train" and self.batch_size is not None
        shared = split == "train" and self.trainer is not None  # each process has the other splits as a whole
        subject = self.splits[split].table.brain_index.to_numpy()
        sampler = Sampler(
            len(subject),
            apart=subject,
            batch_size=self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            rank=self.trainer.global_rank if shared else 0,
            world_size=self.trainer.world_size if shared else 1,
        )
        return BatchLoader(sampler, lambda rows, epoch: self.batch(split, rows), lambda batch: batch, ahead=False)
