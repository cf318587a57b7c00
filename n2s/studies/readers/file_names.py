"""Find a file below a folder by the name that a table gives it, however that name is spelled."""

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from n2s.errors import UserError, nearest


class FileNames:
    """The files of some kinds below a folder; links to folders are followed, hidden files and folders left out.

    Names are compared without case, in Unicode's composed form, without spaces at their ends, with ``/`` or ``\\``. A
    name may be a path below the folder, or below any folder above it (``stimuli/a.wav``, ``/data/lab/stimuli/a.wav``), a
    path of another machine, or a URI. A name without a folder finds the only file of that name; a name with a folder
    never finds a file of another folder.

    Parameters
    ----------
    folder
        Where to look.
    suffixes
        Of the files, in lower case.
    kind
        What to call them in messages.
    flat
        Whether files that lie in the folder itself may stand for names with any folder, if there is only one such name.
    """

    def __init__(self, folder: Path, suffixes: tuple[str, ...], *, kind: str, flat: bool = False):
        self.folder, self.suffixes, self.kind, self.flat = folder, suffixes, kind, flat
        self.files: dict[str, list[Path]] = {}
        for path in files_below(folder):
            if path.suffix.lower() in suffixes:
                self.files.setdefault(key_of(path.relative_to(folder).with_suffix("")), []).append(path)
        for paths in self.files.values():
            paths.sort(key=lambda path: suffixes.index(path.suffix.lower()))
        self._asked: dict[str, str] = {}

    def find(self, name: str, *, where: str) -> list[Path]:
        """The files of that name without its extension, one of each kind, in the order of ``suffixes``; a `UserError` if there is none."""
        for text in dict.fromkeys((name, unquote(name))):
            for parts, rooted in self._spellings(text):
                key = self._key(parts, rooted)
                if key is not None:
                    return self._one_of_each_kind(name, self.files[key], where)
        raise UserError(self._nothing(name, where))

    def _key(self, parts: tuple[str, ...], rooted: bool) -> str | None:
        above = tuple(key_of(part) for part in self.folder.absolute().parts)
        tails = ["/".join(parts)]
        tails += ["/".join(parts[i:]) for i in range(1, len(parts)) if parts[:i] == above[-i:]]
        tails += ["/".join(parts[i:]) for i in range(1, len(parts)) if parts[i - 1] == above[-1]]
        for tail in tails:
            if tail in self.files:
                return tail
        if len(parts) == 1:
            same = [key for key in self.files if key.rsplit("/", 1)[-1] == parts[0]]
            return same[0] if len(same) == 1 else None
        if rooted or self.flat:  # another machine's folders; or arrays and alignments, which need not copy them
            tails = ["/".join(parts[i:]) for i in range(1, len(parts))] if rooted else [parts[-1]]
            for tail in tails:
                if tail in self.files:
                    return self._once(tail, "/".join(parts))
        return None

    def _once(self, key: str, asked: str) -> str:
        """A file found without the folder of its name stands for one such name only."""
        before = self._asked.setdefault(key, asked)
        if before != asked:
            raise UserError(
                f"{self.files[key][0]}: '{before}' and '{asked}' differ in their folder, and both would be this file. "
                f"Put each into a folder of that name below {self.folder}."
            )
        return key

    def _spellings(self, name: str) -> Iterator[tuple[tuple[str, ...], bool]]:
        """Parts of the name as it is and without its extension, and whether it starts at the root of some machine."""
        text = re.sub(r"^(bids:[^:/]*:|file:/{2,3}(?=[^/]))", "/", name.strip(), flags=re.IGNORECASE)
        rooted = bool(re.match(r"[/\\~]|[a-zA-Z]:[/\\]|[a-zA-Z]+://", text))
        parts: list[str] = []
        for part in key_of(text.replace("\\", "/")).split("/"):
            part = part.strip()
            if part == ".." and parts:
                parts.pop()
            elif part not in ("", ".", ".."):
                parts.append(part)
        if not parts:
            return
        yield tuple(parts), rooted
        stem = without_suffix(parts[-1], self.suffixes)
        if stem and stem != parts[-1]:
            yield (*parts[:-1], stem), rooted

    def _one_of_each_kind(self, name: str, paths: list[Path], where: str) -> list[Path]:
        for one, two in pairwise(paths):
            if one.suffix.lower() == two.suffix.lower():
                raise UserError(
                    f"{where} '{name}': {self.folder} holds {one.relative_to(self.folder)} and {two.relative_to(self.folder)}, "
                    "which differ only in case or in how accents are stored. Rename one."
                )
        return paths

    def _nothing(self, name: str, where: str) -> str:
        folder = self.folder
        if not folder.is_dir():
            there = sorted(path.name for path in folder.parent.iterdir()) if folder.parent.is_dir() else []
            to = f" (a link to {os.readlink(folder)}, which is not there)" if folder.is_symlink() else ""
            return f"{where} '{name}': there is no folder {folder}{to}.{nearest(folder.name, there)}"
        stem = without_suffix(key_of(name.strip().replace("\\", "/")), self.suffixes)
        same = [key for key in self.files if key.rsplit("/", 1)[-1] == stem.rsplit("/", 1)[-1]]
        if same and len(same) > 1 and "/" not in stem:
            found = [str(self.files[key][0].relative_to(folder)) for key in same]
            return f"{where} '{name}': {folder} holds {found}. Say which."
        if same:
            found = ", ".join(str(self.files[key][0].relative_to(folder)) for key in same[:4])
            return (
                f"{where} '{name}': not in {folder}. {found} there has the same name in another folder, and is not taken for "
                "it. Put the file there, or correct the name."
            )
        return (
            f"{where} '{name}': no {self.kind} of that name in {folder}, which holds {len(self.files)}."
            f"{nearest(stem, list(self.files))}{self._beside(stem)} Put the file there, or name the right folder."
        )

    def _beside(self, stem: str) -> str:
        """What has that name, but is no such file."""
        last = stem.rsplit("/", 1)[-1]
        for folder, folders, files in walk(self.folder):
            for name in (*folders, *files):
                if without_suffix(key_of(Path(name).stem), self.suffixes) == last and Path(name).suffix:
                    kind = "a folder" if name in folders else f"no {self.kind}"
                    how = (
                        f": `ffmpeg -i {name} {Path(name).stem}.flac`"
                        if ".wav" in self.suffixes and name in files
                        else ""
                    )
                    return f" {Path(folder, name).relative_to(self.folder)} is {kind}{how}."
        return ""


def key_of(name: str | Path) -> str:
    """A name as it is compared."""
    text = name.as_posix() if isinstance(name, Path) else name
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def without_suffix(name: str, suffixes: tuple[str, ...]) -> str:
    """A name in lower case without its extension, if that is one of sound or arrays: ``lw1.0`` is a whole name."""
    for suffix in (*suffixes, *SUFFIXES):
        name = name.removesuffix(suffix)
    return name


#: Extensions that tables of events write behind the name of a sound, its features or its alignment.
SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".opus", ".mp3", ".m4a", ".gz", ".npy", ".npz", ".textgrid")


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, in order; links to folders are followed."""
    return sorted(Path(place, name) for place, _, names in walk(folder) for name in names if not name.startswith("."))


def walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """`os.walk` that follows links, but none to a folder above itself, and leaves out hidden folders and those of macOS."""
    above: dict[str, tuple[str, ...]] = {str(folder): (os.path.realpath(folder),)}
    for place, folders, files in os.walk(folder, followlinks=True):
        kept = []
        for name in sorted(folders):
            path = os.path.join(place, name)
            real = os.path.realpath(path)
            if name.startswith((".", "__MACOSX")) or real in above[place]:
                continue
            above[path] = (*above[place], real)
            kept.append(name)
        folders[:] = kept
        yield place, folders, files
