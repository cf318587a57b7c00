"""The recordings of a BIDS folder that a user asks for: chosen by their labels; what is left out is counted aloud."""

from dataclasses import replace
from pathlib import Path

from mne_bids import BIDSPath

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.labels import chosen
from n2s.studies.own.bids_scan import Found, subjects
from n2s.studies.own.bids_side_files import own_events
from n2s.studies.readers.tsv import natural
from n2s.studies.study import Recording

#: Option -> the entity that it chooses by, and the entity's short name.
OPTIONS = {"subjects": ("subject", "sub"), "sessions": ("session", "ses"), "task": ("task", "task"), "runs": ("run", "run"),
           "acquisition": ("acquisition", "acq"), "processing": ("processing", "proc")}  # fmt: skip
NAMED = 20  # files named in a message
OUTSIDE_BIDS = (".cnt", ".CNT", ".mff", ".fif")  # formats of EEG and iEEG that n2s reads, too


def choose(root: Path, found: list[Found], wanted: dict[str, list | str | int | None], kind: str) -> list[Found]:
    """The files with all labels asked for, those that n2s cannot use included.

    Parameters
    ----------
    root, kind
        The folder and the datatype, for messages.
    found
        What a scan gave.
    wanted
        Option -> labels; None: all, but no empty room.

    Raises
    ------
    UserError
        A label is unknown, ambiguous, or no label; or no file has all of them.
    """
    if wanted["subjects"] is None:
        rooms = [one for one in found if one.entities.get("subject") == "emptyroom"]
        if rooms:
            tell("left out", root / "sub-emptyroom", f"{_count(len(rooms), kind)} of an empty room.")
        found = [one for one in found if one.entities.get("subject") != "emptyroom"]
    everything = found
    for option, labels in wanted.items():
        if labels is None:
            continue
        entity, prefix = OPTIONS[option]
        known = sorted({label for one in everything if (label := one.entities.get(entity)) is not None}, key=natural)
        kept = {None} if entity != "subject" else set()  # a folder that cannot be read has no task of its own
        kept |= set(chosen(labels, known, option=f"{root}: {option}", what=f"{kind} {entity}", prefix=prefix))
        found = [one for one in found if one.entities.get(entity) in (kept if one.why else kept - {None})]
    if not any(not one.why for one in found) and any(not one.why for one in everything):
        asked = ", ".join(f"{option} {labels}" for option, labels in wanted.items() if labels is not None)
        there = first_of((one.file.name for one in everything), 6, ", ...")
        if not found:
            raise UserError(
                f"{root}: none of its {len(everything)} {kind} recordings has {asked or 'a subject'} at once. "
                f"There are {there or 'only empty rooms'}."
            )
    return found


def with_events(found: list[Found], raw: dict[Found, BIDSPath]) -> list[Found]:
    """Mark the recordings that have no events.tsv of their own."""
    marked = []
    for one in found:
        why = "" if one.why else own_events(raw.get(one, one.path))[1]
        marked.append(replace(one, path=None, why=why) if why else one)
    return marked


def usable(root: Path, found: list[Found], wanted: dict[str, list | str | int | None], kind: str) -> list[Found]:
    """The recordings that n2s can use. The others are told, each by its name, and so are subjects without any.

    Raises
    ------
    UserError
        There is none, or none for a label that the user named.
    """
    good, bad = [one for one in found if not one.why], [one for one in found if one.why]
    for option, labels in wanted.items():
        if labels is None:
            continue
        entity = OPTIONS[option][0]
        for label in sorted(
            {one.entities.get(entity) for one in bad} - {None} - {one.entities[entity] for one in good}
        ):
            of_it = [one for one in bad if one.entities.get(entity) == label]
            raise UserError(
                f"{root}: {option} names '{label}', but n2s can use none of its {kind} recordings: {_reasons(root, of_it)} "
                f"Mend that, or leave '{label}' out of {option}."
            )
    if not good:
        raise UserError(f"{root}: n2s can use none of its {kind} recordings: {_reasons(root, bad)}")
    for why in dict.fromkeys(one.why for one in bad):
        files = [str(one.file.relative_to(root)) for one in bad if one.why == why]
        tell("left out", root, f"{_count(len(files), kind)} ({first_of(files, NAMED)}): {why}.")
    if wanted["subjects"] is None:
        every = subjects(root)
        seen = {one.entities.get("subject") for one in found}
        without = [f"sub-{one}" for one in every if one not in seen]
        if without:
            asked = "".join(f", {option} {labels}" for option, labels in wanted.items() if labels is not None)
            tell("left out", root, f"{len(without)} of {len(every)} subjects ({first_of(without, NAMED)}): their folders hold no {kind} "
                 f"recording{asked}.")  # fmt: skip
    _alike(root, good)
    return good


def named(root: Path, found: list[Found], kind: str) -> dict[Recording, Found]:
    """The recordings in the order of subjects, sessions, tasks and runs; two of one name are an error."""
    order = ("subject", "session", "task", "run", "acquisition", "processing", "description")
    by_name: dict[Recording, Found] = {}
    for one in sorted(found, key=lambda one: [natural(one.entities[entity] or "") for entity in order]):
        labels = (one.entities[entity] or "" for entity in ("subject", "session", "task", "run"))
        recording = Recording(*labels, modality=kind)
        if recording in by_name:
            raise UserError(
                f"{root}: two recordings are named {recording.name}: {by_name[recording].file.name} and "
                f"{one.file.name}. Keep one, or choose with acquisition, processing, task or runs."
            )
        by_name[recording] = one
    return by_name


def one_format(found: list[Found]) -> list[Found]:
    """Leave out a recording in a format that BIDS does not have for its datatype, where it lies beside the same in one that it has."""
    legal = {_same(one): one.file.name for one in found if not one.why and one.file.suffix not in OUTSIDE_BIDS}
    return [
        replace(one, path=None, why=f"{legal[_same(one)]} is the same recording, in a format of BIDS: that one is read")
        if not one.why and one.path.datatype != "meg" and one.file.suffix in OUTSIDE_BIDS and _same(one) in legal
        else one
        for one in found
    ]


def _same(one: Found) -> tuple:
    return one.file.parent, *(one.entities[key] for key in sorted(one.entities))


def nothing(root: Path, datatype: str, extensions: dict[str, tuple[str, ...]]) -> UserError:
    """The error of a folder without any recording of the datatype."""
    kinds = sorted({p.name for p in root.glob("sub-*/*") if p.is_dir() and not p.name.startswith("ses-")})
    kinds = sorted({*kinds, *(p.name for p in root.glob("sub-*/ses-*/*") if p.is_dir())})
    names = sorted(path.name for path in root.iterdir()) or ["nothing"]
    inside = f"It holds {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}."
    if kinds:
        inside = f"Its subjects have {', '.join(kinds)}."
    return UserError(
        f"{root}: no {datatype} recordings (sub-*/[ses-*/]{datatype}/*_{datatype}"
        f"{{{','.join(extensions[datatype])}}}). {inside} Set root to the folder that holds "
        f"sub-*, and datatype to one of {', '.join(extensions)}.{nearest(datatype, kinds) if datatype not in kinds else ''}"
    )


def _alike(root: Path, found: list[Found]) -> None:
    """Refuse runs 1 and 01 of one recording; tell subjects and sessions whose labels differ only so."""
    places: dict[tuple, str] = {}
    for one in found:
        labels = one.entities
        key = (*(labels[name] for name in ("subject", "session", "task", "acquisition", "processing", "description")),
               _plain(labels["run"]))  # fmt: skip
        if places.setdefault(key, labels["run"]) != labels["run"]:
            raise UserError(
                f"{root}: sub-{labels['subject']} has the runs {places[key]} and {labels['run']} of one recording, which are one "
                "number. Keep or rename one, or choose with runs."
            )
    for entity, short in (("subject", "sub"), ("session", "ses")):
        same: dict[str, list[str]] = {}
        for label in dict.fromkeys(one.entities[entity] for one in found if one.entities[entity]):
            same.setdefault(_plain(label).lower(), []).append(f"{short}-{label}")
        for names in same.values():
            if len(names) > 1:
                tell(
                    "odd",
                    root,
                    f"{' and '.join(sorted(names))} differ only in zeros or case; n2s takes them for different {entity}s.",
                )


def _plain(label: str | None) -> str:
    return "" if label is None else (label.lstrip("0") or "0") if label.isdecimal() else label


def _reasons(root: Path, bad: list[Found]) -> str:
    told = []
    for why in dict.fromkeys(one.why for one in bad):
        told.append(f"{first_of([str(one.file.relative_to(root)) for one in bad if one.why == why], NAMED)}: {why}.")
    return " ".join(told[:5]) + (" ..." if len(told) > 5 else "")


def _count(n: int, kind: str) -> str:
    return f"{n} {kind} recording{'s' if n != 1 else ''}"
