"""The side files of a BIDS recording: found as MNE-BIDS finds them, and checked before it reads them, so that errors name them."""

import codecs
import re
from collections import Counter
from itertools import chain
from pathlib import Path

import mne_bids
from mne_bids import BIDSPath

from n2s.errors import UserError, counted
from n2s.findings import tell
from n2s.studies.readers.fetched import check_fetched
from n2s.studies.readers.kit import kit_side_files
from n2s.studies.readers.side_files import read_json

#: Columns that MNE-BIDS needs of a table.
COLUMNS = {
    "channels": ("name", "type"),
    "electrodes": ("name", "x", "y", "z"),
    "scans": ("filename",),
    "participants": ("participant_id",),
    "events": ("onset", "duration"),
}
NUMBERS = {"electrodes": ("x", "y", "z"), "events": ("onset", "duration")}


def side_file(path: BIDSPath, suffix: str, extension: str) -> tuple[Path | None, str]:
    """The side file of a recording, beside it or higher up, as MNE-BIDS finds it; and "" or why there is none.

    Raises
    ------
    UserError
        MNE-BIDS meets a file whose name it cannot read.
    """
    try:
        found = path.find_matching_sidecar(suffix, extension, on_error="raise")
    except RuntimeError as error:
        return None, " ".join(str(error).split("The search strings")[0].split()).rstrip(".")
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path.root / f'sub-{path.subject}'}: a file *{suffix}{extension} has no BIDS name ({error.args[0]}). Rename or remove it."
        ) from None
    labels = mne_bids.get_entities_from_fname(found, on_error="ignore")
    own = all(value in (None, path.entities.get(key)) for key, value in labels.items())
    if suffix in ("electrodes", "coordsystem") or own:  # theirs have labels of their own: space-, acq-
        return Path(found), ""
    return (
        None,
        f"{Path(found).name} belongs to another recording",
    )  # MNE-BIDS gives run 1's to a recording without a run


def own_events(path: BIDSPath) -> tuple[Path | None, str]:
    """The events.tsv of a recording; or None and why it has none, as words for a message."""
    found, why = side_file(path, "events", ".tsv")
    if found is not None:
        return found, ""
    return None, "no events.tsv of its own" + ("" if why.startswith("Did not find") else f" ({why})")


def events_file(path: BIDSPath) -> Path:
    """The events.tsv of a recording, beside it or higher up; a `UserError` if it has none of its own, or an unfetched one."""
    found, why = own_events(path)
    if found is None:
        expected = path.copy().update(suffix="events", extension=".tsv", split=None, processing=None).basename
        raise UserError(
            f"{path.directory / path.basename}: {why}. Expected {expected} beside it. Recordings without "
            "events can be left out with task, subjects, sessions or runs."
        )
    _check_here(found)
    return found


def side_files(path: BIDSPath) -> list[Path]:
    """The side files that change what is read: channels, electrodes with their coordinate system, and the recording's JSON."""
    wanted = (("channels", ".tsv"), ("electrodes", ".tsv"), ("coordsystem", ".json"), (path.datatype, ".json"))
    return [found for found in (side_file(path, *one)[0] for one in wanted) if found is not None]


def check_side_files(path: BIDSPath) -> None:
    """Check every side file that MNE-BIDS reads with a recording.

    Raises
    ------
    UserError
        One is not fetched, damaged, lacks a column, or could be another's; the message names the file.
    """
    for suffix, extension in (
        ("events", ".tsv"), ("channels", ".tsv"), ("electrodes", ".tsv"), ("coordsystem", ".json"), (path.datatype, ".json"),
    ):  # fmt: skip
        found, why = side_file(path, suffix, extension)
        if found is None:
            _why_none(path, suffix, extension, why)
        elif extension == ".json":
            _check_json(found, suffix)
        else:
            check_table(found, suffix)
    for file in chain(*kit_side_files(path).values()):
        _check_here(file)
    session = [] if path.session is None else [f"ses-{path.session}"]
    name = "_".join([f"sub-{path.subject}", *session, "scans.tsv"])
    for suffix, file in (("scans", path.root.joinpath(f"sub-{path.subject}", *session, name)),
                         ("participants", path.root / "participants.tsv")):  # fmt: skip
        if file.exists():
            check_table(file, suffix)


def tell_channels(path: BIDSPath, names: list[str]) -> None:
    """Tell which channels only channels.tsv or only the recording has, and marks that are neither good nor bad.

    MNE-BIDS refuses other names only where both have as many channels.
    """
    file, _ = side_file(path, "channels", ".tsv")
    if file is None:
        return
    columns = check_table(file, "channels")
    listed = columns["name"]
    for kind, absent in (
        ("in the table and not in the recording", [one for one in listed if one not in names]),
        ("in the recording and not in the table", [one for one in names if one not in listed]),
    ):
        if absent:
            more = ", ..." if len(absent) > 8 else ""
            are = f"{counted(len(absent), 'channel')} {'are' if len(absent) > 1 else 'is'}"
            tell("odd", file, f"{are} {kind}: {', '.join(absent[:8])}{more}.")
    strange = sorted({one for one in columns.get("status", []) if one.lower() not in ("good", "bad", "n/a", "")})
    if strange:
        tell(
            "odd", file, f"status is {', '.join(strange[:5])}; expected good or bad. n2s takes these channels for good."
        )


def check_table(file: Path, suffix: str) -> dict[str, list[str]]:
    """A table's columns, as text, if it has as many cells in each row as names in its first, and the columns of its kind.

    MNE-BIDS reads Latin-1 too, and tables without rows: they are no fault.
    """
    _check_here(file)
    content = file.read_bytes()
    coding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(coding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise UserError(f"{file}: holds zero bytes, which no table has. Copy or write it again.")
    lines = [(n, line) for n, line in enumerate(re.split("\r\n|\n|\r", text), 1) if line]
    if not lines:
        raise UserError(f"{file}: an empty file; expected the columns {', '.join(COLUMNS[suffix])}.")
    rows = [(n, [cell.strip() for cell in line.split("\t")]) for n, line in lines]
    names = rows[0][1]
    absent = [name for name in COLUMNS[suffix] if name not in names]
    if absent:
        raise UserError(
            f"{file}: no column {' and '.join(absent)}; there are {', '.join(names)[:200]}. "
            f"Expected {', '.join(COLUMNS[suffix])}, separated by tabs."
        )
    wrong = next(((n, row) for n, row in rows if len(row) != len(names)), None)
    if wrong:
        raise UserError(
            f"{file}, line {wrong[0]}: {len(wrong[1])} cells under {len(names)} columns ({', '.join(names)[:200]}). "
            "Expected one tab between two cells, n/a for an empty one."
        )
    columns = {name: [row[i] for _, row in rows[1:]] for i, name in enumerate(names)}
    if suffix in ("channels", "electrodes"):
        twice = [name for name, n in Counter(columns["name"]).items() if n > 1]
        if twice:
            raise UserError(f"{file}: {twice[0]!r} is there twice. Keep one row for each.")
    for name in NUMBERS.get(suffix, ()):
        for (n, _), cell in zip(rows[1:], columns[name], strict=True):
            if not _number(cell.replace(",", "."), empty=name == "onset"):
                raise UserError(f"{file}, line {n}: {name} is {cell!r}; expected a number, or n/a.")
    return columns


def _check_here(file: Path) -> None:
    if file.is_dir():
        raise UserError(f"{file}: a folder; expected a file of that name. Remove or rename it.")
    check_fetched(file)


def _check_json(file: Path, suffix: str) -> None:
    _check_here(file)
    found = read_json(file)
    if file.read_bytes().startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(
            f"{file}: begins with a byte order mark, which MNE-BIDS does not read in a JSON file. Save it as UTF-8 without one "
            "(in Notepad: UTF-8, not UTF-8 with BOM)."
        )
    if "iEEGCoordinateUnits" in found and "iEEGCoordinateSystem" not in found:
        raise UserError(
            f"{file}: no iEEGCoordinateSystem, which MNE-BIDS needs. Expected the space of the places, such as MNI152NLin2009cAsym, ACPC, or "
            "Other for the person's own."
        )
    line = found.get("PowerLineFrequency")
    if line not in (None, "n/a") and (isinstance(line, bool) or not isinstance(line, int | float)):
        raise UserError(f"{file}: PowerLineFrequency is {line!r}; expected a number (Hz), or 'n/a'.")


def _why_none(path: BIDSPath, suffix: str, extension: str, why: str) -> None:
    """Refuse or tell that one of several side files, or another recording's, would be read or silently left out."""
    where = path.directory / path.basename
    if "Expected to find a single" in why:
        if suffix in ("electrodes", "coordsystem"):
            if path.datatype != "ieeg":  # there each is of another space: see `n2s.studies.own.bids_contacts`
                tell("left out", where, f"several {suffix}{extension} fit it equally, none is read. Keep one.")
        elif suffix != "events":
            raise UserError(
                f"{where}: several {suffix}{extension} fit it equally: {why.rpartition(': ')[2]}. Keep one."
            )
    elif "belongs to another" in why and suffix != "events":
        expected = path.copy().update(suffix=suffix, extension=extension, split=None).basename
        raise UserError(f"{where}: {why}, but MNE-BIDS would read it with this one. Add {expected}, or rename a file.")


def _number(cell: str, *, empty: bool) -> bool:
    """Whether MNE-BIDS reads a cell as a number or as none; without onset a row is left out."""
    if cell == "n/a" or (empty and cell == ""):
        return True
    try:
        return abs(float(cell)) < float("inf") or cell.lower() == "nan"
    except ValueError:
        return False
