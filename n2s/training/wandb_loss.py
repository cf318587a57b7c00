"""Continue a run without Weights & Biases if its service cannot be reached or ends. metrics.csv always has everything."""

import functools
import os
import sys
from collections.abc import Callable

import wandb
from lightning.pytorch.loggers import Logger, WandbLogger

LOST = (wandb.errors.Error, ConnectionError)  # ConnectionError: from the process beside ours that talks to the server


def open_or_go_offline(loggers: list[Logger]) -> None:
    """Start the W&B run of each logger, offline if its server does not answer or rejects the key. Then guard it."""
    for logger in loggers:
        if not isinstance(logger, WandbLogger):
            continue
        try:
            logger.experiment  # noqa: B018  Lightning begins the run here
        except LOST as error:
            wandb.teardown()  # the run's id is free again, and the mode may change
            os.environ["WANDB_MODE"] = "offline"
            folder = logger.experiment.settings.sync_dir
            _say(f"W&B cannot be used ({_first_line(error)}). This run is logged offline; later: wandb sync {folder}")
        for name in ("log_metrics", "log_hyperparams", "save", "finalize"):
            setattr(logger, name, _guarded(logger, getattr(logger, name)))


def end_wandb(exc_type: type[BaseException] | None, *_: object) -> None:
    """End the command's W&B run, as an exit callback: its id must be free for the next command.

    The end of the process does not free it if W&B's service is shared with a parent, as in a notebook.
    """
    if wandb.run is not None:
        try:
            wandb.finish(exit_code=0 if exc_type is None else 1)
        except LOST as error:
            _say(f"W&B did not take the end of the run ({_first_line(error)}); metrics.csv has all that was logged.")


def _guarded(logger: WandbLogger, method: Callable) -> Callable:
    """``method``, which reports the first lost connection, and does nothing from then on."""

    @functools.wraps(method)
    def call(*args: object, **kwargs: object) -> object:
        try:
            return method(*args, **kwargs)
        except LOST as error:
            _say(
                f"W&B was lost ({_first_line(error)}): the run goes on, and nothing more is sent. metrics.csv has all "
                "that is logged."
            )
            wandb.run = None  # it could not be ended either
            logger._experiment = wandb.init(mode="disabled")  # accepts everything and does nothing
            return None

    return call


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _say(text: str) -> None:
    print(f"n2s: {text}", file=sys.stderr, flush=True)
