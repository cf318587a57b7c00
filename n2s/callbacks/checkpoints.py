"""``best.ckpt`` and ``last.ckpt``, written whole or not at all."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from n2s.paths import written_whole


class LastCheckpoint(ModelCheckpoint):
    """``last.ckpt`` at the end of every training epoch: what a run is continued from."""

    def __init__(self, folder: Path):
        super().__init__(
            folder, "last", save_on_train_epoch_end=True, enable_version_counter=False, auto_insert_metric_name=False
        )


class BestCheckpoint(ModelCheckpoint):
    """``best.ckpt``: the epoch with the lowest ``val/loss``. For recipes that name no checkpoint of their own."""

    def __init__(self, folder: Path):
        super().__init__(folder, "best", monitor="val/loss", enable_version_counter=False)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, to the disk, and then renames it: a kill never leaves half a file.

    Lightning's own writer goes through the system's temporary folder, and copies if that is another disk.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """See Lightning."""
        if storage_options is not None:
            raise TypeError("AtomicCheckpointIO takes no storage_options.")
        with written_whole(Path(path)) as temporary, open(temporary, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
