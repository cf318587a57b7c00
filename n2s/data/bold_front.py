"""What responses of BOLD leave for a new run of the same people: their voxels and scales, the window, the moments of the target."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from n2s.data.front import Front
from n2s.data.responses import VolumeWindow
from n2s.data.scaler import VoxelScale
from n2s.studies.fmri import Bold, FMRIStudy


def bold_front(
    studies: Mapping[str, FMRIStudy],
    subjects: list[str],
    *,
    runs: Mapping[str, Bold],
    scales: list[VoxelScale],
    roi: str | None,
    response: VolumeWindow,
    clip_s: np.ndarray,
    target: tuple[np.ndarray, np.ndarray],
) -> Front:
    """The front of a datamodule of BOLD.

    Parameters
    ----------
    studies, subjects
        By name; ``study/subject``, in the order of their numbers.
    runs
        Subject -> one of their prepared runs.
    scales
        Of each subject's voxels of ``roi``.
    roi
        The region; None: all voxels.
    response
        Which volumes belong to a clip.
    clip_s
        Length of each training clip, s.
    target
        Mean and deviation (f,) of the target over training clips.
    """
    people, arrays = {}, {"target.mean": target[0], "target.scale": target[1]}
    for i, (subject, scale) in enumerate(zip(subjects, scales, strict=True)):
        name, _, own = subject.partition("/")
        study, run = studies[name], runs[subject]
        space = study.space(own)
        mask = None if space is None else space.mask
        people[subject] = {
            "n_voxels": int(run.data.shape[1]),
            "tr_s": float(run.tr_s),
            "shape": None if mask is None else [int(n) for n in mask.shape],
            "mesh": None if space is None else space.mesh,
            "cleaning": None if study.cleaning is None else asdict(study.cleaning),
        }
        arrays[f"voxels.{i}"] = np.flatnonzero(run.voxels(roi, subject)).astype(np.int32)
        arrays[f"mean.{i}"], arrays[f"deviation.{i}"] = scale.mean, scale.deviation
        if mask is not None:
            arrays[f"image.{i}"] = np.flatnonzero(np.asarray(mask.dataobj).ravel() > 0).astype(np.int32)
            arrays[f"affine.{i}"] = np.asarray(mask.affine, np.float64)
    plain = {
        "kind": "bold",
        "subjects": list(subjects),
        "people": people,
        "roi": roi,
        "lag_s": response.lag_s,
        "window_s": response.window_s,
        "volumes": response.volumes,
        "clip_s": float(np.median(clip_s)),
        "clips_s": [float(clip_s.min()), float(clip_s.max())],
    }
    return Front(plain, {name: np.asarray(one) for name, one in arrays.items()})
