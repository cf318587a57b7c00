"""What lies in the folders of a BIDS data set's subjects: recordings, and what looks like one but cannot be read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mne_bids
from mne_bids import BIDSPath

from n2s.errors import UserError
from n2s.studies.readers.fetched import NOT_FETCHED, UNFINISHED, first_missing, missing_content
from n2s.studies.readers.tsv import natural

ENTITIES = {"sub": "subject", "ses": "session", "task": "task", "acq": "acquisition", "run": "run", "proc": "processing",
            "split": "split", "desc": "description"}  # fmt: skip
#: Files of a recording that are not read by themselves, and the header that reads them.
PARTS = {".eeg": ".vhdr", ".vmrk": ".vhdr", ".fdt": ".set"}
#: Formats of recordings that BIDS or labs have and n2s does not read there, beside those it reads.
OTHER_FORMATS = (".mff", ".cnt", ".cdt", ".nwb", ".mefd", ".raw", ".gdf", ".mat", ".bin", ".lay", ".snirf", ".xdf", ".trc", ".pdf",
                 ".nedf", ".egi", ".kdf", ".h5", ".npy")  # fmt: skip
BESIDE = (".json", ".tsv", ".tsv.gz", ".txt", ".dat", ".html", ".png", ".jpg", ".bvec", ".md")
CTF_PARTS = (".meg4", ".res4")


@dataclass(frozen=True)
class Found:
    """A file (or folder) of a subject that is a recording, or should be one.

    Attributes
    ----------
    file
        Where it is.
    entities
        Its labels by their long names (``subject``, ``run``), those of its folders included; None where it has none.
    path
        The recording for MNE-BIDS; None if n2s cannot use it.
    why
        Why n2s cannot use it, as words for a message; "" for a recording.
    """

    file: Path
    entities: dict[str, str | None] = field(hash=False)
    path: BIDSPath | None = None
    why: str = ""


def scan(root: Path, datatype: str, extensions: tuple[str, ...], suffixes: tuple[str, ...]) -> list[Found]:
    """Every recording of a datatype, in ``sub-*/[ses-*/]<datatype>/``, and every file there that should be one.

    Hidden files (also those that macOS adds, ``._*``), side files and MaxFilter's calibration are neither. Of split files the first
    is listed.

    Parameters
    ----------
    root
        The data set's folder.
    datatype
        ``meg`` or ``eeg``.
    extensions
        Those that n2s reads.
    suffixes
        What the names of recordings end in: the datatype; in derivatives also ``raw``.
    """
    found: list[Found] = []
    for subject in _entries(root):
        if re.fullmatch(r"sub-[^-_]+", subject.name):
            if subject.is_dir():
                found += _in_subject(root, subject, datatype, extensions, suffixes)
            elif subject.is_symlink():
                why = f"{NOT_FETCHED}: the subject's folder is a link to nowhere (`datalad get`)"
                found.append(Found(subject, {"subject": subject.name[4:]}, why=why))
        elif re.match(r"sub[-_]?\w+", subject.name, re.IGNORECASE) and subject.is_dir():
            why = "not the name of a subject's folder in BIDS: expected sub-<label>, a label of letters and digits"
            if any(subject.rglob(f"{datatype}/*")) or any(subject.rglob(f"*_{datatype}.*")):
                found.append(Found(subject, {}, why=why))
    return found


def subjects(root: Path) -> list[str]:
    """The labels of all folders ``sub-*``, with or without recordings; not the empty room's."""
    names = [one.name[4:] for one in _entries(root) if re.fullmatch(r"sub-[^-_]+", one.name) and one.is_dir()]
    return [name for name in names if name != "emptyroom"]


def data_files(file: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Every file with the samples or the header of a recording: a .ds folder's, split FIF files, BrainVision's three.

    Side files of the same name (``*_meg.json``) are among them.
    """
    if file.is_dir():
        return sorted(part for part in file.rglob("*") if not part.is_dir() and not part.name.startswith("."))
    suffix = "|".join(suffixes)
    base = re.sub(rf"(_split-\d+)?_({suffix})$", "", file.stem)
    parts = re.compile(rf"{re.escape(base)}(_split-\d+)?_({suffix})(-\d+)?\.\w+")
    return [part for part in _entries(file.parent) if parts.fullmatch(part.name)]


def _in_subject(root: Path, subject: Path, datatype: str, extensions: tuple, suffixes: tuple) -> Iterator[Found]:
    sessions = [one for one in _entries(subject) if one.is_dir() and re.fullmatch(r"ses-[^-_]+", one.name)]
    for folder in (subject, *sessions):
        labels = {"subject": subject.name[4:], "session": None if folder is subject else folder.name[4:]}
        for entry in _entries(folder):
            if entry.name == datatype and entry.is_dir():
                yield from _in_folder(root, entry, labels, datatype, extensions, suffixes)
            elif entry.name == datatype and entry.is_symlink():
                why = f"{NOT_FETCHED}: the folder is a link to nowhere (`datalad get`)"
                yield Found(entry, labels, why=why)
            elif entry.name.lower() == datatype and entry.is_dir():
                yield Found(entry, labels, why=f"a folder of recordings is named {datatype} in BIDS, in small letters")
            elif entry.name.lower().endswith(tuple(f"_{datatype}{one}".lower() for one in extensions)):
                yield Found(entry, _labels(entry.name, labels), why=f"recordings lie in the folder {datatype}/ in BIDS")


def _in_folder(
    root: Path, folder: Path, labels: dict, datatype: str, extensions: tuple, suffixes: tuple
) -> Iterator[Found]:
    names = {entry.name for entry in _entries(folder)}
    for entry in _entries(folder):
        base, dot, rest = entry.name.partition(".")
        extension, suffix = dot + rest, base.rpartition("_")[2]
        if not extension and entry.is_dir():
            extension = ".pdf"  # as MNE-BIDS calls the folder of a 4D recording
        entities = _labels(entry.name, labels)
        if entities.get("acquisition") in ("crosstalk", "calibration"):
            continue  # MaxFilter's files carry the suffix and extension of a recording
        if entry.name.lower().endswith(UNFINISHED):
            if entry.stem not in names and re.search(rf"_({'|'.join(suffixes)})\b", entry.name, re.IGNORECASE):
                yield Found(entry, entities, why="an unfinished download: fetch it again")
        elif suffix in suffixes and extension in extensions:
            later = re.sub(r"_split-\d+_", "_split-01_", entry.name)
            if int(entities.get("split") or 1) > 1:
                if not any(re.sub(r"_split-0*1_", "_split-01_", name) == later for name in names):
                    yield Found(entry, entities, why="the first part (split-01) is missing: fetch it")
                continue
            path, why = _as_bids(root, entry, datatype, suffix, extension)
            why = why or _incomplete(entry, suffixes, names)
            yield Found(entry, entities, None if why else path, why)
        elif (why := _looks_like_one(entry, suffix, extension, datatype, extensions, suffixes, names)) != "":
            yield Found(entry, entities, why=why)


def _looks_like_one(
    entry: Path, suffix: str, extension: str, datatype: str, extensions: tuple, suffixes: tuple, names: set
) -> str:
    """Why a file is no recording though it looks like one; "" if it does not."""
    small = extension.lower()
    readable = tuple(one.lower() for one in extensions)
    if suffix.lower() in suffixes:
        if small in PARTS and extension == small and suffix in suffixes:
            header = entry.name.removesuffix(extension) + PARTS[small]
            # a marker file alone holds no samples
            missing = small != ".vmrk" and header not in names and PARTS[small] in readable
            return f"its header {PARTS[small]} is missing: fetch it" if missing else ""
        if small in BESIDE:
            return ""
        if small in readable:
            expected = f"{suffix.lower()}{next(one for one in extensions if one.lower() == small).lower()}"
            return (
                f"the name ends in _{suffix}{extension}; expected _{expected}. Rename it, and what its name occurs in"
            )
        if small == "":
            return ""
        return (
            f"{extension}: n2s reads {', '.join(extensions)} from {datatype}/. Convert it (`mne_bids.write_raw_bids`)"
        )
    if suffixes != (datatype,):
        return ""  # what a pipeline leaves beside its recordings: epochs, averages, components
    if small in (*readable, *OTHER_FORMATS) and suffix not in (
        "markers",
        "headshape",
        "digitizer",
        "photo",
        "physio",
        "stim",
    ):
        pipeline = (
            " (a pipeline's: set root to the raw folder and derivative to the pipeline's)" if suffix == "raw" else ""
        )
        return f"the name ends in _{suffix}{extension}; recordings end in _{datatype}{extension} in BIDS{pipeline}"
    return ""


def _as_bids(root: Path, file: Path, datatype: str, suffix: str, extension: str) -> tuple[BIDSPath | None, str]:
    """The recording as MNE-BIDS finds it, and "" or why it would not."""
    labels = mne_bids.get_entities_from_fname(file.name, on_error="ignore")
    strange = [key for key in labels if key not in ENTITIES.values() and labels[key] is not None]
    if strange:
        return None, f"the name has {strange[0]}-, which recordings do not have in BIDS ({'-, '.join(ENTITIES)}-)"
    path = BIDSPath(root=root, datatype=datatype, suffix=suffix, extension=extension, check=False, **labels)
    expected = path.fpath if extension == ".pdf" else path.directory / path.basename
    if expected != file:
        return None, f"name and folder do not fit: expected {expected.relative_to(root)}"
    return path, ""


def _incomplete(file: Path, suffixes: tuple[str, ...], names: set[str]) -> str:
    """Which part of a recording is not here; "" if all are."""
    if f"{file.name}.aria2" in names:
        return "an unfinished download: fetch it again"
    parts = [part for part in data_files(file, suffixes) if not part.name.endswith((".json", ".tsv"))]
    if file.is_dir():
        if not parts:
            return "the folder is empty: fetch it whole"
        wanted = CTF_PARTS if file.suffix == ".ds" else ()
        absent = [kind for kind in wanted if not any(part.suffix.endswith(kind) for part in parts)]
        if absent:
            return f"its {' and '.join(absent)} {'are' if len(absent) > 1 else 'is'} not in the folder: fetch it whole"
        for part in parts:
            why = missing_content(part)
            if why.startswith(NOT_FETCHED) or (why and part.suffix.endswith(wanted)):  # CTF writes some empty files
                return f"{part.name}: {why}"
        return ""
    missing = first_missing([file]) or first_missing(parts)
    if missing:
        return missing[1] if missing[0] == file else f"{missing[0].name}: {missing[1]}"
    splits = sorted(int(found[1]) for part in parts if (found := re.search(r"_split-(\d+)_", part.name)))
    absent = sorted(set(range(1, max(splits, default=0))) - set(splits))
    if absent:
        return f"part {absent[0]} of {splits[-1]} (split-{absent[0]:02d}) is missing: fetch it"
    if file.suffix == ".vhdr" and not any(part.suffix in (".eeg", ".dat") for part in parts):
        return ""  # the header may name any file: its reader looks
    return ""


def _labels(name: str, folder: dict[str, str | None]) -> dict[str, str | None]:
    """The labels of a file's name, and those of its folders, which come first."""
    labels = mne_bids.get_entities_from_fname(name, on_error="ignore")
    return {entity: labels.get(entity) for entity in ENTITIES.values()} | folder


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(
            (one for one in folder.iterdir() if not one.name.startswith(".")), key=lambda one: natural(one.name)
        )
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({error.strerror or type(error).__name__}).") from None
