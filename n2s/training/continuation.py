"""Add to checkpoints what Lightning leaves out: running sums, a row not yet logged, the path of the best checkpoint."""

from pathlib import Path

import torch
import torch.distributed
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from n2s.training.metrics_csv import MetricsCSV

KEY = "n2s"


class Continuation(Callback):
    """Keep the logged values of the epoch in a checkpoint, and keep ``metrics.csv`` consistent with it.

    At the end of an epoch Lightning saves first and logs afterwards: a kill between the two would lose the epoch's row. Inside
    an epoch it loses the running sums of the epoch's means. If the run's folder was moved it forgets the best score,
    and would overwrite ``best.ckpt`` with a worse one.

    Parameters
    ----------
    folder
        The run's folder.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder).absolute()
        self._sums: dict[str, dict[str, Tensor]] = {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        """See Lightning."""
        loop, logged = trainer.fit_loop, trainer._logger_connector
        step = loop.epoch_loop._batches_that_stepped
        kept = {"step": step, "row": {}, "sums": [], "folder": str(self.folder)}
        if trainer.training:
            at_end = logged._first_loop_iter is None
            if at_end:
                kept["step"] = step - 1  # as Lightning will do
            else:
                kept["sums"] = _of_all_processes(_sums(trainer))
            if at_end or logged.should_update_logs:
                kept["row"] = {name: float(value) for name, value in logged.metrics["log"].items()}
        checkpoint[KEY] = kept

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        """See Lightning."""
        kept = checkpoint.get(KEY) or {"row": {}, "sums": [], "step": None, "folder": None}
        if kept["sums"]:
            self._sums = kept["sums"][trainer.global_rank % len(kept["sums"])]
        if Path(trainer.ckpt_path).absolute().parent != self.folder:
            return  # a new run that starts from another one's weights
        _move(checkpoint["callbacks"], kept["folder"], str(self.folder))
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCSV):
                logger.keep_until(checkpoint["epoch"], kept["step"] if kept["sums"] else None)
                if kept["row"]:
                    logger.log_once(kept["row"] | {"epoch": checkpoint["epoch"]}, kept["step"])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """See Lightning: after the first step of a continued epoch, the earlier sums are added."""
        for name, metric in trainer._results.items() if self._sums else ():
            for part, before in self._sums.get(name, {}).items():
                value = getattr(metric, part)
                reduce = metric.meta.reduce_fx if metric.meta.is_max_reduction or metric.meta.is_min_reduction else None
                before = before.to(value)
                setattr(metric, part, before + value if reduce is None else reduce(torch.stack([before, value])))
            metric._computed = None
        self._sums = {}


def _move(callbacks: dict[str, object], before: str | None, now: str) -> None:
    """Update the paths of ModelCheckpoints to where the run's folder is now."""
    if before is None or before == now:
        return

    def moved(path: str) -> str:
        return now + path[len(before) :] if path.startswith(before) else path

    for state in callbacks.values():
        if not isinstance(state, dict) or state.get("dirpath") != before:
            continue
        state["best_k_models"] = {moved(path): score for path, score in state["best_k_models"].items()}
        for name in ("dirpath", "best_model_path", "last_model_path", "kth_best_model_path"):
            state[name] = moved(state[name])


def _sums(trainer: Trainer) -> dict[str, dict[str, Tensor]]:
    """Value and weight of every mean, sum and extreme of the epoch so far."""
    found = {}
    for name, metric in trainer._results.items():
        if metric.is_tensor and metric.meta.on_epoch:
            parts = ("value", "cumulated_batch_size") if metric.meta.is_mean_reduction else ("value",)
            found[name] = {part: getattr(metric, part).detach().cpu().clone() for part in parts}
    return found


def _of_all_processes(mine: dict) -> list[dict]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    every: list = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(every, mine)
    return every
