"""Features and brains in memory, as encoding models ask for them, with known drivers of each target."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.data.encoding_data import Fold, Measured
from n2s.studies.fmri import Space


def slow(rng: np.random.Generator, n: int, f: int, keep: float = 0.7) -> np.ndarray:
    """(n, f) autocorrelated noise of variance 1."""
    values = rng.normal(size=(n, f))
    for row in range(1, n):
        values[row] = keep * values[row - 1] + (1 - keep**2) ** 0.5 * values[row]
    return values


@dataclass
class Memory:
    """Runs of equal length, each one story; ``n_folds`` 1 holds out the last run.

    ``features``: space -> its seeds, (n, k f) each. ``brains``: subject -> (n, v).
    """

    features: dict[str, list[np.ndarray]]
    brains: dict[str, np.ndarray]
    n_runs: int = 5
    n_folds: int = 5
    lags_s: np.ndarray = field(default_factory=lambda: np.zeros(1))
    tr_s: float = 2.0
    kind: str = "voxel"
    template: str | None = "MNI152NLin2009cAsym"
    rois: dict[str, np.ndarray] = field(default_factory=dict)
    repeated: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def subjects(self) -> list[str]:
        return list(self.brains)

    @property
    def spaces(self) -> dict[str, int]:
        return {name: len(seeds) for name, seeds in self.features.items()}

    @property
    def rate_hz(self) -> dict[str, float]:
        return dict.fromkeys(self.brains, 1 / self.tr_s)

    @property
    def n(self) -> int:
        return len(next(iter(self.brains.values())))

    def rows(self, subject: str) -> pd.DataFrame:
        per_run = self.n // self.n_runs
        run, within = np.divmod(np.arange(self.n), per_run)
        names = np.array([f"story {one}" for one in run])
        return pd.DataFrame(
            {"recording": np.array([f"{subject}_run-{one}" for one in run]), "time_s": within * self.tr_s, "story": names,
             "stimulus": names, "stimulus_s": within * self.tr_s + 0.3, "unit": names, "repeat": 0,
             "averaged": 1}
        )  # fmt: skip

    def folds(self, subject: str) -> list[Fold]:
        story = self.rows(subject).story.to_numpy()
        out = range(self.n_runs - self.n_folds, self.n_runs) if self.n_folds == 1 else range(self.n_runs)
        found = []
        for number in out:
            test = story == f"story {number}"
            found.append(Fold(f"fold {number + 1} of {self.n_runs}", *map(np.flatnonzero, (~test, test)), story[~test]))
        return found

    def measured(self, subject: str) -> Measured:
        v = self.brains[subject].shape[1]
        if self.kind == "sensor":
            return Measured("sensor", np.array([f"MEG{one:03d}" for one in range(v)]), self.rois, np.zeros((v, 2)))
        import nibabel

        space = Space(nibabel.Nifti1Image(np.ones((v, 1, 2), np.uint8), np.eye(4)), template=self.template)
        return Measured("voxel", np.arange(v).astype(str), self.rois, np.zeros((v, 3)), space, np.arange(v) * 2)

    def responses(self, subject: str, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        brain = self.brains[subject].astype(np.float32)
        return brain[fold.train], brain[fold.test]

    def design(self, subject: str, fold: Fold, space: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        values = self.features[space][seed]
        mean, deviation = values[fold.train].mean(0), values[fold.train].std(0)
        scaled = ((values - mean) / np.where(deviation == 0, 1, deviation)).astype(np.float32)
        return scaled[fold.train], scaled[fold.test]

    def delays(self, space: str, subject: str) -> tuple[np.ndarray, int]:
        return self.lags_s, self.features[space][0].shape[1] // len(self.lags_s)

    def repeats(self, subject: str) -> dict[str, np.ndarray]:
        return self.repeated

    def data_hashes(self) -> dict[str, str]:
        return {}


AUDITORY = np.arange(12) < 8  # voxels 0 to 3: mel; 4 to 7: mel and phones; the rest: noise


def driven(n_subjects: int = 2, *, n: int = 300, noise: float = 1.0, seed: int = 0, **options) -> Memory:
    """Mel (3), phones (4) and a word rate (1) that drives nothing; two seeds of a network whose columns hold the phones."""
    rng = np.random.default_rng(seed)
    mel, phones, rate = (slow(rng, n, f) for f in (3, 4, 1))
    net = [phones @ rng.normal(size=(4, 6)) for _ in range(2)]
    brains = {}
    for number in range(n_subjects):
        signal = np.zeros((n, 12))
        signal[:, :8] += mel @ rng.normal(size=(3, 8))
        signal[:, 4:8] += phones @ rng.normal(size=(4, 4))
        signal[:, :8] /= signal[:, :8].std(0)
        brains[f"study/{number + 1:02d}"] = signal + noise * slow(rng, n, 12)
    features = {"mel": [mel], "phones": [phones], "word_rate": [rate], "net.deep": net}
    return Memory(features, brains, rois={"auditory": AUDITORY}, **options)
