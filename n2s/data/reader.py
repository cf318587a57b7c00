"""Reads windows, wherever the arrays live, as batches on the model's device."""

import numpy as np
import torch
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.loader import WindowLoader, WindowSampler
from n2s.data.positions import sensor_kinds
from n2s.data.residency import OnDevice, OnHost, Residency, Scaled, finish, on_device
from n2s.data.targets import Targets
from n2s.data.windows import Windows, WindowShape

NOWHERE = -0.1  # position of a sensor that a recording lacks


class WindowReader:
    """Brain windows and their targets. What a batch costs does not depend on how many recordings there are.

    Parameters
    ----------
    recordings
        In the order of the windows' ``recording_index``: what training windows are cut from, and what all others are.
    targets
        Of all windows.
    shape
        Of a window.
    residency
        "device" or "host".
    clamp
        Values beyond this are clipped.
    device
        Of the model.
    """

    def __init__(
        self,
        recordings: list[tuple[Scaled, Scaled]],
        targets: Targets,
        shape: WindowShape,
        *,
        residency: str,
        clamp: float,
        device: torch.device,
    ):
        self._targets, self._shape, self._clamp, self._device = targets, shape, clamp, device
        self._ahead = residency == "host"
        others = [index for index, (one, other) in enumerate(recordings) if other is not one]
        items = [one for one, _ in recordings] + [recordings[index][1] for index in others]
        self._source: Residency = (
            OnHost(items, targets.values, pin=device.type == "cuda")
            if self._ahead
            else OnDevice(items, targets.values, device)
        )
        self._held_out = np.arange(len(recordings))  # where those of other windows are among them
        self._held_out[others] = len(recordings) + np.arange(len(others))
        metas = [one.prepared.meta for one, _ in recordings]
        self._sfreq = np.array([meta["sfreq"] for meta in metas])
        self._last = np.array([meta["shape"][0] for meta in metas]) - shape.n_window
        n_channels = max(meta["shape"][1] for meta in metas)
        positions = np.full((len(metas), n_channels, 2), NOWHERE, np.float32)
        mask, kind = np.zeros((len(metas), n_channels), bool), np.zeros((len(metas), n_channels), np.int64)
        for index, meta in enumerate(metas):
            positions[index, : meta["shape"][1]] = meta["positions"]
            mask[index, : meta["shape"][1]] = meta["good"]
            kind[index, : meta["shape"][1]] = sensor_kinds(meta["ch_names"])
        self._positions, self._mask, self._kind = (torch.from_numpy(x).to(device) for x in (positions, mask, kind))
        layouts = np.concatenate([positions.reshape(len(metas), -1), kind], axis=1)
        self._layout = np.unique(layouts, axis=0, return_inverse=True)[1].reshape(-1)  # of each recording, which one

    def loader(self, split: str, windows: Windows, sampler: WindowSampler) -> WindowLoader:
        """Batches of one split, in the sampler's order."""
        recording = windows.of_interval("recording_index")
        subject, stimulus = windows.of_interval("subject_index"), windows.of_interval("stimulus_index")
        sentence = windows.sentence_heard
        source = recording if split == "train" else self._held_out[recording]
        epoch_starts: dict[int, tuple[np.ndarray, np.ndarray]] = {}

        def starts(epoch: int) -> tuple[np.ndarray, np.ndarray]:
            """Of all windows in this epoch: (n,) s in the stimulus, (n,) first brain sample."""
            if epoch not in epoch_starts:
                epoch_starts.clear()
                start_s = windows.jittered(self._shape.window_s, [sampler.seed, epoch])
                first = windows.brain_start(start_s, self._sfreq, np.arange(len(windows)))
                epoch_starts[epoch] = start_s, np.clip(first, 0, self._last[recording])
            return epoch_starts[epoch]

        def read(rows: np.ndarray, epoch: int) -> tuple:
            start_s, first = starts(epoch)
            brain = self._source.brain(source[rows], first[rows], self._shape.n_window)
            target = self._source.target(self._targets.rows(split, windows, start_s[rows], rows))
            return rows, start_s[rows], brain, target

        def assemble(found: tuple) -> Batch:
            rows, start_s, brain, target = found
            index = self._ids(recording[rows])
            positions, kind = self._places(recording[rows], index)
            return Batch(
                brain=finish(
                    brain.to(self._device, non_blocking=True),
                    n_baseline=self._shape.n_baseline,
                    n_offset=self._shape.n_offset,
                    clamp=self._clamp,
                ),
                positions=positions,
                mask=self._mask[index],
                kind=kind,
                subject=self._ids(subject[rows]),
                target=target.to(self._device, non_blocking=True).float().transpose(1, 2),
                recording=index,
                stimulus=self._ids(stimulus[rows]),
                start=self._ids(start_s),
                segment=self._ids(windows.segment[rows]),
                sentence=self._ids(sentence[rows]),
                window=self._ids(rows),
            )

        return WindowLoader(sampler, read, assemble, ahead=self._ahead)

    def _places(self, recording: np.ndarray, index: Tensor) -> tuple[Tensor, Tensor]:
        """Positions (b, c, 2) and kinds (b, c); where all are of one layout one row of memory, which a model can tell."""
        if len(np.unique(self._layout[recording])) > 1:
            return self._positions[index], self._kind[index]
        one = int(recording[0])
        return tuple(table[one].expand(len(recording), *table.shape[1:]) for table in (self._positions, self._kind))

    def _ids(self, values: np.ndarray) -> Tensor:
        return on_device(values, self._device)
