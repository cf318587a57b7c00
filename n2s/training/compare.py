"""Compare two runs: their origins, and their results to the bit."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
import yaml
from torch import Tensor

from n2s.errors import UserError, reading
from n2s.training.run import Run, settings_of

SPEEDS = "throughput/"  # logged metrics that always differ between runs
_CONTENTS = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "epoch", "global_step")
_RECORDED = ("seed", "versions", "git", "data", "hardware", "started_from")


def origins(run: Run, other: Run) -> dict[str, list[str]]:
    """How the origins of two runs differ (``settings`` and the entries of ``run.json``), in words."""
    before, now = run.read(), other.read()
    found = {"settings": _told(*(settings_of(yaml.safe_load(one.config.read_text())) for one in (run, other)))}
    for name in _RECORDED:
        found[name] = _told(before.get(name), now.get(name))
    for record, which in ((before, "the first"), (now, "the second")):
        if (record.get("git") or {}).get("dirty"):
            found["git"].append(f"{which} ran code with changes that were not committed: they are not recorded")
    return found


def results(run: Run, other: Run) -> dict[str, list[str]]:
    """How the results of two runs differ, file by file, in words; an empty list means equal to the bit.

    Speeds and folder names are ignored. A file that neither run has is not listed.

    Raises
    ------
    UserError
        A file cannot be read.
    """
    found = {}
    for name in ("last.ckpt", "best.ckpt", "metrics.csv", "test.csv", "metrics.json"):
        paths = [one.folder / name for one in (run, other)]
        there = [path.is_file() for path in paths]
        if all(there):
            found[name] = _COMPARED[Path(name).suffix](*paths)
        elif any(there):
            found[name] = [
                f"only {shorter.folder} has it" for shorter, has in zip((run, other), there, strict=True) if has
            ]
    return found


def _checkpoints(one: Path, other: Path) -> list[str]:
    contents = []
    for path in (one, other):
        with reading(path, "a whole checkpoint of weights and plain values"):
            kept = torch.load(path, map_location="cpu", weights_only=True)
        contents.append({key: kept.get(key) for key in _CONTENTS})
    return _told(*contents)


def _rows(one: Path, other: Path) -> list[str]:
    tables = []
    for path in (one, other):
        with reading(path, "a table"):
            table = pd.read_csv(path, float_precision="round_trip")
        tables.append(table[[name for name in table if not name.startswith(SPEEDS)]])
    if len(tables[0]) != len(tables[1]):
        return [f"{len(tables[0])} rows, then {len(tables[1])}"]
    return _told(*({name: table[name].tolist() for name in table} for table in tables))


def _numbers(one: Path, other: Path) -> list[str]:
    contents = []
    for path in (one, other):
        with reading(path, "JSON"):
            contents.append(json.loads(path.read_text("utf-8")))
    return _told(*contents)


_COMPARED = {".ckpt": _checkpoints, ".csv": _rows, ".json": _numbers}


def _told(one: object, other: object) -> list[str]:
    """Differences of two nested values: for numbers their count and the largest; for anything else the first few."""
    numbers, others = [], []
    for place, first, second in _differences(one, other, ""):
        size = _distance(first, second)
        if size is None or not place:
            others.append(f"{place}{': ' * bool(place)}{_short(first)}, then {_short(second)}")
        else:
            numbers.append((size, place))
    told = others[:4] + [f"{len(others) - 4} more"] * (len(others) > 4)
    if numbers:
        size, place = max(numbers)
        told.append(
            f"{len(numbers)} number{'s' * (len(numbers) > 1)} or tensors differ, by {size:.3g} at most ({place})"
        )
    return told


def _differences(one: object, other: object, place: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            inner = f"{place}.{key}" if place else str(key)
            yield from _differences(one.get(key), other.get(key), inner)
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, f"{place}[{index}]")
    elif isinstance(one, Tensor) and isinstance(other, Tensor):
        if not _equal(one, other):
            yield place, one, other
    elif one != other and not (_is_nan(one) and _is_nan(other)):
        yield place, one, other


def _equal(one: Tensor, other: Tensor) -> bool:
    """Equal to the bit, NaN included."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(*(tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other)))


def _distance(one: object, other: object) -> float | None:
    """The largest difference of two numbers or tensors of one shape; None for anything else."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return None
        distance = (one.double() - other.double()).abs().max().item() if one.numel() else 0.0
    elif isinstance(one, bool) or isinstance(other, bool):
        return None
    elif isinstance(one, int | float) and isinstance(other, int | float):
        distance = abs(one - other)
    else:
        return None
    return math.inf if math.isnan(distance) else distance


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _short(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {value.dtype}"
    text = "nothing" if value is None else str(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def check_finished(run: Run) -> None:
    """Raise a `UserError` if it is not a run, or not finished."""
    if not run.exists():
        raise UserError(f"{run.folder} is not a run: it has no run.json. Give the folder that `n2s fit` printed.")
    if not run.finished:
        raise UserError(f"{run.folder} is unfinished: finish it first, with the command that started it.")
