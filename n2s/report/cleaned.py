"""What cleaning removed from the recordings of a run: a file in its folder, and a table on its page."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from n2s.errors import reading
from n2s.paths import written_whole
from n2s.report.table import table_html

FILE = "cleaned.json"
#: What is kept of a step's numbers.
KEPT = (
    "step", "variance", "fit_on", "learned_from_s", "components_removed", "n_components", "found", "regressors", "n_lags", "marked_s", "noisy", "flat",
    "rebuilt", "head_moved_mm",
)  # fmt: skip
NOTE = (
    "Variance: of the samples that are not bad, mean over sensors of a type and over recordings, right before and right after each step, at the recording's own "
    "rate and before filters. Removed: of what was there before the step; lowest and highest recording. Some of it may be the brain's: what is left is judged by "
    "<code>n2s contamination</code>, and by the score of recordings without artifacts, where there are any."
)


def write_cleaned(run_dir: Path, metas: Mapping[str, Mapping]) -> None:
    """Keep what each step removed from each recording, of their ``meta``; nothing is written if there are no steps.

    Parameters
    ----------
    run_dir
        The run's folder.
    metas
        Name of a recording -> its ``meta``.
    """
    found = {
        name: [{key: step[key] for key in KEPT if key in step} for step in meta["cleaned"]]
        for name, meta in metas.items()
        if meta.get("cleaned")
    }
    if found:
        _write(run_dir, [found])
    else:
        (run_dir / FILE).unlink(missing_ok=True)  # of a test before this one


def pool_cleaned(run_dir: Path, folds: Iterable[Path]) -> None:
    """The same of a cross-validated run: each fold learned from other recordings."""
    found = [one for fold in folds for one in _read(fold)]
    if found:
        _write(run_dir, found)


def cleaned_html(run_dir: Path) -> str | None:
    """The table; None of a run without steps."""
    found = _read(run_dir)
    if not found:
        return None
    headings, rows = table_of([steps for fold in found for steps in fold.values()])
    return f'{table_html(headings, rows)}<p class="note">{NOTE}</p>'


def table_of(recordings: Sequence[Sequence[Mapping]]) -> tuple[list[str], list[list[str]]]:
    """Headings, and rows of cells: a row a step and type of sensor.

    Parameters
    ----------
    recordings
        Of each recording its steps in order, as ``meta["cleaned"]`` has them.
    """
    headings = ["step", "learned from", "what it found", "sensors", "variance before", "after", "removed"]
    rows = []
    for number in range(max(map(len, recordings))):
        own = [steps[number] for steps in recordings if len(steps) > number]
        first = [f"{number + 1}. {own[0]['step']}", _learned(own), _found(own)]
        kinds = dict.fromkeys(kind for one in own for kind in one["variance"])
        for kind in kinds or ("",):
            parts = [one["variance"][kind] for one in own if kind in one["variance"]]
            rows.append([*first, *_variance(kind, parts)])
            first = ["", "", ""]
    return headings, rows


def _variance(kind: str, parts: Sequence[Mapping]) -> list[str]:
    if not parts:
        return [kind, "-", "-", "-"]
    means = [sum(one[when] for one in parts) / len(parts) for when in ("before", "after")]
    shares = sorted(100 * (1 - one["after"] / one["before"]) for one in parts if one["before"] > 0)
    whole = f"{100 * (1 - means[1] / means[0]):.1f}%" if means[0] > 0 else "-"
    ends = f" ({shares[0]:.1f} to {shares[-1]:.1f})" if len(shares) > 1 else ""
    unit = parts[0]["unit"].removesuffix("^2")
    unit = f"({unit})²" if "/" in unit else f"{unit}²"
    return [kind, f"{means[0]:.3g} {unit}", f"{means[1]:.3g}", whole + ends]


def _learned(own: Sequence[Mapping]) -> str:
    if "fit_on" not in own[0]:
        return "nothing" if "learned_from_s" not in own[0] else f"{_range(own, 'learned_from_s')} s"
    return ", ".join(filter(None, (str(own[0]["fit_on"]), f"{_range(own, 'learned_from_s')} s")))


def _found(own: Sequence[Mapping]) -> str:
    """What a step notes of itself, where it is short."""
    told = []
    if "components_removed" in own[0]:
        of = f" of {_range(own, 'n_components')}" if "n_components" in own[0] else ""
        told.append(f"{_range(own, 'components_removed')}{of} components")
    if isinstance(own[0].get("found"), dict):
        counts: dict[str, list[int]] = {}
        for one in own:
            for name, indices in one.get("found", {}).items():
                counts.setdefault(name, []).append(len(indices))
        told += [f"{name}: {_ends(values)}" for name, values in counts.items()]
    if "regressors" in own[0]:
        told.append(f"{len(own[0]['regressors'])} signals at {own[0].get('n_lags', 1)} lags")
    if isinstance(own[0].get("marked_s"), int | float):
        told.append(f"{_range(own, 'marked_s')} s marked")
    for name, text in (("noisy", "noisy"), ("flat", "flat"), ("rebuilt", "rebuilt")):
        if any(one.get(name) for one in own):
            told.append(f"{_ends([len(one.get(name, [])) for one in own])} {text} sensors")
    if "head_moved_mm" in own[0]:
        told.append(f"head moved up to {max(one['head_moved_mm'] for one in own):g} mm")
    return "; ".join(told)


def _range(own: Sequence[Mapping], key: str) -> str:
    return _ends([one[key] for one in own if isinstance(one.get(key), int | float)])


def _ends(values: Sequence[float]) -> str:
    low, high = (f"{one:.3g}" for one in (min(values), max(values))) if values else ("-", "-")
    return low if low == high else f"{low} to {high}"


def _read(run_dir: Path) -> list[dict[str, list[dict]]]:
    path = run_dir / FILE
    if not path.is_file():
        return []
    with reading(path, "what cleaning removed, as `n2s test` writes it", "Test again."):
        found = json.loads(path.read_text("utf-8"))
        return [{name: list(steps) for name, steps in fold.items()} for fold in found]


def _write(run_dir: Path, found: list[dict]) -> None:
    with written_whole(run_dir / FILE) as path:
        path.write_text(json.dumps(found, ensure_ascii=False, allow_nan=False), "utf-8")
