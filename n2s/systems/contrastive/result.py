"""What a test leaves behind: the score of every window with every candidate, and who they are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError, reading
from n2s.paths import written_whole

WINDOW_COLUMNS = ("recording", "study", "start_s", "stimulus", "stimulus_start_s", "sequence")
CANDIDATE_COLUMNS = ("stimulus", "start_s", "duration_s", "story", "text", "audio")


@dataclass
class RetrievalResult:
    """Scores of one test set, from which every number and figure of the report is made.

    Attributes
    ----------
    scores
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
        where the study brings no audio).
    no_brain
        (n, k) Scores of the baseline that sees timing and duration only.
    ideal
        (n, k) Scores of the ideal observer, where the generator of the data is known.
    group
        (n,) What a window's scores may also have been made from: windows of one group (a sentence) are not exchanged
        for the shuffled brain. By default its own segment only.
    candidate_sets, candidate_set
        (s, k) booleans, and (n,): which candidates a window is ranked among, as the number of its set. Given where
        people heard different segments: a subject's candidates are what this subject heard. By default all.
    subject_only
        (n, k) Scores of the baseline that knows only who listens; given where people heard different segments.
    no_ceiling
        Why there is no ideal observer, in words, where the study knows one.
    """

    scores: np.ndarray
    target: np.ndarray
    subject: np.ndarray
    windows: pd.DataFrame
    candidates: pd.DataFrame
    no_brain: np.ndarray
    ideal: np.ndarray | None = None
    group: np.ndarray | None = None
    candidate_sets: np.ndarray | None = None
    candidate_set: np.ndarray | None = None
    subject_only: np.ndarray | None = None
    no_ceiling: str = ""

    def __post_init__(self) -> None:
        self.scores = np.asarray(self.scores, dtype=np.float32)
        self.no_brain = np.asarray(self.no_brain, dtype=np.float32)
        self.ideal = None if self.ideal is None else np.asarray(self.ideal, dtype=np.float32)
        self.target = np.asarray(self.target, dtype=np.int64)
        self.subject_only = None if self.subject_only is None else np.asarray(self.subject_only, dtype=np.float32)
        self.group = None if self.group is None else np.asarray(self.group, dtype=np.int64)
        self.candidate_sets = None if self.candidate_sets is None else np.asarray(self.candidate_sets, dtype=bool)
        self.candidate_set = None if self.candidate_set is None else np.asarray(self.candidate_set, dtype=np.int64)
        self.no_ceiling = str(self.no_ceiling)
        self.subject = np.asarray(self.subject, dtype=np.str_)
        self.windows = self.windows.reset_index(drop=True)
        self.candidates = self.candidates.reset_index(drop=True)
        self._check()

    def _check(self) -> None:
        n, k = len(self.windows), len(self.candidates)
        if not n or not k:
            raise ValueError(f"A result needs windows and candidates; got {n} and {k}.")
        shapes = dict.fromkeys(("scores", "no_brain", "ideal", "subject_only"), (n, k))
        shapes |= dict.fromkeys(("target", "subject", "group", "candidate_set"), (n,))
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape}; {n} windows and {k} candidates need {shape}.")
        if self.target.min() < 0 or self.target.max() >= k:
            raise ValueError(f"target holds {self.target.min()} to {self.target.max()}; there are {k} candidates.")
        if (self.candidate_sets is None) != (self.candidate_set is None):
            raise ValueError("candidate_sets and candidate_set belong together: one of them is missing.")
        if self.candidate_sets is not None:
            s = len(self.candidate_sets)
            if self.candidate_sets.shape != (s, k) or self.candidate_set.min() < 0 or self.candidate_set.max() >= s:
                raise ValueError(
                    f"candidate_sets {self.candidate_sets.shape} and their numbers do not fit {k} candidates."
                )
            outside = int((~self.candidate_sets[self.candidate_set, self.target]).sum())
            if outside:
                raise ValueError(f"the true candidate of {outside} windows is not in their candidate set.")
        for name, table, columns in (
            ("windows", self.windows, WINDOW_COLUMNS),
            ("candidates", self.candidates, CANDIDATE_COLUMNS),
        ):
            missing = [column for column in columns if column not in table]
            if missing:
                raise ValueError(f"{name} lack the columns {missing}; they have {list(table.columns)}.")

    @property
    def allowed(self) -> np.ndarray | None:
        """(n, k) Which candidates each window is ranked among; None: all."""
        return None if self.candidate_sets is None else self.candidate_sets[self.candidate_set]

    @property
    def n_candidates(self) -> np.ndarray:
        """(n,) How many candidates each window is ranked among."""
        if self.candidate_sets is None:
            return np.full(len(self.target), len(self.candidates))
        return self.candidate_sets.sum(1)[self.candidate_set]

    def save(self, path: Path) -> None:
        """Write ``path.npz``, ``path.windows.parquet`` and ``path.candidates.parquet``: all of them, or none.

        Parameters
        ----------
        path
            Without an ending: ``<run folder>/test/<name of the test set>``.
        """
        arrays = {"scores": self.scores, "no_brain": self.no_brain, "target": self.target, "subject": self.subject}
        more = ("ideal", "group", "candidate_sets", "candidate_set", "subject_only")
        arrays |= {name: getattr(self, name) for name in more if getattr(self, name) is not None}
        arrays |= {"no_ceiling": np.array(self.no_ceiling)} if self.no_ceiling else {}
        files = _files(Path(path))
        # nothing is renamed before all three are written
        with written_whole(files[0]) as npz, written_whole(files[1]) as windows, written_whole(files[2]) as candidates:
            self.windows.to_parquet(windows, index=False)
            self.candidates.to_parquet(candidates, index=False)
            with open(npz, "wb") as file:
                np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> "RetrievalResult":
        """Read what `save` wrote.

        Raises
        ------
        UserError
            A file is missing or damaged, or they are not of one test.
        """
        files = _files(Path(path))
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise UserError(f"{Path(path).parent}: no {', '.join(missing)}. Run `n2s test` on this run again.")
        with reading(path, "a test's result", "Run `n2s test` again."):
            with np.load(files[0], allow_pickle=False) as arrays:
                values = {name: arrays[name] for name in arrays.files}
            return cls(windows=pd.read_parquet(files[1]), candidates=pd.read_parquet(files[2]), **values)


def _files(path: Path) -> tuple[Path, Path, Path]:
    return tuple(path.with_name(path.name + end) for end in (".npz", ".windows.parquet", ".candidates.parquet"))
