"""What is heard in the simulated areas: the sounds of some blocks, their drivers, and the runs that play them."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.paths import written_whole
from n2s.studies.simulated.areas_blocks import speak_block
from n2s.studies.simulated.areas_drivers import DRIVERS, RATE_HZ, drivers
from n2s.studies.simulated.areas_run import BLOCKS_A_RUN, Run, grid_clips, lay_run, slow_covariance
from n2s.studies.simulated.stories import Story

PARALLEL = 4


class Material:
    """Blocks, spoken at the first need in a folder of their texts, whole or not at all.

    Parameters
    ----------
    blocks
        All that are heard, in order.
    repeated
        Ids of those that are heard several times, in runs of their own.
    pause_s
        Mean silence between sentences, s.
    tr_s
        Time from one volume to the next, s.
    root
        Where the folder is.
    version
        Part of the folder's name.
    """

    def __init__(
        self, blocks: list[Story], repeated: list[str], *, pause_s: float, tr_s: float, root: Path, version: int
    ):
        self.blocks = {block.id: block for block in blocks}
        self.repeated, self.pause_s, self.tr_s = repeated, pause_s, tr_s
        texts = [asdict(block) for block in blocks]
        settings = json.dumps({"version": version, "pause_s": pause_s, "texts": texts})
        self.folder = root / f"areas-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"

    def audio(self, stimulus: str) -> Path:
        """The sound of a block."""
        return self._made / f"{stimulus}.wav"

    def events_file(self, stimulus: str) -> Path:
        """The events of a block, on its sound's clock."""
        return self._made / f"{stimulus}.events.parquet"

    @property
    def drivers_file(self) -> Path:
        """All drivers of all blocks."""
        return self._made / "drivers.npz"

    @cached_property
    def lengths_s(self) -> dict[str, float]:
        """How long each block is, s."""
        return {one: (len(values) - 1) / RATE_HZ for one, values in self._raw["mel"].items()}

    @cached_property
    def pieces(self) -> dict[tuple[str, str], list[str]]:
        """(task, run) -> blocks in order: ``once``, then ``repeated``. Runs of a task have as many blocks, or one more."""
        found = {}
        once = [one for one in self.blocks if one not in self.repeated]
        for task, ids in (("once", once), ("repeated", self.repeated)):
            n_runs = -(-len(ids) // BLOCKS_A_RUN)
            cuts = [len(ids) * i // n_runs for i in range(n_runs + 1)] if ids else []
            for number, (first, last) in enumerate(zip(cuts, cuts[1:], strict=False), start=1):
                found[task, f"{number}"] = ids[first:last]
        return found

    @cached_property
    def runs(self) -> dict[tuple[str, str], Run]:
        """(task, run) -> what is heard when."""
        return {
            name: lay_run({one: self.lengths_s[one] for one in ids}, self.tr_s) for name, ids in self.pieces.items()
        }

    def clips(self, run: Run, splits: dict[str, str]) -> pd.DataFrame:
        """The blocks of a run on the grid of `grid_clips`; without a split, all are for training."""
        return grid_clips(run, self.lengths_s, splits)

    @cached_property
    def values(self) -> dict[str, dict[str, np.ndarray]]:
        """Driver -> stimulus -> (l, f), in units of the usual slow swing of each dimension."""
        scales = {name: np.sqrt(np.diag(self._covariance(values))) for name, values in self._raw.items()}
        return {name: {one: values / scales[name] for one, values in each.items()} for name, each in self._raw.items()}

    @cached_property
    def covariances(self) -> dict[str, np.ndarray]:
        """Driver -> (f, f) covariance of its dimensions after the haemodynamic response, over all runs."""
        return {name: self._covariance(values) for name, values in self.values.items()}

    def _covariance(self, values: dict[str, np.ndarray]) -> np.ndarray:
        return slow_covariance(list(self.runs.values()), values)

    @cached_property
    def _raw(self) -> dict[str, dict[str, np.ndarray]]:
        with np.load(self.drivers_file) as arrays:
            return {name: {one: arrays[f"{one}/{name}"] for one in self.blocks} for name in DRIVERS}

    @cached_property
    def _made(self) -> Path:
        if self.folder.exists():
            return self.folder
        with written_whole(self.folder) as folder:
            folder.mkdir()
            speak = lambda block: speak_block(block, folder, pause_s=self.pause_s)  # noqa: E731
            with ThreadPoolExecutor(PARALLEL) as pool:  # each but waits for eSpeak's process
                tables = list(pool.map(speak, self.blocks.values()))
            found = drivers([(folder / f"{one}.wav", table) for one, table in zip(self.blocks, tables, strict=True)])
            named = zip(self.blocks, found, strict=True)
            np.savez(
                folder / "drivers.npz",
                **{f"{one}/{name}": values for one, each in named for name, values in each.items()},
            )
        return self.folder
