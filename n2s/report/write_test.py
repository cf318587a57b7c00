"""After a test: the scores with their controls, on disk, on the console, in W&B, and as a page."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from n2s.data.meg import MEGDataModule
from n2s.metrics.result import RetrievalResult
from n2s.metrics.summary import print_table, summarize
from n2s.models.brain_encoder import BrainEncoder
from n2s.models.timing import TimingBaseline
from n2s.paths import written_whole
from n2s.report.html import write_report
from n2s.report.wandb import log_test
from n2s.tasks.meg_contrastive import MEGContrastive

N_TIMING = 2000  # training segments that the no-brain baseline is fitted on


class WriteTest(Callback):
    """Write ``metrics.json``, ``test/`` and ``report.html`` into the run folder at the end of a test.

    Parameters
    ----------
    folder
        The run folder.
    seed
        Of the shuffled-brain control.
    """

    def __init__(self, folder: Path, seed: int = 0):
        self.folder, self.seed = Path(folder), seed

    def on_test_end(self, trainer: Trainer, module: LightningModule) -> None:
        """See Lightning."""
        if not isinstance(module, MEGContrastive) or not trainer.is_global_zero:
            return
        result = retrieval_result(trainer.datamodule, module)
        result.save(self.folder / "test" / "test")
        _save_attention(self.folder / "test" / "attention.npz", trainer.datamodule, module)
        summary = summarize(result, seed=self.seed)
        summary["scaled_by"] = sorted({scaler.source for scaler in trainer.datamodule.scalers.values()})
        with written_whole(self.folder / "metrics.json") as path:
            path.write_text(json.dumps({"test": summary}, indent=1))
        console = Console()
        print_table(summary, console)
        console.print(f"report: {write_report(self.folder)}", soft_wrap=True)
        for logger in trainer.loggers:
            log_test(logger, self.folder)


def retrieval_result(data: MEGDataModule, module: MEGContrastive) -> RetrievalResult:
    """The scores of a finished test, beside those of the no-brain baseline and of the ideal observer."""
    window, scores = module.tested
    table = data.window_table("test").iloc[window.numpy()].reset_index(drop=True)
    candidates = data.candidate_table("test")
    return RetrievalResult(
        scores=scores.numpy(),
        target=table.segment.to_numpy(),
        subject=table.subject.to_numpy(),
        windows=table,
        candidates=candidates,
        no_brain=_no_brain(data, module)[table.segment.to_numpy()],
        ideal=_ideal(data, table, candidates),
    )


@torch.inference_mode()
def _no_brain(data: MEGDataModule, module: MEGContrastive) -> np.ndarray:
    """(k, k) scores of each test segment with each, as a function of its timing."""
    n_train = len(data.windows["train"].segments)
    chosen = np.unique(np.linspace(0, n_train - 1, min(n_train, N_TIMING)).astype(int))
    known = module.encode_target(data.segment_targets("train", chosen).to(module.device)).cpu()
    baseline = TimingBaseline().fit(data.segment_timing("train", chosen), known)
    estimate = baseline.predict(data.segment_timing("test"))
    candidates = module.encode_target(data.segment_targets("test").to(module.device))
    return module.loss.scores(estimate.to(module.device), candidates).float().cpu().numpy()


def _ideal(data: MEGDataModule, windows: pd.DataFrame, candidates: pd.DataFrame) -> np.ndarray | None:
    """(n, k) scores of the ideal observer on the same windows, where each study knows one."""
    scores = np.zeros((len(windows), len(candidates)), np.float32)
    for key, rows in windows.groupby("recording"):
        study = key.split("/")[0]
        found = data.studies[study].ideal_scores(
            data.recordings[key].recording,
            rows.start_s.to_numpy(),
            [
                (stimulus.removeprefix(f"{study}/"), start_s)
                for stimulus, start_s in zip(candidates.stimulus, candidates.start_s, strict=True)
            ],
            offset_s=data.shape.offset_s,
            duration_s=data.shape.duration_s,
        )
        if found is None:
            return None
        scores[rows.index] = found
    return scores


def _save_attention(path: Path, data: MEGDataModule, module: MEGContrastive) -> None:
    """The spatial attention over the sensors of the first test recording."""
    if not isinstance(module.encoder, BrainEncoder) or module.encoder.attention is None:
        return
    meta = data.recordings[data.window_table("test").recording.iloc[0]].meta
    positions = torch.tensor(meta["positions"], device=module.device)
    mask = torch.tensor(meta["good"], device=module.device)
    weights = module.encoder.eval().attention.weights(positions[None], mask[None])[0].detach().cpu().numpy()
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, weights=weights, positions=np.array(meta["positions"]), ch_names=np.array(meta["ch_names"]))
