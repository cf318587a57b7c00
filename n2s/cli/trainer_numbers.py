"""Numbers of a recipe's Trainer that Lightning takes, and fails on later or trains nothing with."""

import re
from typing import Any

import torch
from jsonargparse import Namespace

from n2s.errors import UserError
from n2s.options import check_number

#: Option -> its bounds; see `check_number`.
BOUNDS: dict[str, dict[str, Any]] = {
    "max_epochs": {"low": -1, "whole": True, "otherwise": "-1 for no end"},
    "max_steps": {"low": -1, "whole": True, "otherwise": "-1 for no end"},
    "accumulate_grad_batches": {"low": 1, "whole": True},
    "check_val_every_n_epoch": {"low": 1, "whole": True},
    "log_every_n_steps": {"low": 0, "whole": True},
    "gradient_clip_val": {"low": 0},
    "num_sanity_val_steps": {"low": -1, "whole": True},
    "num_nodes": {"low": 1, "whole": True},
}


def check_trainer(trainer: Namespace, verb: str) -> None:
    """Raise a UserError if a number of the Trainer is out of range, or a fit with it would train nothing."""
    for name, bounds in BOUNDS.items():
        check_number(f"trainer.{name}", trainer.get(name), **bounds)
    if verb != "fit":
        return
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        if trainer.get(name) == 0:
            raise UserError(f"trainer.{name} is 0: the fit would train nothing. Expected 1 or more, or leave it out.")


def trainer_message(said: str, trainer: Namespace) -> str:
    """Our message for Lightning's error about options of the Trainer that do not go together, or with this machine."""
    asked = trainer.get("accelerator")
    if "No supported gpu backend" in said or re.search(r"accelerator.*not.*available", said):
        return (
            f"trainer.accelerator is {asked}, and torch finds none here (torch.cuda.is_available() is "
            f"{torch.cuda.is_available()}). Take --trainer.accelerator auto, which takes what there is, or cpu."
        )
    return f"trainer: {said}"
