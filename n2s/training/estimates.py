"""What ``n2s predict`` leaves of a system without results of its own: the estimate of every window, and a table of the windows."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from n2s.paths import written_whole
from n2s.training.choose_run import shown

COLUMNS = ("recording", "subject", "study", "story", "stimulus", "start_s", "duration_s", "onset", "text")
TABLE = "windows.csv"


class WriteEstimates(Callback):
    """Collect the tensors that a system's ``predict_step`` returns, and write them into the run's ``predictions``.

    ``estimates.npy`` has a row a window (one file for each part, where a step returns several tensors), ``windows.csv`` says which
    window that is: recording, stimulus, seconds.

    Parameters
    ----------
    folder
        ``predictions`` of the run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._parts: dict[str, list[np.ndarray]] = {}
        self._rows: list[np.ndarray] = []

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int, *_: object
    ) -> None:
        """See Lightning."""
        row = getattr(batch, "row", None)
        if not isinstance(row, Tensor) or not len(row):
            return
        tensors = _tensors(outputs, len(row))
        for name, one in tensors.items():
            self._parts.setdefault(name, []).append(one.detach().float().cpu().numpy())
        if tensors:
            self._rows.append(row.cpu().numpy())

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning. `n2s.training.results.WriteResults` comes first: what a system leaves itself is not written twice."""
        if not trainer.is_global_zero or (self.folder / "result").is_dir():
            return
        if getattr(trainer.datamodule, "holdout", None) is not None:
            return  # the file to hand in is written
        name = type(pl_module).__name__
        if trainer.world_size > 1:
            print(
                f"nothing written: {name} leaves its estimates where one process predicts; {trainer.world_size} were started."
            )
        elif not self._rows:
            print(f"nothing written: {name} predicts nothing that is kept. next: n2s test has its scores.")
        else:
            self._write(trainer.datamodule)

    def _write(self, data: object) -> None:
        row = np.concatenate(self._rows)
        order = np.argsort(row, kind="stable")
        table = window_table(data, row[order])
        for name, parts in self._parts.items():
            values = np.concatenate(parts)[order]
            with written_whole(self.folder / f"{name}.npy") as path, path.open("wb") as file:
                np.save(file, values)
            print(f"written: {shown(self.folder / name)}.npy, {values.shape}: a row a window")
        with written_whole(self.folder / TABLE) as path:
            table.to_csv(path, index=False)
        print(f"written: {shown(self.folder / TABLE)}, what each row is. next: numpy.load, or n2s test for scores")


def window_table(data: object, row: np.ndarray) -> pd.DataFrame:
    """What the test windows of these numbers are, as far as the datamodule says it."""
    windows, splits = getattr(data, "windows", None), getattr(data, "splits", None)
    table = pd.DataFrame({"row": row})
    if isinstance(windows, Mapping) and hasattr(windows.get("test"), "interval"):
        test = windows["test"]
        found = test.intervals.iloc[test.interval[row]].reset_index(drop=True).drop(columns="start_s", errors="ignore")
        found = found.assign(start_s=test.start_s[row])
    elif isinstance(splits, Mapping) and hasattr(splits.get("test"), "table"):
        found = splits["test"].table.iloc[row].reset_index(drop=True)
    else:
        return table
    return table.join(found[[name for name in COLUMNS if name in found]])


def _tensors(outputs: object, n: int) -> dict[str, Tensor]:
    """The tensors with a row a window, by name."""
    if isinstance(outputs, Tensor):
        outputs = {"estimates": outputs}
    elif dataclasses.is_dataclass(outputs):
        outputs = {one.name: getattr(outputs, one.name) for one in dataclasses.fields(outputs)}
    elif hasattr(outputs, "_asdict"):
        outputs = outputs._asdict()
    if not isinstance(outputs, Mapping):
        return {}
    kept = {name: torch.as_tensor(one) for name, one in outputs.items() if isinstance(one, (Tensor, np.ndarray))}
    return {name: one for name, one in kept.items() if one.ndim and len(one) == n}
