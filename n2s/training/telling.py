"""What a command says of itself: what a fit uses and holds out, how it ended, and what to do next."""

import shlex
import sys
import time
from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from n2s.errors import first_of
from n2s.progress import told_s
from n2s.training.choose_run import shown
from n2s.training.run import Run

LONGEST = 110  # characters of a command that is said again; beyond, the run's own config says the same
AGAIN = ("--fresh", "--ckpt_path", "--cross_validate")  # options of a fit that no test has


class TellFit(Callback):
    """Say what the fit uses before its first step, and how it ended.

    Parameters
    ----------
    run
        Its run; None: nothing is kept, and no next command is said.
    next_too
        Whether to say the next command.
    """

    def __init__(self, run: Run | None, *, next_too: bool = True):
        self.run, self.next_too = run, next_too

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: the data are set up."""
        self._began, self._first = time.monotonic(), trainer.current_epoch
        if trainer.is_global_zero:
            for line in (*used(trainer.datamodule), network(pl_module, trainer)):
                print(line)
            sys.stdout.flush()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        if not trainer.is_global_zero:
            return
        took = told_s(time.monotonic() - self._began)
        print(f"finished: {ended(trainer, pl_module)}, took {took}")
        if self.run is not None and self.next_too:
            print(f"next: {same_command('test', self.run)}", flush=True)


def used(data: object) -> list[str]:
    """The lines that say which data a fit has, and what is held out."""
    if data is None or type(data).__str__ is LightningDataModule.__str__:
        return []
    lines = [
        f"{'data: ' if first else '      '}{line}"
        for first, line in zip(chain([True], repeat(False)), str(data).splitlines(), strict=False)
    ]
    kept = {split: names for split, names in held_out(data).items() if names}
    told = [f"{first_of((repr(name) for name in names), 3)} for {split}" for split, names in kept.items()]
    return [*lines, f"held out: {'; '.join(told)}"] if told else lines


def held_out(data: object) -> dict[str, list[str]]:
    """The names of the stories or units that validation and test have, where a datamodule tells."""
    found = {}
    windows, tables = getattr(data, "windows", None), getattr(data, "tables", None)
    for split, told in (("val", "validation"), ("test", "test")):
        names: list = []
        intervals: Any = getattr(windows.get(split), "intervals", ()) if isinstance(windows, Mapping) else ()
        if "story" in intervals:
            names = list(intervals.story.unique())
        elif isinstance(tables, Mapping) and split in tables and "unit" in tables[split]:
            names = list(tables[split].unit.unique())
        found[told] = [str(name) for name in names]
    return found


def network(model: LightningModule, trainer: Trainer) -> str:
    """The line about what is trained, and where."""
    device = model.device if model.device.type != "cpu" else trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    of = f"{trainer.world_size} processes, {name}" if trainer.world_size > 1 else name
    kind = type(model).__name__
    if not model.automatic_optimization:
        return f"model: {kind}, fitted in closed form on {of}"
    parts = {name: _trained(part) for name, part in model.named_children()}
    told = ", ".join(f"{name} {counted(n)}" for name, n in parts.items() if n)
    total = _trained(model)
    steps = f"; {trainer.max_epochs} epochs" if trainer.max_epochs and trainer.max_epochs > 1 else ""
    return f"model: {kind}, {counted(total)} parameters{f' ({told})' if len(parts) > 1 and told else ''} on {of}{steps}"


def _trained(part: torch.nn.Module) -> int:
    """How many numbers are trained; of lazy layers it is not known yet."""
    lazy = torch.nn.UninitializedParameter
    return sum(one.numel() for one in part.parameters() if one.requires_grad and not isinstance(one, lazy))


def counted(n: int) -> str:
    """A number of parameters: 139 840 as 140 k."""
    for size, letter in ((10**9, " billion"), (10**6, " million"), (10**3, " k")):
        if n >= size:
            return f"{n / size:.3g}{letter}"
    return str(n)


def ended(trainer: Trainer, model: LightningModule) -> str:
    """How the fit ended: the best epoch, if one was chosen."""
    done = trainer.current_epoch
    best = next(
        (
            one
            for one in trainer.checkpoint_callbacks
            if isinstance(one, ModelCheckpoint) and one.monitor and one.best_model_path
        ),
        None,
    )
    if not model.automatic_optimization or best is None:
        return f"{done} epoch{'s' if done != 1 else ''}" if model.automatic_optimization else "fitted"
    epoch = torch.load(best.best_model_path, weights_only=True, map_location="cpu", mmap=True)["epoch"]
    stopped = " (stopped early)" if trainer.should_stop and done < (trainer.max_epochs or done) else ""
    return f"best epoch {epoch + 1} of {done}{stopped} ({best.monitor} {float(best.best_model_score):.4g})"


def same_command(verb: str, run: Run | None = None, left_out: tuple[str, ...] = AGAIN) -> str:
    """The command line of this process with another verb and without some options; of a long one, with the run's own config."""
    words, kept, skip = sys.argv[2:], [], False
    for word in words:
        option, equals, _ = word.partition("=")
        if skip and not word.startswith("--"):
            skip = False
            continue
        skip = option in left_out and option != "--fresh" and not equals
        if option not in left_out:
            kept.append(word)
    typed = shlex.join(["n2s", verb, *kept])
    if run is None or len(typed) <= LONGEST:
        return typed
    return f"n2s {verb} --config {shlex.quote(str(shown(run.config)))}"


def scores_table(logged: Mapping[str, torch.Tensor], epoch: int | None = None) -> list[tuple[str, str, str]]:
    """Rows of validation scores: the name, its value and that of chance beside it, in percent where there is one."""
    plain = {name: float(value) for name, value in logged.items()}
    rows = []
    for name, value in plain.items():
        head, slash, leaf = name.rpartition("/")
        if leaf.startswith("chance_"):
            continue
        chance = plain.get(f"{head}{slash}chance_{leaf}")
        told = (f"{value:.4g}", "") if chance is None else (f"{100 * value:.1f}%", f"{100 * chance:.1f}%")
        rows.append((name, *told))
    return rows


class TellScores(Callback):
    """Print the validation scores of ``n2s validate``."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        rows = scores_table(trainer.callback_metrics)
        if not rows:
            print("nothing was scored: this system has no validation. n2s test has its scores.")
            return
        width = max(len(name) for name, *_ in rows)
        print(f"{'':{width}}  {'value':>9}  {'chance':>9}")
        for name, value, chance in rows:
            print(f"{name:{width}}  {value:>9}  {chance:>9}")
        print("validation data choose the best epoch: their scores are no result. next: n2s test")


class TellTested(Callback):
    """Say what can be done with a tested run."""

    def __init__(self, run: Run):
        self.run = run

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning; after `n2s.training.results.WriteResults`."""
        if trainer.is_global_zero and (self.run.folder / "report.html").is_file():
            print(f"next: open that page; n2s export {shown(self.run.folder)} makes a folder to share", flush=True)
