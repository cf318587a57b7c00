"""The sound file that lies beside a recording in a BIDS folder: who spoke, or what was played."""

import math
from pathlib import Path

from mne_bids import BIDSPath

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.own.bids_scan import ENTITIES
from n2s.studies.readers.fetched import missing_content
from n2s.studies.readers.side_files import read_json
from n2s.studies.readers.stimuli import AUDIO
from n2s.studies.study import RecordedSound

SUFFIXES = ("beh", "audio", "voice", "vocal", "mic", "microphone", "speech", "sound")
VOICES = ("vocal", "voice", "mic", "microphone", "speech")  # labels of `recording-`: of several files, these come first
_MAY_LACK = ("acq", "proc", "split", "desc")


def sound_files(path: BIDSPath) -> list[Path]:
    """Sound files with the labels of a recording, in its folder or in ``beh`` beside it: ``*_recording-vocal_beh.wav``, ``*_audio.wav``.

    BIDS has ``audio`` for sounds recorded in behavioural tasks; older folders have ``beh``. A label that the recording lacks, but for ``recording-``, or a
    subject, session, task or run that the file lacks: it is another's.
    """
    own = {short: path.entities.get(long) for short, long in ENTITIES.items()}
    own = {short: value for short, value in own.items() if value is not None}
    found = []
    for folder in (path.directory, path.directory.parent / "beh"):
        for file in folder.glob(f"sub-{path.subject}_*.*"):
            *parts, suffix = file.stem.split("_")
            labels = dict(part.split("-", 1) for part in parts if "-" in part)
            label = labels.pop("recording", "")
            if file.suffix.lower() not in AUDIO or suffix.lower() not in SUFFIXES:
                continue
            fits = all(own.get(name) == value for name, value in labels.items())
            if fits and all(name in labels for name in own if name not in _MAY_LACK):
                found.append((label.lower() not in VOICES, file.name, file))
    return [file for *_, file in sorted(found)]


def recorded_sound(path: BIDSPath) -> RecordedSound | None:
    """The sound recorded beside a recording, and where it begins: ``StartTime`` in the JSON file of its name, as BIDS has it.

    Raises
    ------
    UserError
        ``StartTime`` is no number.
    """
    files = [file for file in sound_files(path) if not missing_content(file)]
    if not files:
        return None
    if len(files) > 1:
        tell("odd", path.directory / path.basename, f"several sound files lie beside it; {files[0].name} is taken.")
    beside = files[0].with_suffix(".json")
    start = read_json(beside).get("StartTime") if beside.is_file() else None
    if start in (None, "n/a"):
        tell(
            "odd",
            files[0],
            "no JSON file beside it says when it begins (StartTime, s): with the recording, as n2s takes it.",
        )
        return RecordedSound(files[0])
    if isinstance(start, bool) or not isinstance(start, int | float) or not math.isfinite(start):
        raise UserError(f"{beside}: StartTime is {start!r}; expected seconds after the recording's first sample.")
    return RecordedSound(files[0], float(start))
