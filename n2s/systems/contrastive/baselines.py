"""What a retrieval test is compared with: timing alone, the listener alone, the ideal observer; and where the model looks."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.meg import MEGDataModule
from n2s.data.places import placed_sensors
from n2s.data.positions import sensor_kinds
from n2s.models.brain_encoder import BrainEncoder
from n2s.models.timing import TimingBaseline
from n2s.systems.system import System

N_TIMING = 2000  # training segments that a baseline is fitted on, at most
CHUNK = 256  # segments through a target encoder at once


@torch.inference_mode()
def encoded(data: MEGDataModule, module: System, split: str, segments: np.ndarray) -> Iterator[Tensor]:
    """The encoded targets (n, f, t) of some segments of a split, a chunk at a time: a network's activations of all would fill a GPU."""
    for part in np.array_split(segments, max(1, -(-len(segments) // CHUNK))):
        yield module.encode_target(data.segment_targets(split, part).to(module.device))


@torch.inference_mode()
def no_brain(data: MEGDataModule, module: System, segments: np.ndarray, candidates: Tensor) -> np.ndarray:
    """(k, k) scores of each of k test segments with each of the encoded ``candidates (k, f, t)``, predicted from its timing alone."""
    chosen = _some(np.arange(len(data.windows["train"].first)))
    known = torch.cat([part.cpu() for part in encoded(data, module, "train", chosen)])
    baseline = TimingBaseline().fit(data.segment_timing("train", chosen), known)
    estimate = baseline.predict(data.segment_timing("test", segments))
    return module.loss.scores(estimate.to(module.device), candidates).float().cpu().numpy()


@torch.inference_mode()
def subject_only(data: MEGDataModule, module: System, candidates: Tensor, subject: np.ndarray) -> np.ndarray:
    """(n, k) scores of the mean target that each window's subject heard in training, whatever the brain.

    Every training segment is encoded once, however many subjects heard it.
    """
    train = data.windows["train"]
    listener, names = train.of_interval("subject"), np.unique(subject)
    chosen = []
    for name in names:
        heard = np.unique(train.segment[listener == name])
        chosen.append(_some(heard if len(heard) else np.unique(train.segment)))  # without training: what anybody heard
    every = np.unique(np.concatenate(chosen))
    weight = torch.from_numpy(np.stack([np.isin(every, own) / len(own) for own in chosen])).float()
    mean, first = 0.0, 0
    for part in encoded(data, module, "train", every):
        mean = mean + torch.einsum("sn, nft -> sft", weight[:, first : first + len(part)].to(part), part)
        first += len(part)
    scores = module.loss.scores(mean, candidates).float().cpu().numpy()
    return scores[np.searchsorted(names, subject)]


def _some(segments: np.ndarray) -> np.ndarray:
    """At most `N_TIMING` of them, evenly spread."""
    return segments[np.unique(np.linspace(0, len(segments) - 1, min(len(segments), N_TIMING)).astype(int))]


def ideal_observer(
    data: MEGDataModule, study: str, windows: pd.DataFrame, candidates: pd.DataFrame
) -> np.ndarray | None:
    """(n, k) scores of the ideal observer on the same windows; None where the study has none."""
    scores = np.zeros((len(windows), len(candidates)), np.float32)
    asked = [
        (stimulus.removeprefix(f"{study}/"), start_s)
        for stimulus, start_s in zip(candidates.stimulus, candidates.start_s, strict=True)
    ]
    for key, rows in windows.groupby("recording"):
        found = data.studies[study].ideal_scores(
            data.recordings[key].recording,
            rows.start_s.to_numpy(),
            asked,
            offset_s=data.shape.offset_s,
            duration_s=data.shape.duration_s,
        )
        if found is None:
            return None
        scores[rows.index] = found
    return scores


@torch.inference_mode()
def spatial_attention(data: MEGDataModule, module: System, recording: str) -> dict[str, np.ndarray]:
    """The spatial attention over the sensors of a recording, as fields of a result; empty where the encoder has none."""
    if not isinstance(module.encoder, BrainEncoder) or module.encoder.attention is None:
        return {}
    meta = data.recordings[recording].meta
    positions = torch.tensor(meta["positions"], device=module.device)
    mask = torch.from_numpy(placed_sensors(meta, data.recordings[recording].recording.name)).to(module.device)
    kind = torch.tensor(sensor_kinds(meta["ch_names"]), device=module.device)
    weights = module.encoder.eval().attention.weights(positions[None], mask[None], kind[None])[0].cpu().numpy()
    return {
        "attention": weights,
        "sensor_positions": np.array(meta["positions"]),
        "sensors": np.array(meta["ch_names"]),
    }
