"""fit, validate, test, predict: LightningCLI on recipes, in run folders."""

import os
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from n2s import interrupts
from n2s.cli.cross_validation import CrossValidation, check_fresh_start, check_verb
from n2s.cli.errors import other_weights
from n2s.cli.links import Instantiator, drop_stale_links
from n2s.cli.parser import Parser, quieten
from n2s.cli.recipes import shown_name
from n2s.cli.trainer_numbers import check_trainer, trainer_message
from n2s.cli.verb_help import RUN_OPTIONS
from n2s.config_classes import as_list
from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError
from n2s.options import check_number
from n2s.training.agree import agree, process_rank
from n2s.training.checkpoints import AtomicCheckpointIO
from n2s.training.choose_run import Choice, choose_to_train, listed, plain_name, shown
from n2s.training.choose_weights import choose_weights
from n2s.training.claim import Claim
from n2s.training.estimates import WriteEstimates
from n2s.training.experiments import experiment_name
from n2s.training.fold_runs import FOLDS
from n2s.training.progress_bar import progress
from n2s.training.results import PLACES, WriteResults
from n2s.training.run import differences, run_of, runs_dir, settings_of
from n2s.training.run_in_folder import fit_in, score_in
from n2s.training.signals import Stopped, StopSignals
from n2s.training.step_seed import StepSeed
from n2s.training.telling import TellFit, TellScores, TellTested
from n2s.training.trainer_parts import fit_callbacks, loggers, place
from n2s.training.watch import Watch, wait_no_longer
from n2s.training.whereabouts import Whereabouts


class CLI(LightningCLI):
    """Lightning's verbs, each in its run folder."""

    claim: Claim | None = None  # on the folder of a new run; the first process has it
    choice: Choice | None = None  # the run
    cross_validation: CrossValidation | None = None

    def __init__(self, *args: Any, **options: Any):
        given = options.get("args")
        typed = sys.argv[1:] if given is None else given
        self._verb = typed[0] if isinstance(typed, list) and typed else None
        try:
            super().__init__(*args, **options)
        finally:
            if self.claim is not None:
                self.claim.drop_unused()

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """A seed always, so that every run can be repeated."""
        parser.add_argument("--seed_everything", type=int, default=0, help=RUN_OPTIONS["seed_everything"][1])

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options for the run's folder, and the shapes that a model takes from the data."""
        kinds: dict[str, dict[str, Any]] = {
            "experiment": {"type": str | None},
            "runs_dir": {"type": Path | None},
            "checkpoint_minutes": {"type": float | None},
            "wait_minutes": {"type": float, "default": 30.0},
            "cross_validate": {"type": int | None},
            "fresh": {"action": "store_true"},
        }
        for name, kind in kinds.items():
            parser.add_argument(f"--{name}", help=RUN_OPTIONS[name][1], **kind)
        parser.model = lambda: self.config[self.subcommand].model

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: object) -> LightningArgumentParser:
        """Options of the verb that was asked for alone: those of all four take half of the time before a command begins."""
        if subcommand == self._verb or self._verb not in self.subcommands():
            return super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        self._subcommand_method_arguments[subcommand] = []
        return self.init_parser(**kwargs)

    def _add_instantiators(self) -> None:
        for key, base in (("model", LightningModule), ("data", NeuralDataModule)):
            self.parser.add_instantiator(Instantiator(cli=self, key=key), base, subclasses=True)

    def _set_seed(self) -> None:
        check_number(
            "--seed_everything", self.config[self.subcommand].seed_everything, low=0, high=2**32 - 1, whole=True
        )
        super()._set_seed()

    def _parse_ckpt_path(self) -> None:
        """The command line wins: Lightning would override it with the checkpoint's hyper-parameters."""

    # -- which run ---------------------------------------------------------------------------------------------------

    def before_instantiate_classes(self) -> None:
        """Choose the run, and write its folders and checkpoint into the config."""
        interrupts.unwind()
        config = self.config[self.subcommand]
        check_trainer(config.trainer, self.subcommand)
        for name in ("checkpoint_minutes", "wait_minutes"):
            check_number(f"--{name}", config[name], above=0)
        self.complete = self._complete(config)
        if config.cross_validate is not None:
            check_verb(self.subcommand)
            check_fresh_start(config.ckpt_path)
            self.cross_validation = CrossValidation(self.complete, self._folder(config), main, config.fresh)
            return
        self.signals = StopSignals()
        if config.trainer.fast_dev_run and self.subcommand == "fit":
            config.trainer.logger = config.trainer.logger or False
            return  # Lightning keeps nothing of such a run either
        self.choice = Choice(**agree(lambda: asdict(self._chosen(config))))
        config.ckpt_path = self.choice.checkpoint
        config.weights_only = True if config.weights_only is None else config.weights_only
        if self.subcommand in ("test", "validate"):
            config.verbose = False  # only our tables, which have the controls
        place(config.trainer, self.choice)

    def _complete(self, config: Namespace) -> dict:
        """The config that a run keeps, in plain types: everything except the options of this one command."""
        kept = config.clone()
        kept.experiment = self._experiment(config)
        kept.runs_dir, kept.fresh, kept.ckpt_path, kept.weights_only = None, False, None, None
        found = yaml.safe_load(self._parser(self.subcommand).dump(kept, skip_unset=False))
        if found["cross_validate"] is None:
            del found["cross_validate"]
        return found

    def _experiment(self, config: Namespace) -> str:
        name = config.experiment or experiment_name([Path(path.absolute) for path in config.config or []])
        return plain_name(name, "experiment")

    def _folder(self, config: Namespace) -> Path:
        """The folder of the experiment; a run's own config.yaml means the experiment of that run."""
        of_config = run_of(_first_config(config))
        base = config.runs_dir or (of_config.folder.parents[1] if of_config else runs_dir())
        return Path(base) / self.complete["experiment"]

    def _chosen(self, config: Namespace) -> Choice:
        """On the first process: choose the run, and make its folder if it is new."""
        choice = (self._choose_to_train if self.subcommand == "fit" else self._choose_weights)(config)
        if not choice.new:
            return choice
        self.claim = Claim(choice, named=self.subcommand == "fit" and "N2S_RUN" in os.environ)
        return self.claim.choice

    def _choose_to_train(self, config: Namespace) -> Choice:
        settings = settings_of(self.complete, config.ckpt_path and str(Path(config.ckpt_path).absolute()))
        job = SLURMEnvironment.job_id()
        return choose_to_train(
            self._folder(config), settings, fresh=config.fresh, name=os.environ.get("N2S_RUN"), job=job and str(job)
        )

    def _choose_weights(self, config: Namespace) -> Choice:
        fit = " ".join(["n2s fit", *(f"--config {shown_name(Path(path.relative))}" for path in config.config or [])])
        choice = choose_weights(
            self._folder(config),
            settings_of(self.complete),
            given=config.ckpt_path and str(config.ckpt_path),
            name=os.environ.get("N2S_RUN"),
            own=run_of(_first_config(config)),
            remedy=f"First: {fit}",
        )
        if not choice.new:
            self._note_differences(choice)
        return choice

    def _note_differences(self, choice: Choice) -> None:
        """A test with a model or data that differ from the fit's may be on purpose or a mistake."""
        mine, other = settings_of(self.complete), choice.run.settings()
        keys = list(differences({k: mine[k] for k in ("data", "model")}, {k: other[k] for k in ("data", "model")}))
        if keys:
            print(
                f"note: trained with other settings ({listed(keys)}); as trained: --config {shown(choice.run.config)}"
            )

    def instantiate_classes(self) -> None:
        """The folds of a cross-validation are commands of their own, which make their own data and models."""
        if self.cross_validation is None:
            drop_stale_links(self._parser(self.subcommand), self.config[self.subcommand])
            super().instantiate_classes()
            if self.choice is not None and process_rank() == 0:
                print(self.choice.message, flush=True)

    # -- the Trainer -------------------------------------------------------------------------------------------------

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the callbacks and loggers of every run."""
        config = self.config_init[self.subcommand]
        callbacks, fit = as_list(config.trainer.callbacks), self.subcommand == "fit"
        if config.trainer.enable_progress_bar is not False and not any(
            isinstance(one, ProgressBar) for one in callbacks
        ):
            callbacks.append(progress())
            config.trainer.enable_progress_bar = isinstance(callbacks[-1], ProgressBar)
        self.watch = Watch(60 * config.wait_minutes)
        callbacks.append(Whereabouts(self.watch))
        if fit:
            callbacks.append(StepSeed(config.seed_everything))
        if self.choice is not None:
            path = self.choice.run.folder / f"{'metrics' if fit else self.subcommand}.csv"
            config.trainer.logger = loggers(config.trainer.logger, path)
            callbacks += fit_callbacks(callbacks, self.choice, self.complete, self.signals) if fit else []
            callbacks += [WriteResults(self.choice.run, config.seed_everything)] if self.subcommand in PLACES else []
            callbacks += [TellScores()] if self.subcommand == "validate" else []
            callbacks += [TellTested(self.choice.run)] if self.subcommand == "test" and self._alone else []
            callbacks += (
                [WriteEstimates(self.choice.run.folder / PLACES["predict"])] if self.subcommand == "predict" else []
            )
        if fit:
            callbacks.append(TellFit(self.choice.run if self.choice else None, next_too=self._alone))
        config.trainer.callbacks = callbacks
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except (
            ValueError,
            MisconfigurationException,
        ) as error:  # Lightning's error for options that do not go together
            raise UserError(trainer_message(str(error), config.trainer)) from error
        wait_no_longer(trainer.strategy, self.watch.limit_s)
        if isinstance(trainer.strategy, (SingleDeviceStrategy, DDPStrategy)):
            trainer.strategy.checkpoint_io = AtomicCheckpointIO(training=fit)
        return trainer

    @property
    def _alone(self) -> bool:
        """Whether a user typed this command: not one of the folds of another, nor a repetition."""
        return "N2S_RERUN_OF" not in os.environ and self.complete["experiment"] != FOLDS

    # -- the run -----------------------------------------------------------------------------------------------------

    def _run_subcommand(self, subcommand: str) -> None:
        if self.cross_validation is not None:
            self._run_folds(self.cross_validation)
            return
        try:
            with self.watch:
                self._run_in_folder(subcommand)
        except Stopped as stopped:
            if process_rank() == 0:
                print(f"n2s: {self.signals.message(stopped)}", file=sys.stderr)
            sys.exit(self.signals.status)

    def _run_folds(self, folds: CrossValidation) -> None:
        config = self.config[self.subcommand]
        if self.subcommand == "fit":
            self.choice = None if folds.alone else self._chosen(config)
            folds.fit(self.choice, self.claim)
        else:
            own = run_of(_first_config(config))
            folds.test(None if folds.alone else folds.tested_run(os.environ.get("N2S_RUN"), own))

    def _run_in_folder(self, subcommand: str) -> None:
        work = partial(self._work, subcommand)
        given = self.claim, self.complete, self.trainer
        if subcommand == "fit" and self.choice is not None:
            with self.signals:
                fit_in(self.choice, *given, work) if self.trainer.is_global_zero else work()
        elif self.choice is None or not self.trainer.is_global_zero:
            work()
        else:
            score_in(self.choice, *given, f"{subcommand}.csv", work)

    def _work(self, subcommand: str) -> None:
        """Run Lightning's verb."""
        try:
            super()._run_subcommand(subcommand)
        except RuntimeError as error:
            if not str(error).startswith("Error(s) in loading state_dict"):
                raise
            raise UserError(other_weights(str(error), self.config[subcommand].ckpt_path)) from error


def main() -> None:
    """Run the command line."""
    run_cli(CLI)


def run_cli(cli: type[CLI], **options: Any) -> CLI:
    """Run a command line that takes a recipe, with the settings that all of them share."""
    quieten()
    done = cli(
        LightningModule,
        NeuralDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        save_config_callback=None,
        trainer_defaults={"enable_autolog_hparams": False, "enable_model_summary": False}
        | _processes(),  # loggers get the complete config instead
        parser_class=Parser,
        parser_kwargs={"parser_mode": "omegaconf", "prog": "n2s", "allow_abbrev": False},
        **options,
    )
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # Lightning does so with NCCL only; gloo's threads may abort an exit
    return done


def _processes() -> dict[str, int]:
    """As many processes as torchrun or Slurm has started, so that recipes need not set it."""
    names = {"devices": "LOCAL_WORLD_SIZE", "num_nodes": "GROUP_WORLD_SIZE"}
    if not TorchElasticEnvironment.detect():
        names = (
            {"devices": "SLURM_NTASKS_PER_NODE", "num_nodes": "SLURM_NNODES"} if "SLURM_PROCID" in os.environ else {}
        )
    return {key: int(os.environ[name]) for key, name in names.items() if os.environ.get(name, "").isdigit()}


def _first_config(config: Namespace) -> Path | None:
    return Path(config.config[0].absolute) if config.config else None
