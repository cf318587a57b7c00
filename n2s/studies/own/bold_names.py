"""Which files of a folder are runs of BOLD, and which clips, confounds and mask belong to each: by their BIDS names."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.bold_files import KINDS, own_mask
from n2s.studies.readers.surfaces import GIFTI, HEMISPHERE, NO_RUNS, hemisphere
from n2s.studies.study import Recording

ENTITIES = {"subject": "sub", "session": "ses", "task": "task", "run": "run"}
#: Entities of which a recording knows nothing; a file beside a run is not its own if it has another value of one.
OTHERS = ("acq", "ce", "rec", "dir", "echo")
#: Folders of the same people's other recordings, whose files may have the same names (a data set's own folder may be called so): their events are on another clock.
OTHER_DATA = ("meg", "eeg", "ieeg")
#: Folders of copies: what lies outside them comes first.
COPIES = ("derivatives", "sourcedata")
#: Files of fMRIPrep and others beside a run that a wide pattern finds, too.
BESIDE = ("boldref", "mask", "dseg", "probseg", "sbref", "xfm", "T1w", "T2w", "std", "mean")


@dataclass(frozen=True)
class RunFiles:
    """The files of one run: ``bold`` has two if the hemispheres are apart; ``mask`` is the one beside a NIfTI run.

    ``clips``: the table of what was heard, clips or events; None if the data set says it elsewhere.
    """

    bold: tuple[Path, ...]
    clips: Path | None
    confounds: Path | None = None
    mask: Path | None = None


def named_runs(root: Path, pattern: str, clips_dir: Path, *, heard: str | None = "clips") -> dict[Recording, RunFiles]:
    """Runs by their names. The other files of a run are those that match most of its entities.

    Parameters
    ----------
    root, pattern
        Where runs lie, and the names of their files.
    clips_dir, heard
        Where the tables of what was heard lie, and what they are: ``clips`` or ``events``; None: there are none.

    Raises
    ------
    UserError
        There is no run, a run has several files, or no such table.
    """
    found: dict[Recording, list[Path]] = {}
    for path in _seen(root, pattern):
        own = entities(path)
        if path.name.endswith((".json", ".tsv")) or "sub" not in own:
            continue
        if not path.name.endswith(KINDS) or path.name.endswith(tuple(NO_RUNS)):
            what = next(
                (NO_RUNS[kind] for kind in NO_RUNS if path.name.endswith(kind)), "a kind that n2s does not read"
            )
            tell("left out", path, f"{what}; runs are {', '.join(KINDS)}.")
            continue
        folder = next(
            (part for part in path.relative_to(root).parts[:-1] if re.fullmatch("sub-[A-Za-z0-9+]+", part)), None
        )
        if folder not in (None, f"sub-{own['sub']}"):
            raise UserError(f"{path}: named sub-{own['sub']}, but it lies in {folder}. Rename it, or move it.")
        one = Recording(**{ours: own.get(theirs, "") for ours, theirs in ENTITIES.items()}, modality="fmri")
        found.setdefault(one, []).append(path)
    if not found:
        raise UserError(
            f"{root}: no file {pattern} named sub-<label>_*_bold with one of {', '.join(KINDS)}. Name the runs "
            "so, or list them in a table (`runs` of n2s.studies.GenericFMRI)."
        )
    tables = [] if heard is None else _seen(clips_dir, f"**/*_{heard}.tsv")
    confounds = [*_seen(root, "**/*_desc-confounds_*.tsv"), *_seen(root, "**/*_confounds.tsv")]
    runs = {}
    for one, paths in found.items():
        bold = _of_one_run(one, paths, root)
        listed = None if heard is None else _belonging(bold[0], tables, f"{heard}.tsv", clips_dir)
        runs[one] = RunFiles(bold, listed, _belonging(bold[0], confounds), own_mask(bold[0]))
    return runs


def _seen(root: Path, pattern: str) -> list[Path]:
    """Files of a pattern, but the hidden ones, such as ``._sub-01_task-x_bold.nii.gz`` of macOS."""
    return sorted(path for path in root.glob(pattern) if not path.name.startswith("."))


def entities(path: Path) -> dict[str, str]:
    """``sub``, ``task`` and so on, from a file's name."""
    return dict(re.findall(r"(?:^|_)([a-z]+)-([A-Za-z0-9+]+)", path.name))


def _of_one_run(one: Recording, paths: list[Path], root: Path) -> tuple[Path, ...]:
    """The file of a run, or its two hemispheres; a `UserError` if there are several. What is clearly no run is reported."""
    kept = _without(paths, lambda path: _suffix(path) in BESIDE, "no run of volumes, but a file beside one")
    kept = _without(kept, lambda path: entities(path).get("part", "mag") != "mag", "not the magnitude of the signal")
    if len(kept) > 1 and all("echo" in entities(path) for path in kept):
        raise UserError(
            f"{root}: {one.name} has {len(kept)} echoes ({', '.join(path.name for path in kept)}). n2s does not combine "
            "echoes: give the combined run (fMRIPrep writes it), or name one echo in `bold`, as **/*_echo-2_*bold.nii.gz."
        )
    kept = _without(kept, lambda path: "echo" in entities(path), "a single echo of a run that is there combined")
    halves = {hemisphere(path): path for path in kept if path.name.endswith(GIFTI)}
    if len(kept) == 2 and set(halves) == {"L", "R"} and len({_but_hemisphere(path) for path in kept}) == 1:
        return halves["L"], halves["R"]
    if len(kept) == 1:
        if next(iter(halves), None):
            tell("odd", kept[0], "one hemisphere alone; n2s reads it without the other, of which no file was found.")
        return tuple(kept)
    tails = dict.fromkeys(_pattern(path) for path in kept)
    if len(tails) < len({_but_hemisphere(path) for path in kept}):  # the same name in several folders
        tails = dict.fromkeys(f"{_above(path, root)}/{_pattern(path)}" for path in kept)
    raise UserError(
        f"{root}: {' and '.join(path.name for path in kept)} are {'both' if len(kept) == 2 else 'all'} of {one.name}. Say "
        f"which in `bold`: {' or '.join(tails)}."
    )


def _without(paths: list[Path], other: Callable[[Path], bool], why: str) -> list[Path]:
    """The paths that are not ``other``, if some are not; the rest is reported."""
    kept = [path for path in paths if not other(path)]
    if not kept:
        return paths
    for path in paths:
        if path not in kept:
            tell("left out", path, f"{why}.")
    return kept


def _suffix(path: Path) -> str:
    return path.name.split(".")[0].split("_")[-1]


def _but_hemisphere(path: Path) -> tuple[Path, str]:
    return path.parent, re.sub(HEMISPHERE, "", path.name, count=1)


def _pattern(path: Path) -> str:
    """A glob pattern for the files that are as this one in their runs."""
    stem, _, kind = path.name.partition(".")
    own = [part for part in stem.split("_") if part.split("-")[0] not in ENTITIES.values()]
    own = ["hemi-?" if part.startswith("hemi-") else part for part in own]
    return f"**/*_{'_'.join(own)}.{kind}"


def _above(path: Path, root: Path) -> str:
    """The folders above those of the subject, from the root; ``sub-*`` if there are none."""
    parts = path.relative_to(root).parts[:-1]
    above = next((parts[:i] for i, part in enumerate(parts) if part.startswith("sub-")), parts)
    return "/".join(above) or "sub-*"


def _index(key: str, value: str) -> str:
    """BIDS counts runs: run-1 and run-01 are one."""
    return str(int(value)) if key == "run" and value.isdigit() else value


def _labels(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The entities of a recording in a file's name, and those of `OTHERS`."""
    every = entities(path)
    own = {key: _index(key, value) for key, value in every.items() if key in ENTITIES.values()}
    return own, {key: value for key, value in every.items() if key in OTHERS}


def _first_hand(paths: list[Path], root: Path | None) -> list[Path]:
    """Those that lie in no folder of copies below the root, if there are such."""
    if root is None:
        return paths
    return [path for path in paths if not {*COPIES} & {*path.relative_to(root).parts}] or paths


def _belonging(bold: Path, files: list[Path], needed: str = "", root: Path | None = None) -> Path | None:
    """The file whose entities all match the run, with the most matches; if there are several, the one beside it, or outside copies.

    Raises
    ------
    UserError
        A required file is missing, or there are several.
    """
    own, other = _labels(bold)
    best, n_best = [], -1
    for path in sorted(files):
        its, also = _labels(path)
        if path.parent.name in OTHER_DATA and path.parent not in (root, bold.parent):
            continue
        if not its.items() <= own.items() or any(other.get(key, value) != value for key, value in also.items()):
            continue
        n_same = len(its) + len(also.items() & other.items())
        if n_same > n_best:
            best, n_best = [path], n_same
        elif n_same == n_best:
            best.append(path)
    beside = [path for path in best if path.parent == bold.parent]
    best = beside if len(beside) == 1 else _first_hand(best, root)
    if len(best) > 1:
        raise UserError(
            f"{bold}: both {best[0]} and {best[1]} may be its own. Move one elsewhere, or list the runs in a table (`runs` of n2s.studies.GenericFMRI)."
        )
    if needed and not best:
        name = "_".join(f"{key}-{value}" for key, value in entities(bold).items() if key in own)
        elsewhere = (
            "set clips_dir" if needed == "clips.tsv" else "set root to its folder, and derivatives to that of the runs"
        )
        raise UserError(
            f"{bold}: no {name}_{needed}, nor one of fewer labels, below {root}. It lists what was heard and when. If it lies "
            f"elsewhere, {elsewhere}."
        )
    return best[0] if best else None
