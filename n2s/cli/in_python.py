"""The verbs fit and test from Python: as if they had been typed."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from n2s.api.load import load
from n2s.api.trained_run import TrainedRun
from n2s.cli.main import CLI, run_cli
from n2s.cli.typed import typed
from n2s.errors import UserError


def fit(
    recipe: str | Path | Sequence[str | Path],
    overrides: Mapping[str, object] | None = None,
    *,
    fresh: bool = False,
    runs_dir: str | Path | None = None,
    experiment: str | None = None,
) -> TrainedRun:
    """Train a recipe, as ``n2s fit --config recipe`` does, and load the run. An unfinished run with these settings goes on.

    Parameters
    ----------
    recipe
        Its name or file (``meg_contrastive``), or several: each lies over those before it.
    overrides
        Option -> value, as on the command line: ``{"trainer.max_epochs": 2, "data.studies.simulated.init_args.n_subjects": 1}``.
    fresh
        Start a new run even if an unfinished one exists.
    runs_dir
        Folder of experiments (default: ``N2S_RUNS``, or ``checkpoints`` here).
    experiment
        Name of the experiment (default: the names of the recipes).

    Raises
    ------
    UserError
        As the command prints it.

    Examples
    --------
    >>> run = fit("meg_contrastive", {"trainer.max_epochs": 2})  # doctest: +SKIP
    """
    words = [
        *_recipes(recipe),
        *_options(overrides),
        *_options({"runs_dir": runs_dir, "experiment": experiment}, leave_none=True),
    ]
    return _done("fit", *words, *(["--fresh"] if fresh else []))


def test(
    what: TrainedRun | str | Path | Sequence[str | Path],
    overrides: Mapping[str, object] | None = None,
    *,
    runs_dir: str | Path | None = None,
) -> TrainedRun:
    """Score a run on its held-out data, as ``n2s test`` does, and load it again, with its scores.

    Parameters
    ----------
    what
        A run, the folder of one, or recipes: then the newest run with these settings.
    overrides, runs_dir
        See `fit`.

    Examples
    --------
    >>> test("meg_contrastive").scores  # doctest: +SKIP
    """
    folder = what.folder if isinstance(what, TrainedRun) else what if isinstance(what, (str, Path)) else None
    recipe = what.folder if isinstance(what, TrainedRun) else what
    if folder is not None and (Path(folder) / "config.yaml").is_file():
        recipe = Path(folder) / "config.yaml"
    return _done("test", *_recipes(recipe), *_options(overrides), *_options({"runs_dir": runs_dir}, leave_none=True))


vars(test)["__test__"] = False  # no test of pytest


def _recipes(given: str | Path | Sequence[str | Path]) -> list[str]:
    files = [given] if isinstance(given, (str, Path)) else list(given)
    if not files:
        raise UserError("no recipe: name one, such as 'meg_contrastive'.")
    return [word for file in files for word in ("--config", str(file))]


def _options(given: Mapping[str, object] | None, *, leave_none: bool = False) -> list[str]:
    words = []
    for key, value in (given or {}).items():
        if value is None and leave_none:
            continue
        plain = value if isinstance(value, str) else str(value) if isinstance(value, Path) else json.dumps(value)
        words.append(f"--{key}={plain}")
    return words


def _done(*words: str) -> TrainedRun:
    """Run the command in this process, and load its run."""
    made: list[CLI] = []

    with warnings.catch_warnings():
        typed(lambda: made.append(run_cli(CLI)), *words, environment={})
    (cli,) = made
    if cli.choice is None:
        raise UserError("trainer.fast_dev_run keeps nothing: there is no run to load.")
    return load(cli.choice.run.folder)
