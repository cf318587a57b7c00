"""A recording that is in no study, prepared as the recordings of the training were."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.data.sensor_preparation import SensorPreparation
from n2s.decoding.given_channels import check_kind, without_signal
from n2s.errors import UserError, first_of, nearest
from n2s.studies.readers.raw_files import open_raw
from n2s.studies.study import Recording, Study

IMAGES = (".nii", ".nii.gz", ".gii", ".mgz")


@dataclass(frozen=True)
class NewRecording:
    """``brain (t, c)`` float32 in fT, fT/cm and uV, and its ``meta``: see `n2s.data.sensor_recording.SensorRecording`; ``said``: what was left out."""

    name: str
    brain: np.ndarray
    meta: dict
    said: list[str] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """Its length, s."""
        return len(self.brain) / self.meta["sfreq"]


class OneRecording(Study):
    """A study of one recording, in which nothing is known to happen."""

    def __init__(self, raw: mne.io.BaseRaw, name: str, root: Path):
        self.raw, self.name, self.root = raw, name, root

    def recordings(self) -> list[Recording]:
        """The one."""
        return [Recording("new")]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """A copy of it."""
        return self.raw.copy()

    def events(self, recording: Recording) -> pd.DataFrame:
        """One event, as long as it is."""
        length_s = len(self.raw.times) / self.raw.info["sfreq"]
        return pd.DataFrame(
            [
                {
                    "onset": 0.0,
                    "duration": length_s,
                    "kind": "sound",
                    "story": "",
                    "stimulus": "",
                    "stimulus_onset": 0.0,
                    "condition": "rest",
                }
            ]
        )

    def sources(self, recording: Recording) -> list[Path]:
        """None: nothing of it is kept in the cache."""
        return []


def prepared(
    recording: Path | str | mne.io.BaseRaw, preparation: SensorPreparation, *, bads: tuple[str, ...] = ()
) -> NewRecording:
    """Read and clean a recording; nothing is kept in the cache.

    Parameters
    ----------
    recording
        A file or folder that `n2s.studies.readers.raw_files.open_raw` reads, or a raw recording of MNE; bad channels and spans as it marks them.
    preparation
        That of the training.
    bads
        More channels that are bad.

    Raises
    ------
    UserError
        It cannot be read, has no channel of the types that are needed, or cannot be cleaned in this way.
    """
    raw, name = _opened(recording)
    unknown = sorted(set(bads) - set(raw.ch_names))
    if unknown:
        raise UserError(
            f"{name}: no channels {', '.join(unknown)} to mark as bad; it has {', '.join(raw.ch_names[:8])} ..."
        )
    if bads:
        raw = _marked(raw, bads)
    check_kind(raw, preparation.picks, name)
    silent = without_signal(raw, preparation.picks, name)
    said = [f"without a signal (flat, or NaN), left out: {first_of(silent, 8)}"] if silent else []
    raw = _marked(raw, silent)
    study = OneRecording(raw, hashlib.sha256(name.encode()).hexdigest()[:12], Path())
    (one,) = study.recordings()
    made = preparation.make(study, one, name)
    return NewRecording(name, made.brain, made.meta, said)


def _marked(raw: mne.io.BaseRaw, bads: Sequence[str]) -> mne.io.BaseRaw:
    if not bads:
        return raw
    raw = raw.copy()
    raw.info["bads"] = sorted({*raw.info["bads"], *bads})
    return raw


def _opened(recording: Path | str | mne.io.BaseRaw) -> tuple[mne.io.BaseRaw, str]:
    if isinstance(recording, mne.io.BaseRaw):
        files = [Path(one).name for one in recording.filenames if one]
        return recording, files[0] if files else "the recording"
    if not isinstance(recording, (str, Path)):
        hint = (
            " Epochs are cut already: n2s.windows_of_epochs takes them."
            if isinstance(recording, mne.BaseEpochs)
            else ""
        )
        raise UserError(f"a recording is a file or mne.io.Raw; got {type(recording).__name__}.{hint}")
    path = Path(recording).expanduser()
    if path.name.lower().endswith(IMAGES):
        raise UserError(
            f"{path} is an image of the brain, and this run decodes MEG, EEG or iEEG. Take a run of fMRI, or give a recording."
        )
    if not path.exists():
        beside = sorted(one.name for one in path.parent.glob("*")) if path.parent.is_dir() else []
        raise UserError(f"no recording {path}.{nearest(path.name, beside)}")
    return open_raw(path), path.name
