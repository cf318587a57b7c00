"""Music of ten genres in a 3 T scanner (Nakai, Koide-Majima and Nishimoto 2022, ds003720; GTZAN; "Brain2Music")."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import data_folder
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.own.fmri_arrays import keep
from n2s.studies.readers.bold_files import KINDS, BoldFiles
from n2s.studies.readers.clips import check_in_audio
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import read_table, whole
from n2s.studies.study import Recording

NAME = re.compile(r"sub-(\d+)_task-(Training|Test)_run-(\d+)_events\.tsv")
TR_S, CLIP_S, MUSIC_S = 1.5, 1.5, 15.0
COLUMNS = ("onset", "duration", "genre", "track", "start", "end")
DRIFT_HZ = 0.008  # cosines of periods over 125 s, about SPM's and fMRIPrep's 128 s


class Nakai2022(FolderStudy, FMRIStudy):
    """Pieces of 15 s of the GTZAN tracks, cut into ten clips of 1.5 s, one a volume.

    The first piece of a run, a dummy of the last one, is not used. A test run plays ten pieces four times. All clips of a
    track are one group. The published volumes are raw, without motion correction: bring your own preprocessed
    runs with ``volumes``, or take the raw ones through a mask.

    Parameters
    ----------
    root
        The BIDS folder, with ``sub-001/func``.
    audio_dir
        GTZAN's folder of genres (``blues/blues.00000.wav``); by default ``<root>/genres``.
    volumes
        Folder of your runs, ``sub-001_task-Training_run-01_bold.npy`` (or .h5, .hf5, .nii, .nii.gz), anywhere below it:
        all 410 volumes, the dummy's too. By default the images in ``root``.
    files, cleaning
        How a file becomes an array (``files.mask`` for images), and what is cleaned from it.
    subjects
        Keep only these.

    Raises
    ------
    UserError
        No such folder, no events in it, or an unknown subject.

    Examples
    --------
    >>> from n2s.studies import Nakai2022
    >>> Nakai2022.card.title, Nakai2022.expected
    ('Music genre fMRI (Brain2Music)', {'subjects': 5, 'recordings': 90, 'train_clips': 4800, 'test_clips': 600})
    >>> study = Nakai2022("folder/of/the/data", subjects=["001"])  # doctest: +SKIP
    """

    name = "nakai2022"
    card = Card(
        title="Music genre fMRI (Brain2Music)",
        modality="fMRI (3 T Siemens TIM Trio, TR 1.5 s, 2 mm)",
        language="zxx",
        n_subjects=5,
        hours=3.0,
        licence="CC0",
        source=OpenNeuro("ds003720"),
        citation="Nakai et al. 2022, Data in Brief 40:107675",
        layout="""sub-001/func/sub-001_task-{Training,Test}_run-01_{bold.nii,events.tsv} ...
genres/blues/blues.00000.wav ...                    (GTZAN, brought)""",
        notes="Raw volumes: motion correction is yours. A lag of 4.5 s (3 volumes) fits; the last 3 clips of a run "
        "then have no volume. Pieces were heard with fades of 2 s, and of equal RMS.",
    )
    expected = {"subjects": 5, "recordings": 90, "train_clips": 4800, "test_clips": 600}

    def __init__(
        self,
        root: str,
        *,
        audio_dir: str | None = None,
        volumes: str | None = None,
        files: BoldFiles = BoldFiles(),  # noqa: B008  (frozen)
        cleaning: BoldCleaning = BoldCleaning(detrend=True, highpass_hz=DRIFT_HZ),  # noqa: B008
        subjects: list[str | int] | None = None,
    ):
        self.root, self.cleaning = data_folder(root), cleaning
        self.files = replace(files, tr_s=TR_S)
        self.stimuli = StimulusFolder(self.root / "genres" if audio_dir is None else data_folder(audio_dir))
        self.volumes = self.root if volumes is None else data_folder(volumes)
        found = {}
        for path in sorted(self.root.glob("sub-*/func/*_events.tsv")):
            if match := NAME.fullmatch(path.name):
                subject, task, run = match.groups()
                found[Recording(subject, task=task, run=run, modality="fmri")] = path
        if not found:
            raise UserError(
                f"{self.root}: no sub-*/func/sub-*_task-Training_run-*_events.tsv. Set root to the folder of ds003720."
            )
        self._events = keep(found, "subject", subjects, self.root)
        files_there = [path for path in sorted(self.volumes.rglob("sub-*_bold.*")) if path.name.endswith(KINDS)]
        self._bold: dict[str, list[Path]] = {}
        for path in files_there:
            self._bold.setdefault(path.name.split("_bold.")[0], []).append(path)

    def recordings(self) -> list[Recording]:
        """Every run with an events file, by subject, test before training."""
        return list(self._events)

    def load(self, recording: Recording) -> Bold:
        """Read one run."""
        path = self._bold_file(recording)
        self._check_count(recording, path)
        return self.files.read(path, root=self.root, subject=recording.subject)

    def clips(self, recording: Recording) -> pd.DataFrame:
        """Ten clips a piece, but for the dummy; a test piece's presentations are numbered."""
        self._check_count(recording, self._bold_file(recording))
        pieces = self._pieces(recording).iloc[1:]
        track = [f"{genre}.{number:05d}" for genre, number in zip(pieces.genre, pieces.track, strict=True)]
        where = f"{self._events[recording]}: stimulus"
        ids = {name: self.stimuli.id(name, where=where) for name in dict.fromkeys(track)}
        pieces = pieces.assign(stimulus=[ids[name] for name in track])
        pieces["repeat"] = pieces.groupby(["stimulus", "start"]).cumcount()
        n = round(MUSIC_S / CLIP_S)
        within_s = CLIP_S * np.tile(np.arange(n), len(pieces))
        rows = pieces.loc[pieces.index.repeat(n)].reset_index(drop=True)
        table = pd.DataFrame(
            {
                "stimulus": rows.stimulus,
                "start_s": rows.start + within_s,
                "duration_s": CLIP_S,
                "time_s": rows.onset + within_s,
                "split": "test" if recording.task == "Test" else "train",
                "repeat": rows["repeat"],
                "label": rows.genre,
            }
        )
        check_in_audio(table, self.stimuli, where=str(self._events[recording]))
        return table

    def sources(self, recording: Recording) -> list[Path]:
        """The run's volumes and events, and what chooses its voxels."""
        extra = self.files.sources(root=self.root, subject=recording.subject)
        return [self._bold_file(recording), self._events[recording], *extra]

    def settings(self) -> dict:
        """How files are read."""
        return {"files": asdict(self.files)}

    def _pieces(self, recording: Recording) -> pd.DataFrame:
        """The run's events: ``genre`` without its quotes, numbers as numbers."""
        path = self._events[recording]
        table = read_table(path, numbers=("onset", "duration", "track", "start", "end"))
        missing = [name for name in COLUMNS if name not in table]
        if missing:
            raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
        table["genre"] = table.genre.str.strip("'\"")  # 'blues'; in one run three lack their first quote
        steps = np.diff(table.onset)
        if table[[*COLUMNS]].isna().any(axis=None) or not np.allclose(np.r_[steps, table.duration], MUSIC_S):
            raise UserError(f"{path}: expected a piece of {MUSIC_S:g} s every {MUSIC_S:g} s, and no n/a.")
        return table.assign(track=whole(table.track, path))

    def _bold_file(self, recording: Recording) -> Path:
        found = self._bold.get(recording.name, [])
        if len(found) != 1:
            there = f"several: {', '.join(path.name for path in found)}" if found else "none"
            raise UserError(
                f"{recording.name}: expected one file {recording.name}_bold with one of {', '.join(KINDS)} below "
                f"{self.volumes}; found {there}."
            )
        return found[0]

    def _check_count(self, recording: Recording, path: Path) -> None:
        pieces = self._pieces(recording)
        expected = round((pieces.onset + pieces.duration).max() / TR_S)
        n_tr, _ = self.files.count(path)
        if n_tr != expected:
            raise UserError(
                f"{path}: {n_tr} volumes, but the pieces of {self._events[recording].name} last {expected} volumes of "
                f"{TR_S:g} s. Keep every volume, those of the dummy (the first {round(MUSIC_S / TR_S)}) too."
            )
