"""What a test of a decoder of clips leaves for a later fusion: cosines of decoded features with those of all clips of a split."""

import numpy as np
import pandas as pd
import torch

from n2s.data.fmri import FMRIDataModule
from n2s.metrics.segment_scores import SegmentScores
from n2s.systems.clips.decoded import Decoded
from n2s.systems.segment_scores import leave, leaves
from n2s.systems.system import System
from n2s.training.trained_on import trained_stretches


def leave_scores(data: FMRIDataModule, decoder: System) -> None:
    """Keep the scores of a finished test, and of the validation clips where there are any, in the run's folder."""
    if not leaves(decoder):
        return
    leave(decoder, clip_scores(data, decoder.tested, "test"))
    if data.validates:
        leave(decoder, clip_scores(data, decoded_clips(data, decoder, "val"), "val"))


@torch.inference_mode()
def decoded_clips(data: FMRIDataModule, decoder: System, split: str) -> Decoded:
    """All clips of a split, decoded, in their order."""
    parts = []
    for index in range(len(data.brains)):
        rows = data.splits[split].rows_of(index)
        if len(rows):
            parts.append(decoder.decode(data.clips(data.batch(split, rows)).to(decoder.device)).cpu())
    return Decoded.joined(parts)


def clip_scores(data: FMRIDataModule, decoded: Decoded, split: str) -> SegmentScores:
    """Cosines between decoded features and those of all unique clips of a split, both standardised by training clips."""
    whole, row = data.splits[split], decoded.row.numpy()
    table = whole.table.iloc[row]
    clip, first, target = np.unique(table.clip_index, return_index=True, return_inverse=True)
    mean, deviation = data.train_moments("target")

    def unit(values: np.ndarray) -> np.ndarray:
        values = (values.reshape(len(values), -1) - mean) / deviation
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)

    heard = whole.heard.drop_duplicates("row").set_index("row").loc[row]
    return SegmentScores(
        split=split,
        modality="fmri",
        similarity=unit(decoded.feature.numpy()) @ unit(data.targets(clip)).T,
        target=target,
        windows=pd.DataFrame(
            {
                "subject": table.subject.to_numpy().astype(str),
                "recording": heard.recording.to_numpy().astype(str),
                "start_s": heard.time_s.to_numpy(float),
            }
        ),
        candidates=table.iloc[first].rename(columns={"audio": "sound"})[["sound", "stimulus", "start_s", "duration_s"]],
        trained=trained_stretches(data),
    )
