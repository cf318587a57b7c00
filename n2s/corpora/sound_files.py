"""The sounds of a corpus' folder, found as tables name them: with or without folder and extension."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.readers.stimuli import AUDIO
from n2s.studies.text import normal


class SoundFiles:
    """All sounds below a folder.

    Parameters
    ----------
    folder
        Searched with all that is below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths: dict[str, Path] = {}
        self._names: dict[str, list[Path]] = {}
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO):
            if path.name.startswith("."):  # what macOS leaves beside each file of an archive
                continue
            place = normal(path.relative_to(folder).as_posix())
            self._paths[place] = path
            for name in {normal(path.name), normal(path.stem), place.removesuffix(path.suffix)}:
                self._names.setdefault(name, []).append(path)

    def __len__(self) -> int:
        return len(self._paths)

    @property
    def fingerprint(self) -> str:
        """A hash of their names."""
        return hashlib.sha256("\n".join(self._paths).encode()).hexdigest()

    def find(self, name: str) -> Path | None:
        """The file of a name: its place from the folder, else a file of that name anywhere below it; None if there is none.

        Raises
        ------
        UserError
            Several files have this name.
        """
        name = normal(name.strip().replace("\\", "/")).removeprefix("./")
        if name in self._paths:
            return self._paths[name]
        if name.startswith("/") and Path(name).is_file():
            return Path(name)
        # Converted after the table was written (mp3 to wav), or named without its folder.
        last = name.rsplit("/", 1)[-1]
        stem = last.rsplit(".", 1)[0] if Path(last).suffix.lower() in AUDIO else last
        for known in (name, last, stem):
            found = self._names.get(known, [])
            if len(found) == 1:
                return found[0]
            if found:
                raise UserError(
                    f"{self.folder}: '{name}' may be any of {first_of(found, 3)}. Give the path from the folder in the table."
                )
        return None


def with_sounds(clips: pd.DataFrame, files: SoundFiles, where: object) -> pd.DataFrame:
    """Clips whose ``sound``, as the table names it, is a file; the others are counted aloud.

    A sound that lies in another folder than the table says is taken if all of that folder moved (``mp3`` to ``wav``). Else it is a file
    of the same name that is another's, such as another speaker's ``001.wav``, and the clip has no sound.

    Raises
    ------
    UserError
        None is there.
    """
    found = {name: files.find(name) for name in clips.sound.unique()}
    elsewhere = {name for name, path in found.items() if path is not None and not _as_named(name, path, files.folder)}
    for name in _others(found, elsewhere):
        found[name] = None
    gone = [name for name, path in found.items() if path is None]
    if len(gone) == len(found):
        raise UserError(
            f"{where}: none of its {len(found)} sounds ({first_of(gone, 3)}) is below {files.folder}, where {len(files)} sounds are. "
            "Give root as the folder that holds both."
        )
    if gone:
        n = int(clips.sound.isin(gone).sum())
        tell("left out", where, f"{n} of {len(clips)} clips have no sound below {files.folder} ({first_of(gone, 3)}).")
    moved = [f"{name}: {path.relative_to(files.folder)}" for name, path in found.items() if path and name in elsewhere]
    if moved:
        tell("corrected", where, f"{len(moved)} sounds lie in other folders than it says ({first_of(moved, 3)}).")
    clips = clips[~clips.sound.isin(gone)]
    return clips.assign(sound=[str(found[name]) for name in clips.sound]).reset_index(drop=True)


def _folder_of(name: str) -> tuple[str, ...]:
    return PurePosixPath(normal(name.strip().replace("\\", "/"))).parent.parts


def _as_named(name: str, path: Path, folder: Path) -> bool:
    """Whether a file lies in the folders that its name tells, as far as both tell any."""
    if not path.is_relative_to(folder):
        return True
    told, has = _folder_of(name), _folder_of(path.relative_to(folder).as_posix())
    n = min(len(told), len(has))
    return told[len(told) - n :] == has[len(has) - n :]


def _others(found: Mapping[str, Path | None], elsewhere: set[str]) -> set[str]:
    """Names ``elsewhere`` whose file is another name's, or whose folder has others of its sounds."""
    here = [name for name, path in found.items() if path is not None and name not in elsewhere]
    taken, kept = {found[name] for name in here}, {_folder_of(name) for name in here}
    shared = Counter(found[name] for name in elsewhere)
    return {name for name in elsewhere if found[name] in taken or shared[found[name]] > 1 or _folder_of(name) in kept}
