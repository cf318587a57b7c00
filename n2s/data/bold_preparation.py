"""Prepared runs of BOLD: cleaned once, all voxels kept; a region is cut on demand."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from n2s.data.bold_steps import cleaned
from n2s.data.recordings import AGAIN, Made, Preparation, PreparedRecording
from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.study import Recording


@dataclass(frozen=True)
class BoldRun(PreparedRecording):
    """``brain (TR, voxel)`` in the study's unit, with ``rois.npy (roi, voxel)`` bool, ``places.npy (voxel, 3)``, mm, and
    ``nuisances.npy (TR, k)``, orthonormal: what was taken out.

    ``meta`` has ``tr_s``, ``shape``, ``rois`` (their names), ``n_constant`` (voxels that never change), ``cleaning``.
    ``places.npy`` has no rows if the study does not know the places of voxels.
    """

    beside: ClassVar[tuple[str, ...]] = ("rois.npy", "places.npy", "nuisances.npy")

    def bold(self, where: str) -> Bold:
        """The cleaned run; arrays are memory maps: only the needed parts are read."""
        data, (rois, places, nuisances) = self.brain_mapped(), map(self.array, self.beside)
        n_voxels, names = data.shape[1], self.meta["rois"]
        for name, found, expected in (
            ("rois.npy", rois.shape, [(len(names), n_voxels)]),
            ("places.npy", places.shape, [(n_voxels, 3), (0, 3)]),
            ("nuisances.npy", nuisances.shape, [(len(data), nuisances.shape[-1])]),
        ):
            if found not in expected:
                raise UserError(f"{self.folder / name} is of shape {found}; expected {expected[0]}. {AGAIN}")
        known = places if len(places) or not n_voxels else None
        return Bold(data, self.meta["tr_s"], dict(zip(names, rois, strict=True)), known, None, nuisances)


@dataclass(frozen=True)
class BoldPreparation(Preparation):
    """Cleans runs with the cleaning of their study. Each run is cleaned by itself."""

    cleaning: BoldCleaning | None

    kind: ClassVar[type[PreparedRecording]] = BoldRun
    version: ClassVar[int] = 3  # bump when the numbers change though the settings do not

    def settings(self) -> dict:
        """See `Preparation`."""
        cleaning = None if self.cleaning is None else asdict(self.cleaning)
        return {"kind": "bold", "version": self.version, "cleaning": cleaning}

    def make(self, study: FMRIStudy, recording: Recording, where: str) -> Made:
        """See `Preparation`."""
        raw = study.load(recording)
        _tell_flat(raw.data, where)
        bold = cleaned(raw, self.cleaning, where)
        if bold.data.ndim != 2:
            raise UserError(f"{where}: volumes of shape {bold.data.shape}; expected [TR, voxel].")
        data = np.ascontiguousarray(bold.data)
        rois = np.array(list(bold.rois.values()), bool).reshape(len(bold.rois), data.shape[1])
        places = np.empty((0, 3), np.float32) if bold.places is None else np.asarray(bold.places)
        nuisances = np.empty((len(data), 0)) if bold.nuisances is None else bold.nuisances
        constant = int((np.ptp(data, axis=0) == 0).sum())
        if constant:
            tell(
                "odd",
                where,
                f"{constant} of {data.shape[1]} voxels never change; n2s keeps them, and they tell nothing.",
            )
        meta = {
            "tr_s": float(bold.tr_s),
            "rois": list(bold.rois),
            "n_constant": constant,
            "cleaning": self.settings()["cleaning"],
        }
        arrays = dict(zip(BoldRun.beside, (rois, places, nuisances), strict=True))
        return Made(data, meta, {name: partial(np.save, arr=array) for name, array in arrays.items()})


def tell_copies(runs: Mapping[str, BoldRun]) -> None:
    """Report prepared runs, by ``study/recording``, that hold the same values: no brain does one thing twice."""
    seen: dict[str, str] = {}
    for name, run in runs.items():
        other = seen.setdefault(run.meta["sha256"], name)
        if other != name and run.meta["n_constant"] < run.meta["shape"][1]:
            tell("odd", name, f"the same volumes as {other}, value by value: one file is there under two names. If one of them is "
                              "held out, it was trained on in the other. Leave one out, or replace it by the right file.")  # fmt: skip


def _tell_flat(data: np.ndarray, where: str) -> None:
    """Report volumes that a scanner did not record: the same value everywhere, or an exact copy of the volume before."""
    data = np.asarray(data)
    if data.ndim != 2 or data.shape[1] < 2 or len(data) < 2:
        return
    for missing, what in (
        (np.ptp(data, axis=1) == 0, "hold one value in all voxels"),
        (np.append(False, (data[1:] == data[:-1]).all(axis=1)), "equal the volume before them"),
    ):
        if missing.any() and not missing[1:].all():
            at = np.flatnonzero(missing)
            tell("odd", where, f"{len(at)} of {len(data)} volumes {what}, the first is volume {at[0]} (from 0): missing ones, "
                               "which n2s keeps. Leave the clips of that time out, if so.")  # fmt: skip
