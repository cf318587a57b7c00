"""Accou, Bollens et al. 2024 (SparrKULee): 85 people listen to Flemish stories in EEG; the authors' prepared arrays."""

import re
from collections import Counter
from pathlib import Path
from typing import Literal

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import data_folder
from n2s.studies.card import Card, Wall
from n2s.studies.events import events_table
from n2s.studies.labels import chosen
from n2s.studies.readers.arrays import channels_first, frames_at
from n2s.studies.readers.tsv import natural
from n2s.studies.study import Frames, Recording, Study

EEG, STIMULI = "derivatives/preprocessed_eeg", "derivatives/preprocessed_stimuli"
NAME = re.compile(r"sub-(\w+)_ses-(\w+)_task-(\w+)_run-(\w+)_desc-preproc-audio-(.+)_eeg\.npy")
SFREQ = 64.0
#: The same story with a control of its sound: artefacts of clipping, or a shifted spectrum.
VERSION = re.compile(r"_(shifted|artefact)$")


class Accou2024(Study):
    """Stories and podcasts of about 15 minutes, each with its envelope and mel spectrogram; EEG starts with its stimulus.

    Parameters
    ----------
    root
        The folder that holds ``derivatives``.
    features
        ``envelope`` (1 dimension) or ``mel`` (28): targets of `n2s.features.Ready`.
    subjects
        Keep only these: 1 to 85.

    Raises
    ------
    UserError
        No such folder, no EEG or stimulus in it, or an unknown subject.

    Examples
    --------
    >>> from n2s.studies import Accou2024
    >>> Accou2024.card.title, Accou2024.expected
    ('SparrKULee', {'subjects': 85})
    >>> study = Accou2024("folder/of/the/data", features="mel", subjects=[1, 2])  # doctest: +SKIP
    """

    name = "accou2024"
    card = Card(
        title="SparrKULee",
        modality="EEG (BioSemi, 64 electrodes, prepared at 64 Hz)",
        language="nl",
        n_subjects=85,
        hours=2.0,
        heard="90 to 150 min",
        licence="CC BY-NC 4.0",
        source=Wall(
            (
                "open doi:10.48804/K3VSND (KU Leuven RDR), and take the folder derivatives: preprocessed_eeg and preprocessed_stimuli",
                "some recordings are behind a request on that page, since their speech is under copyright",
            ),
            access="by hand",
        ),
        citation="Accou, Bollens et al. 2024, Data 9:94, doi:10.3390/data9080094",
        layout="""derivatives/preprocessed_eeg/sub-001/ses-shortstories01/
    sub-001_ses-shortstories01_task-listeningActive_run-01_desc-preproc-audio-audiobook_1_1_eeg.npy
derivatives/preprocessed_stimuli/audiobook_1_1_envelope.npy, audiobook_1_1_mel.npy""",
        notes="Artefacts removed, average reference, 64 Hz, by the authors. audiobook_1_shifted and audiobook_1_artefact are audiobook_1.",
    )
    expected = {"subjects": 85}

    def __init__(
        self,
        root: str,
        *,
        features: Literal["envelope", "mel"] = "envelope",
        subjects: list[str | int] | None = None,
    ):
        self.root, self.what = data_folder(root), features
        found = _listed(self.root)
        if subjects is not None:
            known = sorted({one.subject for one in found}, key=natural)
            kept = chosen(subjects, known, option=f"{self.root}: subjects", what="subject", prefix="sub")
            found = {one: file for one, file in found.items() if one.subject in kept}
        self._files = found
        # their seconds are the same: SplitByTime has to know
        self.content = {name: VERSION.sub("", name) for _, name in found.values() if VERSION.search(name)}

    def recordings(self) -> list[Recording]:
        """Every run of every person."""
        return list(self._files)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """The 64 electrodes, in volts, at BioSemi's places."""
        montage = mne.channels.make_standard_montage("biosemi64")
        data = 1e-6 * np.asarray(self._eeg(recording), np.float64)
        raw = mne.io.RawArray(data, mne.create_info(montage.ch_names, SFREQ, "eeg"), verbose="error")
        return raw.set_montage(montage, verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """One sound, from the first sample to the end of EEG or stimulus, whichever is first."""
        path, stimulus = self._files[recording]
        duration_s = self._eeg(recording).shape[1] / SFREQ
        heard_s = len(self.features(stimulus).values) / SFREQ
        row = {"onset": 0.0, "duration": min(duration_s, heard_s), "kind": "sound", "stimulus": stimulus}
        row |= {"stimulus_onset": 0.0, "story": VERSION.sub("", stimulus), "language": "nl"}
        return events_table([row], where=str(path), duration_s=duration_s)

    def sources(self, recording: Recording) -> list[Path]:
        """The EEG, and the feature of its stimulus."""
        path, stimulus = self._files[recording]
        return [path, self._feature(stimulus)]

    def settings(self) -> dict:
        """Which feature decides how long a stimulus is."""
        return {"features": self.what}

    def features(self, stimulus: str) -> Frames | None:
        """The envelope or the mel spectrogram, 64 Hz."""
        return frames_at(self._feature(stimulus), SFREQ)

    def _eeg(self, recording: Recording) -> np.ndarray:
        return channels_first(self._files[recording][0], 64)

    def _feature(self, stimulus: str) -> Path:
        path = self.root / STIMULI / f"{stimulus}_{self.what}.npy"
        if not path.is_file():
            raise UserError(f"no {path}. Download {STIMULI} beside {EEG}.")
        return path


def _listed(root: Path) -> dict[Recording, tuple[Path, str]]:
    """Every run: its file and its stimulus. The parts of a run with several stimuli have letters."""
    paths = sorted((root / EEG).glob("sub-*/ses-*/*_eeg.npy"))
    matches = {path: match for path in paths if (match := NAME.fullmatch(path.name))}
    if not matches:
        raise UserError(
            f"{root}: no {EEG}/sub-001/ses-shortstories01/..._desc-preproc-audio-..._eeg.npy. Give the folder that holds derivatives."
        )
    many = Counter(match.groups()[:4] for match in matches.values())
    seen: Counter = Counter()
    found = {}
    for path, match in matches.items():
        subject, session, task, run, stimulus = match.groups()
        key = match.groups()[:4]
        part = chr(ord("a") + seen[key]) if many[key] > 1 else ""
        seen[key] += 1
        found[Recording(subject, session, task, f"{run}{part}", "eeg")] = (path, stimulus)
    order = sorted(found, key=lambda r: [natural(label) for label in (r.subject, r.session, r.task, r.run)])
    return {one: found[one] for one in order}
