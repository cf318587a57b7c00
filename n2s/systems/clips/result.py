"""What a test of an fMRI decoder leaves behind."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError, reading
from n2s.paths import written_whole

LARGE = 10_000  # numbers a clip, above which arrays are kept as float16


@dataclass
class ClipResult:
    """Decoded clips of one test set.

    Attributes
    ----------
    predicted
        (n, d) Decoded feature, z-scored by the training clips' mean and deviation: 0 is the mean of the training clips.
    candidates
        (k, d) True feature of each unique test clip, on the same scale.
    target
        (n,) Index of the true candidate.
    subject
        (n,) ``study/id``.
    clips
        k rows: ``stimulus``, ``start_s``, ``duration_s``, ``group``, ``label``, ``audio`` (path).
    ideal
        (n, k) Scores of the ideal observer, where the generator of the data is known.
    fine_only
        (n, d) Decoded feature of the ablation that knows no coarse one, scaled alike.
    prompts, prompt_names
        (m, d) The same feature of prompts, scaled alike, and (m,) what they are.
    mel_predicted, mel_candidates, mel_mean, mel_ceiling
        (n, f, t), (k, f, t), (f, t) of the training clips, (n, f, t) the true feature through the decoder's last steps:
        spectrograms on the scale of `n2s.metrics.spectrogram.unit_decibels`. None without a spectrogram.
    own_mean, mel_own_mean
        (s, d) and (s, f, t) of the subjects in the order of their names: the means of the clips that each was trained on,
        which is all that knowing who listens tells. None where all were trained on the same stimuli.
    """

    predicted: np.ndarray
    candidates: np.ndarray
    target: np.ndarray
    subject: np.ndarray
    clips: pd.DataFrame
    ideal: np.ndarray | None = None
    fine_only: np.ndarray | None = None
    prompts: np.ndarray | None = None
    prompt_names: np.ndarray | None = None
    mel_predicted: np.ndarray | None = None
    mel_candidates: np.ndarray | None = None
    mel_mean: np.ndarray | None = None
    mel_ceiling: np.ndarray | None = None
    own_mean: np.ndarray | None = None
    mel_own_mean: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, k, s = len(self.target), len(self.clips), len(np.unique(self.subject))
        for name, rows in (("predicted", n), ("subject", n), ("candidates", k), ("ideal", n), ("fine_only", n), ("mel_predicted", n),
                           ("mel_candidates", k), ("mel_ceiling", n), ("own_mean", s), ("mel_own_mean", s)):  # fmt: skip
            value = getattr(self, name)
            if value is not None and len(value) != rows:
                raise ValueError(f"{name} has {len(value)} rows; {n} decoded clips of {k} need {rows}.")

    @property
    def subject_index(self) -> np.ndarray:
        """(n,) place of each clip's subject in the order of their names."""
        return np.unique(self.subject, return_inverse=True)[1]

    def save(self, path: Path) -> None:
        """As ``<path>.npz`` and ``<path>.clips.parquet``."""
        arrays = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "clips" and value is not None:
                large = value.dtype == np.float32 and value[:1].size > LARGE
                arrays[field.name] = value.astype(np.float16) if large else value
        with written_whole(path.with_name(path.name + ".npz")) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        with written_whole(path.with_name(path.name + ".clips.parquet")) as temporary:
            self.clips.to_parquet(temporary)

    @classmethod
    def load(cls, path: Path) -> "ClipResult":
        """What `save` wrote; a UserError where it is not there."""
        files = [path.with_name(path.name + end) for end in (".npz", ".clips.parquet")]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise UserError(f"{path.parent}: no {', '.join(missing)}. Run `n2s test` on this run again.")
        with reading(path, "a test's result", "Run `n2s test` again."):
            with np.load(files[0], allow_pickle=False) as arrays:
                values = {name: arrays[name] for name in arrays.files}
            return cls(clips=pd.read_parquet(files[1]), **values)
