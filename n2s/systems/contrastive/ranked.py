"""The windows of a test with their candidates: what every number of the contrastive system is made from."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

from n2s.metrics.candidate_sets import CandidateSets

WINDOW_COLUMNS = ("recording", "study", "start_s", "stimulus", "stimulus_start_s", "sequence")
CANDIDATE_COLUMNS = ("stimulus", "start_s", "duration_s", "story", "text", "audio")
#: Attributes (n, k): scores of every window with every candidate.
SCORED = ("similarity", "no_brain", "ideal", "encoding", "linear", "subject_only")


@dataclass(eq=False)
class RankedWindows(CandidateSets):
    """The similarity of every window of one test set with every candidate, and who they are.

    Attributes
    ----------
    similarity
        (n, k) float32, of the model: the higher, the more alike.
    target
        (n,) Index of the true candidate of each window.
    subject
        (n,) ``study/id``.
    windows
        n rows: ``recording``, ``study``, ``start_s`` (on the recording's clock), ``stimulus``, ``stimulus_start_s``,
        ``sequence``.
    candidates
        k rows, unique segments: ``stimulus``, ``start_s``, ``duration_s``, ``story``, ``text``, ``audio`` (path, empty
        where the study has no audio).
    no_brain
        (n, k) Scores of the baseline that knows timing and duration only.
    encoding
        (n, k) Log-likelihoods of an encoding model of each listener (`n2s.systems.contrastive.encoding_model`).
    linear
        (n, k) Scores of a linear decoder of each listener (`n2s.systems.contrastive.linear_decoder`).
    ideal
        (n, k) Scores of the ideal observer, where the generator of the data is known.
    group
        (n,) Windows that share information: windows of one group (a sentence) are not exchanged for the shuffled brain.
        By default the windows of one segment.
    candidate_sets, candidate_set
        (s, k) booleans, and (n,): which candidates a window is ranked among, as the number of its set. Given where
        people heard different segments: the candidates of a subject are the segments that this subject heard. By
        default all.
    subject_only
        (n, k) Scores of the baseline that knows only who listens; given where people heard different segments.
    fold
        (n,) The fold of a cross-validation that each window was held out in, from 0; another model scored each fold, and
        windows have the candidates of their fold. None: one model scored all.
    no_ceiling
        Why there is no ideal observer, in words, where the study has one.
    seed
        Seed for ties of controls.
    n_permutations
        How often brain and speech are exchanged for the shuffled brain, at most.
    scaled_by
        What the sensors were scaled by.
    gaps, sounds
        Sentences on what was lost to gaps between splits, and on sounds that splits share.
    attention, sensor_positions, sensors
        The spatial attention of h virtual channels over the c sensors of the first test recording: (h, c) weights, (c,
        2) positions in [0, 1] with the nose upwards, (c,) names.
    """

    similarity: np.ndarray
    target: np.ndarray
    subject: np.ndarray
    windows: pd.DataFrame
    candidates: pd.DataFrame
    no_brain: np.ndarray
    ideal: np.ndarray | None = None
    encoding: np.ndarray | None = None
    linear: np.ndarray | None = None
    group: np.ndarray | None = None
    candidate_sets: np.ndarray | None = None
    candidate_set: np.ndarray | None = None
    subject_only: np.ndarray | None = None
    fold: np.ndarray | None = None
    no_ceiling: str = ""
    seed: int = 0
    n_permutations: int = 200
    scaled_by: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    sounds: list[str] = field(default_factory=list)
    attention: np.ndarray | None = None
    sensor_positions: np.ndarray | None = None
    sensors: np.ndarray | None = None

    def __post_init__(self) -> None:
        kinds = dict.fromkeys((*SCORED, "attention"), np.float32)
        kinds |= dict.fromkeys(("target", "group", "candidate_set", "fold"), np.int64)
        kinds |= {"candidate_sets": bool, "subject": np.str_, "sensor_positions": np.float64, "sensors": np.str_}
        for name, kind in kinds.items():
            value = getattr(self, name)
            setattr(self, name, None if value is None else np.asarray(value, dtype=kind))
        for name in ("scaled_by", "gaps", "sounds"):
            setattr(self, name, [str(text) for text in getattr(self, name)])
        self.no_ceiling = str(self.no_ceiling)
        self.windows = self.windows.reset_index(drop=True)
        self.candidates = self.candidates.reset_index(drop=True)
        self._together: list[Self] = [self]
        self._check()

    def _check(self) -> None:
        n, k = len(self.windows), len(self.candidates)
        if not n or not k:
            raise ValueError(f"A result needs windows and candidates; got {n} and {k}.")
        shapes = dict.fromkeys(SCORED, (n, k))
        shapes |= dict.fromkeys(("target", "subject", "group", "candidate_set", "fold"), (n,))
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape}; {n} windows and {k} candidates need {shape}.")
        self.check_candidates("windows")
        for name, table, columns in (
            ("windows", self.windows, WINDOW_COLUMNS),
            ("candidates", self.candidates, CANDIDATE_COLUMNS),
        ):
            missing = [column for column in columns if column not in table]
            if missing:
                raise ValueError(f"{name} lack the columns {missing}; they have {list(table.columns)}.")
        self.check_draws()
        if self.attention is not None:
            c = self.attention.shape[-1]
            if self.attention.ndim != 2 or np.shape(self.sensor_positions) != (c, 2) or np.shape(self.sensors) != (c,):
                raise ValueError(f"attention {self.attention.shape} does not fit its sensors' positions and names.")
