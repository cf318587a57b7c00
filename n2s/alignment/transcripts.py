"""The transcript of each sound of a folder: a text beside it, or one file with a line per sound."""

import re
from pathlib import Path

from n2s.errors import UserError, nearest

TEXTS = (".txt", ".lab")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_END = re.compile(r"([.!?…。！？][\"'”’»)\]]*)\s+")


def words_of(text: str) -> list[str]:
    """The words of a text, without punctuation."""
    return _WORD.findall(text)


def sentences_of(text: str) -> list[str]:
    """Its sentences that have words: cut after . ! ? and …, and at the ends of lines that are followed by an empty one."""
    parts = [
        part for block in re.split(r"\n\s*\n", text) for part in _END.sub(r"\1\n", " ".join(block.split())).split("\n")
    ]
    return [part for part in parts if words_of(part)]


def read_transcripts(place: Path, sounds: dict[str, Path]) -> dict[str, str]:
    """The text of each sound that has one.

    Parameters
    ----------
    place
        A folder of ``<sound>.txt`` or ``<sound>.lab``; or a file with a line a sound: its name, or the number that its name
        ends with, then a tab, a bar or a space, then the text.
    sounds
        By the path below their folder, without the extension.

    Raises
    ------
    UserError
        The place does not exist or cannot be read, no sound has a text, or a sound has two.
    """
    if place.is_dir():
        found = {key: path for key in sounds for path in _beside(place, key)}
        texts = {key: _read(path) for key, path in found.items()}
        expected = f"<sound>.txt or <sound>.lab in {place}"
    elif place.is_file():
        texts = _lines(place, sounds)
        expected = f"lines such as '{next(iter(sounds))}<tab>what is said' in {place}"
    else:
        raise UserError(f"no transcripts at {place}.{nearest(place.name, [p.name for p in place.parent.glob('*')])}")
    texts = {key: text for key, text in texts.items() if words_of(text)}
    if not texts:
        raise UserError(f"none of the {len(sounds)} sounds has a transcript; expected {expected}.")
    return texts


def _beside(folder: Path, key: str) -> list[Path]:
    there = [folder / f"{name}{suffix}" for name in (key, Path(key).name) for suffix in TEXTS]
    return list(dict.fromkeys(path for path in there if path.is_file()))[:1]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeError:
        raise UserError(f"{path}: not UTF-8. Save it as UTF-8 text.") from None


def _lines(path: Path, sounds: dict[str, Path]) -> dict[str, str]:
    by_name = {name.lower(): key for key in sounds for name in (key, Path(key).name)}
    numbers: dict[int, list[str]] = {}
    for key in sounds:
        if ending := re.search(r"[0-9]+$", key):
            numbers.setdefault(int(ending[0]), []).append(key)
    texts: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        parts = re.split(r"[\t|]| +", line.strip(), maxsplit=1)
        if len(parts) < 2:
            continue
        name = parts[0].lower()
        keys = [by_name[name]] if name in by_name else [by_name[stem]] if (stem := Path(name).stem) in by_name else []
        if not keys and re.fullmatch("[0-9]{1,9}", name):
            keys = numbers.get(int(name), [])
        if len(keys) > 1:
            raise UserError(f"{path}, line {number}: the sounds {keys[:3]} all end with {name}. Write their names.")
        for key in keys:
            if texts.setdefault(key, parts[1]) != parts[1]:
                raise UserError(f"{path}, line {number}: a second, other text for {key}.")
    return texts
