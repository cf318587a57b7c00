"""Your own fMRI study: runs as arrays or NIfTI images, with tables of their clips, and a folder of audio."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.paths import data_folder
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.labels import chosen
from n2s.studies.own.bold_names import ENTITIES, RunFiles, named_runs
from n2s.studies.own.bold_runs import BoldRuns
from n2s.studies.readers.bold_files import BoldFiles, check_kind, own_mask
from n2s.studies.readers.clips import check_in_audio, check_in_run, read_clips
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import natural, read_table
from n2s.studies.study import Recording


class GenericFMRI(FolderStudy, FMRIStudy):
    """Runs from fMRIPrep or any other pipeline; the runs of a subject have one TR and one order of voxels.

    Files have BIDS names, ``sub-01_ses-1_task-listen_run-1_*``: the run's volumes ``*_bold`` (.npy,
    .h5, .hf5, .nii, .nii.gz, .dtseries.nii, or .func.gii of hemi-L and hemi-R), its clips ``*_clips.tsv`` and optionally
    its ``*_desc-confounds_timeseries.tsv``, all anywhere below the root. A table of clips without a subject in its name
    (``task-listen_run-1_clips.tsv``) is for every subject. JSON files beside and above a run (``*_bold.json``) apply to it,
    as BIDS inherits them. Alternatively a table lists which files belong together.

    The columns of clips: see `n2s.studies.fmri.FMRIStudy.clips`.

    Parameters
    ----------
    root
        The folder with the runs.
    audio_dir
        Folder of the audio that ``stimulus`` names; by default ``<root>/stimuli``.
    clips_dir
        Folder of the tables of clips, if they do not lie below ``root``: the raw folder, where ``root`` has derivatives.
    runs
        A table below the root instead of BIDS names, one row per run: ``subject``, ``bold``, ``clips`` and, if there
        are any, ``session``, ``task``, ``run``, ``confounds``; paths from the root.
    bold
        Which files are the runs, if a run has several (fMRIPrep's spaces):
        ``**/*_space-T1w_desc-preproc_bold.nii.gz``.
    files, cleaning
        How a file becomes an array, and how it is cleaned.
    subjects, tasks
        Keep only these.
    name
        Its name in messages.

    Raises
    ------
    UserError
        There is no run, a run has two files or no clips, or a subject or task is unknown.

    Examples
    --------
    >>> import json
    >>> import numpy as np, pandas as pd, soundfile
    >>> from n2s.studies import GenericFMRI
    >>> (folder / "stimuli").mkdir()
    >>> soundfile.write(folder / "stimuli" / "a.wav", np.zeros(160_000), 16_000)
    >>> run = folder / "sub-01_task-listen_run-1"
    >>> np.save(f"{run}_bold.npy", np.zeros((20, 5), np.float32))  # 20 volumes of 5 voxels
    >>> with open(f"{run}_bold.json", "w") as file:
    ...     json.dump({"RepetitionTime": 2.0}, file)
    >>> clips = pd.DataFrame({"time_s": [2.0], "duration_s": 4.0, "stimulus": "a", "start_s": 0.0, "split": "test"})
    >>> clips.to_csv(f"{run}_clips.tsv", sep="\\t", index=False)
    >>> study = GenericFMRI(folder)
    >>> study.clips(study.recordings()[0])[["time_s", "stimulus", "split"]].values.tolist()
    Traceback (most recent call last):
    n2s.errors.UserError: .../stimuli/a.wav: silent: each of its 160000 samples is 0. Nothing can be decoded from it. G...
    """

    def __init__(
        self,
        root: str,
        *,
        audio_dir: str | None = None,
        clips_dir: str | None = None,
        runs: str | None = None,
        bold: str = "**/*_bold.*",
        files: BoldFiles = BoldFiles(),  # noqa: B008  (frozen)
        cleaning: BoldCleaning = BoldCleaning(),  # noqa: B008
        subjects: list[str | int] | None = None,
        tasks: list[str] | None = None,
        name: str = "fmri",
    ):
        self.name, self.root = name, data_folder(root)
        self.files, self.cleaning = files, cleaning
        self.stimuli = StimulusFolder(self.root / "stimuli" if audio_dir is None else data_folder(audio_dir))
        clips = self.root if clips_dir is None else data_folder(clips_dir)
        found = self._listed(self.root / runs) if runs else named_runs(self.root, bold, clips)
        self._runs = keep(keep(found, "subject", subjects, self.root), "task", tasks, self.root)
        self._files = BoldRuns(self.root, files, self._runs)

    def recordings(self) -> list[Recording]:
        """Every run, by subject, session, task and run."""
        return list(self._runs)

    def load(self, recording: Recording) -> Bold:
        """Read one run."""
        return self._files.load(recording, self.cleaning.confounds)

    def space(self, subject: str) -> Space | None:
        """Where the voxels of a subject lie: the image, surface or grayordinates of its runs; None for arrays."""
        return self._files.space(subject)

    def clips(self, recording: Recording) -> pd.DataFrame:
        """The run's table of clips, checked against its volumes and the audio."""
        run = self._runs[recording]
        table = read_clips(run.clips)
        ids = {name: self.stimuli.id(name, where=f"{run.clips}: stimulus") for name in table.stimulus.unique()}
        table["stimulus"] = table.stimulus.map(ids)
        n_tr, tr_s = self._files.count(recording)
        check_in_run(
            table, n_tr, tr_s, where=f"{run.clips}, for {run.bold[0]}", n_columns=self.files.n_columns(run.bold[0])
        )
        check_in_audio(table, self.stimuli, where=str(run.clips))
        return table

    def sources(self, recording: Recording) -> list[Path]:
        """The files of the run, and the files that select its voxels."""
        return self._files.sources(recording, self.cleaning.confounds)

    def settings(self) -> dict:
        """How files are read."""
        return {"files": asdict(self.files)}

    def _listed(self, path: Path) -> dict[Recording, RunFiles]:
        if not path.is_file():
            raise UserError(f"no table of runs {path}. Give `runs` as a path from the root.")
        table = read_table(path, numbers=())
        missing = [name for name in ("subject", "bold", "clips") if name not in table]
        if missing:
            raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
        found = {}
        for line, row in enumerate(table.to_dict("records"), 2):
            labels = {ours: row.get(ours, "").removeprefix(f"{theirs}-") for ours, theirs in ENTITIES.items()}
            one = Recording(**labels, modality="fmri")
            bold = tuple(self.root / part.strip() for part in row.get("bold", "").split(";") if part.strip())
            clips, confounds = (self.root / row[name] if row.get(name) else None for name in ("clips", "confounds"))
            absent = [str(file) for file in (*bold, clips, confounds) if file is not None and not file.is_file()]
            if absent or not bold or clips is None or one in found:
                why = f"no {' and '.join(absent)}" if absent else "bold or clips is empty"
                raise UserError(f"{path}, line {line}: {f'a second {one.name}' if one in found else why}.")
            check_kind(bold[0])
            found[one] = RunFiles(bold, clips, confounds, own_mask(bold[0]))
        return found


def keep(runs: dict[Recording, object], what: str, wanted: list[str | int] | None, root: Path) -> dict:
    """The selected runs by subject, task and so on, sorted; a UserError if a label is unknown or ambiguous."""
    if wanted is not None:
        known = sorted({getattr(one, what) for one in runs}, key=natural)
        plain = chosen(wanted, known, option=f"{root}: {what}s", what=what, prefix=ENTITIES[what])
        runs = {one: files for one, files in runs.items() if getattr(one, what) in plain}
    order = sorted(runs, key=lambda r: [natural(part) for part in (r.subject, r.session, r.task, r.run)])
    return {one: runs[one] for one in order}
