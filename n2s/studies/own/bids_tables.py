"""participants.tsv and scans.tsv compared with the folders: what a table lists and the folder lacks is told."""

from collections import defaultdict
from pathlib import Path

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.own.bids_scan import Found, subjects
from n2s.studies.own.bids_side_files import check_table
from n2s.studies.readers.fetched import missing_content

#: Columns by which labs mark who is not to be analysed, and the cells that say so.
EXCLUDED = {"exclude": True, "excluded": True, "exclusion": True, "include": False, "included": False}
YES, NO = ("1", "yes", "y", "true", "t", "x"), ("0", "no", "n", "false", "f")
NAMED = 20


def tell_tables(root: Path, found: list[Found], all_subjects: bool, kind: str) -> None:
    """Tell what participants.tsv and each scans.tsv list and the folder lacks.

    Parameters
    ----------
    root
        The data set's folder.
    found
        The recordings in use.
    all_subjects
        Whether the user asked for all subjects, not only some.
    kind
        The datatype.
    """
    used = {one.entities["subject"] for one in found}
    _participants(root, used, all_subjects)
    for folder in sorted({one.file.parent.parent for one in found}):
        _scans(root, folder, kind)


def _participants(root: Path, used: set[str], all_subjects: bool) -> None:
    path = root / "participants.tsv"
    columns = _columns(path, "participants")
    if columns is None:
        return
    listed = [name.removeprefix("sub-") for name in columns["participant_id"]]
    folders = set(subjects(root))
    if all_subjects:
        absent = [f"sub-{one}" for one in listed if one not in folders and one not in ("", "n/a", "emptyroom")]
        if absent:
            tell(
                "left out",
                path,
                f"{len(absent)} of {len(listed)} participants have no folder: {first_of(absent, NAMED)}.",
            )
    unlisted = [f"sub-{one}" for one in sorted(used - set(listed))]
    if unlisted and listed:
        tell(
            "odd",
            path,
            f"{len(unlisted)} subjects with recordings are not listed: {first_of(unlisted, NAMED)}. n2s uses them.",
        )
    for name in columns:
        excludes = EXCLUDED.get(name.lower())
        if excludes is None:
            continue
        says = YES if excludes else NO
        marked = [
            f"sub-{one}"
            for one, cell in zip(listed, columns[name], strict=True)
            if cell.lower() in says and one in used
        ]
        if marked:
            tell(
                "odd",
                path,
                f"the column {name} marks {first_of(marked, NAMED)} as excluded; n2s uses them. Leave them out with subjects.",
            )


def _scans(root: Path, folder: Path, kind: str) -> None:
    """The recordings that a subject's or session's scans.tsv lists and its folder lacks."""
    labels = [part for part in folder.relative_to(root).parts]
    path = folder / f"{'_'.join(labels)}_scans.tsv"
    columns = _columns(path, "scans")
    if columns is None:
        return
    absent: dict[str, list[str]] = defaultdict(list)
    for name in columns["filename"]:
        if name.startswith(f"{kind}/") and not (folder / name).exists() and not (folder / name).is_symlink():
            absent[name.rpartition("/")[2]].append(name)
    if absent:
        tell(
            "left out",
            path,
            f"{len(absent)} of its {kind} files are not in the folder: {first_of(list(absent), NAMED)}.",
        )


def _columns(path: Path, suffix: str) -> dict[str, list[str]] | None:
    """A table's columns; None if there is none. One that cannot be read is told: the recordings are read by another check."""
    why = missing_content(path)
    if why:
        if why != "no such file":
            tell("left out", path, f"{why}.")
        return None
    try:
        return check_table(path, suffix)
    except UserError as error:
        tell("left out", path, str(error).removeprefix(f"{path}").lstrip(":, "))
        return None
