"""The test sets of a finished retrieval test: single windows of each study, and pooled ones beside them."""

import numpy as np

from n2s.data.meg import MEGDataModule
from n2s.errors import UserError
from n2s.systems.contrastive.baselines import ideal_observer, no_brain, spatial_attention, subject_only
from n2s.systems.contrastive.context import NO_CEILING, over_listeners, with_sentences
from n2s.systems.contrastive.encoding_model import encoding_model
from n2s.systems.contrastive.linear_decoder import linear_decoder
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.system import System


def tested_sets(data: MEGDataModule, module: System, seed: int) -> dict[str, RetrievalResult]:
    """The results of a finished test, by name: ``test``, or each study; then what was asked for beside single windows.

    Parameters
    ----------
    data
        The data of the test.
    module
        The model, with ``tested``.
    seed
        Seed for ties of controls.
    """
    found = {}
    for study in data.windows["test"].by_study():
        name, single = "test" if len(data.studies) == 1 else study, single_windows(data, module, study, seed)
        found[name] = single
        if module.sentence_context:
            found[f"{name}, sentence context"] = _sentences(single)
        if module.average_listeners:
            found[f"{name}, listeners averaged"] = over_listeners(single)
    return found


def single_windows(data: MEGDataModule, module: System, study: str, seed: int) -> RetrievalResult:
    """The scores of a study's windows among its own segments, beside the baselines and the ideal observer."""
    windows = data.windows["test"]
    window, scores = module.tested
    rows, segments = windows.by_study()[study]
    seen = np.isin(window.numpy(), rows)
    table = data.window_table("test").iloc[window.numpy()[seen]].reset_index(drop=True)
    candidates = data.candidate_table("test", study)
    target = np.searchsorted(segments, table.segment.to_numpy())
    sets, own = _heard(table.subject.to_numpy(), target)
    ideal = ideal_observer(data, study, table, candidates)
    compared = module.encoded_segments("test", segments)
    context = module.context is not None  # it sees more brain than the ideal observer
    return RetrievalResult(
        similarity=scores.numpy()[seen][:, segments],
        target=target,
        subject=table.subject.to_numpy(),
        windows=table,
        candidates=candidates,
        no_brain=no_brain(data, module, segments, compared)[target],
        ideal=None if context else ideal,
        encoding=encoding_model(data, window.numpy()[seen], segments) if module.encoding_model else None,
        linear=linear_decoder(data, window.numpy()[seen], segments) if module.linear_decoder else None,
        no_ceiling=NO_CEILING if context and ideal is not None else "",
        candidate_sets=sets,
        candidate_set=own,
        subject_only=None if sets is None else subject_only(data, module, compared, table.subject.to_numpy()),
        seed=seed,
        scaled_by=sorted({scaler.source for key, scaler in data.scalers.items() if key.split("/")[0] == study}),
        gaps=[str(lost) for lost in data.lost if lost.study == study],
        sounds=data.notes,
        **spatial_attention(data, module, table.recording.iloc[0]),
    )


def _sentences(single: RetrievalResult) -> RetrievalResult:
    spoken = single.windows.sequence.to_numpy()
    if (spoken == -1).all():
        raise UserError("model.sentence_context: the test stories have no sentences. Give their words a sequence.")
    sentence = np.full(len(single.candidates), -1)
    sentence[single.target] = spoken
    recording = np.unique(single.windows.recording, return_inverse=True)[1]
    group = np.where(spoken == -1, -1, recording * (spoken.max() + 1) + spoken)
    return with_sentences(single, group, sentence)


def _heard(subject: np.ndarray, target: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(s, k) which candidates each subject heard, and (n,) its number; None where everybody heard all."""
    names, number = np.unique(subject, return_inverse=True)
    heard = np.zeros((len(names), int(target.max()) + 1), bool)
    heard[number, target] = True
    return (None, None) if heard.all() else (heard, number)
