"""Where sources in the cortex are, and what the sensors and voxels of a person see of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np

from n2s.data.bad_channels import sensor_key
from n2s.data.paired import PairedDataModule
from n2s.errors import UserError, first_of, reading
from n2s.studies.study import Study

REACH_MM = 12.0  # voxels farther from a source do not see it
FSAVERAGE5 = 10_242  # vertices of a hemisphere
HEMISPHERES = ("left", "right")


@dataclass(frozen=True)
class Field:
    """Sources and what sensors see of them.

    Parameters
    ----------
    places_mm
        (j, 3) MNI: to the right, to the front, upwards.
    patterns
        (c, j) What each sensor measures of a source of 1.
    names
        c sensors; None: those of the recordings, in their order.
    """

    places_mm: np.ndarray
    patterns: np.ndarray
    names: list[str] | None = None

    def of(self, names: Sequence[str], where: str) -> np.ndarray:
        """(n, j) the patterns of a recording's sensors.

        Raises
        ------
        UserError
            The field has other sensors.
        """
        if self.names is None:
            if len(names) != len(self.patterns):
                raise UserError(
                    f"{where} has {len(names)} sensors, and its lead field is of {len(self.patterns)}: pick those (preprocessing.picks)."
                )
            return self.patterns
        row = {sensor_key(name): number for number, name in enumerate(self.names)}
        missing = [name for name in names if sensor_key(name) not in row]
        if missing:
            raise UserError(
                f"{where}: {len(missing)} of {len(names)} sensors are not in the forward solution: {first_of(missing, 4)}; it has {first_of(self.names, 4)}. "
                "Compute it for these sensors, or pick those that it has (preprocessing.picks)."
            )
        return self.patterns[[row[sensor_key(name)] for name in names]]


def field_of(study: Study, subject: str, forward: str | None) -> Field:
    """The sources of one person: of a forward solution, or of a study that knows its own.

    Parameters
    ----------
    study, subject
        Of MEG; ``id``.
    forward
        Forward solutions on fsaverage's cortex, a file each person: a path with ``{subject}``.

    Raises
    ------
    UserError
        There is no such file, it is of another brain, or nobody knows of any sources.
    """
    if forward is not None:
        return read_forward(forward, subject)
    known: Callable | None = getattr(study, "lead_field", None)
    if known is None:
        raise UserError(
            f"sources of {subject} are not known: {type(study).__name__} has no lead field. Set model.forward to forward solutions on "
            "fsaverage's cortex, such as derivatives/sub-{subject}-fwd.fif (mne.make_forward_solution, of mne.morph_source_spaces)."
        )
    places, patterns = known(subject)
    return Field(np.asarray(places, float), np.asarray(patterns, float))


def read_forward(pattern: str, subject: str) -> Field:
    """A forward solution of MNE on fsaverage's vertices, of currents that leave the cortex straight."""
    if "{subject}" not in pattern:
        raise UserError(
            f"model.forward is '{pattern}': expected a path with {{subject}}, since each person has an own forward solution."
        )
    path = Path(pattern.replace("{subject}", subject)).expanduser()
    if not path.is_file():
        raise UserError(
            f"{path} is missing: the forward solution of {subject} (model.forward). Compute it, or leave the person out (data.subjects)."
        )
    with reading(path, "a forward solution", "Write it with mne.write_forward_solution."):
        found = mne.read_forward_solution(path, verbose="error")
    kinds = {part["type"] for part in found["src"]}
    whose = {part.get("subject_his_id") for part in found["src"]} - {None}
    if kinds != {"surf"} or len(found["src"]) != 2 or whose - {"fsaverage"}:
        raise UserError(
            f"{path}: sources are of {', '.join(sorted(map(str, whose))) or 'nobody'} ({', '.join(sorted(kinds))}); expected the cortex of fsaverage, so that "
            "all people have the same sources. Take mne.morph_source_spaces of a source space of fsaverage."
        )
    if found["source_ori"] != mne.io.constants.FIFF.FIFFV_MNE_FIXED_ORI:
        found = mne.convert_forward_solution(found, surf_ori=True, force_fixed=True, use_cps=True, verbose="error")
    vertices = [np.asarray(part["vertno"]) for part in found["src"]]
    if max(int(one.max(initial=0)) for one in vertices) >= FSAVERAGE5:
        raise UserError(
            f"{path}: vertices reach {max(int(one.max()) for one in vertices)}; expected those of ico-5 or coarser, below {FSAVERAGE5}."
        )
    places = np.concatenate([mesh[own] for mesh, own in zip(cortex(), vertices, strict=True)])
    return Field(places, found["sol"]["data"], list(found["sol"]["row_names"]))


def cortex() -> list[np.ndarray]:
    """(10242, 3) places of fsaverage5's vertices, mm, of the left hemisphere and of the right."""
    from nilearn.datasets import load_fsaverage  # takes a second to import

    parts = load_fsaverage("fsaverage5")["white_matter"].parts
    return [np.asarray(parts[name].coordinates, float) for name in HEMISPHERES]


def voxel_places(data: PairedDataModule, subject: str) -> np.ndarray:
    """(v, 3) MNI, mm: of all voxels of a person (``study/id``).

    Raises
    ------
    UserError
        The study does not know them, or they are not those of a common space.
    """
    name, own = subject.split("/", 1)
    key = next(key for key, run in data.runs.items() if key.startswith(f"{name}/") and run.recording.subject == own)
    bold, space = data.runs[key].bold(key), data.studies[name].space(own)
    template = None if space is None else space.template
    if bold.places is not None and template is not None and not template.startswith("MNI"):
        raise UserError(f"{subject}: voxels are of {template}, and sources of MNI. Take the runs in an MNI space.")
    places = bold.places
    if places is None and space is not None and space.mesh == "fsaverage5":
        places = np.concatenate(cortex())
    if places is None:
        raise UserError(
            f"{subject}: nobody knows where its voxels are, so that none can see a source. Take runs in an MNI space or on fsaverage5, or "
            "n2s.systems.LikelihoodFusion, which needs no places."
        )
    return np.asarray(places, float)


def silent_places(voxels_mm: np.ndarray, sources_mm: np.ndarray, reach_mm: float = REACH_MM) -> np.ndarray:
    """(n, 3) places of sources that MEG does not see: the first of the voxels, then the first that is far from all before, and so on."""
    left = voxels_mm
    for place in sources_mm:
        left = left[np.linalg.norm(left - place, axis=1) > reach_mm]
    found = []
    while len(left):
        found.append(left[0])
        left = left[np.linalg.norm(left - left[0], axis=1) > reach_mm]
    return np.array(found).reshape(-1, 3)


def seen_by_voxels(voxels_mm: np.ndarray, sources_mm: np.ndarray, reach_mm: float = REACH_MM) -> np.ndarray:
    """(v, j) what voxels see of sources: less with distance (a Gaussian of two thirds of the reach), and nothing beyond it."""
    away = np.linalg.norm(voxels_mm[:, None] - sources_mm, axis=2)
    return np.where(away <= reach_mm, np.exp(-0.5 * (1.5 * away / reach_mm) ** 2), 0.0)


def check_near(voxels_mm: np.ndarray, sources_mm: np.ndarray, where: str, reach_mm: float = REACH_MM) -> None:
    """Raise a UserError where no voxel is near a source that MEG sees: then both share nothing."""
    nearest = min(float(np.linalg.norm(voxels_mm - place, axis=1).min()) for place in sources_mm)
    if nearest > reach_mm:
        raise UserError(
            f"{where}: no source is within {reach_mm:g} mm of any of {len(voxels_mm)} voxels; the nearest are {nearest:.0f} mm apart. Are both in MNI "
            "coordinates (mm)? Or take another region (data.roi)."
        )
