"""A loss or weights that are not finite end a run at once. The batch is kept, and no checkpoint has such weights."""

from collections import deque
from collections.abc import Iterable
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError
from n2s.paths import written_whole

LAG = 1  # steps that an accelerator may run ahead of the check, so that it never waits for the host; it keeps their batches


class FiniteLoss(Callback):
    """Check every training loss; at the first that is NaN or infinite, keep its batch and raise a `UserError`.

    On a CPU each step is checked at its end. On an accelerator the check is copied to the host without waiting, and
    read one step later, when the next step is already queued: no step waits for the host, and one more batch stays in
    the accelerator's memory. A checkpoint is written only after all checks, and never from weights that are not finite.

    Parameters
    ----------
    folder
        The run's folder. ``nan_batch.pt`` is written there: the tensors, with ``epoch``, ``batch_index`` and ``loss``.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._waiting: deque = deque()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """See Lightning."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if not isinstance(loss, Tensor):
            return  # a ridge has no loss
        loss = loss.detach()
        copied = None
        if loss.is_cuda:
            loss = torch.empty_like(loss, device="cpu", pin_memory=True).copy_(loss, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record()
        self._waiting.append((loss, copied, batch, trainer.current_epoch, batch_idx))
        self._look(trainer, leave=LAG if copied is not None else 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._look(trainer, leave=0)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        """See Lightning: raising here keeps the checkpoint from being written."""
        self._look(trainer, leave=0)
        values = {name: value for name, value in pl_module.named_parameters() if value.numel()}
        # a sum with an infinite or NaN term is not finite: one number per tensor, one wait for all tensors
        sums = torch.stack([(value.detach() * 0).sum().float() for value in values.values()] or [torch.zeros(())])
        wrong = [name for name, total in zip(values, sums.tolist(), strict=False) if total != 0]
        if wrong:
            raise UserError(
                f"epoch {trainer.current_epoch}, step {trainer.global_step}: weights are NaN or infinite ({wrong[0]}"
                f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}) though every loss was finite: a gradient was "
                f"not. {self._kept()} {REMEDY}"
            )

    def _look(self, trainer: Trainer, *, leave: int) -> None:
        while len(self._waiting) > leave:
            loss, copied, batch, epoch, batch_idx = self._waiting.popleft()
            if copied is not None:
                copied.synchronize()
            if not torch.isfinite(loss).all():
                self._waiting.clear()
                self._stop(trainer, loss, batch, epoch, batch_idx)

    def _stop(self, trainer: Trainer, loss: Tensor, batch: object, epoch: int, batch_idx: int) -> None:
        rank = f"_process{trainer.global_rank}" if trainer.global_rank else ""
        path = self.folder / f"nan_batch{rank}.pt"
        tensors = _tensors(batch)
        kept = {name: value.detach().cpu() for name, value in tensors.items()}
        with written_whole(path) as temporary:
            torch.save(kept | {"epoch": epoch, "batch_index": batch_idx, "loss": float(loss.mean())}, temporary)
        data = trainer.datamodule
        places = data.places(batch) if isinstance(data, NeuralDataModule) else []
        raise UserError(
            f"the training loss is {float(loss.mean())} in epoch {epoch}, batch {batch_idx} (counted from 0). "
            f"{_cause(kept, places)} The batch is kept in {path}. {self._kept()}"
        )

    def _kept(self) -> str:
        last = self.folder / "last.ckpt"
        return f"{last} was saved before and is whole." if last.is_file() else "No checkpoint was written yet."


REMEDY = (
    "Lower the learning rate, clip gradients (--trainer.gradient_clip_val 1), or train in another --trainer.precision; "
    "with other settings a new run is started, from its beginning or from weights that --ckpt_path names."
)


def _tensors(batch: object) -> dict[str, Tensor]:
    """The tensors of a batch by name: the names of a dataclass or dict, the numbers of a tuple."""
    if isinstance(batch, Tensor):
        return {"batch": batch}
    parts = batch if isinstance(batch, dict) else dict(enumerate(batch)) if isinstance(batch, (list, tuple)) else None
    parts = vars(batch) if parts is None else parts
    return {str(name): value for name, value in parts.items() if isinstance(value, Tensor)}


def _cause(tensors: dict[str, Tensor], places: list[str]) -> str:
    """Which inputs are not finite and where they come from; otherwise where the first samples of the batch come from."""
    for name, value in tensors.items():
        if not value.is_floating_point() or torch.isfinite(value).all():
            continue
        rows = (~torch.isfinite(value.flatten(1) if value.ndim > 1 else value[:, None])).any(1).nonzero()[:, 0].tolist()
        of = _list(places, rows)
        return (
            f"Its input is at fault: '{name}' is NaN or infinite in {len(rows)} of {len(value)} samples{of}. Look at them "
            "there; leave that stretch out, or correct its preparation."
        )
    return f"Its inputs are finite{_list(places, range(len(places)))}: the model diverged. {REMEDY}"


def _list(places: list[str], rows: Iterable[int]) -> str:
    named = [places[row] for row in rows if row < len(places)]
    more = f"; and {len(named) - 3} more" if len(named) > 3 else ""
    return f" ({'; '.join(named[:3])}{more})" if named else ""
