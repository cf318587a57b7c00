"""Keep the scores of a test of one modality, and of its validation pairs, for a late fusion."""

import numpy as np
import torch
from torch import Tensor

from n2s.data.paired import PairedDataModule
from n2s.systems.segment_scores import leave, leaves, segment_scores
from n2s.systems.system import System

CHUNK = 128  # pairs at once


def leave_scores(data: PairedDataModule, module: System, tested: dict[str, np.ndarray]) -> None:
    """Keep the scores of a finished test in the run's folder, and those of the validation pairs where there are any.

    Nothing is kept if both modalities were trained together: a late fusion needs two runs.

    Parameters
    ----------
    data
        Of the test.
    module
        Gives the estimates of both modalities for a batch, ``encoded_segments`` and a ``loss`` with scores.
    tested
        Modality -> (n, k) scores of all test pairs.
    """
    if len(data.modalities) > 1 or not leaves(module):
        return
    (modality,) = data.modalities
    leave(module, segment_scores(data, "test", tested[modality], np.arange(len(data.pairs["test"]))))
    if data.validates:
        scores = validation_scores(data, module, modality)
        leave(module, segment_scores(data, "val", scores, np.arange(len(scores))))


@torch.inference_mode()
def validation_scores(data: PairedDataModule, module: System, modality: str) -> Tensor:
    """(n, k) scores of all validation pairs with all validation segments."""
    rows = np.arange(len(data.pairs["val"]))
    candidates, found = module.encoded_segments("val"), []
    with module.trainer.precision_plugin.val_step_context():
        for part in np.array_split(rows, -(-len(rows) // CHUNK)):
            estimates = dict(zip(("meg", "fmri"), module(data.batch("val", part)), strict=True))
            found.append(module.loss.scores(estimates[modality], candidates).float().cpu())
    return torch.cat(found)
