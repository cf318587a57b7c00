"""Assign the sounds of a folder to stimuli, by a table, a pattern or their names."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.metrics.clip_scores import Units, independent_units

EACH = "each"
_NUMBER = re.compile(r"[_\-. ]*\d+(?=\D*$)")  # the last number of a name


def sound_units(names: Sequence[str], stimulus: str | None, folder: Path) -> tuple[Units, str]:
    """Find the independent units of clips, and a sentence on which clips were assumed to share a stimulus and why.

    Parameters
    ----------
    names
        Names of the clips.
    stimulus
        ``each``: every clip is its own stimulus. The path of a CSV file with the columns ``clip`` and ``stimulus``.
        Or a regular expression: what it finds in a name (its first group, if it has one) is the stimulus. None: the
        manifest of `n2s predict` beside the folder; without one, a clip's stimulus is its name up to the last number.
    folder
        Folder of the reference sounds.

    Raises
    ------
    UserError
        A table without a clip or a column, an invalid pattern, or a pattern that is not found in a name.
    """
    manifest = folder.parent / "manifest.csv"
    if stimulus == EACH:
        return Units(
            np.arange(len(names)), "clips"
        ), "each clip is taken as independent of every other (--stimulus each)"
    if stimulus is not None and Path(stimulus).expanduser().is_file():
        table, source = _table(Path(stimulus).expanduser(), names), stimulus
    elif stimulus is not None:
        table, source = _found(re_of(stimulus), names, stimulus), f"what --stimulus '{stimulus}' finds in a name"
    elif manifest.is_file() and {"clip", "stimulus"} <= set(pd.read_csv(manifest, nrows=0)):
        table, source = _table(manifest, names), str(manifest)
    else:
        table, source = (
            pd.DataFrame({"stimulus": [_NUMBER.sub("", name) or name for name in names]}),
            "names up to the last number",
        )
    units = units_of(table)
    n, kinds = len(names), table.stimulus.nunique()
    if kinds == n:
        return units, f"each clip is a stimulus of its own (by {source})"
    return units, (
        f"{n} clips are of {kinds} {'stimulus' if kinds == 1 else 'stimuli'}, such as '{table.stimulus.iloc[0]}' (by {source}; "
        "--stimulus can say otherwise)"
    )


def units_of(table: pd.DataFrame) -> Units:
    """Units of rows with ``stimulus`` and, if known, ``start_s``; otherwise clips are in the order of rows."""
    start_s = table["start_s"].astype(float) if "start_s" in table else pd.Series(np.arange(len(table)), dtype=float)
    gaps = start_s.groupby(table.stimulus.to_numpy()).apply(lambda own: pd.Series(np.diff(np.unique(own))))
    duration_s = float(gaps.median()) if len(gaps) else 1.0
    return independent_units(table.stimulus, np.zeros(len(table)), start_s, duration_s=duration_s)


def re_of(pattern: str) -> re.Pattern:
    """A compiled pattern; a UserError if it is invalid."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"--stimulus {pattern}: neither a file nor a regular expression ({error}). Expected '{EACH}', a CSV file with "
            "the columns clip and stimulus, or a pattern that finds the stimulus in a name, such as '^[a-z]+'."
        ) from error


def _found(pattern: re.Pattern, names: Sequence[str], given: str) -> pd.DataFrame:
    matches = [pattern.search(name) for name in names]
    lacking = [name for name, match in zip(names, matches, strict=True) if match is None]
    if lacking:
        raise UserError(
            f"--stimulus {given}: nothing like it in {len(lacking)} of {len(names)} names, such as '{lacking[0]}'. It is no "
            "file either. Expected a pattern that finds the stimulus in every name."
        )
    return pd.DataFrame({"stimulus": [match[1] if pattern.groups else match[0] for match in matches]})


def _table(file: Path, names: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise UserError(f"{file}: not a table ({error}). Expected CSV with the columns clip and stimulus.") from error
    if not {"clip", "stimulus"} <= set(table):
        raise UserError(f"{file}: the columns are {', '.join(map(str, table))}; expected clip and stimulus.")
    table = table.drop_duplicates("clip").set_index("clip")
    lacking = [name for name in names if name not in table.index]
    if lacking:
        raise UserError(
            f"{file}: no row for {len(lacking)} of {len(names)} clips, such as '{lacking[0]}'. Add them, or say with "
            "--stimulus which clips share a stimulus."
        )
    return table.loc[list(names), [name for name in ("stimulus", "start_s") if name in table]].reset_index(drop=True)
