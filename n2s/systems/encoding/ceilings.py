"""Ceilings of brain scores: explainable variance from repeats, or the correlation with other subjects. Absent where unknown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.data.encoding_data import EncodingData, Measured
from n2s.metrics.ceilings import explainable_variance, intersubject
from n2s.studies.fmri import Space

#: Targets that are compared at once.
BLOCK = 4096
NOWHERE = -1
FEWEST_ROWS = 10  # that all subjects share; a correlation over fewer says nothing


def from_repeats(repeats: Mapping[str, np.ndarray], n_targets: int) -> tuple[np.ndarray, np.ndarray]:
    """(v,) biased, (v,) corrected explainable variance of a single response; NaN where nothing was repeated.

    Stimuli that were heard equally often are joined in time. Of different numbers of repeats, the mean is weighted by rows.

    Parameters
    ----------
    repeats
        Stimulus -> (r, m, v).
    n_targets
        v.
    """
    by_count: dict[int, list[np.ndarray]] = {}
    for values in repeats.values():
        by_count.setdefault(len(values), []).append(values)
    joined = [np.concatenate(values, axis=1) for count, values in by_count.items() if count > 1]
    joined = [one for one in joined if one.shape[1] >= FEWEST_ROWS]
    if not joined:
        return np.full(n_targets, np.nan), np.full(n_targets, np.nan)
    weights = np.array([one.shape[1] for one in joined], float)
    blocks = [slice(at, at + BLOCK) for at in range(0, n_targets, BLOCK)]
    found = [np.concatenate([explainable_variance(one[..., part]) for part in blocks], axis=1) for one in joined]
    return tuple(np.tensordot(weights / weights.sum(), np.stack(found), 1))


def n_averaged(table: pd.DataFrame) -> float:
    """How many presentations a held-out response is the mean of: 1 / mean over rows of 1 / n, as the noise is averaged.

    Parameters
    ----------
    table
        ``averaged`` of the held-out rows: see `n2s.data.encoding_data.EncodingData.rows`.
    """
    return float(1 / np.mean(1 / table.averaged.to_numpy()))


def shared_targets(measured: Sequence[Measured]) -> list[np.ndarray] | None:
    """For each subject, the columns of the targets that all share, in one order; None if they share none.

    Vertices are shared if they are of one mesh, voxels if they are of one template's grid, sensors if they have the same name
    (but contacts inside the head).
    """
    if len({one.kind for one in measured}) != 1 or len(measured) < 2 or any(one.own_names for one in measured):
        return None
    if measured[0].kind == "sensor":
        names = [np.asarray(one.names).astype(str).tolist() for one in measured]
    elif any(one.space is None or not _same(one.space, measured[0].space) for one in measured):
        return None
    else:
        names = [flat_places(one).tolist() for one in measured]
    common = sorted(set(names[0]).intersection(*names[1:]) - {NOWHERE})
    if not common:
        return None
    places = [{name: place for place, name in enumerate(one)} for one in names]
    return [np.array([own[name] for name in common]) for own in places]


def flat_places(measured: Measured) -> np.ndarray:
    """(v,) flat place of each target in its image (C order) or mesh; `NOWHERE` where that is not known."""
    chosen, space = measured.chosen, measured.space
    if chosen is None or space is None or (space.mask is None and space.mesh is None and space.grayordinates is None):
        return np.full(len(measured.names), NOWHERE)
    if space.mask is None:
        return np.asarray(chosen)
    return np.flatnonzero(np.asarray(space.mask.dataobj) != 0)[chosen]


def shared_rows(tables: Sequence[pd.DataFrame], rate_hz: float) -> list[list[np.ndarray]] | None:
    """For each subject and shared moment, the held-out rows at it; None if too few are shared.

    Presentations of one stimulus are averaged. Subjects' rows may lie differently on its clock: a moment is half a row to either side
    of where most lie, so that clocks that differ by little never meet a whole row apart.

    Parameters
    ----------
    tables
        ``stimulus``, ``stimulus_s`` of each subject's held-out rows.
    rate_hz
        Of the rows.
    """
    every = pd.concat([table[["stimulus", "stimulus_s"]].astype({"stimulus": str}) for table in tables])
    every = every.assign(subject=np.repeat(np.arange(len(tables)), [len(table) for table in tables]))
    every = every.assign(row=every.groupby("subject").cumcount())[every.stimulus_s.notna().to_numpy()]
    place = every.stimulus_s * rate_hz
    turn = pd.Series(np.exp(2j * np.pi * place)).groupby(every.stimulus.to_numpy()).sum().map(np.angle) / (2 * np.pi)
    number = np.floor(place - every.stimulus.map(turn) + 0.5 + 1e-6).astype(int)
    moment = pd.MultiIndex.from_arrays([every.stimulus, number]).factorize()[0]  # in the first subject's order
    subject, row = every.subject.to_numpy(), every.row.to_numpy()
    everywhere = np.ones(moment.max(initial=-1) + 1, bool)
    for i in range(len(tables)):
        everywhere &= np.bincount(moment[subject == i], minlength=len(everywhere)) > 0
    if everywhere.sum() < FEWEST_ROWS:
        return None
    found = []
    for i in range(len(tables)):
        own = (subject == i) & everywhere[moment]
        order = np.argsort(moment[own], kind="stable")
        found.append(np.split(row[own][order], np.flatnonzero(np.diff(moment[own][order])) + 1))
    return found


@dataclass(frozen=True)
class Shared:
    """What subjects share: held-out moments, and targets.

    Parameters
    ----------
    columns
        Of each subject, the places of the shared targets.
    rows
        Of each subject and moment, its rows: presentations, of which the mean is taken.
    true
        Of each subject (n, v) responses.
    moments
        ``stimulus``, ``stimulus_s`` of each, in order of the first subject's rows.
    """

    columns: list[np.ndarray]
    rows: list[list[np.ndarray]]
    true: list[np.ndarray]
    moments: pd.DataFrame

    def parts(self) -> list[slice]:
        """Targets that are compared at once."""
        return [slice(at, at + BLOCK) for at in range(0, len(self.columns[0]), BLOCK)]

    def block(self, part: slice) -> np.ndarray:
        """(s, m, v) responses of all subjects."""
        return np.stack(
            [
                np.stack([true[np.ix_(at_moment, own[part])].mean(0) for at_moment in mine])
                for true, own, mine in zip(self.true, self.columns, self.rows, strict=True)
            ]
        )

    def blocks(self) -> Iterator[np.ndarray]:
        """`block` of each of the `parts`."""
        return (self.block(part) for part in self.parts())


def shared_by(
    data: EncodingData, subjects: Sequence[str], rows: Mapping[str, np.ndarray], true: Mapping[str, np.ndarray]
) -> Shared | None:
    """What subjects share; None if they share no targets, or too few moments.

    Parameters
    ----------
    data
        For the tables of rows and what is measured.
    subjects
        Whom to compare.
    rows
        Subject -> (n,) held-out rows.
    true
        Subject -> (n, v) their responses.
    """
    columns = shared_targets([data.measured(name) for name in subjects])
    if columns is None or len({data.rate_hz[name] for name in subjects}) > 1:
        return None
    tables = [data.rows(name).iloc[rows[name]] for name in subjects]
    moments = shared_rows(tables, data.rate_hz[subjects[0]])
    if moments is None:
        return None
    first = tables[0].iloc[[at_moment[0] for at_moment in moments[0]]][["stimulus", "stimulus_s"]]
    return Shared(columns, moments, [true[name] for name in subjects], first.reset_index(drop=True))


def from_subjects(shared: Shared, subjects: Sequence[str]) -> dict[str, np.ndarray]:
    """Leave-one-subject-out correlation: subject -> (v,), NaN for targets that are not shared."""
    found = {name: np.full(true.shape[1], np.nan) for name, true in zip(subjects, shared.true, strict=True)}
    for part in shared.parts():
        for name, own, values in zip(subjects, shared.columns, intersubject(shared.block(part)), strict=True):
            found[name][own[part]] = values
    return found


def spill(values: np.ndarray, folder: Path, number: int) -> np.ndarray:
    """The responses of a subject, on disk instead of in memory."""
    path = folder / f"{number}.npy"
    np.save(path, values, allow_pickle=False)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _same(one: Space, other: Space) -> bool:
    """Whether two spaces are the same mesh or grayordinates, or images of one template's grid. Native images never are: their voxels differ."""
    if one.grayordinates is not None or other.grayordinates is not None:
        return one.grayordinates == other.grayordinates
    if one.mesh is not None or other.mesh is not None:
        return one.mesh == other.mesh
    if one.mask is None or other.mask is None or one.template is None or one.template != other.template:
        return False
    return one.mask.shape == other.mask.shape and np.allclose(one.mask.affine, other.mask.affine)
