"""What a run adds to the Trainer of a recipe: folders for checkpoints and logs, seeds, the record."""

import os
import sys
from netrc import NetrcParseError, netrc
from pathlib import Path
from urllib.parse import urlparse

from jsonargparse import Namespace
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger, WandbLogger

from n2s.config_classes import as_list, entries
from n2s.training.checkpoints import BestCheckpoint, LastCheckpoint
from n2s.training.choose_run import Choice
from n2s.training.continuation import Continuation
from n2s.training.finite_loss import FiniteLoss
from n2s.training.metrics_csv import MetricsCSV
from n2s.training.run_record import RunRecord
from n2s.training.signals import StopSignals
from n2s.training.throughput import Throughput


def place(trainer: Namespace, choice: Choice) -> None:
    """Put the run's folder into a Trainer's config.

    A recipe's ModelCheckpoint defines the best epoch. Its folder and its name ``best.ckpt`` are set here, unless the
    recipe sets them. A WandbLogger gets the folder and the fixed id of the run, so that W&B also continues a run.
    """
    trainer.default_root_dir = choice.folder
    for entry in entries(trainer.callbacks, ModelCheckpoint):
        args = entry.init_args
        if not args.get("dirpath"):
            args.dirpath = choice.folder
        if args.get("monitor") and not args.get("filename"):
            args.filename, args.enable_version_counter = "best", False
    for entry in entries(trainer.logger, Logger):
        if entry.init_args.get("save_dir") == "":
            entry.init_args.save_dir = choice.folder
    for entry in entries(trainer.logger, WandbLogger):
        never_ask_to_log_in()
        args = entry.init_args
        args.save_dir, args.id = choice.folder, choice.id
        args.name = args.get("name") or choice.run.name


def never_ask_to_log_in() -> None:
    """Set ``WANDB_MODE`` to offline if there is no key: W&B would stop and ask. The run can be synced at any time."""
    if "WANDB_MODE" in os.environ or os.environ.get("WANDB_API_KEY"):
        return
    host = urlparse(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    file = Path(os.environ.get("NETRC") or Path.home() / ("_netrc" if sys.platform == "win32" else ".netrc"))
    try:
        known = file.is_file() and netrc(file).authenticators(host) is not None
    except NetrcParseError:
        known = False
    if not known:
        os.environ["WANDB_MODE"] = "offline"


def fit_callbacks(given: list[Callback], choice: Choice, config: dict, signals: StopSignals) -> list[Callback]:
    """The record of a fit and the checkpoints that every fit has, beside those of the recipe.

    Parameters
    ----------
    given
        The callbacks of the recipe.
    choice
        The run.
    config
        The complete config, as plain types.
    signals
        The signals that ask the fit to stop.
    """
    folder = choice.run.folder
    found: list[Callback] = [RunRecord(choice.run, config), FiniteLoss(folder), Continuation(folder), Throughput()]
    if config["trainer"]["enable_checkpointing"] is False:
        return found
    if not any(isinstance(one, ModelCheckpoint) and one.filename == "best" for one in given):
        found.append(BestCheckpoint(folder))
    return [*found, LastCheckpoint(folder, minutes=config.get("checkpoint_minutes"), signals=signals)]


def loggers(given: object, path: Path) -> list[Logger]:
    """The loggers of the recipe, and always a CSV file. It comes last, so that ``trainer.logger`` is the recipe's."""
    return [*(logger for logger in as_list(given) if not isinstance(logger, bool)), MetricsCSV(path)]
