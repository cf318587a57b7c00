"""The runs of some subjects and their files: read with the voxels that all runs of a subject share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from n2s.errors import UserError
from n2s.findings import kept, tell
from n2s.studies.fmri import Bold, Space
from n2s.studies.own.bold_confounds import tell_about_volumes
from n2s.studies.own.bold_names import RunFiles
from n2s.studies.readers.bold_files import BoldFiles, own_mask_name
from n2s.studies.readers.volume_times import SAME_S, sidecars
from n2s.studies.study import Recording


@dataclass(frozen=True)
class BoldRuns:
    """Which files belong to each run, and how they are read.

    Parameters
    ----------
    root
        Where relative paths of ``files`` begin.
    files
        How a file becomes an array.
    runs
        The files of each run.
    """

    root: Path
    files: BoldFiles
    runs: Mapping[Recording, RunFiles]

    def count(self, recording: Recording) -> tuple[int, float]:
        """Volumes of a run, and seconds between them, without reading it."""
        return self.files.count(*self.runs[recording].bold)

    def load(self, recording: Recording, confounds: tuple[str, ...]) -> Bold:
        """Read a run; ``confounds``: patterns of those that will be regressed out.

        Raises
        ------
        UserError
            It has not the voxels of the subject's first run.
        """
        run, masks = self.runs[recording], self.masks(recording.subject)
        bold = self.files.read(*run.bold, root=self.root, subject=recording.subject, own_masks=masks)
        n_voxels = bold.data.shape[1]
        if masks:
            shared = (
                f"are in the masks beside all {len(masks)} runs of the subject"
                if len(masks) > 1
                else "are in the mask beside it"
            )
            tell("odd", run.bold[0], f"no mask is set: n2s takes the {n_voxels} voxels that {shared}.")
        first = self._first(recording.subject).bold
        n_first = None if self.files.n_voxels(*run.bold) is None else self.files.n_voxels(*first)
        if n_first is not None and n_first != n_voxels:
            raise UserError(
                f"{run.bold[0]} has {n_voxels} voxels, but {first[0]} of the same subject has "
                f"{n_first}: voxels must be the same, in one order, in all its runs."
            )
        with kept():  # what is odd about the first run is reported with it
            first_tr_s = self.files.count(*first)[1]
        if abs(first_tr_s - bold.tr_s) > SAME_S:
            tell(
                "odd",
                run.bold[0],
                f"a TR of {bold.tr_s:.6g} s, but {first_tr_s:.6g} s in the first run of the subject.",
            )
        if run.confounds is not None:
            tell_about_volumes(run.confounds, len(bold.data), confounds)
        return replace(bold, confounds=run.confounds)

    def space(self, subject: str) -> Space | None:
        """Where the voxels of a subject lie, if its files say so."""
        masks = self.masks(subject)
        return self.files.space(*self._first(subject).bold, root=self.root, subject=subject, own_masks=masks)

    def sources(self, recording: Recording, confounds: tuple[str, ...]) -> list[Path]:
        """The files of a run, those that select its voxels, and its table of confounds if any is regressed out."""
        run = self.runs[recording]
        table = [run.confounds] if run.confounds and confounds else []
        heard = [] if run.clips is None else [run.clips]
        own = [*run.bold, *heard, *table, *sidecars(run.bold[0]), *self.masks(recording.subject)]
        return own + self.files.sources(root=self.root, subject=recording.subject)

    def masks(self, subject: str) -> list[Path]:
        """The masks beside the subject's runs, if these decide which voxels are taken."""
        own = [files for one, files in self.runs.items() if one.subject == subject]
        needed = [files for files in own if self.files.needs_mask(files.bold[0])]
        missing = [files.bold[0] for files in needed if files.mask is None]
        if missing and len(missing) < len(needed):
            raise UserError(
                f"{missing[0]}: no mask {own_mask_name(missing[0])} beside it, as other runs of the subject have. Set mask."
            )
        return [files.mask for files in needed if files.mask is not None]

    def _first(self, subject: str) -> RunFiles:
        return next(files for one, files in self.runs.items() if one.subject == subject)
