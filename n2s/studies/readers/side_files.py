"""Text files beside a recording or a sound, read strictly: an error names the side file, never the file that it describes."""

import codecs
import json
import math
from pathlib import Path

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.fetched import check_fetched

#: Byte order marks, and the encoding that each announces; UTF-32's begin with UTF-16's.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, or UTF-16 or UTF-32 with one. Line ends stay as they are.

    Raises
    ------
    UserError
        The file does not exist, is a link to nowhere, cannot be opened, or is no text in one of these encodings.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        if Path(path).is_symlink():
            raise UserError(
                f"{path}: a link to a file that is not here ({Path(path).readlink()}). Fetch it (`datalad get` or "
                "`git annex get` in that folder), or copy the folder with its links followed (`cp -rL`)."
            ) from None
        raise UserError(f"{path}: no such file.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror or type(error).__name__}).") from None
    if content.startswith((b"version https://git-lfs", b"/annex/objects/")):
        check_fetched(path)
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    if encoding.startswith("utf-8") and b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        why = "UTF-16 without a byte order mark" if content.count(b"\0") > len(content) / 4 else "a damaged copy"
        raise UserError(f"{path}, line {line}: a zero byte, which no text has ({why}). Save it as UTF-8.")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        kind = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        raise UserError(
            f"{path}, line {line}: not {kind} text (the byte 0x{content[error.start]:02X} at {error.start})"
            f"{_guess(content)}. Save it as UTF-8."
        ) from None
    if "\0" in text:
        raise UserError(f"{path}: a zero character in {encoding.upper()} text (a damaged copy). Save it as UTF-8.")
    return text


def _guess(content: bytes) -> str:
    """What text that is no UTF-8 may be: words for a message."""
    high = [byte for byte in content if byte >= 0x80]
    if len(high) > 0.3 * len(content):
        return ": no text, or text in an encoding of East Asia (GB18030, Shift-JIS, EUC-KR)"
    return ": perhaps Latin-1 or Windows-1252, as older programs and Excel write"


def read_json(path: Path) -> dict:
    """Read a JSON side file, such as ``*_meg.json``: one object of names and values.

    A byte order mark is no fault. NaN, which Python's writers produce and JSON does not have, is None ("not given"), and a
    finding.

    Raises
    ------
    UserError
        The file cannot be read (`read_text`), is no JSON, holds an infinite number or one name twice, or is no object;
        with its line and column, where there is one.
    """
    path = Path(path)
    text = read_text(path)
    if not text.strip():
        raise UserError(f"{path}: an empty file; expected a JSON object: {{...}}. Write it again, or remove it.")
    try:
        found = json.loads(text, parse_constant=lambda word: _constant(word, path), parse_float=lambda word: _float(word, path),
                           object_pairs_hook=lambda pairs: _object(pairs, path))  # fmt: skip
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}){_remedy(text, error.pos)}"
        ) from None
    except RecursionError:
        raise UserError(f"{path}: not a JSON side file: nested too deep.") from None
    except ValueError:  # Python converts no integer of more than 4300 digits
        raise UserError(f"{path}: holds a whole number with thousands of digits. Write it again.") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds a JSON {_kind(found)}; expected an object: {{...}}.")
    return found


def _constant(word: str, path: Path) -> None:
    if word != "NaN":
        raise UserError(f"{path}: holds {word}, which is no number of JSON. Write a finite number, or leave it out.")
    tell("odd", path, "NaN is no value of JSON; n2s reads it as not given.")


def _float(word: str, path: Path) -> float:
    value = float(word)
    if math.isinf(value):
        raise UserError(f"{path}: holds {word[:40]}, which is too large. Write a smaller number, or leave it out.")
    return value


def _object(pairs: list[tuple[str, object]], path: Path) -> dict:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise UserError(f"{path}: says {name} twice: {found[name]!r} and {value!r}. Keep one.")
        found[name] = value
    return found


def _remedy(text: str, at: int) -> str:
    here = text[at : at + 40].lstrip()
    before = text[:at].rstrip()
    if here.startswith(("//", "/*", "#")):
        return ": JSON has no comments. Remove them."
    if before.endswith(",") and here[:1] in ("}", "]"):
        return ": a comma after the last entry. Remove it."
    if here.startswith("'"):
        return ": names and texts need double quotes."
    if here.startswith(("True", "False", "None")):
        return ": JSON writes true, false and null."
    return ". Mend that place, or write the file again."


def _kind(value: object) -> str:
    kinds = {list: "array", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "number")
