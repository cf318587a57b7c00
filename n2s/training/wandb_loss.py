"""Continue a run without Weights & Biases if its service cannot be reached or ends. metrics.csv always has everything."""

import base64
import functools
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import wandb
from lightning.pytorch.loggers import Logger, WandbLogger

from n2s.training.choose_run import shown

LOST = (wandb.errors.Error, ConnectionError)  # ConnectionError: from the process beside ours that talks to the server

ANSWERS_S = 10.0  # how long a server may take to say whether it takes a key


def open_or_go_offline(loggers: list[Logger]) -> None:
    """Start the W&B run of each logger, offline if its server does not answer or rejects the key. Then guard it.

    Of all that W&B says, one line is left: where the run is.
    """
    for logger in loggers:
        if not isinstance(logger, WandbLogger):
            continue
        os.environ.setdefault("WANDB_SILENT", "true")
        if not logger._wandb_init.get("anonymous"):
            logger._wandb_init.pop("anonymous", None)  # W&B warns of an option that only Lightning gives
        try:
            check_key()
            logger.experiment  # noqa: B018  Lightning begins the run here
        except LOST as error:
            wandb.teardown()  # the run's id is free again, and the mode may change
            os.environ["WANDB_MODE"] = "offline"
            folder = logger.experiment.settings.sync_dir
            _say(f"W&B cannot be used ({_first_line(error)}). This run is logged offline; later: wandb sync {folder}")
        else:
            _tell_where(logger)
        for name in ("log_metrics", "log_hyperparams", "save", "finalize"):
            setattr(logger, name, _guarded(logger, getattr(logger, name)))


def check_key() -> None:
    """Ask the server whether it takes the key: W&B itself tries for two minutes.

    Raises
    ------
    wandb.errors.AuthenticationError, wandb.errors.CommError
        The server rejects the key; nobody answers.
    """
    given = wandb.Settings()
    key = given.api_key or os.environ.get("WANDB_API_KEY")
    if (os.environ.get("WANDB_MODE") or given.mode) not in ("online", "run", "shared") or not key:
        return
    question = urllib.request.Request(
        f"{given.base_url.rstrip('/')}/graphql",
        data=b'{"query": "query { viewer { id } }"}',
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode(),
        },
    )
    try:
        with urllib.request.urlopen(question, timeout=ANSWERS_S) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise wandb.errors.AuthenticationError(
                f"{given.base_url} does not accept the key (WANDB_API_KEY)"
            ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise wandb.errors.CommError(f"{given.base_url} does not answer: {reason}") from None


def _tell_where(logger: WandbLogger) -> None:
    run = logger.experiment
    if getattr(run, "offline", False):
        print(f"W&B: offline, in {shown(Path(run.settings.sync_dir))} (wandb sync sends it)", flush=True)
    elif getattr(run, "url", None):
        print(f"W&B: {run.url}", flush=True)


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
