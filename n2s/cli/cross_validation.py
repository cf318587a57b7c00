"""``--cross_validate K``: a run for each fold, in ``<run>/folds``, and their pooled results in the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml
from filelock import FileLock, Timeout
from lightning.pytorch.loggers import WandbLogger

from n2s.cli.fold_stages import staged
from n2s.cli.typed import typed
from n2s.config_classes import as_list, class_named
from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError
from n2s.systems.system import System
from n2s.training.agree import n_processes
from n2s.training.choose_run import listed, shown
from n2s.training.claim import Claim
from n2s.training.fold_runs import FOLDS, fold_run
from n2s.training.results import pool
from n2s.training.run import FINISHED, UNFINISHED, Run, differences, now, originals, settings_of
from n2s.training.run_in_folder import record

if TYPE_CHECKING:
    from n2s.training.choose_run import Choice

OPTION = "--cross_validate"


@dataclass
class CrossValidation:
    """The commands of a cross-validation.

    Parameters
    ----------
    config
        The complete config of the command, in plain types, with ``cross_validate``.
    folder
        Of the experiment.
    main
        Runs a command that reads the command line: each fold has its own.
    fresh
        Start a new run even if an unfinished one exists.
    """

    config: dict
    folder: Path
    main: Callable[[], None]
    fresh: bool = False

    def __post_init__(self) -> None:
        data, trainer = self.config["data"], self.config["trainer"]
        if trainer.get("fast_dev_run"):
            raise UserError(f"{OPTION} keeps its folds in a run's folder, and trainer.fast_dev_run keeps nothing.")
        if n_processes() > 1:
            raise UserError(
                f"{OPTION}: one process leads the folds; {n_processes()} were started. Start one, with trainer.devices for several "
                "devices; or start the same command as several jobs, which share the folds."
            )
        check_scored(class_named(self.config["model"]["class_path"]))
        kind = class_named(data["class_path"])
        options = data.get("init_args") or {}
        self.n_folds: int = self.config["cross_validate"]
        folded = getattr(kind, "folded", NeuralDataModule.folded)
        self.options = folded(options, self.n_folds, validation=waits_for_validation(trainer))

    @property
    def alone(self) -> bool:
        """Whether one run has all folds."""
        return len(self.options) == 1

    def fit(self, choice: Choice | None, claim: Claim | None) -> None:
        """Fit and test every fold that no other process is at; pool their results if all are there.

        Parameters
        ----------
        choice, claim
            Of the run, and on its folder if it is new; None where one run has all folds.
        """
        if self.alone:
            with self._file(self.options[0]) as file:
                self._typed("fit", file, *(["--fresh"] if self.fresh else []))
                self._typed("test", file)
            return
        assert choice is not None  # only a run that has all folds is nobody's
        run, begun = choice.run, sum(map(tested, self._folds(choice.run)))
        going_on = f"run: {shown(run.folder)} (continues: {begun} of {self.n_folds} folds are tested)"
        print(choice.message if choice.new else going_on, flush=True)
        if choice.new:
            record(choice, self.config, UNFINISHED)
        run.update(cross_validate=self.n_folds)
        try:
            for number, options in enumerate(self.options, 1):
                with _named(number, self.n_folds), self._file(options, run, number) as file:
                    self._fold(run, number, file)
        except Exception:
            if claim is not None and not any(fold.exists() for fold in self._folds(run)):
                claim.drop()  # something was wrong before training: nothing is left of it
            raise
        waits = [fold.name for fold in self._folds(run) if not tested(fold)]
        if waits:
            print(f"folds {', '.join(waits)} are with other processes; the last one to finish pools the results.")
            return
        pool(run, self._folds(run))
        run.update(status=FINISHED, finished=now(), data=self._folds(run)[0].read().get("data"))

    def test(self, run: Run | None) -> None:
        """Test every fold of a run again, and pool the results; without a run, one that has all folds itself."""
        if run is None:
            with self._file(self.options[0]) as file:
                self._typed("test", file)
            return
        print(f"run: {shown(run.folder)} ({self.n_folds} folds)", flush=True)
        for number, options in enumerate(self.options, 1):
            with _named(number, self.n_folds), self._file(options, run, number) as file:
                self._typed("test", file, run=run, number=number)
        pool(run, self._folds(run))

    def tested_run(self, name: str | None, own: Run | None) -> Run:
        """The run whose folds a test takes: the newest with these data and so many folds, first with all these settings.

        Parameters
        ----------
        name, own
            The run that ``N2S_RUN`` names, and the one whose config is the recipe.
        """
        runs = [own] if own is not None else [Run(self.folder / name)] if name else originals(self.folder)
        runs = [run for run in runs if run.exists() and run.read().get("cross_validate") == self.n_folds]
        runs = [run for run in runs if all(fold.exists() and fold.finished for fold in self._folds(run))]
        if not runs:
            raise UserError(
                f"{OPTION} {self.n_folds}: {shown(self.folder)} has no run whose {self.n_folds} folds are fitted. First the same "
                "command with n2s fit, which tests them, too."
            )
        mine, data = settings_of(self.config), self.config["data"]
        equal = [run for run in runs if run.settings() == mine]
        alike = [run for run in runs if run.settings().get("data") == data]
        if not (equal or alike):
            keys = listed(differences({"data": data}, {"data": runs[0].settings().get("data")}))
            raise UserError(
                f"{OPTION}: the folds of {shown(runs[0].folder)} were fitted with other data settings ({keys}): they may have been "
                "trained on what would be tested here. Test with the same."
            )
        return (equal or alike)[0]

    def _fold(self, run: Run, number: int, file: Path) -> None:
        """Fit and test a fold, unless another process is at it: that one has its lock from before the fold is a run."""
        fold = fold_run(run, number)
        fold.folder.parent.mkdir(exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(FileLock(fold.folder.with_name(f".{number}.lock"), blocking=False))
                taken = fold.exists() and not fold.finished and fold.in_use()
            except Timeout:
                taken = True
            if taken:
                print(f"fold {number} of {self.n_folds}: another process fits it.")
                return
            self._fitted_and_tested(run, number, file)

    def _fitted_and_tested(self, run: Run, number: int, file: Path) -> None:
        fold = fold_run(run, number)
        print(f"\nfold {number} of {self.n_folds}", flush=True)
        if not (fold.exists() and fold.finished):
            self._typed("fit", file, run=run, number=number)
        if not tested(fold):
            self._typed("test", file, run=run, number=number)

    def _folds(self, run: Run) -> list[Run]:
        return [fold_run(run, number) for number in range(1, self.n_folds + 1)]

    def _typed(self, verb: str, file: Path, *more: str, run: Run | None = None, number: int = 0) -> None:
        """The command that a user would type for one fold."""
        place, name = (run.folder, FOLDS) if run else (self.folder.parent, self.folder.name)
        words = (verb, "--config", str(file), "--runs_dir", str(place), "--experiment", name, *more)
        typed(self.main, *words, environment={"N2S_RUN": str(number)} if run else {})

    @contextmanager
    def _file(self, options: dict, run: Run | None = None, number: int = 0) -> Iterator[Path]:
        """The recipe of one fold, as long as it is needed: its run keeps a copy."""
        config = deepcopy(self.config)
        config["data"]["init_args"] = options
        if run:
            model = config["model"].get("init_args") or {}
            model |= staged(model, options, number, self.folder)
        del config["cross_validate"]
        for logger in as_list(config["trainer"].get("logger")):
            if (
                run
                and isinstance(logger, dict)
                and issubclass(class_named(logger.get("class_path")) or object, WandbLogger)
            ):
                given = logger.setdefault("init_args", {})
                given["name"] = f"{given.get('name') or run.name} fold {number}"
        with TemporaryDirectory() as folder:
            path = Path(folder) / "fold.yaml"
            path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")
            yield path


def tested(fold: Run) -> bool:
    """Whether the results of a fold are there."""
    return fold.exists() and fold.finished and "test" in fold.read().get("results", {})


def waits_for_validation(trainer: dict) -> bool:
    """Whether a callback of the recipe waits for a score of a validation part, to choose the best epoch or to stop."""
    if trainer.get("limit_val_batches") == 0:
        return False
    options = [(one.get("init_args") or {}) for one in as_list(trainer.get("callbacks")) if isinstance(one, dict)]
    return any(str(one.get("monitor") or "").startswith("val/") for one in options)


def check_scored(system: type | None) -> None:
    """Raise a UserError if the test of a system leaves no results."""
    if getattr(system, "results", System.results) is System.results:
        name = getattr(system, "__name__", "this model")
        raise UserError(f"{OPTION}: a test of {name} leaves no results that could be pooled over folds.")


def check_verb(verb: str) -> None:
    """Raise a UserError if a command does not know folds."""
    if verb not in ("fit", "test"):
        raise UserError(
            f"{OPTION} belongs to n2s fit, which fits and tests every fold, and to n2s test, which tests them again. For one fold: "
            f"n2s {verb} --config <its folder>/config.yaml."
        )


def check_fresh_start(checkpoint: object) -> None:
    """Raise a UserError if folds would begin from weights that may have seen what they hold out."""
    if checkpoint is not None:
        raise UserError(
            f"{OPTION} with --ckpt_path {checkpoint}: these weights may have been trained on what is held out."
        )


@contextmanager
def _named(number: int, of: int) -> Iterator[None]:
    """Errors say which fold they are of."""
    try:
        yield
    except UserError as error:
        raise UserError(f"fold {number} of {of}: {error}") from error
