"""What a test leaves for a later fusion: the scores of its windows, and those of the validation windows with the same weights."""

import numpy as np
import torch
from torch import Tensor

from n2s.data.meg import MEGDataModule
from n2s.systems.segment_scores import leave, segment_scores
from n2s.systems.system import System

CHUNK = 128  # windows at once


def leave_scores(data: MEGDataModule, module: System) -> None:
    """Keep the scores of a finished test, and of the validation windows where there are any, in the run's folder."""
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
        recording = windows.of_interval("recording_index")
        parts = [np.flatnonzero(recording == one) for one in np.unique(recording)]
    with module.trainer.precision_plugin.val_step_context():
        for part in parts:
            batch = data.reader("val").batch(part)
            found.append(module.loss.scores(module(batch), candidates).float().cpu())
    return np.concatenate(parts), torch.cat(found)
