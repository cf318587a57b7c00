"""The files that a test of brain scores leaves for viewers and for statistics: volumes, surfaces, a table, and what they hold."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.metrics.group_tests import benjamini_hochberg
from n2s.systems.encoding.cortex.contrasts import (
    Contrast,
    OnCortex,
    Tested,
    main_contrasts,
    normalised,
    over_subjects,
)
from n2s.systems.encoding.cortex.interactive import write_interactive
from n2s.systems.encoding.cortex.map_files import mesh_size, write_grayordinates, write_surfaces, write_volumes
from n2s.systems.encoding.cortex.map_notes import ABOUT, NORMALISED, TABLE, write_about, write_sidecar, write_table
from n2s.systems.encoding.cortex.surfaces import DRAWN, N
from n2s.systems.encoding.results.scored import BrainScores

FOLDER = "maps"
MOST_INTERACTIVE = 12  # 3 MB each


def write_maps(result: BrainScores, folder: Path) -> list[Path]:
    """Write every map into ``folder/maps``.

    For each subject and over subjects: NIfTI of voxels whose image is known, CIFTI of grayordinates, GIFTI of vertices whose mesh is known and, on
    fsaverage5, of voxels in MNI. Maps of all rows are in one file; its JSON file lists them. Then HTML files with surfaces that turn, a
    table of regions, and a README.

    Returns
    -------
    The files.

    Raises
    ------
    UserError
        A subject's vertices are not those of the mesh that is named.
    """
    folder, cortex = folder / FOLDER, OnCortex(result)
    names, written = _labels(list(cortex.tables)), []
    for subject, table in cortex.tables.items():
        image, index = result.images.get(subject, {}), table["index"].to_numpy()
        for statistic, maps in _of_subject(result.rows, table).items():
            about = (
                {"Subject": subject, "Test": "permutation test within the subject, Benjamini-Hochberg"}
                if statistic == "q"
                else {"Subject": subject}
            )
            written += _native(folder, names[subject], statistic, maps, index, image, about)
            if subject in cortex.weights and image.get("mesh") != DRAWN:
                on = {name: cortex.subject(subject, values) for name, values in maps.items() if statistic != "q"}
                written += _surface(folder, names[subject], statistic, on, about) if on else []
    written += _over_subjects(result, cortex, folder)
    written.append(write_table(result, folder / TABLE))
    written.append(write_about(result, cortex, folder / ABOUT))
    return written


def files(result: BrainScores) -> dict[str, str]:
    """What the files worth a link show -> their paths in the result's folder, whether or not they are written."""
    found = {
        f"Surface that turns: {one.title}": f"{FOLDER}/{_html(one)}"
        for one in main_contrasts(result.rows)[:MOST_INTERACTIVE]
    }
    return found | {"What the files of maps hold": f"{FOLDER}/{ABOUT}", "Table of regions": f"{FOLDER}/{TABLE}"}


def _of_subject(rows: pd.DataFrame, table: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Statistic -> row -> (targets,)."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for row in rows.row:
        found.setdefault("r", {})[row] = table[f"r:{row}"].to_numpy(np.float64)
        if f"gain:{row}" in table:
            found.setdefault("gain", {})[row] = table[f"gain:{row}"].to_numpy(np.float64)
        for kind, values in normalised(table, row).items():
            found.setdefault(NORMALISED[kind], {})[row] = values
        p = Contrast("", row).p(table)
        if p is not None:
            found.setdefault("q", {})[row] = benjamini_hochberg(p)
    return found


def _over_subjects(result: BrainScores, cortex: OnCortex, folder: Path) -> list[Path]:
    """Mean and q of every row and gain: in the volume that all subjects share, and on fsaverage5; surfaces that turn."""
    written: list[Path] = []
    n = len(cortex.tables)
    scores = {row: Contrast("", row) for row in result.rows.row}
    before = {row: _before(result.rows, row) for row in result.rows.row if f"gain:{row}" in result.targets}
    gains = {row: Contrast("", row, minus) for row, minus in before.items() if minus}
    shared = _shared_voxels(result) if n > 1 else None
    if shared is not None:
        index, image = shared
        stacked = {
            row: _stacked(result.targets, index, one)
            for row, one in (scores | {f"gain:{k}": v for k, v in gains.items()}).items()
        }
        p = {row: _stacked(result.targets, index, f"p:{row}") for row in scores if f"p:{row}" in result.targets}
        found = {row: over_subjects(values, p.get(row)) for row, values in stacked.items()}
        written += _group(folder, found, lambda *one: _native(folder, "group", *one[:2], index, image, one[2]))  # type: ignore[call-arg]
    if cortex.weights and n > 1:
        found = {row: cortex.tested(one) for row, one in scores.items()}
        found |= {f"gain:{row}": cortex.tested(one) for row, one in gains.items()}
        written += _group(folder, found, lambda *one: _surface(folder, "group", *one))
    if cortex.weights:
        turning = {one: cortex.tested(one) for one in main_contrasts(result.rows)[:MOST_INTERACTIVE]}
        own = {one: found for one, found in turning.items() if found.shown.any()}
        written += [
            write_interactive(folder / _html(one), one, found, len(cortex.weights)) for one, found in own.items()
        ]
    return written


def _group(folder: Path, found: Mapping[str, Tested], write: Callable[..., list[Path]]) -> list[Path]:
    """Means, and q where there is a test, by statistic."""
    written: list[Path] = []
    for statistic, prefix, q_name in (("r", "", "q"), ("gain", "gain:", "gainQ")):
        own = {
            name.removeprefix("gain:"): one for name, one in found.items() if name.startswith("gain:") == bool(prefix)
        }
        if own:
            written += write(statistic, {name: one.mean for name, one in own.items()}, {"Value": "mean over subjects"})
        q = {name: one.q for name, one in own.items() if one.q is not None}
        if q:
            written += write(
                q_name, q, {"Test": next(f"{one.measure}: {one.test}" for one in own.values() if one.q is not None)}
            )
    return written


def _native(
    folder: Path,
    who: str,
    statistic: str,
    maps: Mapping[str, np.ndarray],
    index: np.ndarray,
    image: Mapping,
    about: Mapping,
) -> list[Path]:
    """In the subject's own image or mesh; nothing if it is not known."""
    if not (index >= 0).any():
        return []
    size = mesh_size(image)
    if image.get("grayordinates"):
        space = f"_space-{image['mesh']}" if image.get("mesh") else ""
        paths = write_grayordinates(folder / f"{who}{{hemi}}{space}_stat-{statistic}_statmap", maps, index, image)
        where = {"SpatialReference": image.get("mesh") or "the grayordinates of the runs"}
    elif image.get("mesh"):
        if size is None:
            return []
        paths = write_surfaces(
            folder / f"{who}_hemi-{{hemi}}_space-{image['mesh']}_stat-{statistic}_statmap.func.gii", maps, index, size
        )
        where = {"SpatialReference": image["mesh"]}
    elif image.get("shape") and image.get("affine"):
        space = f"_space-{image['template']}" if image.get("template") else ""
        paths = [write_volumes(folder / f"{who}{space}_stat-{statistic}_statmap.nii.gz", maps, index, image)]
        where = {"SpatialReference": image.get("template") or "the subject's own image"}
    else:
        return []
    return [*paths, *(write_sidecar(path, statistic, list(maps), about | where) for path in paths)]


def _surface(folder: Path, who: str, statistic: str, maps: Mapping[str, np.ndarray], about: Mapping) -> list[Path]:
    """On fsaverage5."""
    stem = folder / f"{who}_hemi-{{hemi}}_space-{DRAWN}_stat-{statistic}_statmap.func.gii"
    paths = write_surfaces(stem, maps, np.arange(2 * N), N)
    return [
        *paths,
        *(write_sidecar(path, statistic, list(maps), about | {"SpatialReference": DRAWN}) for path in paths),
    ]


def _shared_voxels(result: BrainScores) -> tuple[np.ndarray, Mapping] | None:
    """Voxels or grayordinates that any subject has, and the image, if it is one for all."""
    if not result.group.one_space:
        return None
    image = result.images.get(result.group.subjects[0], {})
    grid = image.get("shape") and image.get("affine") and not image.get("mesh")
    if not grid and not image.get("grayordinates"):
        return None
    index = np.unique(result.targets["index"])
    return index[index >= 0], image


def _stacked(targets: pd.DataFrame, index: np.ndarray, of: Contrast | str) -> np.ndarray:
    """(s, v) values of the voxels, NaN where a subject has none."""
    values = targets[of].to_numpy(np.float64) if isinstance(of, str) else of.of(targets)
    own = targets["index"].to_numpy()
    subject = pd.factorize(targets.subject)[0]
    found = np.full((subject.max() + 1, len(index)), np.nan)
    inside = own >= 0
    found[subject[inside], np.searchsorted(index, own[inside])] = values[inside]
    return found


def _before(rows: pd.DataFrame, row: str) -> str:
    """The level before."""
    own = rows.set_index("row").loc[row]
    same = rows[(rows.network == own.network) & (rows.level == own.level - 1)]
    return str(same.row.iloc[0]) if own.network and len(same) else ""


def _html(contrast: Contrast) -> str:
    words = contrast.title.replace("Δ", "delta-").replace("−", "minus")
    return f"surface_{re.sub(r'[^A-Za-z0-9]+', '-', words).strip('-')}.html"


def _labels(subjects: list[str]) -> dict[str, str]:
    """Subject -> ``sub-...`` for file names, with the study where there are several."""
    studies = {name.rpartition("/")[0] for name in subjects}
    found = {}
    for name in subjects:
        text = name.rpartition("/")[2] if len(studies) == 1 else name.replace("/", "")
        found[name] = f"sub-{re.sub(r'[^A-Za-z0-9]+', '', text.removeprefix('sub-'))}"
    if len(set(found.values())) < len(found):
        found = {name: f"{label}{number}" for number, (name, label) in enumerate(found.items(), 1)}
    return found
