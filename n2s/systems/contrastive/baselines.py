"""What a retrieval test is compared with: timing alone, the listener alone, the ideal observer; and where the model looks."""

import numpy as np
import pandas as pd
import torch

from n2s.data.meg import MEGDataModule
from n2s.data.positions import sensor_kinds
from n2s.models.brain_encoder import BrainEncoder
from n2s.models.timing import TimingBaseline
from n2s.systems.system import System

N_TIMING = 2000  # training segments that a baseline is fitted on, at most


@torch.inference_mode()
def no_brain(data: MEGDataModule, module: System, segments: np.ndarray) -> np.ndarray:
    """(k, k) scores of each of k test segments with each, predicted from its timing alone."""
    n_train = len(data.windows["train"].first)
    chosen = np.unique(np.linspace(0, n_train - 1, min(n_train, N_TIMING)).astype(int))
    known = module.encode_target(data.segment_targets("train", chosen).to(module.device)).cpu()
    baseline = TimingBaseline().fit(data.segment_timing("train", chosen), known)
    estimate = baseline.predict(data.segment_timing("test", segments))
    candidates = module.encode_target(data.segment_targets("test", segments).to(module.device))
    return module.loss.scores(estimate.to(module.device), candidates).float().cpu().numpy()


@torch.inference_mode()
def subject_only(data: MEGDataModule, module: System, segments: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """(n, k) scores of the mean target that each window's subject heard in training, whatever the brain."""
    train = data.windows["train"]
    listener = train.of_interval("subject")
    candidates = module.encode_target(data.segment_targets("test", segments).to(module.device))
    scores = np.empty((len(subject), len(segments)), np.float32)
    for name in np.unique(subject):
        heard = np.unique(train.segment[listener == name])
        heard = heard if len(heard) else np.unique(train.segment)  # without training: what anybody heard
        chosen = heard[np.unique(np.linspace(0, len(heard) - 1, min(len(heard), N_TIMING)).astype(int))]
        known = module.encode_target(data.segment_targets("train", chosen).to(module.device))
        scores[subject == name] = module.loss.scores(known.mean(0, keepdim=True), candidates).float().cpu().numpy()
    return scores


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
    mask = torch.tensor(meta["good"], device=module.device)
    kind = torch.tensor(sensor_kinds(meta["ch_names"]), device=module.device)
    weights = module.encoder.eval().attention.weights(positions[None], mask[None], kind[None])[0].cpu().numpy()
    return {
        "attention": weights,
        "sensor_positions": np.array(meta["positions"]),
        "sensors": np.array(meta["ch_names"]),
    }
