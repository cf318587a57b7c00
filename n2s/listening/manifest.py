"""The sounds that a run made (``predictions/<method>/<clip>.wav``) and their table (``manifest.csv``)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import written_whole

#: The "method" of the sounds that were heard.
STIMULUS = "stimulus"

#: Columns of the manifest. ``path`` is relative to its folder; ``text`` and ``subject`` may be empty.
COLUMNS = ("clip", "method", "path", "text", "subject")
NEEDED = ("clip", "method", "path")

_FILE = "manifest.csv"
_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


def write_manifest(folder: Path, table: pd.DataFrame) -> Path:
    """Write ``manifest.csv`` into a folder of predictions, whole or not at all.

    Parameters
    ----------
    folder
        ``predictions`` of a run.
    table
        One row per sound: ``clip``, ``method`` (`STIMULUS` for the sound that was heard), ``path``, and optionally
        ``text`` (the words of the clip), ``subject`` and further columns, which are kept. A path is relative to
        ``folder``; absolute paths inside it are made relative. A sound that several people heard is one clip per person.

    Returns
    -------
    The file's path.

    Raises
    ------
    UserError
        A column or a file is missing, a cell is empty, or a clip has two sounds of one method.
    """
    file = folder / _FILE
    table = _checked(table, folder, where=str(file))
    paths = [Path(path).resolve() for path in table.path]
    inside = folder.resolve()
    table = table.assign(
        path=[(path.relative_to(inside) if path.is_relative_to(inside) else path).as_posix() for path in paths]
    )
    with written_whole(file) as temporary:
        table.to_csv(temporary, index=False)
    return file


def read_manifest(folder: Path) -> pd.DataFrame:
    """Read the table of the sounds in a folder.

    Parameters
    ----------
    folder
        A run's folder, its ``predictions``, or any folder with a ``manifest.csv``. Without a manifest, sounds are found
        by their path, ``<method>/<clip>.wav``, and ``text`` and ``subject`` are empty.

    Returns
    -------
    One row per sound with the columns `COLUMNS` (all strings; ``path`` absolute) and any further columns.

    Raises
    ------
    UserError
        The folder does not exist or has no sound, a column or a file is missing, a cell is empty, or a clip has two
        sounds of one method.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder. Expected a run's folder, or one with {_FILE} or <method>/<clip>.wav."
        )
    if (folder / "predictions").is_dir() and not (folder / _FILE).is_file():
        folder = folder / "predictions"
    file = folder / _FILE
    if not file.is_file():
        return _checked(_found(folder), folder, where=str(folder))
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise UserError(
            f"{file}: not a table ({error}). Expected CSV with the columns {', '.join(COLUMNS)}."
        ) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas reads surplus first cells as row names
        raise UserError(
            f"{file}: its rows have more cells than there are columns. Put a text that contains a comma in quotes."
        )
    return _checked(table, folder, where=str(file))


def _found(folder: Path) -> pd.DataFrame:
    """The table of the files ``<method>/<clip>.wav``."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in _SOUNDS and path.name[0] != ".")
    if not paths:
        raise UserError(
            f"{folder}: neither {_FILE} nor a sound in it. Expected {STIMULUS}/<clip>.wav and <method>/<clip>.wav: "
            "run `n2s predict` with the run's config, or put sounds in such folders."
        )
    return pd.DataFrame({"clip": [p.stem for p in paths], "method": [p.parent.name for p in paths], "path": paths})


def _checked(table: pd.DataFrame, folder: Path, *, where: str) -> pd.DataFrame:
    """Check a table; return it with all columns and absolute paths. A `UserError` names the place of a fault."""
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise UserError(
            f"{where}: no column {', '.join(missing)}; found {', '.join(map(str, table.columns)) or 'none'}. "
            f"Expected {', '.join(COLUMNS)}."
        )
    absent = {name: "" for name in COLUMNS if name not in table}
    table = table.assign(**absent).astype({name: str for name in COLUMNS}).reset_index(drop=True)
    table = table[[*COLUMNS, *(name for name in table if name not in COLUMNS)]]
    for name in NEEDED:
        empty = table.index[table[name].str.strip() == ""]
        if len(empty):
            raise UserError(f"{where}: row {empty[0] + 1} has no {name} ({len(empty)} such rows). Fill it in.")
    twice = table[table.duplicated(["clip", "method"])]
    if len(twice):
        raise UserError(
            f"{where}: clip '{twice['clip'].iloc[0]}' has two sounds of '{twice.method.iloc[0]}' ({len(twice)} such rows). "
            "Keep one of each; give clips of several people different names."
        )
    paths = [(folder / path).absolute() for path in table.path]
    lost = [path for path in paths if not path.is_file()]
    if lost:
        raise UserError(
            f"{where}: {len(lost)} of {len(paths)} sounds are missing, such as {lost[0]}. "
            "Run `n2s predict` again, which makes the missing sounds, or remove their rows."
        )
    return table.assign(path=[str(path) for path in paths])


def clip_place(row: Any) -> str:
    """Where in a sound a clip of a manifest is, in words: ``orchestra.en, 80.0 to 82.8 s``; empty where the manifest does not say it."""
    try:
        start_s, duration_s = float(row.start_s), float(row.duration_s)
    except (AttributeError, TypeError, ValueError):  # a folder of somebody's own sounds
        return ""
    stimulus = str(getattr(row, "stimulus", "")).split("/", 1)[-1]
    span = f"{start_s:.1f} to {start_s + duration_s:.1f} s"
    return "" if not np.isfinite(start_s + duration_s) else f"{stimulus}, {span}" if stimulus else span
