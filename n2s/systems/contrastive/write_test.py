"""After a test: the scores with their controls, on disk, on the console, in W&B, and as a page."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from n2s.data.meg import MEGDataModule
from n2s.data.positions import sensor_kinds
from n2s.errors import UserError
from n2s.models.brain_encoder import BrainEncoder
from n2s.models.timing import TimingBaseline
from n2s.paths import written_whole
from n2s.report.html import write_report
from n2s.report.run_folder import shown
from n2s.report.wandb_old import log_shown
from n2s.systems.contrastive.context import NO_CEILING, over_listeners, with_sentences
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.contrastive.summary import correct, summarize
from n2s.systems.contrastive.table import print_table
from n2s.systems.contrastive.task import Contrastive

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
        if not isinstance(module, Contrastive) or not trainer.is_global_zero:
            return
        data, console, summaries = trainer.datamodule, Console(), {}
        _save_attention(self.folder / "test" / "attention.npz", data, module)
        for study in data.windows["test"].by_study():
            single = retrieval_result(data, module, study)
            sources = {scaler.source for key, scaler in data.scalers.items() if key.split("/")[0] == study}
            gaps = [str(lost) for lost in data.lost if lost.study == study]
            told = {"scaled_by": sorted(sources), "gaps": gaps, "sounds": data.notes}
            for name, result in _sets("test" if len(data.studies) == 1 else study, single, module):
                result.save(self.folder / "test" / name)
                summaries[name] = summarize(result, seed=self.seed) | told
        correct(summaries)
        for name, summary in summaries.items():
            if name != "test":
                console.print(f"[bold]{name}")
            print_table(summary, console)
        with written_whole(self.folder / "metrics.json") as path:
            path.write_text(json.dumps(summaries, indent=1))
        console.print(f"report: {write_report(self.folder)}", soft_wrap=True)
        log_shown(trainer.loggers, self.folder, lambda: shown(self.folder))


def _sets(name: str, single: RetrievalResult, module: Contrastive) -> Iterator[tuple[str, RetrievalResult]]:
    """What is reported: single windows, then what was asked for beside them."""
    yield name, single
    if module.sentence_context:
        spoken = single.windows.sequence.to_numpy()
        if (spoken == -1).all():
            raise UserError("model.sentence_context: the test stories have no sentences. Give their words a sequence.")
        sentence = np.full(len(single.candidates), -1)
        sentence[single.target] = spoken
        recording = np.unique(single.windows.recording, return_inverse=True)[1]
        group = np.where(spoken == -1, -1, recording * (spoken.max() + 1) + spoken)
        yield f"{name}, sentence context", with_sentences(single, group, sentence)
    if module.average_listeners:
        yield f"{name}, listeners averaged", over_listeners(single)


def retrieval_result(data: MEGDataModule, module: Contrastive, study: str) -> RetrievalResult:
    """A study's scores of a finished test, among its own segments, beside the no-brain baseline's and the ideal observer's."""
    windows = data.windows["test"]
    window, scores = module.tested
    rows, segments = windows.by_study()[study]
    seen = np.isin(window.numpy(), rows)
    table = data.window_table("test").iloc[window.numpy()[seen]].reset_index(drop=True)
    candidates = data.candidate_table("test", study)
    target = np.searchsorted(segments, table.segment.to_numpy())
    sets, own = _heard(table.subject.to_numpy(), target)
    ideal = _ideal(data, study, table, candidates)
    context = module.context is not None  # it sees more brain than the ideal observer
    return RetrievalResult(
        scores=scores.numpy()[seen][:, segments],
        target=target,
        subject=table.subject.to_numpy(),
        windows=table,
        candidates=candidates,
        no_brain=_no_brain(data, module, segments)[target],
        ideal=None if context else ideal,
        no_ceiling=NO_CEILING if context and ideal is not None else "",
        candidate_sets=sets,
        candidate_set=own,
        subject_only=None if sets is None else _subject_only(data, module, segments, table.subject.to_numpy()),
    )


def _heard(subject: np.ndarray, target: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(s, k) which candidates each subject heard, and (n,) its number; None where everybody heard all."""
    names, number = np.unique(subject, return_inverse=True)
    heard = np.zeros((len(names), int(target.max()) + 1), bool)
    heard[number, target] = True
    return (None, None) if heard.all() else (heard, number)


@torch.inference_mode()
def _no_brain(data: MEGDataModule, module: Contrastive, segments: np.ndarray) -> np.ndarray:
    """(k, k) scores of each of some test segments with each, as a function of its timing."""
    n_train = len(data.windows["train"].first)
    chosen = np.unique(np.linspace(0, n_train - 1, min(n_train, N_TIMING)).astype(int))
    known = module.encode_target(data.segment_targets("train", chosen).to(module.device)).cpu()
    baseline = TimingBaseline().fit(data.segment_timing("train", chosen), known)
    estimate = baseline.predict(data.segment_timing("test", segments))
    candidates = module.encode_target(data.segment_targets("test", segments).to(module.device))
    return module.loss.scores(estimate.to(module.device), candidates).float().cpu().numpy()


@torch.inference_mode()
def _subject_only(data: MEGDataModule, module: Contrastive, segments: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """(n, k) scores of the mean of what each window's subject heard in training, whatever the brain."""
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


def _ideal(data: MEGDataModule, study: str, windows: pd.DataFrame, candidates: pd.DataFrame) -> np.ndarray | None:
    """(n, k) scores of the ideal observer on the same windows, where the study knows one."""
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


def _save_attention(path: Path, data: MEGDataModule, module: Contrastive) -> None:
    """The spatial attention over the sensors of the first test recording."""
    if not isinstance(module.encoder, BrainEncoder) or module.encoder.attention is None:
        return
    meta = data.recordings[data.window_table("test").recording.iloc[0]].meta
    positions = torch.tensor(meta["positions"], device=module.device)
    mask = torch.tensor(meta["good"], device=module.device)
    kind = torch.tensor(sensor_kinds(meta["ch_names"]), device=module.device)
    weights = module.encoder.eval().attention.weights(positions[None], mask[None], kind[None])[0].detach().cpu().numpy()
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, weights=weights, positions=np.array(meta["positions"]), ch_names=np.array(meta["ch_names"]))
