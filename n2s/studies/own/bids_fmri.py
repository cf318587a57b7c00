"""Your own fMRI study in BIDS: whole runs as fMRIPrep derives them, and what was heard from events.tsv. For encoding models."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.own.bold_names import RunFiles, named_runs
from n2s.studies.own.bold_runs import BoldRuns
from n2s.studies.own.fmri_arrays import keep
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.clips import cut_clips
from n2s.studies.readers.event_columns import EventColumns, complete, read_rows
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.study import Recording

TOLERANCE_S = 0.05  # rounded times


class BIDSFMRI(FolderStudy, FMRIStudy):
    """Runs of BOLD whose stimuli stand in BIDS' events.tsv, with words and phones from there, or from TextGrids or tables of the sounds.

    Volumes in MNI or the subject's space (``.nii.gz``, through a mask), surfaces (``hemi-L`` and ``hemi-R`` of ``.func.gii``) or
    CIFTI (``.dtseries.nii``), and beside them ``*_desc-confounds_timeseries.tsv`` and ``*_desc-brain_mask.nii.gz``, as fMRIPrep
    names them. Without a mask, the voxels that are in the masks of all runs of a subject are taken. Decoding cuts the sounds
    into clips of one volume.

    Parameters
    ----------
    root
        The raw BIDS folder: events and stimuli.
    derivatives
        The folder with the runs, from ``root`` or absolute.
    space
        Which of fMRIPrep's spaces to read: ``MNI152NLin2009cAsym``, ``fsaverage5``, ``fsLR``. None: there is only one.
    bold
        Instead, a pattern for the files of the runs.
    files, cleaning
        How a file becomes an array, and how it is cleaned: ``confounds: [millet18]`` (`n2s.studies.confound_sets`).
    subjects, tasks
        Keep only these.
    first_volume_s
        When the first volume that is kept began, on the clock of events.tsv: the time of volumes that were cut off the start. Where
        slices were corrected to the middle of a volume (StartTime in the run's JSON file), add that time.
    features
        A folder with ready-made features instead of audio, for encoding models and linear decoders; see `n2s.studies.own.bids.BIDSStudy`.
    name, stimuli, alignments, columns, word_tier, phone_tier, sentence_tier, sentence_pause_s, language, content, default_condition
        See `n2s.studies.own.bids.BIDSStudy`.

    Raises
    ------
    UserError
        There is no such folder or run, a run has two files or no events, or a subject or task is unknown.

    Examples
    --------
    >>> from n2s.studies import BIDSFMRI
    >>> study = BIDSFMRI("my_study", space="MNI152NLin2009cAsym", language="en")  # doctest: +SKIP
    >>> [one.name for one in study.recordings()]  # doctest: +SKIP
    >>> BIDSFMRI(folder)
    Traceback (most recent call last):
    n2s.errors.UserError: no folder .../derivatives/fmriprep with the runs. Set derivatives to fMRIPrep's output, from...
    """

    #: The tables that say what was heard; None: a data set that has none reads it elsewhere (`read_rows`).
    heard: str | None = "events"

    def __init__(
        self,
        root: str,
        *,
        name: str | None = None,
        derivatives: str = "derivatives/fmriprep",
        space: str | None = None,
        bold: str | None = None,
        files: BoldFiles = BoldFiles(),  # noqa: B008  (frozen)
        cleaning: BoldCleaning = BoldCleaning(),  # noqa: B008
        subjects: list[str | int] | None = None,
        tasks: list[str] | None = None,
        first_volume_s: float = 0.0,
        stimuli: str = "stimuli",
        features: str | None = None,
        alignments: str | None = None,
        columns: EventColumns | None = None,
        word_tier: str | None = None,
        phone_tier: str | None = None,
        sentence_tier: str | None = None,
        sentence_pause_s: float = 0.4,
        language: str = "",
        content: dict[str, str] | None = None,
        default_condition: str = "listen",
    ):
        check_number("sentence_pause_s", sentence_pause_s, low=0)
        check_number("first_volume_s", first_volume_s)
        self.root = data_folder(root)
        self.name = name or self.root.name
        self.files, self.cleaning, self.columns = files, cleaning, columns or EventColumns()
        self.language, self.default_condition, self.content = language, default_condition, content
        self.first_volume_s = first_volume_s
        self.stimuli = StimulusFolder(
            self.root / (features or stimuli),
            ready=features is not None,
            alignments=None if alignments is None else self.root / alignments,
            word_tier=word_tier,
            phone_tier=phone_tier,
            sentence_tier=sentence_tier,
            sentence_pause_s=sentence_pause_s,
        )
        folder = self.root / Path(derivatives).expanduser()
        if not folder.is_dir():
            there = sorted(one.name for one in folder.parent.glob("*") if one.is_dir())
            raise UserError(
                f"no folder {folder} with the runs.{nearest(folder.name, there)} Set derivatives to fMRIPrep's output, from the root or absolute."
            )
        pattern = bold or runs_pattern(folder, space)
        found = named_runs(folder, pattern, self.root, heard=self.heard)
        found = keep(keep(found, "subject", subjects, self.root), "task", tasks, self.root)
        self._runs = self.select(found)
        self._files = BoldRuns(self.root, files, self._runs)

    def select(self, found: dict[Recording, RunFiles]) -> dict[Recording, RunFiles]:
        """The runs that are read; a data set that leaves some out, or names them otherwise, overrides this."""
        return found

    def recordings(self) -> list[Recording]:
        """Every run, by subject, session, task and run."""
        return list(self._runs)

    def load(self, recording: Recording) -> Bold:
        """Read one run."""
        return self._files.load(recording, self.cleaning.confounds)

    def space(self, subject: str) -> Space | None:
        """Where the voxels of a subject lie: the image, surface or grayordinates of its runs; None for arrays."""
        return self._files.space(subject)

    def table(self, recording: Recording) -> Path:
        """The file that says what was heard in a run."""
        return self._runs[recording].clips

    def read_rows(self, path: Path, recording: Recording) -> pd.DataFrame:
        """The rows of a run's events.tsv, as `n2s.studies.readers.event_columns.read_rows` gives them; a data set may override this."""
        return read_rows(path, self.columns, self.stimuli)

    def events(self, recording: Recording) -> pd.DataFrame:
        """What was heard, complete and checked against the stimuli, on the clock of the volumes.

        A sound that began before the first volume has a negative onset; what comes after the last one is cut off and told.
        """
        path = self.table(recording)
        rows = self.read_rows(path, recording)
        early_s = max(
            0.0, -rows.onset.min()
        )  # BIDS counts from the first volume that is stored: sounds may begin before it
        table = complete(
            rows.assign(onset=rows.onset + early_s),
            self.stimuli,
            where=str(path),
            duration_s=np.inf,
            language=self.language,
            default_condition=self.default_condition,
        )
        n_tr, tr_s = self._files.count(recording)
        return within(
            table.assign(onset=table.onset - early_s - self.first_volume_s),
            n_tr * tr_s,
            f"{path}, for {recording.name}",
        )

    def clips(self, recording: Recording) -> pd.DataFrame:
        """The sounds, cut into clips of one volume."""
        return cut_clips(self.events(recording), self._files.count(recording)[1], self.split)

    def sources(self, recording: Recording) -> list[Path]:
        """The files of the run, and the stimuli and TextGrids that its events use."""
        path = self.table(recording)
        rows, where = self.read_rows(path, recording), str(path)
        heard = [self.stimuli.id(name, where=where) for name in rows.stimulus.unique() if name]
        stimuli = {path for name in heard for path in self.stimuli.sources(name)}
        return [*self._files.sources(recording, self.cleaning.confounds), *sorted(stimuli)]

    def settings(self) -> dict:
        """The options that change the results of `load` and `events`."""
        return {
            "files": asdict(self.files),
            "columns": asdict(self.columns),
            "tiers": self.stimuli.tiers,
            "sentence_pause_s": self.stimuli.sentence_pause_s,
            "language": self.language,
            "default_condition": self.default_condition,
            "first_volume_s": self.first_volume_s,
        }


def runs_pattern(folder: Path, space: str | None) -> str:
    """The names of runs in a space; of fMRIPrep before 20.2, surfaces end with their hemisphere: ``_space-fsaverage5_hemi-L.func.gii``."""
    pattern = f"**/*_space-{space}_*bold.*" if space else "**/*_bold.*"
    former = f"**/*_space-{space or '*'}_hemi-[LR].func.gii"
    return former if next(folder.glob(pattern), None) is None and next(folder.glob(former), None) else pattern


def within(table: pd.DataFrame, run_s: float, where: str) -> pd.DataFrame:
    """The events that began in a run of this length or before it; longer ones end with it.

    Raises
    ------
    UserError
        None is left.
    """
    late = table.onset >= run_s
    long = ~late & (table.onset + table.duration > run_s + TOLERANCE_S)
    if late.all():
        raise UserError(
            f"{where}: the first event is at {table.onset.min():g} s, after the end of the run ({run_s:g} s). Check the TR, and that both "
            "are of one run."
        )
    if late.any():
        tell("left out", where, f"{late.sum()} of {len(table)} events begin after the run ({run_s:g} s).")
    cut = table[long & (table.kind == "sound")]
    if len(cut):
        seconds = float((cut.onset + cut.duration).max() - run_s)
        tell(
            "odd",
            where,
            f"the run ends {seconds:.2f} s before the sound '{cut.stimulus.iloc[-1]}': the rest of it is cut off.",
        )
    table = table.assign(duration=np.where(long, run_s - table.onset, table.duration))
    return events_table(table[~late].reset_index(drop=True), where=where)
