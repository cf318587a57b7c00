"""The port of an fMRI data set: its runs, their volumes, and which clip of sound was played when."""

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from n2s.errors import UserError, nearest
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

if TYPE_CHECKING:
    import nibabel

#: Columns of `FMRIStudy.clips`, and the default of the optional ones.
CLIP_COLUMNS = ("stimulus", "start_s", "duration_s", "time_s")
OPTIONAL = {"group": None, "split": "train", "repeat": 0, "label": ""}


@dataclass(frozen=True)
class Bold:
    """One run: ``data (TR, voxel)``, ``tr_s`` seconds a TR, and ``rois``: name -> (voxel,) bool.

    Time 0 of the run's clock is the start of its first row. Voxels are in one order for all runs of a subject.
    Where they are known: ``places (voxel, 3)``, mm to the right, to the front and upwards; ``confounds``, the run's table
    of confounds, of which `BoldCleaning` names the columns to regress out; ``nuisances (TR, regressor)``, which are
    known to have caused a part of the data (in a simulation) and are always taken out.
    """

    data: np.ndarray
    tr_s: float
    rois: dict[str, np.ndarray] = field(default_factory=dict)
    places: np.ndarray | None = None
    confounds: Path | None = None
    nuisances: np.ndarray | None = None

    def voxels(self, roi: str | None, where: str) -> np.ndarray:
        """(voxel,) bool of a region, or of all voxels without one; a UserError if no region has that name."""
        if roi is None:
            return np.ones(self.data.shape[1], bool)
        if roi not in self.rois:
            known = ", ".join(sorted(self.rois)) or "none"
            raise UserError(f"{where}: no ROI '{roi}'.{nearest(roi, list(self.rois))} There are: {known}.")
        if not self.rois[roi].any():
            raise UserError(f"{where}: the ROI '{roi}' has no voxel of the {self.data.shape[1]} in this run.")
        return self.rois[roi]


@dataclass(frozen=True)
class Space:
    """Where the voxels of a subject lie, so that a value per voxel can be written as an image and drawn.

    ``mask``: a NIfTI image; voxels are its true ones, in C order. ``mesh``: a surface such as ``fsaverage5``; voxels are the
    vertices of the left hemisphere, then those of the right. ``grayordinates``: the columns of CIFTI; ``mesh`` is then that of their
    cortex (``fsLR32k``), or None. All None: only ``places`` of `Bold` are known. ``template``: the
    brain whose coordinates the voxels have, by its BIDS name (``MNI152NLin2009cAsym``); None: the subject's own, or unknown. Only
    voxels of MNI are drawn on the cortex.
    """

    mask: "nibabel.Nifti1Image | None" = None
    mesh: str | None = None
    template: str | None = None
    grayordinates: "nibabel.cifti2.BrainModelAxis | None" = None


class FMRIStudy(Study):
    """A data set of BOLD runs. `load` gives `Bold`; `clips` says which sound is to be decoded from which time."""

    #: The cleaning that its runs need; None: they are used as they are.
    cleaning: BoldCleaning | None = None

    @abstractmethod
    def load(self, recording: Recording) -> Bold:
        """Read one run, all voxels, not cleaned: `n2s.data.bold_preparation` cleans it once and keeps it."""

    @abstractmethod
    def clips(self, recording: Recording) -> pd.DataFrame:
        """The clips that were heard, one row each, without reading the volumes.

        Columns: ``stimulus`` (audio id), ``start_s`` and ``duration_s`` (in that audio), ``time_s`` (when the clip
        began on the run's clock; before the first row: negative); and optionally ``group`` (it must not be in two
        splits; by default the stimulus), ``split`` (train, val, test; ``prompt``: kept out of all three), ``repeat``
        (which presentation) and ``label`` (a semantic class).
        """

    def space(self, subject: str) -> Space | None:
        """The image or surface that a subject's voxels lie on; None if the study does not know it."""
        return None

    def events(self, recording: Recording) -> pd.DataFrame:
        """The clips that were heard in the run, as events of kind ``sound``; a study with words overrides this.

        A clip that began before the run has a negative onset.
        """
        clips = clip_table(self.clips(recording), where=f"{self.name}, {recording.name}")
        clips = clips[clips.time_s + clips.duration_s > 0]
        rows = clips.assign(kind="sound", onset=clips.time_s, stimulus_onset=clips.start_s, story=clips.group)
        named = ["kind", "onset", "duration", "story", "stimulus", "stimulus_onset"]
        return events_table(rows.rename(columns={"duration_s": "duration"})[named], where=recording.name)


def clip_table(clips: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """The table with every column, checked.

    Raises
    ------
    UserError
        A column is missing, a clip has no length or starts before its audio, or a group is in two splits.
    """
    missing = [name for name in CLIP_COLUMNS if name not in clips]
    if missing:
        raise UserError(f"{where}: its clips lack the columns {missing}; they have {list(clips.columns)}.")
    table = clips.reset_index(drop=True)
    for name, value in OPTIONAL.items():
        if name not in table:
            table[name] = table.stimulus if value is None else value
    bad = table[(table.duration_s <= 0) | (table.start_s < 0)]
    if len(bad):
        row = bad.iloc[0]
        raise UserError(
            f"{where}: {len(bad)} clips have no length or start before their audio; the first is '{row.stimulus}' at "
            f"{row.start_s:g} s for {row.duration_s:g} s."
        )
    unknown = sorted(set(table.split) - {"train", "val", "test", "prompt"})
    if unknown:
        raise UserError(f"{where}: clips are of the splits {unknown}; expected train, val, test or prompt.")
    kept = table[table.split != "prompt"]
    crossing = kept.groupby("group").split.nunique()
    if (crossing > 1).any():
        raise UserError(f"{where}: '{crossing[crossing > 1].index[0]}' has clips in two splits; a stimulus is in one.")
    return table[[*CLIP_COLUMNS, *OPTIONAL]]
