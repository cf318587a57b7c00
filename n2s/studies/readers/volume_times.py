"""Seconds between the volumes of a BOLD file: its JSON file, its header and the user's option, compared with each other."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.side_files import read_json

PLAUSIBLE_S = (0.05, 20.0)  # from the fastest sequences (MREG: 0.1 s) to sparse sampling
SAME_S = 1e-3  # two statements of one TR: one may be rounded to ms
MS = (200.0, 20_000.0)  # numbers that are a TR in ms, and none in s
PLACEHOLDERS = (0.0, 1.0)  # what writers leave in pixdim[4] that do not know the TR (nipreps/fmriprep#3216)
UNITS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
REMEDY = "Correct the wrong one, or set tr_s."


@dataclass(frozen=True)
class HeaderTime:
    """What the file itself says: the step between volumes as it is written, and its unit (``sec``, ``msec``, ``usec``)."""

    step: float
    unit: str = "sec"

    @property
    def is_placeholder(self) -> bool:
        """Whether it is a value that stands there if nobody set it."""
        return not math.isfinite(self.step) or self.step in PLACEHOLDERS

    def __str__(self) -> str:
        return f"a TR of {self.step:.9g} {self.unit} in its header"


def repetition_s(path: Path, n_volumes: int, *, header: HeaderTime | None, given_s: float | None) -> float:
    """Seconds from one volume to the next.

    The option ``tr_s`` (``given_s``) comes first, then RepetitionTime of the JSON file, then the header, which is
    not trusted alone if it holds a placeholder. What is not used is reported.

    Raises
    ------
    UserError
        Nothing gives the TR, two plausible values contradict each other, or volumes are not equally spaced.
    """
    said = read_sidecars(path)
    _tell_times(path, said)
    given = None if given_s is None else _clean(_checked_option(given_s))
    written, source = _of_json(path, said, n_volumes, given)
    in_header, remark = (None, None) if header is None else _of_header(header)
    if given is not None:
        return _with_option(path, given, (written, source), (in_header, header))
    if written is not None:
        if in_header is None or _agree(written, in_header):
            if header is not None and in_header is None and header.step not in PLACEHOLDERS:
                tell("corrected", path, f"{header} is no possible TR; n2s uses {written:.9g} s of {_key(source)}.")
            return written if in_header is None else _precise(path, written, in_header)
        if header.is_placeholder:
            tell("corrected", path, f"{header}, which is a placeholder; n2s uses {written:.9g} s of {_key(source)}.")
            return written
        raise UserError(f"{path}: {header}, but {source} is {written:.9g} s. {REMEDY}")
    if in_header is None:
        stands = f"{header}, which is no TR" if header is not None else "an array does not contain the TR"
        raise UserError(
            f"{path}: {stands}, and no JSON file gives RepetitionTime. Set tr_s, or write "
            f'{{"RepetitionTime": seconds}} into {_stem(path)}.json beside it.'
        )
    if header.is_placeholder:
        raise UserError(
            f"{path}: {header}, as writers leave it that do not know the TR, and no JSON file gives RepetitionTime. "
            f"Set tr_s (1.0, if that is right), or write it into {_stem(path)}.json beside it."
        )
    if remark:
        tell("corrected", path, remark)
    tell(
        "odd", path, f"only the header gives the TR ({in_header:.9g} s), without a JSON file. Set tr_s if it is wrong."
    )
    return in_header


def sidecars(path: Path) -> list[Path]:
    """The JSON files that apply to a run, the most general first: in its folder and those above, as BIDS inherits them.

    One applies if it has the run's suffix and no entity that the run has not, or has the run's name.
    """
    folders = [path.parent]
    while re.fullmatch(r"func|(sub|ses)-[A-Za-z0-9]+", folders[-1].name):
        folders.append(folders[-1].parent)
    *own, suffix = _stem(path).split("_")
    found = []
    for depth, folder in enumerate(reversed(folders)):
        for file in folder.glob("*.json"):
            *entities, ending = file.stem.split("_")
            if ending == suffix and set(entities) <= set(own) and (own or folder == path.parent):
                found.append((depth, len(entities), file))
    return [file for *_, file in sorted(found)]


def read_sidecars(path: Path) -> dict[str, tuple[object, Path]]:
    """Key -> its value and the file that says it; the file nearest to the run wins."""
    said: dict[str, tuple[object, Path]] = {}
    for file in sidecars(path):
        said |= {key: (value, file) for key, value in read_json(file).items() if value is not None}
    return said


def _checked_option(given_s: float) -> float:
    if isinstance(given_s, bool) or not math.isfinite(given_s) or given_s <= 0:
        raise UserError(f"tr_s is {given_s}; expected seconds between two volumes, above 0.")
    if not _plausible(given_s):
        likely = f" If it is in ms, set {given_s / 1000:g}." if MS[0] <= given_s <= MS[1] else ""
        raise UserError(
            f"tr_s is {given_s:g} s; expected seconds from {PLAUSIBLE_S[0]:g} to {PLAUSIBLE_S[1]:g}.{likely}"
        )
    return float(given_s)


def _of_json(
    path: Path, said: dict[str, tuple[object, Path]], n_volumes: int, given: float | None
) -> tuple[float | None, str]:
    """The TR that JSON files give, and what says it."""
    found = []
    if "RepetitionTime" in said:
        value, file = said["RepetitionTime"]
        name = f"RepetitionTime in {file}"
        tr_s = _clean(_number(value, name))
        likely = _plausible(tr_s) or MS[0] <= tr_s <= MS[1]
        if not likely and given is not None:
            tell("corrected", path, f"{_key(name)} is {value}, which is no possible TR; n2s uses tr_s, {given:.9g} s.")
            tr_s = given
        if not _plausible(tr_s):
            if not MS[0] <= tr_s <= MS[1]:
                raise UserError(
                    f"{name} is {value}; expected seconds between two volumes, from {PLAUSIBLE_S[0]:g} to "
                    f"{PLAUSIBLE_S[1]:g}. Correct it."
                )
            tell(
                "corrected",
                path,
                f"{_key(name)} is {value}, which BIDS has in s; n2s takes it for ms: {tr_s / 1000:.9g} s.",
            )
            tr_s = _clean(tr_s / 1000)
        found.append((tr_s, name))
    if "VolumeTiming" in said:
        value, file = said["VolumeTiming"]
        found.append((_step(value, f"VolumeTiming in {file}", n_volumes), f"VolumeTiming in {file}"))
    if len(found) == 2 and not _agree(found[0][0], found[1][0]):
        raise UserError(
            f"{path}: {found[0][1]} is {found[0][0]:.9g} s, but {found[1][1]} has steps of {found[1][0]:.9g} s. "
            "Keep one of the two."
        )
    return found[0] if found else (None, "")


def _step(value: object, name: str, n_volumes: int) -> float:
    """The step of equally spaced volumes; a `UserError` if their times are anything else."""
    listed = value if isinstance(value, list) else [value]
    times = np.array([_number(one, name) for one in listed])
    if len(times) != n_volumes:
        raise UserError(f"{name} has {len(times)} times, but the run has {n_volumes} volumes; expected one a volume.")
    steps = np.diff(times)
    if (
        not len(steps)
        or steps.max() - steps.min() > 2 * SAME_S
        or not _plausible(steps.mean())
        or abs(times[0]) > SAME_S
    ):
        shown = f"steps from {steps.min():g} to {steps.max():g} s" if len(steps) else "a single time"
        raise UserError(
            f"{name} starts at {times[0]:g} s and has {shown}: volumes that are not equally spaced from 0 s (sparse or "
            "clustered sampling). n2s counts volumes by one TR. Leave this run out, or resample it to a fixed TR."
        )
    return _clean(float((times[-1] - times[0]) / len(steps)))


def _number(value: object, name: str) -> float:
    try:
        if isinstance(value, bool | list | dict):
            raise ValueError
        found = float(value)
    except (ValueError, TypeError, OverflowError):
        raise UserError(f"{name} is {str(value)[:40]!r}; expected a number of seconds. Correct it.") from None
    if not math.isfinite(found):
        raise UserError(f"{name} is {found}; expected a number of seconds. Correct it.")
    return found


def _of_header(header: HeaderTime) -> tuple[float | None, str | None]:
    """The header's TR in s (None: it has none), and what has to be reported if that is used."""
    if not math.isfinite(header.step) or header.step <= 0:
        return None, None
    factor = UNITS.get(header.unit)
    tr_s = _clean(float(np.float32(header.step))) * (factor or 1.0)
    if _plausible(tr_s):
        return _clean(tr_s), None
    step = _clean(float(np.float32(header.step)))
    likely = step / 1000 if MS[0] <= step <= MS[1] else step
    if _plausible(likely):
        return _clean(likely), f"{header}, which is no possible TR; n2s takes it for {likely:.9g} s."
    return None, None


def _with_option(
    path: Path, given: float, written: tuple[float | None, str], in_header: tuple[float | None, HeaderTime | None]
) -> float:
    """The option, if nothing contradicts it that has no other contradiction."""
    (tr_s, source), (header_s, header) = written, in_header
    fits = [one for one in (tr_s, header_s) if one is not None and _agree(one, given)]
    if tr_s is not None and tr_s not in fits:
        if not fits:
            raise UserError(f"{path}: tr_s is {given:.9g} s, but {source} is {tr_s:.9g} s. Correct the wrong one.")
        tell(
            "corrected",
            path,
            f"{_key(source)} is {tr_s:.9g} s; n2s uses tr_s, {given:.9g} s, with which the header agrees.",
        )
    if header is not None and header.step != 0 and header_s not in fits:
        tell("corrected", path, f"{header}; n2s uses tr_s, {given:.9g} s.")
    return _precise(path, given, *fits)


def _precise(path: Path, one: float, *others: float) -> float:
    """Of statements of one TR the one with the most digits, if the first is its rounding."""
    for other in others:
        if np.float32(one) != np.float32(other) and round(other, _decimals(one)) == one:
            tell("corrected", path, f"a TR of {one:.9g} s is {other:.9g} s rounded; n2s uses the latter.")
            return other
    return one


def _decimals(value: float) -> int:
    text = repr(value)
    return len(text.partition(".")[2]) if "e" not in text else 17


def _clean(value: float) -> float:
    """The shortest number that float32 cannot tell from this one, if float32 held it: 1.3, not 1.2999999523162842."""
    return float(str(np.float32(value))) if float(np.float32(value)) == value else value


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= SAME_S * (1 + 1e-6)


def _plausible(tr_s: float) -> bool:
    return PLAUSIBLE_S[0] <= tr_s <= PLAUSIBLE_S[1]


def _key(source: str) -> str:
    """What says the TR, without the file: findings of equal texts are told together."""
    return f"{source.split(' in ')[0]} in its JSON file"


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


def _tell_times(path: Path, said: dict[str, tuple[object, Path]]) -> None:
    """Report what shifts volumes against clips, although the TR does not show it."""
    value = {key: pair[0] for key, pair in said.items()}
    start = value.get("StartTime")
    if value.get("SliceTimingCorrected") is True and isinstance(start, int | float) and start:
        tell("odd", path, f"slices are corrected to {start:g} s after each volume's start (StartTime). n2s counts volumes "
                          "from their start: with a lag of x s, the brain is seen that much later.")  # fmt: skip
    cut = {
        key: value[key]
        for key in ("NumberOfVolumesDiscardedByUser", "NumberOfVolumesDiscardedByScanner")
        if value.get(key)
    }
    if cut:
        told = ", ".join(f"{key} is {number}" for key, number in cut.items())
        tell("odd", path, f"{told}. n2s shifts nothing: clips' times have to be from the first volume of this file.")
    if value.get("DelayTime"):
        tell("odd", path, f"DelayTime is {value['DelayTime']} s: volumes are acquired in a part of each TR. n2s counts them "
                          "from the start of their TR.")  # fmt: skip
