"""What encoding models ask of a datamodule: whole runs of the brain as time series, beside features of what was heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from n2s.data.response_model import ResponseModel
from n2s.features.feature import FrameFeature, ImpulseFeature
from n2s.studies.fmri import Space
from n2s.studies.study import Stimulus, Study

#: Of two sounds that play at once: what the listener attended (all sounds, where nothing says so), or what played beside it.
Stream = Literal["attended", "unattended"]


@dataclass(frozen=True)
class Fold:
    """Which rows (volumes or samples) of a subject a model is fitted on, and which it is tested on.

    Parameters
    ----------
    name
        ``held-out`` or ``fold 3 of 12``.
    train, test
        (n,), (m,) Row numbers, ascending. Rows near a border of the two are in neither (purged).
    groups
        (n,) Name of the unit (story, sentence block) of each training row: cross-validation keeps units together.
    stretches
        (n,) Number of the stretch of each training row. Units whose rows come so near to each other in a run that both depend on one
        moment of sound, or on one recorded sample, are of one stretch: folds of whole stretches share nothing. None: not known.
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    groups: np.ndarray
    stretches: np.ndarray | None = None


@dataclass(frozen=True)
class Measured:
    """What the columns of a subject's responses are.

    Parameters
    ----------
    kind
        ``voxel``, ``vertex``, ``grayordinate`` (of CIFTI) or ``sensor``.
    names
        (v,) Sensor names; for voxels their numbers as text.
    rois
        Region -> (v,) bool.
    places
        (v, 3) mm, MNI or scanner: right, front, up; None if not known. For sensors (v, 2): layout, 0 to 1.
    space
        The image or mesh of the voxels; None if not known.
    chosen
        (v,) Where these columns lie among all voxels of ``space`` (a region or constant voxels may be left out).
    own_names
        Whether sensors of the same names are elsewhere in other subjects: contacts inside the head.
    contacts_mm
        (v, 3) Where those are, mm: right, front, up; NaN for one that has no place. None for other sensors.
    frame
        Whose brain ``contacts_mm`` are in: ``mni``, or ``own``, the person's.
    """

    kind: Literal["voxel", "vertex", "grayordinate", "sensor"]
    names: np.ndarray
    rois: Mapping[str, np.ndarray] = field(default_factory=dict)
    places: np.ndarray | None = None
    space: Space | None = None
    chosen: np.ndarray | None = None
    own_names: bool = False
    contacts_mm: np.ndarray | None = None
    frame: Literal["mni", "own"] = "own"


class EncodingData(Protocol):
    """The part of `n2s.data.EncodingDataModule` that systems use. Everything is per subject; rows are those of all its runs."""

    #: By name.
    studies: Mapping[str, Study]

    #: How what was heard becomes regressors.
    response: ResponseModel

    #: ``study/id``.
    subjects: list[str]

    #: Feature space -> number of seeds (1: only one). In the order of the recipe.
    spaces: Mapping[str, int]

    #: What was heard, by ``study/stimulus``.
    stimuli: Mapping[str, Stimulus]

    #: Language of each of them (``en``, without a region), "" where the events do not say.
    languages: Mapping[str, str]

    #: Rate of the rows: 1 / TR for BOLD, sfreq for sensors, Hz.
    rate_hz: Mapping[str, float]

    def rows(self, subject: str) -> pd.DataFrame:
        """One row per volume or sample: ``recording``, ``time_s`` (run's clock), ``story``, ``stimulus``, ``stimulus_s`` (NaN: silence),
        ``unattended`` (the stimulus that plays beside the attended one, ""), ``unit`` (the split's content), ``split`` (train, val, test, ""
        purged), ``repeat`` (presentation of the stimulus, from 0) and ``averaged`` (how many presentations a held-out response is the mean of; 0 for other rows).
        """
        ...

    def folds(self, subject: str) -> Sequence[Fold]:
        """One fold with the held-out stories, or k folds in which every unit is held out once."""
        ...

    def measured(self, subject: str) -> Measured:
        """What the columns of `responses` are."""
        ...

    def responses(self, subject: str, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """(n, v), (m, v) float32: responses of training and test rows, detrended and z-scored per run; no statistic of a run with
        training rows comes from other rows.
        """
        ...

    def recorded(self, subject: str, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """(n, v), (m, v) float32: the same responses as they were prepared, in their unit, with the mean and size of each column."""
        ...

    def design(
        self, subject: str, fold: Fold, space: str, seed: int = 0, stream: Stream = "attended"
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n, p), (m, p) float32: a feature space after the response model (HRF, delays or lags), z-scored with the training rows.

        Without what responses lost, such as the mean of each run, if the recipe says so.
        """
        ...

    def heard(
        self, subject: str, fold: Fold, space: str, seed: int = 0, stream: Stream = "attended"
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n, f), (m, f) float32: a feature on training and test rows as it was heard, without response model or scaling: what decoders
        predict. Of the ``unattended`` stream: 0 where nothing plays beside the attended sound, summed where several do.
        """
        ...

    def columns(self, subject: str, feature: FrameFeature | ImpulseFeature) -> np.ndarray:
        """(rows, p) float32: a feature that a system brings itself, after the response model, on all rows of all runs, not scaled.

        For features that depend on what is in training, such as those of a language model that is trained on training transcripts.
        """
        ...

    def listened(self, subject: str, space: str, seed: int = 0) -> Sequence[tuple[np.ndarray, np.ndarray]]:
        """Each stretch of a run in which something was heard without a gap: (n, v) the brain, and (n, f) a feature as it was heard, float32.

        Every row is here: each run is z-scored by all of its own rows. For measures of a person, where whole people are held out.
        """
        ...

    def heard_s(self, subject: str) -> float:
        """How many seconds `listened` gives, all stretches together."""
        ...

    def delays(self, space: str, subject: str) -> tuple[np.ndarray, int]:
        """Delays or lags of a design's columns, s (k,), at a subject's rate, and the number of features f: columns are ordered ``(k f)``."""
        ...

    def frames_hz(self, space: str) -> float:
        """The lowest rate at which a feature space has frames, before they are brought to that of the rows, Hz: it holds frequencies up to half
        of that. Infinite where it is not known, and for what lies at words or phones.
        """
        ...

    def repeats(self, subject: str) -> Mapping[str, np.ndarray]:
        """Stimulus -> (r, m, v) responses of all presentations, r > 1, on one clock: for the ceiling. Empty: nothing was repeated.

        Without the mean of each fold's part of a run, as scores are.
        """
        ...
