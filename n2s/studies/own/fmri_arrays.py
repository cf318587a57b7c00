"""Your own fMRI study: runs as arrays or NIfTI images, with tables of their clips, and a folder of audio."""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.paths import data_folder
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.labels import chosen
from n2s.studies.readers.bold_files import KINDS, NIFTI, BoldFiles, array_shape
from n2s.studies.readers.clips import check_in_audio, check_in_run, read_clips
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import natural, read_table
from n2s.studies.study import Recording

ENTITIES = {"subject": "sub", "session": "ses", "task": "task", "run": "run"}


@dataclass(frozen=True)
class RunFiles:
    """The files of one run."""

    bold: Path
    clips: Path
    confounds: Path | None = None


class GenericFMRI(FMRIStudy):
    """Runs from fMRIPrep or any other pipeline; the runs of a subject have one TR and one order of voxels.

    Files have BIDS names, ``sub-01_ses-1_task-listen_run-1_*``: the run's volumes ``*_bold`` (.npy,
    .h5, .hf5, .nii, .nii.gz), its clips ``*_clips.tsv`` and optionally its ``*_desc-confounds_timeseries.tsv``, all
    anywhere below the root. A table of clips without a subject in its name (``task-listen_run-1_clips.tsv``) is for every
    subject. Alternatively a table lists which files belong together.

    The columns of clips: see `n2s.studies.fmri.FMRIStudy.clips`.

    Parameters
    ----------
    root
        The folder with the runs.
    audio_dir
        Folder of the audio that ``stimulus`` names; by default ``<root>/stimuli``.
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
    """

    def __init__(
        self,
        root: str,
        *,
        audio_dir: str | None = None,
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
        found = self._listed(self.root / runs) if runs else self._named(bold)
        self._runs = keep(keep(found, "subject", subjects, self.root), "task", tasks, self.root)

    def recordings(self) -> list[Recording]:
        """Every run, by subject, session, task and run."""
        return list(self._runs)

    def load(self, recording: Recording) -> Bold:
        """Read one run."""
        run = self._runs[recording]
        bold = self.files.read(run.bold, root=self.root, subject=recording.subject)
        first = next(files.bold for one, files in self._runs.items() if one.subject == recording.subject)
        if not first.name.endswith(NIFTI) and array_shape(first, self.files.key)[-1] != bold.data.shape[1]:
            raise UserError(
                f"{run.bold} has {bold.data.shape[1]} voxels, but {first} of the same subject has "
                f"{array_shape(first, self.files.key)[-1]}: voxels must be the same, in one order, in all its runs."
            )
        return replace(bold, confounds=run.confounds)

    def clips(self, recording: Recording) -> pd.DataFrame:
        """The run's table of clips, checked against its volumes and the audio."""
        run = self._runs[recording]
        table = read_clips(run.clips)
        ids = {name: self.stimuli.id(name, where=f"{run.clips}: stimulus") for name in table.stimulus.unique()}
        table["stimulus"] = table.stimulus.map(ids)
        check_in_run(table, *self.files.count(run.bold), where=str(run.clips))
        check_in_audio(table, self.stimuli, where=str(run.clips))
        return table

    def sources(self, recording: Recording) -> list[Path]:
        """The files of the run, and the files that select its voxels."""
        run = self._runs[recording]
        own = [run.bold, run.clips, *([run.confounds] if run.confounds and self.cleaning.confounds else [])]
        return own + self.files.sources(root=self.root, subject=recording.subject)

    def settings(self) -> dict:
        """How files are read."""
        return {"files": asdict(self.files)}

    def audio(self, stimulus: str) -> Path:
        """The stimulus' file."""
        return self.stimuli.path(stimulus)

    def _named(self, pattern: str) -> dict[Recording, RunFiles]:
        """Runs by their names. The other files of a run are those that match most of its entities."""
        found: dict[Recording, Path] = {}
        for path in sorted(self.root.glob(pattern)):
            entities = _entities(path)
            if not path.name.endswith(KINDS) or "sub" not in entities:
                continue
            one = Recording(**{ours: entities.get(theirs, "") for ours, theirs in ENTITIES.items()}, modality="fmri")
            if one in found:
                raise UserError(
                    f"{self.root}: {found[one].name} and {path.name} are both of {one.name}. Say which in `bold`, as "
                    "**/*_space-T1w_desc-preproc_bold.nii.gz."
                )
            found[one] = path
        if not found:
            raise UserError(
                f"{self.root}: no file {pattern} named sub-<label>_*_bold with one of {', '.join(KINDS)}. Name the runs "
                "so, or list them in a table (`runs`)."
            )
        clips = list(self.root.rglob("*_clips.tsv"))
        confounds = [*self.root.rglob("*_desc-confounds_*.tsv"), *self.root.rglob("*_confounds.tsv")]
        return {
            one: RunFiles(path, _belonging(path, clips, "clips.tsv", self.root), _belonging(path, confounds))
            for one, path in found.items()
        }

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
            given = [self.root / row[name] if row.get(name) else None for name in ("bold", "clips", "confounds")]
            absent = [str(file) for file in given if file is not None and not file.is_file()]
            if absent or None in given[:2] or one in found:
                why = f"no {' and '.join(absent)}" if absent else "bold or clips is empty"
                raise UserError(f"{path}, line {line}: {f'a second {one.name}' if one in found else why}.")
            if not given[0].name.endswith(KINDS):
                raise UserError(f"{path}, line {line}: {given[0].name} is none of {', '.join(KINDS)}.")
            found[one] = RunFiles(*given)
        return found


def keep(runs: dict[Recording, object], what: str, wanted: list[str | int] | None, root: Path) -> dict:
    """The selected runs by subject, task and so on, sorted; a UserError if a label is unknown or ambiguous."""
    if wanted is not None:
        known = sorted({getattr(one, what) for one in runs}, key=natural)
        plain = chosen(wanted, known, option=f"{root}: {what}s", what=what, prefix=ENTITIES[what])
        runs = {one: files for one, files in runs.items() if getattr(one, what) in plain}
    order = sorted(runs, key=lambda r: [natural(part) for part in (r.subject, r.session, r.task, r.run)])
    return {one: runs[one] for one in order}


def _entities(path: Path) -> dict[str, str]:
    return dict(re.findall(r"(?:^|_)([a-z]+)-([A-Za-z0-9]+)", path.name))


def _belonging(bold: Path, files: list[Path], needed: str = "", root: Path | None = None) -> Path | None:
    """The file whose entities all match the run, with the most matches; a UserError if a required file is missing."""
    own = {key: value for key, value in _entities(bold).items() if key in ENTITIES.values()}
    best, n_best = [], -1
    for path in sorted(files):
        entities = {key: value for key, value in _entities(path).items() if key in ENTITIES.values()}
        if not entities.items() <= own.items():
            continue
        if len(entities) > n_best:
            best, n_best = [path], len(entities)
        elif len(entities) == n_best:
            best.append(path)
    if len(best) > 1:
        raise UserError(f"{bold}: both {best[0]} and {best[1]} may be its own. Keep one, or list the runs in a table.")
    if needed and not best:
        name = "_".join(f"{key}-{value}" for key, value in own.items())
        raise UserError(
            f"{bold}: no {name}_{needed}, nor one of fewer labels, below {root}. It lists what was heard and when."
        )
    return best[0] if best else None
