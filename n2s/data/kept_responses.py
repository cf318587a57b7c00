"""The scaled responses of one subject: cut once from its prepared runs, then kept in the cache."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.data.responses import VolumeWindow
from n2s.data.scaler import VoxelScale
from n2s.errors import UserError, reading
from n2s.findings import tell
from n2s.paths import cache_dir, disk_room, locked, written_whole

VERSION = 2  # increase it when the numbers change and the settings do not
FILES = ("scaled.npy", "scale.npy", "hashes.json")
FEWEST = 5  # training clips that scale their run: of fewer, a held-out z-score has more than 2.4 times its variance


@dataclass(frozen=True)
class KeptResponses:
    """The z-scored responses of a subject.

    ``scaled (n, v)``, or ``(n, volumes, v)``, float32, by row of the subject's presentations; ``scale`` was fitted on
    training rows only; ``hashes``: run -> the sha256 of its responses before they were scaled.
    """

    scaled: np.ndarray
    scale: VoxelScale
    hashes: dict[str, str]


def kept_responses(key: object, make: Callable[[], KeptResponses], *, where: str) -> KeptResponses:
    """Read the responses from the cache, or make them and keep them.

    One process makes them at a time. They are written whole or not at all.

    Parameters
    ----------
    key
        Everything that decides the numbers, as plain JSON types: prepared runs, region, window, rows and their splits.
    make
        Called if they are not in the cache.
    where
        The subject, for error messages.
    """
    digest = hashlib.sha256(json.dumps([VERSION, key], sort_keys=True).encode()).hexdigest()[:24]
    folder = cache_dir() / "responses" / digest
    if not _whole(folder):
        with locked(folder):
            if not _whole(folder):
                shutil.rmtree(folder, ignore_errors=True)  # a part of it is lost
                _write(folder, make(), where)
    with reading(folder, "kept responses", "Delete this folder: the same command makes it again."):
        mean, deviation = np.load(folder / "scale.npy")
        hashes = json.loads((folder / "hashes.json").read_text())
        return KeptResponses(np.load(folder / "scaled.npy", mmap_mode="r"), VoxelScale(mean, deviation), hashes)


def _whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _write(folder: Path, made: KeptResponses, where: str) -> None:
    with disk_room(folder, made.scaled.nbytes, where), written_whole(folder) as temporary:
        temporary.mkdir()
        np.save(temporary / "scaled.npy", made.scaled)
        np.save(temporary / "scale.npy", np.stack([made.scale.mean, made.scale.deviation]))
        (temporary / "hashes.json").write_text(json.dumps(made.hashes))


def scaled_responses(
    window: VolumeWindow, cuts: Mapping[str, tuple], table: pd.DataFrame, keep: np.ndarray, by: str
) -> KeptResponses:
    """Cut a subject's responses from its runs and z-score them by training rows.

    Parameters
    ----------
    window
        Which volumes belong to a clip.
    cuts
        Run -> the arguments of `VolumeWindow.cut`.
    table
        The kept rows, with ``recording`` and ``split``.
    keep
        (n,) Which of the rows that are cut are kept.
    by
        ``subject``: one scale for all runs; ``run``: one for each run with `FEWEST` training rows or more.
    """
    parts, hashes = [], {}
    for run, cut in cuts.items():
        parts.append(window.cut(*cut))
        hashes[run] = hashlib.sha256(parts[-1]).hexdigest()
        if parts[-1].shape[1:] != parts[0].shape[1:]:
            raise UserError(
                f"{run}: {parts[-1].shape[-1]} voxels a volume, but {next(iter(cuts))} of the same "
                f"subject has {parts[0].shape[-1]}. Bring all runs of a subject into one space and mask."
            )
    brain = np.concatenate(parts)[keep]
    train = (table.split == "train").to_numpy()
    pooled = VoxelScale.fit(brain[train])
    scaled = np.empty_like(brain)
    for run in table.recording.unique():
        own = (table.recording == run).to_numpy()
        by_run = by == "run" and (own & train).sum() >= FEWEST
        scaled[own] = (VoxelScale.fit(brain[own & train]) if by_run else pooled).apply(brain[own])
    return KeptResponses(scaled, pooled, hashes)


def tell_few(table: pd.DataFrame) -> None:
    """Say which runs have too few training rows to be scaled by themselves; ``table`` as for `scaled_responses`."""
    for run, n in table.recording[table.split == "train"].value_counts(sort=False).items():
        if n < FEWEST:
            told = f"{n} training clips are too few to scale its voxels (data.scale: run); those of all its subject's runs do."
            tell("corrected", run, told)
