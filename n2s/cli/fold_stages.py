"""Earlier stages of a cross-validated recipe: a fold builds on the same fold of the earlier run, which has not seen it either."""

from collections.abc import Mapping
from pathlib import Path

from n2s.config_classes import class_named
from n2s.data.cross_validated import CrossValidated
from n2s.findings import tell
from n2s.training.experiments import with_overlays
from n2s.training.fold_runs import STAGE, fold_run
from n2s.training.run import Run, differences, originals, runs_dir


def staged(model: Mapping, data: Mapping, number: int, folder: Path) -> dict[str, str]:
    """Options of the model that name an earlier run -> the folder of the earlier run's fold.

    Another run may have been trained on what is held out here. Where there is no run with the same folds, the option says so in
    place of a name: it is read in the error of the system that looks for it. A system may have such an option and not need it.

    Parameters
    ----------
    model, data
        Options of the fold in plain types (``init_args``).
    number
        Of the fold, from 1.
    folder
        Of the experiment.
    """
    given = {key: one for key, one in model.items() if key.endswith(STAGE) and isinstance(one, str)}
    return {key: _fold(f"model.{key}", one, data, number, folder) for key, one in given.items()}


def _fold(key: str, given: str, data: Mapping, number: int, folder: Path) -> str:
    split = (data.get("split") or {}).get("init_args") or {}
    n_folds = split.get("n_folds")
    near = {folder.parent.absolute(), runs_dir().absolute()}
    places = [Path(given).expanduser(), *(one / name for name in with_overlays(given, folder.name) for one in near)]
    runs = [run for place in places for run in ([Run(place)] if Run(place).exists() else originals(place))]
    runs = [run for run in runs if run.read().get("cross_validate") == n_folds]
    apart: list[str] = []
    for fold in (fold_run(run, number) for run in runs):
        if not (fold.exists() and fold.weights.is_file()):
            continue
        other = (fold.settings().get("data") or {}).get("init_args") or {}
        apart = list(differences(_held_out(data), _held_out(other)))
        if not apart:
            if ((other.get("split") or {}).get("init_args") or {}).get("validation") != split.get("validation"):
                told = "the stage before was trained on what validates here: the best epoch is chosen on easier clips."
                tell("odd", key, told)
            return str(fold.folder.absolute())
    if apart:
        return f"{given} with the same folds ({', '.join(apart)} differ)"
    return f"{given} with --cross_validate {n_folds}, fold {number}"


def _held_out(data: Mapping) -> dict:
    """What decides which part a fold holds out."""
    split = data.get("split") or {}
    options = {key: value for key, value in (split.get("init_args") or {}).items() if key != "validation"}
    kind = class_named(split.get("class_path"))
    return {"studies": data.get("studies"), "split": options if kind is CrossValidated else None}
