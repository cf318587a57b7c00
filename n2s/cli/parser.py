"""The parser of recipes, and which of Lightning's messages are left out."""

import inspect
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from n2s.cli.class_help import asked_help
from n2s.cli.data_of import complete
from n2s.cli.errors import ReadableErrors
from n2s.cli.links import link_shapes
from n2s.cli.overlays import check_recipes
from n2s.cli.recipes import with_paths
from n2s.cli.yaml_files import files, text
from n2s.config_classes import as_list, class_named
from n2s.errors import UserError
from n2s.own_code import find_beside

NOISY_WARNINGS = (  # messages of Lightning that need no action of the user here
    r".*isinstance\(treespec, LeafSpec\)",
    r".*does not have many workers",
    r"Attribute '\w+' is an instance of `nn.Module`",
    r"Checkpoint directory .* exists and is not empty",
    r"Be aware that when using `ckpt_path`|Total length of `list` across ranks is zero",  # nothing to validate
    r"Found \d+ module\(s\) in eval mode",
    r"You have overridden `on_after_batch_transfer`",  # decoders of clips do, and mean it
    r".*GPU available but not used|.*The number of training batches .* is smaller than the logging interval",
    r".*A worker stopped while some jobs were given to the executor",  # joblib ends idle processes, and starts others
    r".*does not contain many|.*standard_1020|.*montage .*deprecat",
    r".*Trying to infer the `batch_size`",
    r"You're resuming from a checkpoint that ended before the epoch ended",  # StepSeed finds the place again
)
NOISY_LOGS = (
    "Seed set to",  # the record has it
    "GPU available",  # the command says where it runs
    "LOCAL_RANK:",
    "Initializing distributed",
    "distributed_backend=",
    "`Trainer.fit` stopped",
    "`weights_only` was not set",
    "Tip:",
    "TPU available",
    "Restoring states from",
    "Restored all states",
    "Loaded model weights",
    "Detected KeyboardInterrupt",  # the command says it
    "=1)` was configured so 1 batch",  # of recipes that read everything at once
)


class Parser(ReadableErrors, LightningArgumentParser):
    """Lightning's parser, with short errors, and with networks that take their shapes from the data."""

    #: Gives the model's complete config once the command is parsed; None: nothing is linked.
    model: Callable[[], Namespace] | None = None

    def parse_args(  # type: ignore[override]
        self, args: list[str] | None = None, *others: Any, **options: Any
    ) -> Namespace:
        """See jsonargparse, which writes the null of ``--model.loss.temperature null`` as "None" for its inner parser.

        A recipe may be named, in place of its path; classes are found beside it and in the current folder.
        """
        args = with_paths(sys.argv[1:] if args is None else args)
        for path in files(args):
            text(path)  # says which recipe is no UTF-8
        find_beside(files(args))
        if (told := asked_help(args)) is not None:
            print(told)
            sys.exit(0)
        check_recipes(args)
        args = [re.sub("=None$", "=null", word) for word in args]
        try:
            return super().parse_args(args, *others, **options)
        except UserError as error:
            for words in as_lists(args, str(error)):
                try:
                    return self.parse_args(words, *others, **options)
                except UserError:
                    continue  # the first error is the user's
            raise

    def parse_string(self, content: str, path: str | os.PathLike = "", *others: Any, **options: Any) -> Namespace:
        """See jsonargparse; a recipe may take the data of another one. A file is read in its own folder."""
        return super().parse_string(complete(content, Path(path) if path else None), path, *others, **options)

    def _parse_common(self, cfg: Namespace, *others: Any, **options: Any) -> Namespace:
        """Link what the recipe's networks take from the data: its classes are known now, and nothing is checked yet."""
        give_folders(cfg.get("trainer.logger"))
        if self.model is not None and isinstance(cfg.get("model"), Namespace):
            link_shapes(self, cfg, self.model)
        return super()._parse_common(cfg, *others, **options)


def give_folders(loggers: object) -> None:
    """A logger that needs a ``save_dir`` and has none gets "", which becomes the run's folder."""
    for one in as_list(loggers):
        if not isinstance(one, Namespace) or not isinstance(one.get("class_path"), str):
            continue
        kind = class_named(one.class_path)
        needed = kind and inspect.signature(kind).parameters.get("save_dir")
        if needed and needed.default is needed.empty:
            one.init_args = one.get("init_args") or Namespace()
            one.init_args.save_dir = one.init_args.get("save_dir") or ""


def as_lists(words: list[str], said: str) -> Iterator[list[str]]:
    """The words of a command with a list of one, or with the parts between commas, in place of a value that has to be a list.

    Parameters
    ----------
    words
        The command: ``--data.studies.mine.subjects 01``.
    said
        The message about it; nothing is changed if it is about something else.
    """
    match = re.match(r"([\w.]+): expected [^,]*\blist\b", said)
    if match is None:
        return
    option = re.compile(rf"--\S*\b{match[1].rpartition('.')[2]}(?:=(.*))?")
    for place, word in enumerate(words):
        if not (found := option.fullmatch(word)):
            continue
        value = found[1] if found[1] is not None else words[place + 1] if place + 1 < len(words) else ""
        if not value or value.startswith(("[", "{", "--")):
            continue
        for parts in (value.split(","), [f'"{one}"' for one in value.split(",")]):
            given = [f"{word.partition('=')[0]}=[{','.join(parts)}]"]
            yield [*words[:place], *given, *words[place + (1 if found[1] is not None else 2) :]]


def quieten() -> None:
    """Leave out those warnings and messages."""
    for message in NOISY_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    for name in (
        "lightning.pytorch.utilities.rank_zero",
        "lightning.fabric.utilities.seed",
        "lightning.fabric.utilities.distributed",
    ):
        logging.getLogger(name).addFilter(_worth_saying)


def _worth_saying(record: logging.LogRecord) -> bool:
    return not any(words in record.getMessage() for words in NOISY_LOGS)
