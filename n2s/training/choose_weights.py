"""Choose the run whose weights a command takes."""

from dataclasses import replace
from pathlib import Path

from n2s.errors import UserError, nearest
from n2s.training.choose_run import Choice, check_exists, free_folder, listed, shown, started
from n2s.training.run import Run, originals, run_of, runs_of

#: Reasons to take a run, the best one first.
REASONS = (
    "the newest with these settings",
    "the newest with these data and this model; of another seed",
    "the newest with these networks; none has these settings",
    "the newest of this task; none has these networks",
)
NO_NETWORKS = ("optimizer", "scheduler", "loss")  # parts of a model's settings without weights


def choose_weights(
    experiment: Path,
    settings: dict,
    *,
    given: str | None = None,
    name: str | None = None,
    own: Run | None = None,
    remedy: str = "",
) -> Choice:
    """Choose the weights of a test, and the run for its results.

    If there are several runs, it takes the newest with the same data, model and seed; else with the same data and model; else with
    the same networks; else of the same task. A run of ``n2s rerun`` is only taken by its name.

    Parameters
    ----------
    experiment
        The experiment's folder.
    settings
        The settings of the command. A checkpoint outside any run gets a new run, so that its results have a folder.
    given
        ``--ckpt_path``: a file, or ``best`` (the default) or ``last`` of the run.
    name
        Take this run (``N2S_RUN``).
    own
        The run whose config.yaml is the command's recipe.
    remedy
        What to do if no run has weights; the end of the error message.

    Raises
    ------
    UserError
        There are no weights: untrained networks are never scored.
    """
    if given not in (None, "best", "last"):
        return _of_file(Path(given), experiment, settings)
    if name is not None:
        known = [run.name for run in runs_of(experiment)]
        if name not in known:
            raise UserError(f"N2S_RUN={name}: {experiment} has no such run.{nearest(name, known)}")
        runs, why = [Run(experiment / name)], "named by N2S_RUN"
    elif own is not None:
        runs, why = [own], "its own config"
    else:
        runs, why = originals(experiment), ""
    trained = [run for run in runs if _weights(run, given).is_file()]
    if not trained:
        where = shown(runs[0].folder) if len(runs) == 1 else f"the {len(runs)} runs in {shown(experiment)}"
        found = (
            f"{where}: no {given or 'best'}.ckpt yet"
            if runs
            else f"{shown(experiment)}: no run yet{_beside(experiment)}"
        )
        if any(run.last.is_file() and run.read().get("validates") is False for run in runs):
            found += ", because nothing is validated: last.ckpt is used once the fit is finished; before that, give --ckpt_path last"
        told = (run.read().get("cross_validate") for run in runs)
        folds = {one for one in told if one is not None}
        if folds:
            found += f", but cross-validated ones: n2s test ... --cross_validate {min(folds)} tests their folds again"
        raise UserError(f"no weights to score. {found}. {remedy}".rstrip())
    if why:
        return _of_run(trained[0], _weights(trained[0], given), why)
    ranks = [_rank(run, settings) for run in trained]
    if min(ranks) == len(REASONS):
        tasks = sorted({_task(run.settings()) for run in trained if run.config.is_file()})
        raise UserError(
            f"no weights to score. {shown(experiment)} has runs of {listed(tasks) or 'nothing known'}, and this is "
            f"{_task(settings)}. {remedy}".rstrip()
        )
    run = trained[ranks.index(min(ranks))]
    return _of_run(run, _weights(run, given), REASONS[min(ranks)])


def _rank(run: Run, settings: dict) -> int:
    """The index of the first of `REASONS` that is true; their number, if none is."""
    if not run.config.is_file():
        return len(REASONS)
    theirs = run.settings()
    equal = [theirs.get(key) == settings.get(key) for key in ("seed_everything", "data", "model")]
    holds = all(equal), all(equal[1:]), _networks(theirs) == _networks(settings), True
    return holds.index(True) if _task(theirs) == _task(settings) else len(REASONS)


def _task(settings: dict) -> str:
    return (settings.get("model") or {}).get("class_path", "")


def _networks(settings: dict) -> dict:
    options = (settings.get("model") or {}).get("init_args") or {}
    parts = {key: value for key, value in options.items() if isinstance(value, dict) and "class_path" in value}
    return {key: value for key, value in parts.items() if key not in NO_NETWORKS}


def _beside(experiment: Path) -> str:
    """Other experiments of the same recipe, with other overlays."""
    recipe = experiment.name.split("+")[0]
    others = [path.name for path in experiment.parent.glob("*") if path.name.split("+")[0] == recipe and runs_of(path)]
    return f" (there are runs of {listed(sorted(others))})" if others else ""


def _weights(run: Run, given: str | None) -> Path:
    return run.last if given == "last" else run.weights


def _of_run(run: Run, checkpoint: Path, why: str) -> Choice:
    record = run.read()
    begun = record["started"][:16].replace("T", " ")
    kind = "the last epoch's, because nothing was validated; " if record.get("validates") is False else ""
    message = f"weights: {shown(checkpoint)} ({kind}run {record['status']}, begun {begun} UTC; {why})"
    return Choice(str(run.folder.absolute()), str(checkpoint.absolute()), record["id"], False, message)


def _of_file(checkpoint: Path, experiment: Path, settings: dict) -> Choice:
    check_exists(checkpoint)
    run = run_of(checkpoint)
    if run is not None:
        return _of_run(run, checkpoint, "as given")
    new = started(free_folder(experiment, settings, None), settings, f"for the weights of {shown(checkpoint)}")
    return replace(new, checkpoint=str(checkpoint.absolute()))
