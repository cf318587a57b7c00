"""Runs of one person's BOLD as courses of principal components, which are those of training volumes."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg

from n2s.data.bold_preparation import BoldRun
from n2s.data.scaler import CONSTANT
from n2s.errors import UserError, reading
from n2s.paths import cache_dir, locked, written_whole

VERSION = 2  # increase it when the numbers change and the settings do not
EXACT = 3000  # volumes or voxels: with fewer of either, components are exact
ROUNDS, MORE = 6, 20  # of the iteration that finds the components of more, and how many are computed beside
BLOCK = 2**26  # numbers in memory at once


@dataclass(frozen=True)
class BoldCourses:
    """One person's runs in components of unit variance in training.

    Parameters
    ----------
    courses
        Run (``study/recording``) -> (t, p) float32. Where there are fewer components than were asked for, the last are 0.
    tr_s
        Run -> s from one volume to the next; volume i starts at ``i * tr_s`` of the run's clock.
    nuisances
        Run -> (t, k) orthonormal: what the cleaning took out of every voxel.
    axes
        (v, p) From z-scored voxels to components.
    explained
        Share of the variance of training volumes that the components hold.
    """

    courses: Mapping[str, np.ndarray]
    tr_s: Mapping[str, float]
    nuisances: Mapping[str, np.ndarray]
    axes: np.ndarray
    explained: float


def bold_courses(
    runs: Mapping[str, BoldRun], training: Mapping[str, np.ndarray], n_components: int, *, roi: str | None, where: str
) -> BoldCourses:
    """Z-score a person's voxels and project them on the principal components of training volumes; kept in the cache.

    Voxels are scaled by training volumes of all runs. The mean of a run is that of its own training volumes; of a run without any, that of
    all its volumes, which no training run depends on.

    Parameters
    ----------
    runs
        Prepared runs of one person, by ``study/recording``.
    training
        Run -> (t,) bool: volumes that training segments see.
    n_components
        p: how many.
    roi
        The region; None: all voxels.
    where
        The person, for messages.

    Raises
    ------
    UserError
        There are no training volumes, runs have other numbers of voxels, or values are not finite.
    """
    if not any(one.any() for one in training.values()):
        raise UserError(
            f"{where} has no training segment in fMRI: voxels cannot be scaled. Give a training story, or leave the person out."
        )
    runs = {name: runs[name] for name in sorted(runs)}  # the key and the kept files have one order
    training = {name: training[name] for name in runs}
    seen = {name: hashlib.sha256(np.packbits(one)).hexdigest()[:16] for name, one in training.items()}
    prepared = {name: f"{one.folder.parent.name}/{one.key}" for name, one in runs.items()}
    key = json.dumps([VERSION, prepared, seen, n_components, roi], sort_keys=True)
    folder = cache_dir() / "components" / hashlib.sha256(key.encode()).hexdigest()[:24]
    if not (folder / "axes.npy").is_file():
        with locked(folder):
            if not (folder / "axes.npy").is_file():
                _write(folder, _made(runs, training, n_components, roi, where))
    with reading(folder, "kept components", "Delete this folder: the same command makes it again."):
        courses = {name: np.load(folder / f"{at}.npy", mmap_mode="r") for at, name in enumerate(runs)}
        axes, explained = np.load(folder / "axes.npy", mmap_mode="r"), float(np.load(folder / "explained.npy"))
    tr_s = {name: float(one.meta["tr_s"]) for name, one in runs.items()}
    nuisances = {name: np.asarray(one.array("nuisances.npy")) for name, one in runs.items()}
    return BoldCourses(courses, tr_s, nuisances, axes, explained)


def _write(folder: Path, made: tuple[list[np.ndarray], np.ndarray, float]) -> None:
    courses, axes, explained = made
    with written_whole(folder) as temporary:
        temporary.mkdir()
        for at, one in enumerate(courses):
            np.save(temporary / f"{at}.npy", one)
        np.save(temporary / "explained.npy", np.float64(explained))
        np.save(temporary / "axes.npy", axes)


class _Voxels:
    """The voxels of some runs, z-scored as they are read."""

    def __init__(self, runs: Mapping[str, BoldRun], training: Mapping[str, np.ndarray], roi: str | None, where: str):
        self.where, self.training = where, training
        self.bold = {name: one.bold(name) for name, one in runs.items()}
        chosen = {name: one.voxels(roi, name) for name, one in self.bold.items()}
        first, others = next(iter(chosen.items()))[1], {name: int(one.sum()) for name, one in chosen.items()}
        if len(set(others.values())) > 1:
            told = ", ".join(f"{name} {n}" for name, n in list(others.items())[:3])
            raise UserError(
                f"{where}: runs have other numbers of voxels ({told}). Bring all runs of a person into one space and mask."
            )
        self.chosen, self.n_voxels = (None if first.all() else first), int(first.sum())
        self.n_training = sum(int(one.sum()) for one in training.values())
        self.mean, total, square = {}, np.zeros(self.n_voxels), np.zeros(self.n_voxels)
        for name in self.bold:
            own = training[name] if training[name].any() else np.ones_like(training[name])
            self.mean[name] = self._raw(name)[own].mean(0, dtype=np.float64)
        for name in self.bold:
            if training[name].any():
                away = self._raw(name)[training[name]] - self.mean[name]
                square += np.square(away).sum(0)
                total = np.maximum(total, np.abs(self.mean[name]))
        deviation = np.sqrt(square / self.n_training)
        tells = deviation > CONSTANT * total
        if not tells.any():
            raise UserError(
                f"{where}: no voxel changes in the training volumes. Look at the runs, or take another region (data.roi)."
            )
        self.gain = np.where(tells, 1 / np.where(tells, deviation, 1), 0)

    def run(self, name: str) -> np.ndarray:
        """(t, v) float32."""
        return ((self._raw(name) - self.mean[name]) * self.gain).astype(np.float32)

    def trained(self) -> Iterator[np.ndarray]:
        """(n, v) of each run that has training volumes."""
        for name, own in self.training.items():
            if own.any():
                yield self.run(name)[own]

    def _raw(self, name: str) -> np.ndarray:
        data = np.asarray(self.bold[name].data)
        data = data if self.chosen is None else data[:, self.chosen]
        if not np.isfinite(data).all():
            n_bad = int((~np.isfinite(data)).any(0).sum())
            raise UserError(f"{name}: {n_bad} of {data.shape[1]} voxels have values that are NaN or infinite. Leave them out with a region (data.roi), or have the study put zeros in their place (nan: zero).")  # fmt: skip
        return data


def _made(
    runs: Mapping[str, BoldRun], training: Mapping[str, np.ndarray], n_components: int, roi: str | None, where: str
) -> tuple[list[np.ndarray], np.ndarray, float]:
    voxels = _Voxels(runs, training, roi, where)
    axes, variance = principal_axes(voxels.trained, voxels.n_training, voxels.n_voxels, n_components)
    explained = float(variance.sum() / max((voxels.gain > 0).sum(), 1))
    found = np.zeros((voxels.n_voxels, n_components), np.float32)
    found[:, : axes.shape[1]] = axes / np.sqrt(variance)
    return [voxels.run(name) @ found for name in runs], found, explained


def principal_axes(
    blocks: Callable[[], Iterable[np.ndarray]], n: int, v: int, n_components: int
) -> tuple[np.ndarray, np.ndarray]:
    """Axes (v, p) and variances (p,) of the largest principal components of n rows of v columns, p at most ``n_components``.

    Exact for few rows or columns; else by subspace iteration, which reads the rows a few times.

    Parameters
    ----------
    blocks
        Called, gives the rows in blocks (m, v), the same each time.
    n, v
        Rows over all blocks, and columns.
    n_components
        How many, at most.
    """
    if min(n, v) <= EXACT:
        if n <= v:
            rows = np.concatenate(list(blocks())).astype(np.float64)
            power, left = scipy.linalg.eigh(rows @ rows.T)
            axes = rows.T @ left
            axes /= np.maximum(np.linalg.norm(axes, axis=0), 1e-300)
        else:
            power, axes = scipy.linalg.eigh(sum(block.T.astype(np.float64) @ block for block in blocks()))
        power, axes = power[::-1], axes[:, ::-1]
    else:
        axes = np.random.default_rng(0).standard_normal((v, n_components + MORE)).astype(np.float32)
        for _ in range(ROUNDS):
            axes = scipy.linalg.qr(axes, mode="economic")[0].astype(np.float32)
            axes = sum(block.T @ (block @ axes) for block in blocks())
        axes = scipy.linalg.qr(axes, mode="economic")[0]
        inner = sum(np.asarray(part.T @ part, np.float64) for part in (block @ axes for block in blocks()))
        power, turn = scipy.linalg.eigh(inner)
        power, axes = power[::-1], axes @ turn[:, ::-1]
    kept = min(n_components, int((power > 1e-9 * power[0]).sum()))
    return axes[:, :kept], power[:kept] / n
