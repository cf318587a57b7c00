"""The folds of a cross-validated run: runs in its folder ``folds``, whose results are pooled in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from n2s.data.cross_validated import CrossValidated
from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError, first_of, reading
from n2s.metrics.result import Result, Shown
from n2s.metrics.score import ALL, Row, Score, cell
from n2s.training.run import FOLDS, Run

STAGE = "_run"  # the end of the options of systems that name an earlier run: semantic_run, encoder_run


def fold_run(run: Run, number: int) -> Run:
    """The run of a fold, counted from 1."""
    return Run(run.folder / FOLDS / str(number))


def folds_of(run_dir: Path) -> dict[int, Path]:
    """The folders of a run's tested folds, by number; empty where it has none."""
    found = {int(one.name): one for one in (run_dir / FOLDS).glob("*") if one.name.isdecimal()}
    return {number: found[number] for number in sorted(found) if (found[number] / "metrics.json").is_file()}


def dealt(data: object) -> dict[str, str]:
    """How the data of a fold were dealt, for its ``run.json``; {} where they are no fold, or deal themselves."""
    split = getattr(data, "split", None)
    return {"dealt": split.dealt} if isinstance(split, CrossValidated) else {}


def check_dealt(run: Run, data: object, config: Mapping | None = None) -> None:
    """Raise a UserError if a fold's data are dealt in another way than when it, another fold of its run or an earlier stage was fitted.

    A recording that comes or goes moves others to other folds: what is held out now may have been trained on, and parts would be held
    out twice or never.

    Parameters
    ----------
    run
        Of the fold.
    data
        Set up.
    config
        Of a fit, in plain types: its model's options may name earlier runs.
    """
    if not dealt(data) or not isinstance(data, NeuralDataModule):
        return
    split: Any = data.split
    now, model = data.data_hashes(), ((config or {}).get("model") or {}).get("init_args") or {}
    beside = sorted(run.folder.parent.glob("*")) if run.folder.parent.name == FOLDS else []
    stages = [one for key, one in model.items() if key.endswith(STAGE) and isinstance(one, str)]
    for folder, same in [(run.folder, True), *((one, True) for one in beside), *((Path(one), False) for one in stages)]:
        record = Run(folder).read() if Run(folder).exists() else {}
        before = record.get("data") or now
        if record.get("dealt", split.dealt) == split.dealt and not (same and before.keys() != now.keys()):
            continue
        new, gone = (sorted(one.keys() - other.keys()) for one, other in ((now, before), (before, now)))
        told = "; ".join(f"{what}: {first_of(names, 3)}" for what, names in (("new", new), ("gone", gone)) if names)
        raise UserError(
            f"the data are not those that {folder} was fitted to ({told or 'other sentences or stretches are heard'}): they are dealt "
            "to folds in another way, and what is held out now may have been trained on. Take the data as they were, or fit all folds "
            "again: n2s fit ... --fresh."
        )


def pooled(folds: Sequence[Mapping[str, Result]]) -> dict[str, Result]:
    """The results of all folds, by the name of their test set."""
    found: dict[str, Result] = {}
    for name in dict.fromkeys(name for one in folds for name in one):
        parts = [one[name] for one in folds if name in one]
        kinds = {type(part) for part in parts}
        if len(kinds) > 1:
            raise UserError(
                f"{name}: the folds left results of several kinds: {sorted(one.__name__ for one in kinds)}."
            )
        found[name] = kinds.pop().pooled(parts)
    return found


def with_folds(run_dir: Path, name: str, part: Shown) -> Shown:
    """A part of the page of a cross-validated run, with a table of its folds and links to their pages."""
    folds = folds_of(run_dir)
    if not folds or part.scores is None:
        return part
    title, headings, rows = "Each fold", ["fold", "score of"], []
    columns = list(part.scores.measures if part.columns is None else part.columns)
    measures = {name: part.scores.measures[name] for name in columns}
    shown = _rows(part)
    for number, folder in folds.items():
        metrics = _metrics(folder).get(name)
        if metrics is None:
            rows.append([str(number), "this test set has no part in this fold"])
            continue
        counts = [str(metrics.get(count, "-")) for count in part.counts]
        for row, label in shown.items():
            means = [metrics["scores"].get(column, {}).get(row, {}).get(ALL, {}).get("mean") for column in columns]
            cells = [cell(Score(mean), measures[column]) for mean, column in zip(means, columns, strict=True)]
            first = row == next(iter(shown))
            rows.append([str(number) if first else "", label, *cells, *(counts if first else [""] * len(counts))])
    headings += [one.heading for one in measures.values()] + [one.removeprefix("n_") for one in part.counts]
    rows = [[*row, *[""] * (len(headings) - len(row))] for row in rows]
    links = {f"fold {number}": f"{FOLDS}/{number}/report.html" for number in folds}
    return replace(part, tables={title: (headings, rows)} | dict(part.tables), files=dict(part.files) | links)


def _rows(part: Shown) -> dict[str, str]:
    """The first model and the first control."""
    rows: dict[str, Row] = dict(part.scores.rows) if part.scores else {}
    first = {role: next((row for row, one in rows.items() if one.role == role), None) for role in ("model", "control")}
    return {row: rows[row].label for row in first.values() if row is not None}


def _metrics(folder: Path) -> dict:
    path = folder / "metrics.json"
    with reading(path, "a JSON file", "Test that fold again."):
        return json.loads(path.read_text("utf-8"))
