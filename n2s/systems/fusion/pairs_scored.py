"""The scores of a test's pairs with their candidates, by modality: what every number of fusion is made from."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

from n2s.metrics.candidate_sets import CandidateSets

#: Columns of ``windows`` -> what stands there if a result has none.
WINDOW_COLUMNS = {
    "recording": "",
    "fmri_recording": "",
    "study": "",
    "start_s": np.nan,
    "fmri_start_s": np.nan,
    "stimulus": None,
    "stimulus_start_s": None,
    "story": "",
    "condition": "",
    "sequence": -1,
}
CANDIDATE_COLUMNS = {"stimulus": None, "start_s": None, "duration_s": None, "story": "", "text": "", "audio": ""}
#: Attributes (n, k): scores of every pair with every candidate.
SCORED = ("meg", "fmri", "no_brain", "ideal_meg", "ideal_fmri", "meg_to_fmri", "fmri_to_meg")


@dataclass(eq=False)
class ScoredPairs(CandidateSets):
    """What MEG and fMRI of every pair say of every candidate.

    A pair is one person's MEG and BOLD of one segment. Its score with a candidate is the sum of both parts. All pairs of a result have
    the same modalities: both, or one.

    Attributes
    ----------
    method
        What made the scores, a word for headings: ``joint``, ``likelihoods``, ``late fusion``, ``sources``.
    target
        (n,) Index of the true candidate of each pair.
    subject
        (n,) The person: ``01``; ``meg/01 + fmri/07`` where the MEG is one person's and the BOLD another's.
    windows
        n rows: ``recording`` (of MEG), ``fmri_recording`` (each empty where there is none), ``study``, ``start_s`` and ``fmri_start_s``
        (when the segment starts, on the clock of each recording; NaN without one), ``stimulus``, ``stimulus_start_s``, ``story``, ``condition``, ``sequence``.
    candidates
        k rows, unique segments: ``stimulus``, ``start_s``, ``duration_s``, ``story``, ``text``, ``audio`` (path, or empty).
    meg, fmri
        (n, k) float32, the parts of the score; None: no pair has this modality.
    no_brain
        (n, k) Scores of a baseline that knows timing only.
    ideal_meg, ideal_fmri
        (n, k) Log-likelihood ratios of the best possible decoder of each modality, where the generator of the data is known. Their sum is
        the best possible decoder of both.
    meg_to_fmri
        (n, k) How alike the MEG estimate of a pair is to the fMRI estimate of the same person's pair with candidate k; NaN: there is no
        such pair.
    fmri_to_meg
        (n, k) The same from fMRI to MEG.
    candidate_sets, candidate_set
        (s, k) booleans, and (n,): which candidates a pair is ranked among, as the number of its set. By default all.
    fold
        (n,) The fold of a cross-validation that each pair was held out in, from 0; pairs have the candidates of their fold. None: no folds.
    reach_s
        Segments share BOLD if less than this lies between the end of one and the start of the next, s.
    seed
        Seed for ties of controls and for the resampling of segments.
    n_permutations
        How often brain and speech are exchanged for the shuffled brain, at most.
    weights
        What multiplies what in the scores, plain JSON; shown in the notes.
    said
        Sentences for the page: gaps, scales, people without a partner.
    """

    method: str
    target: np.ndarray
    subject: np.ndarray
    windows: pd.DataFrame
    candidates: pd.DataFrame
    meg: np.ndarray | None = None
    fmri: np.ndarray | None = None
    no_brain: np.ndarray | None = None
    ideal_meg: np.ndarray | None = None
    ideal_fmri: np.ndarray | None = None
    meg_to_fmri: np.ndarray | None = None
    fmri_to_meg: np.ndarray | None = None
    candidate_sets: np.ndarray | None = None
    candidate_set: np.ndarray | None = None
    fold: np.ndarray | None = None
    reach_s: float = 10.0
    seed: int = 0
    n_permutations: int = 200
    weights: dict = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        kinds = dict.fromkeys(SCORED, np.float32) | dict.fromkeys(("target", "candidate_set", "fold"), np.int64)
        kinds |= {"candidate_sets": bool, "subject": np.str_}
        for name, kind in kinds.items():
            value = getattr(self, name)
            setattr(self, name, None if value is None else np.asarray(value, dtype=kind))
        self.method, self.said = str(self.method), [str(text) for text in self.said]
        self.windows = _with_columns("windows", self.windows, WINDOW_COLUMNS)
        self.candidates = _with_columns("candidates", self.candidates, CANDIDATE_COLUMNS)
        self._named: dict[str, Self] = {"": self}
        self._check()

    def _check(self) -> None:
        n, k = len(self.windows), len(self.candidates)
        if not n or not k:
            raise ValueError(f"A result needs pairs and candidates; got {n} and {k}.")
        if self.meg is None and self.fmri is None:
            raise ValueError("A result needs scores of MEG, of fMRI, or of both; it has neither.")
        shapes = dict.fromkeys(SCORED, (n, k)) | dict.fromkeys(("target", "subject", "candidate_set", "fold"), (n,))
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape}; {n} pairs and {k} candidates need {shape}.")
        self.check_candidates("pairs")
        for name in ("ideal_meg", "ideal_fmri"):
            if getattr(self, name) is not None and getattr(self, name.removeprefix("ideal_")) is None:
                raise ValueError(f"{name} is given without {name.removeprefix('ideal_')}: no pair has this modality.")
        if not 0 <= self.reach_s < np.inf:
            raise ValueError(f"reach_s is {self.reach_s!r}; expected a number of seconds, 0 or more.")
        self.check_draws()

    @property
    def main(self) -> str:
        """The row that the result is about: ``both``, or the one modality there is."""
        return "both" if self.meg is not None and self.fmri is not None else "fmri" if self.meg is None else "meg"

    @property
    def score(self) -> np.ndarray:
        """(n, k) float64, the score of each pair: the sum of its parts."""
        return sum(part.astype(np.float64) for part in (self.meg, self.fmri) if part is not None)


def _with_columns(name: str, table: pd.DataFrame, columns: dict[str, object]) -> pd.DataFrame:
    """The table with the columns that an older one lacks; those that have no default must be there."""
    missing = [column for column, default in columns.items() if default is None and column not in table]
    if missing:
        raise ValueError(f"{name} lack the columns {missing}; they have {list(table.columns)}.")
    table = table.reset_index(drop=True)
    table = table.assign(**{column: default for column, default in columns.items() if column not in table})
    texts = [column for column, default in columns.items() if default == ""]
    return table.assign(**{column: table[column].fillna("").astype(str) for column in texts})
