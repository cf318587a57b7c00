"""After a test or a prediction: its results saved, printed, and written as ``metrics.json``, a page and into W&B."""

import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger

from n2s.errors import UserError
from n2s.metrics.result import Drawing, Result, Shown, record
from n2s.own_code import find_beside
from n2s.paths import written_whole
from n2s.report.advice import next_steps
from n2s.report.cleaned import pool_cleaned, write_cleaned
from n2s.report.page import write_page
from n2s.report.run_figures import run_drawings
from n2s.report.table import print_shown, wide_console
from n2s.report.wandb import log_shown
from n2s.training.fold_runs import check_dealt, pooled, with_folds
from n2s.training.run import Run
from n2s.training.run_record import keep_front

#: What made results -> the folder, in the run's, of ``metrics.json`` and ``report.html``.
PLACES = {"test": ".", "predict": "predictions"}


class WriteResults(Callback):
    """Write the results of a system's test or prediction into the run's folder: see `n2s.systems.system.System`.

    Parameters
    ----------
    run
        Its folder exists.
    seed
        For controls that are drawn at random.
    """

    def __init__(self, run: Run, seed: int = 0):
        self.run, self.seed = run, seed

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: the data are set up, and nothing is tested."""
        check_dealt(self.run, trainer.datamodule)
        if trainer.is_global_zero:
            keep_front(self.run, trainer.datamodule)  # of a run of an older version

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See `on_test_start`."""
        check_dealt(self.run, trainer.datamodule)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        if trainer.is_global_zero and hasattr(pl_module, "results"):
            write_cleaned(self.run.folder, used_metas(trainer.datamodule))
            self._write("test", dict(pl_module.results(self.seed)), trainer.loggers)
            if hasattr(pl_module, "leave"):
                pl_module.leave()

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        if trainer.is_global_zero and hasattr(pl_module, "predicted"):
            found = pl_module.predicted(self.run.folder / PLACES["predict"], self.seed)
            self._write("predict", {} if found is None else {"": found}, trainer.loggers)

    def _write(self, verb: str, results: dict[str, Result], loggers: Iterable[Logger]) -> None:
        if results:
            keep(self.run, verb, results, loggers)


def keep(run: Run, verb: str, results: Mapping[str, Result], loggers: Iterable[Logger] = ()) -> None:
    """Save the results of a verb in a run's folder, print them, and write them as ``metrics.json``, a page and into W&B."""
    settle(results)
    for name, result in results.items():
        result.save(saved(run.folder, verb, name))
        result.export(saved(run.folder, verb, name))
    classes = {name: f"{type(one).__module__}:{type(one).__qualname__}" for name, one in results.items()}
    run.update(results=run.read().get("results", {}) | {verb: classes})
    page, parts = _metrics_and_page(run.folder, verb, results)
    console = wide_console()
    for part in parts:
        print_shown(part, console)
    console.print(f"report: {page}", soft_wrap=True, highlight=False)
    log_shown(loggers, run.folder, lambda: wandb_entries(run.folder, verb, parts))


def pool(run: Run, folds: Sequence[Run]) -> None:
    """Pool the results of a cross-validated run's tested folds, and keep them in the run."""
    found = [kept(fold.folder, "test", fold.read()["results"]["test"]) for fold in folds]
    pool_cleaned(run.folder, [fold.folder for fold in folds])
    keep(run, "test", pooled(found))


def used_metas(data: object) -> dict[str, Mapping]:
    """Name -> ``meta`` of each recording that a datamodule has windows in (of all, where no tables tell)."""
    recordings, tables = getattr(data, "recordings", None), getattr(data, "tables", None)
    if not isinstance(recordings, Mapping):
        return {}
    used = [set(one.recording) for one in tables.values() if "recording" in one] if isinstance(tables, Mapping) else []
    names = set().union(*used) or set(recordings)
    return {name: one.meta for name, one in recordings.items() if name in names and hasattr(one, "meta")}


def saved(run_dir: Path, verb: str, name: str) -> Path:
    """The folder that a result is saved in."""
    return run_dir / "test" / name if verb == "test" else run_dir / PLACES[verb] / "result"


def write_reports(run_dir: Path) -> list[Path]:
    """Write the pages of a run again, from what is in its folder.

    Returns
    -------
    The pages.

    Raises
    ------
    UserError
        It is not a run folder, it has no results, or they are damaged.
    """
    run = Run(run_dir)
    if not run.exists():
        raise UserError(
            f"{run_dir}: not a run folder: it has no run.json. Expected one such as checkpoints/<experiment>/<run>, as "
            "`n2s fit` makes it."
        )
    known = run.read().get("results")
    if not known or not isinstance(known, dict):
        raise UserError(f"{run_dir}: no results yet. Run `n2s test` (or `n2s predict`) with the same config first.")
    pages = []
    for verb, classes in known.items():
        if verb not in PLACES or not isinstance(classes, dict):
            raise UserError(f"{run_dir / 'run.json'}: results of '{verb}' are not known. Run `n2s test` again.")
        results = kept(run_dir, verb, classes)
        settle(results)
        pages.append(_metrics_and_page(run_dir, verb, results, metrics=False)[0])
    return pages


def kept(run_dir: Path, verb: str, classes: Mapping[str, str]) -> dict[str, Result]:
    """The results that a verb has left, by the name of the test set; ``classes`` as `run.json` has them."""
    results = {}
    for name, of in classes.items():
        if name != Path(name).name:
            raise UserError(f"{run_dir / 'run.json'}: '{name}' is no test set. Run `n2s test` again.")
        results[name] = result_class(of, run_dir).load(saved(run_dir, verb, name))
    return results


def settle(results: Mapping[str, Result]) -> None:
    """Let the results of each class correct for each other: see `n2s.metrics.result.Result.settle`."""
    for kind in dict.fromkeys(type(one) for one in results.values()):
        kind.settle({name: one for name, one in results.items() if type(one) is kind})


def result_class(path: str, run_dir: Path) -> type[Result]:
    """The class that ``run.json`` names, as ``module:Class``."""
    module, _, name = str(path).partition(":")
    find_beside([run_dir / "run.json"])
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"{run_dir / 'run.json'}: its results are of {path}, which cannot be imported ({error}). Run this where that "
            "module can be imported, or run `n2s test` again."
        ) from None
    if not (isinstance(found, type) and issubclass(found, Result)):
        raise UserError(f"{run_dir / 'run.json'}: {path} is no n2s.metrics.result.Result. Run `n2s test` again.")
    return found


def _metrics_and_page(
    run_dir: Path, verb: str, results: Mapping[str, Result], *, metrics: bool = True
) -> tuple[Path, list[Shown]]:
    folder = run_dir / PLACES[verb]
    shown = {name: result.shown() for name, result in results.items()}
    if metrics:
        records = {name: record(result, shown[name]) for name, result in results.items()}
        content = records[""] if verb == "predict" else records
        with written_whole(folder / "metrics.json") as path:
            path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
    parts = [
        with_folds(run_dir, name, replace(part, files=_beside(folder, saved(run_dir, verb, name), part.files)))
        for name in results
        for part in _named(name, shown)
    ]
    if parts and verb == "test":
        parts[0] = replace(parts[0], advice=next_steps(run_dir, parts[0]))
    return write_page(folder / "report.html", run_dir, parts, run_drawings(run_dir)), parts


def _named(name: str, shown: Mapping[str, list[Shown]]) -> list[Shown]:
    """The parts of a result, each with a name that differs from those of other results."""
    if len(shown) == 1:
        return shown[name]
    return [replace(part, name=", ".join(filter(None, (name, part.name)))) for part in shown[name]]


def _beside(page: Path, folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Files of a result that exist, with their paths from the folder of the page."""
    return {
        text: (folder / file).relative_to(page).as_posix() for text, file in files.items() if (folder / file).is_file()
    }


def wandb_entries(run_dir: Path, verb: str, parts: list[Shown]) -> dict[str, Shown]:
    """Prefix of the entries in W&B -> what is shown under it. A test set may be called ``test`` itself."""
    start = "test" if verb == "test" else "sounds"
    named = {}
    for part in parts:
        within = part.name.split(", ")[0] == start
        named[part.name if within else ", ".join(filter(None, (start, part.name)))] = part
    drawn = [one for one in run_drawings(run_dir).values() if isinstance(one, Drawing)]
    return named | {"run": Shown(drawings=drawn)}
