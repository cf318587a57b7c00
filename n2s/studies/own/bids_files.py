"""The files of a BIDS folder: which are recordings, which of them are wanted, and what lies beside each."""

import re
from pathlib import Path

import mne_bids
from mne_bids import BIDSPath

from n2s.errors import UserError, nearest
from n2s.studies.readers.tsv import natural
from n2s.studies.study import Recording


def listed(root: Path, datatype: str, extensions: dict[str, tuple[str, ...]]) -> list[BIDSPath]:
    """Every data file of the datatype, one per recording: only the first of split files."""
    found = mne_bids.find_matching_paths(
        root, datatypes=[datatype], suffixes=[datatype], extensions=list(extensions[datatype]), ignore_nosub=True
    )
    # MaxFilter's side files carry the suffix and extension of a recording; later parts are read with the first
    found = [path for path in found if path.acquisition not in ("crosstalk", "calibration")]
    found = [path for path in found if path.split is None or int(path.split) == 1]
    if not found:
        raise UserError(
            f"{root}: no {datatype} recordings (sub-*/[ses-*/]{datatype}/*_{datatype}"
            f"{{{','.join(extensions[datatype])}}}). {_inside(root)} Set root to the folder that holds "
            f"sub-*, and datatype to one of {', '.join(extensions)}."
        )
    return found


def matching(root: Path, paths: list[BIDSPath], wanted: dict[str, list[str | int] | None]) -> list[BIDSPath]:
    """The recordings asked for; a label that no recording of the folder has is an error."""
    kind = paths[0].datatype
    if wanted["subject"] is None:
        paths = [path for path in paths if path.subject != "emptyroom"]
    everything = paths
    for entity, labels in wanted.items():
        if labels is None:
            continue
        known = sorted({getattr(path, entity) for path in everything} - {None}, key=natural)
        kept = []
        for label in labels:
            plain = re.sub("^(sub|ses|task|run|acq|proc)-", "", str(label))
            same = [one for one in known if one == plain] or [
                one for one in known if one.lstrip("0") == plain.lstrip("0")
            ]
            if not same:
                raise UserError(
                    f"{root}: no {kind} recording of {entity} '{label}'; there are "
                    f"{', '.join(known) or 'none: file names do not have it'}.{nearest(plain, known)}"
                )
            kept += same
        paths = [path for path in paths if getattr(path, entity) in kept]
    if not paths:
        asked = ", ".join(f"{entity} {labels}" for entity, labels in wanted.items() if labels is not None)
        there = ", ".join(path.basename for path in everything[:6]) + (", ..." if len(everything) > 6 else "")
        raise UserError(
            f"{root}: none of its {len(everything)} {kind} recordings has {asked or 'a subject'} "
            f"at once. There are {there or 'only empty rooms'}."
        )
    return paths


def named(root: Path, paths: list[BIDSPath]) -> dict[Recording, BIDSPath]:
    """The recordings in the order of subjects, sessions, tasks and runs; two of one name are an error."""
    found: dict[Recording, BIDSPath] = {}
    order = ("subject", "session", "task", "run", "acquisition", "processing")
    for path in sorted(paths, key=lambda path: [natural(getattr(path, entity) or "") for entity in order]):
        recording = Recording(path.subject, path.session or "", path.task or "", path.run or "", modality=path.datatype)
        if recording in found:
            raise UserError(
                f"{root}: two recordings are named {recording.name}: {found[recording].fpath.name} and "
                f"{path.fpath.name}. Keep one, or choose with acquisition, processing, task or runs."
            )
        found[recording] = path
    return found


def events_file(path: BIDSPath) -> Path:
    """The events.tsv of a recording, beside it or higher up; a `UserError` if it has none of its own."""
    try:
        found = path.find_matching_sidecar("events", ".tsv", on_error="raise")
    except RuntimeError as error:
        found, why = None, " ".join(str(error).split("The search strings")[0].split())
    else:  # MNE-BIDS would give the events of run 1 to a recording without a run
        own = mne_bids.get_entities_from_fname(found, on_error="ignore")
        if any(value not in (None, path.entities.get(key)) for key, value in own.items()):
            found, why = None, f"{Path(found).name} belongs to another recording"
    if found is None:
        expected = path.copy().update(suffix="events", extension=".tsv", split=None).basename
        raise UserError(
            f"{path.fpath}: no events.tsv of its own ({why}). Expected {expected} beside it. Recordings without "
            "events can be left out with task, subjects, sessions or runs."
        )
    return Path(found)


def data_files(path: BIDSPath) -> list[Path]:
    """Every file that holds the samples or the header: a .ds folder's, split FIF files, BrainVision's three."""
    file = path.fpath
    if file.is_dir():
        return [part for part in file.rglob("*") if part.is_file()]
    base = re.sub(rf"(_split-\d+)?_{path.datatype}$", "", file.stem)
    parts = re.compile(re.escape(base) + rf"(_split-\d+)?_{path.datatype}(-\d+)?\.\w+")
    return [part for part in file.parent.iterdir() if parts.fullmatch(part.name)]


def _inside(root: Path) -> str:
    kinds = sorted({p.name for p in root.glob("sub-*/*") if p.is_dir() and not p.name.startswith("ses-")})
    kinds = sorted({*kinds, *(p.name for p in root.glob("sub-*/ses-*/*") if p.is_dir())})
    if kinds:
        return f"Its subjects have {', '.join(kinds)}."
    names = sorted(path.name for path in root.iterdir()) or ["nothing"]
    return f"It holds {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}."
