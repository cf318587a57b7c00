"""Read, check and combine the ratings that listening pages export."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.metrics.ratings import N_LEVELS

#: Columns of an exported file. A trial that was not rated has no rating and no time.
COLUMNS = ("page", "rater", "clip", "method", "rating", "time", "order")

_SHOWN = 3  # examples in a message


@dataclass(frozen=True)
class Ratings:
    """Ratings: ``values`` (rater, clip, method), 1 to 7, NaN: not rated; names; ``notes``: irregularities, in sentences."""

    values: np.ndarray
    raters: list[str]
    clips: list[str]
    methods: list[str]
    notes: list[str]


def read_ratings(files: list[Path], key: Path | None = None) -> Ratings:
    """Read the exported files of any number of raters.

    If several files of one rater contain a trial, its latest rating counts. Ratings outside the scale are ignored.
    ``notes`` reports both, and incomplete sessions.

    Parameters
    ----------
    files
        CSV files of one page.
    key
        The JSON file beside that page, which names the methods. Without it they keep their codes.

    Raises
    ------
    UserError
        A file cannot be read or has other columns, files or key belong to different pages, a method is not in the key, a
        rater has no name, or there is no rating.
    """
    notes: list[str] = []
    table = pd.concat([_read(file) for file in dict.fromkeys(files)], ignore_index=True)
    names = _names(table, key)
    if key is None:
        notes.append("methods have codes in place of names; give --key, the JSON file beside the page")
    rated = _in_range(table, notes)
    rated = _once(rated, notes)
    if not len(rated):
        raise UserError(f"{', '.join(map(str, files))}: no rating of 1 to {N_LEVELS} in it. Rate first, then export.")
    trials = table[["clip", "method"]].drop_duplicates()
    raters = sorted(table.rater.unique())
    for rater in raters:
        n = int((rated.rater == rater).sum())
        if n < len(trials):
            notes.append(f"{rater}: incomplete, {n} of {len(trials)} trials rated")
    clips = sorted(trials["clip"].unique())
    codes = [code for code in names if (trials.method == code).any()]
    values = np.full((len(raters), len(clips), len(codes)), np.nan)
    places = [
        pd.Index(known).get_indexer(rated[column])
        for column, known in (("rater", raters), ("clip", clips), ("method", codes))
    ]
    values[tuple(places)] = rated.rating
    return Ratings(values, raters, clips, [names[code] for code in codes], notes)


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise UserError(f"{file}: no such file. Expected CSV files that a listening page exported.")
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise UserError(f"{file}: not a table ({error}). Export it from the listening page again.") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas reads surplus first cells as row names
        raise UserError(
            f"{file}: its rows have more cells than there are columns. Export it from the listening page again."
        )
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise UserError(
            f"{file}: no column {', '.join(missing)}; found {', '.join(table.columns)}. "
            f"Expected {', '.join(COLUMNS)}, as a listening page exports them."
        )
    table = table[list(COLUMNS)].apply(lambda column: column.str.strip())
    if (table.rater == "").any():
        raise UserError(f"{file}, line {table.index[table.rater == ''][0] + 2}: no rater. Fill in the rater's name.")
    return table.assign(file=str(file), line=np.arange(len(table)) + 2)  # line 1 holds the names


def _names(table: pd.DataFrame, key: Path | None) -> dict[str, str]:
    """Code -> method, in the key's order."""
    pages = table.groupby("page").file.first()
    if len(pages) > 1:
        told = "; ".join(f"{page} ({file})" for page, file in pages.items())
        raise UserError(f"ratings of different pages, whose sounds differ: {told}. Summarise each page separately.")
    codes = sorted(table.method.unique())
    if key is None:
        return {code: code for code in codes}
    try:
        content = json.loads(key.read_text(encoding="utf-8"))
        page, names = content["page"], content["methods"]
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise ValueError("methods is no table of names")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{key}: not the key of a listening page ({type(error).__name__}: {error}). Expected the JSON file that "
            "`n2s listen` wrote beside the page, with page and methods."
        ) from error
    if len(pages) and page != pages.index[0]:
        raise UserError(
            f"{key} belongs to page {page}, the ratings to page {pages.index[0]} ({pages.iloc[0]}). "
            "Give the key with the ratings' page in its name."
        )
    unknown = [code for code in codes if code not in names]
    if unknown:
        raise UserError(f"{key}: no method {', '.join(unknown)}; it has {', '.join(names)}. Was a file edited?")
    return names


def _in_range(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Trials with a whole number of the scale as rating."""
    given = table[table.rating != ""]
    numbers = pd.to_numeric(given.rating, errors="coerce")
    good = numbers.isin(range(1, N_LEVELS + 1))
    bad = given[~good]
    if len(bad):
        shown = ", ".join(f"'{row.rating}' ({row.file}, line {row.line})" for row in bad[:_SHOWN].itertuples())
        notes.append(f"{len(bad)} ratings are not whole numbers from 1 to {N_LEVELS} and are left out: {shown}")
    return given[good].assign(rating=numbers[good].astype(int))


def _once(rated: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Keep one rating per rater and trial: the latest. Times are ISO 8601 in UTC, so text order is time order."""
    trial = ["rater", "clip", "method"]
    for rater, twice in rated[rated.duplicated(trial, keep=False)].groupby("rater"):
        groups = twice.groupby(trial)
        differ = int((groups.rating.nunique() > 1).sum())
        notes.append(
            f"{rater}: {groups.ngroups} trials were rated more than once ({', '.join(twice.file.unique())}); the latest "
            f"rating counts, {differ} differ"
        )
    return rated.sort_values("time", kind="stable").drop_duplicates(trial, keep="last")
