"""What a test leaves for a later fusion: the scores of its windows, and those of the validation windows with the same weights."""

import numpy as np
import torch
from torch import Tensor

from n2s.data.meg import MEGDataModule
from n2s.data.windows import Windows
from n2s.systems.segment_scores import leave, leaves, segment_scores
from n2s.systems.system import System

CHUNK = 128  # windows at once


def leave_scores(data: MEGDataModule, module: System) -> None:
    """Keep the scores of a finished test, and of the validation windows where there are any, in the run's folder."""
    if not leaves(module):
        return
    rows, scores = module.tested
    leave(module, segment_scores(data, "test", scores, rows))
    if data.validates:
        rows, scores = validation_scores(data, module)
        leave(module, segment_scores(data, "val", scores, rows))


@torch.inference_mode()
def validation_scores(data: MEGDataModule, module: System) -> tuple[np.ndarray, Tensor]:
    """The validation windows (n,) in batches that keep sentences whole, and their scores (n, k) with all validation segments."""
    windows = data.windows["val"]
    candidates, found = module.encoded_segments("val"), []
    if module.context is None:
        parts = np.array_split(np.arange(len(windows)), -(-len(windows) // CHUNK))
    else:
        parts = by_sentences(windows)
    with module.trainer.precision_plugin.val_step_context():
        for part in parts:
            batch = data.reader("val").batch(part)
            found.append(module.loss.scores(module(batch), candidates).float().cpu())
    return np.concatenate(parts), torch.cat(found)


def by_sentences(windows: Windows) -> list[np.ndarray]:
    """Rows in chunks of `CHUNK` or a little more, in which each recording's sentences are whole."""
    alone = windows.sentence < 0
    sentence = np.where(alone, -1 - np.arange(len(windows)), windows.sentence)
    whole = np.stack([windows.of_interval("recording_index"), sentence])
    _, number = np.unique(whole, axis=1, return_inverse=True)
    order, counts = np.argsort(number.ravel(), kind="stable"), np.bincount(number.ravel())
    chunk = (np.cumsum(counts) - 1) // CHUNK  # of each sentence, by where it ends
    ends = np.cumsum(counts)[:-1][np.diff(chunk) > 0]
    return np.split(order, ends)
