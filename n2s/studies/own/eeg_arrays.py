"""Your own EEG as NumPy arrays: a folder a recording, with the brain and what was heard, both from the same moment on."""

import re
from pathlib import Path
from typing import Literal

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.events import events_table
from n2s.studies.labels import chosen
from n2s.studies.readers.arrays import channels_first, frames_at
from n2s.studies.readers.tsv import natural
from n2s.studies.study import Frames, Recording, Study

ENTITIES = {"subject": "sub", "session": "ses", "task": "task", "run": "run"}
VOLTS = {"uV": 1e-6, "V": 1.0}
UNEVEN_S = 5.0  # brain and feature may differ by this much without a word: a trimmed end


class EEGArrays(Study):
    """Every folder at or below the root that holds ``brain`` is a recording: EEG or iEEG that was cut to begin with its stimulus.

    Subject, session, task and run are read from the folder's path (``sub-01/ses-1/run-2``, or ``sub-01_run-2``); a folder without
    ``sub-`` is a subject of its name. Folders whose features hold equal values heard one sound, and are on one side of every split.

    Parameters
    ----------
    root
        The folder.
    sfreq
        Rate of the brain, Hz.
    features
        The array of what was heard in each folder, [frame, dimension], such as ``envelope.npy``: targets of `n2s.features.Ready`.
    features_hz
        Its rate; by default ``sfreq``.
    brain
        The array of the brain in each folder, [channel, sample] or [sample, channel].
    montage
        The electrodes' places and names: one of MNE's, such as ``biosemi64``, or a file that MNE reads, from the root.
    kind, unit
        The type of the channels, and their unit.
    subjects
        Keep only these.
    language
        BCP 47 tag of the speech.
    content
        Folders with equal content, such as one story that was cut, scaled or filtered for each listener: ``{sub-01: tale, sub-02: tale}``.
    name
        Its name in messages.

    Raises
    ------
    UserError
        No such folder, no recording in it, two recordings with one name, or an unknown subject or montage.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.studies import EEGArrays
    >>> at = folder / "sub-01"
    >>> at.mkdir()
    >>> np.save(at / "eeg.npy", np.zeros((64, 640), np.float32))  # uV
    >>> np.save(at / "envelope.npy", np.ones((640, 1), np.float32))
    >>> study = EEGArrays(folder, sfreq=64.0, features="envelope.npy", language="en")
    >>> [(one.name, int(study.load(one).n_times)) for one in study.recordings()]
    [('sub-01', 640)]
    """

    def __init__(
        self,
        root: str,
        *,
        sfreq: float,
        features: str,
        features_hz: float | None = None,
        brain: str = "eeg.npy",
        montage: str = "biosemi64",
        kind: Literal["eeg", "ecog", "seeg"] = "eeg",
        unit: Literal["uV", "V"] = "uV",
        subjects: list[str | int] | None = None,
        language: str = "",
        content: dict[str, str] | None = None,
        name: str = "arrays",
    ):
        for option, rate_hz in (("sfreq", sfreq), ("features_hz", features_hz)):
            check_number(f"EEGArrays: {option}", rate_hz, above=0)
        self.name, self.root, self.sfreq = name, data_folder(root), float(sfreq)
        self.features_hz = self.sfreq if features_hz is None else float(features_hz)
        self.brain, self.what, self.kind, self.unit, self.language = brain, features, kind, unit, language
        self.content = content
        self.montage = _montage(montage, self.root)
        found = _folders(self.root, brain)
        if subjects is not None:
            known = sorted({one.subject for one in found}, key=natural)
            kept = chosen(subjects, known, option=f"{self.root}: subjects", what="subject", prefix="sub")
            found = {one: folder for one, folder in found.items() if one.subject in kept}
        order = sorted(found, key=lambda r: [natural(part) for part in (r.subject, r.session, r.task, r.run)])
        self._folders = {one: found[one] for one in order}
        self._by_stimulus = {_stimulus(self.root, folder): folder for folder in found.values()}
        missing = [str(folder / features) for folder in self._folders.values() if not (folder / features).is_file()]
        if missing:
            raise UserError(
                f"study {name}: no {first_of(missing)}. Every folder with {brain} needs the array of what was heard (features)."
            )

    def recordings(self) -> list[Recording]:
        """Every folder."""
        return list(self._folders)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """The electrodes, in volts, at the places of the montage."""
        data = self._brain(recording)
        info = mne.create_info(self.montage.ch_names, self.sfreq, self.kind)
        raw = mne.io.RawArray(VOLTS[self.unit] * np.asarray(data, np.float64), info, verbose="error")
        return raw.set_montage(self.montage, verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """One sound, from the first sample to the end of brain or feature, whichever is first."""
        folder = self._folders[recording]
        frames, brain_s = self._frames(folder), self._brain(recording).shape[1] / self.sfreq
        heard_s = len(frames.values) / self.features_hz
        if abs(brain_s - heard_s) > UNEVEN_S:
            told = (
                f"{self.brain} lasts {brain_s:.1f} s at {self.sfreq:g} Hz, {self.what} {heard_s:.1f} s at {self.features_hz:g} Hz: the longer "
                "one is cut. Check both rates."
            )
            tell("odd", f"{self.name}, {recording.name}", told)
        stimulus = _stimulus(self.root, folder)
        row = {
            "onset": 0.0,
            "duration": min(brain_s, heard_s),
            "kind": "sound",
            "stimulus": stimulus,
            "stimulus_onset": 0.0,
        }
        row |= {"story": stimulus, "language": self.language}
        return events_table([row], where=str(folder), duration_s=brain_s)

    def sources(self, recording: Recording) -> list[Path]:
        """The two arrays."""
        folder = self._folders[recording]
        return [folder / self.brain, folder / self.what]

    def settings(self) -> dict:
        """Rates, unit, type and montage."""
        places = {name: [float(x) for x in xyz] for name, xyz in self.montage.get_positions()["ch_pos"].items()}
        rates = {"sfreq": self.sfreq, "features_hz": self.features_hz}
        return rates | {"features": self.what, "kind": self.kind, "unit": self.unit, "places": places}

    def features(self, stimulus: str) -> Frames | None:
        """The array of what was heard, frame 0 at 0 s."""
        return self._frames(self._by_stimulus[stimulus])

    def _frames(self, folder: Path) -> Frames:
        return frames_at(folder / self.what, self.features_hz)

    def _brain(self, recording: Recording) -> np.ndarray:
        """(channel, sample), not read into memory."""
        return channels_first(self._folders[recording] / self.brain, len(self.montage.ch_names))


def _folders(root: Path, brain: str) -> dict[Recording, Path]:
    """Every folder with a brain, by the recording that its path names."""
    if not root.is_dir():
        raise UserError(f"no folder {root}.")
    found: dict[Recording, Path] = {}
    for path in sorted(root.rglob(brain)):
        folder = path.parent
        told = "_".join(folder.relative_to(root).parts or (folder.name,))
        labels = {ours: _label(told, theirs) for ours, theirs in ENTITIES.items()}
        labels["subject"] = labels["subject"] or re.sub(r"[^\w-]+", "-", told)
        one = Recording(**labels, modality="eeg")
        if one in found:
            raise UserError(
                f"{folder} and {found[one]} are both {one.name}. Tell them apart by ses- or run- in the names of their folders."
            )
        found[one] = folder
    if not found:
        raise UserError(f"{root}: no folder in it has {brain}. Set `brain` to the name of the array.")
    return found


def _label(told: str, entity: str) -> str:
    match = re.search(rf"(?:^|_){entity}-([A-Za-z0-9]+)", told)
    return match[1] if match else ""


def _stimulus(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix() if folder != root else folder.name


def _montage(montage: str, root: Path) -> mne.channels.DigMontage:
    known = mne.channels.get_builtin_montages()
    if montage in known:
        return mne.channels.make_standard_montage(montage)
    path = root / montage
    if not path.is_file():
        raise UserError(
            f"montage '{montage}' is none of MNE's, and no file {path}.{nearest(montage, known)} MNE has {', '.join(known)}."
        )
    try:
        return mne.channels.read_custom_montage(path)
    except (ValueError, RuntimeError, OSError) as error:
        raise UserError(f"{path}: MNE reads no montage from it ({error}).") from None
