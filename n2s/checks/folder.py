"""The studies in a BIDS folder: one of each datatype that n2s reads."""

from pathlib import Path

from n2s.checks.seen import noted
from n2s.studies import BIDSFMRI, BIDSStudy, GenericFMRI, Study
from n2s.studies.own.bids import EXTENSIONS

OTHERS = ("ieeg", "func")  # datatypes of recordings that BIDSStudy may not read


def folder_studies(folder: Path) -> dict[str, Study | str]:
    """Name -> the study, or why it cannot be listed.

    Raises
    ------
    UserError
        The folder has no recordings of any kind that BIDS knows.
    """
    there = {part.name for pattern in ("sub-*/*", "sub-*/ses-*/*") for part in folder.glob(pattern) if part.is_dir()}
    kinds = [kind for kind in dict.fromkeys((*EXTENSIONS, *OTHERS)) if kind in there]
    if not kinds:
        return {folder.name: BIDSStudy(str(folder))}  # its error says what is there
    return {f"{folder.resolve().name} ({kind})": _study(folder, kind) for kind in kinds}


def _study(folder: Path, kind: str) -> Study | str:
    if kind not in EXTENSIONS and kind != "func":
        return f"n2s does not read {kind}. Recordings of {', '.join(EXTENSIONS)} and func in the folder are checked."
    found: list[Study] = []
    problems: list[str] = []
    with noted(problems):
        name = folder.resolve().name
        found.append(_fmri(folder, name) if kind == "func" else BIDSStudy(str(folder), datatype=kind))
    return found[0] if found else problems[0]


def _fmri(folder: Path, name: str) -> Study:
    """Runs with tables of clips; without any, fMRIPrep's output with events.tsv, if it is there."""
    if (folder / "derivatives" / "fmriprep").is_dir() and next(folder.rglob("*_clips.tsv"), None) is None:
        return BIDSFMRI(str(folder), name=name)
    return GenericFMRI(str(folder), name=name)
