"""Forced alignment with a speech recogniser that was trained with CTC: a model of the language, from Hugging Face or a folder."""

import unicodedata
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.alignment.aligner import SFREQ, Aligner
from n2s.errors import UserError
from n2s.models.pretrained import frozen, full_float32, load_pretrained

_WINDOW_S, _CONTEXT_S = 30.0, 5.0  # heard at once, and of it at either end left to the neighbours
_LARGEST = 4e9  # frames times characters: the bytes of the path's memory


class CTCAligner(Aligner):
    """Any wav2vec 2.0, HuBERT or WavLM with a CTC head over characters (``AutoModelForCTC``).

    Parameters
    ----------
    model
        Hugging Face id or local folder, with its tokenizer and feature extractor: for Dutch
        ``jonatasgrosman/wav2vec2-large-xlsr-53-dutch``.
    device
        Where to compute; by default on a GPU if there is one.
    """

    doubtful_behind = 3.0

    def __init__(self, model: str, *, device: str | None = None):
        from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

        self.model = model
        tokenizer = load_pretrained(AutoTokenizer, model)
        self._vocabulary, self._blank = tokenizer.get_vocab(), tokenizer.pad_token_id
        self._between = self._vocabulary.get(getattr(tokenizer, "word_delimiter_token", None) or "|")
        self._extractor = load_pretrained(AutoFeatureExtractor, model)
        if self._extractor.sampling_rate != SFREQ:
            raise UserError(
                f"'{model}' hears audio at {self._extractor.sampling_rate} Hz; expected a model of {SFREQ} Hz."
            )
        self._network = frozen(load_pretrained(AutoModelForCTC, model), device)

    @property
    def name(self) -> str:
        """See `Aligner`."""
        return f"CTC {self.model}"

    def align(self, audio: np.ndarray, words: list[str]) -> pd.DataFrame | None:
        """See `Aligner`."""
        spelled = [self._spelled(word) for word in words]
        lacking = sorted({word for word, ids in zip(words, spelled, strict=True) if not ids})
        if lacking:
            raise UserError(
                f"'{self.model}' has no character of '{', '.join(lacking[:5])}'. Write it with the letters of the language."
            )
        log_probs = self._log_probs(audio)
        found = place(log_probs, spelled, blank=self._blank, between=self._between)
        if found is None:
            return None
        stride, first = self._stride_s
        onset = first + found.start.to_numpy() * stride
        return pd.DataFrame(
            {"text": words, "onset": onset, "duration": (found.stop - found.start) * stride, "score": found.score}
        )

    @cached_property
    def _stride_s(self) -> tuple[float, float]:
        """Time from one frame to the next, and the start of the first frame's own part, s."""
        stride, field = 1, 1
        for kernel, step in zip(self._network.config.conv_kernel, self._network.config.conv_stride, strict=True):
            field += (kernel - 1) * stride
            stride *= step
        return stride / SFREQ, (field - stride) / 2 / SFREQ

    def _spelled(self, word: str) -> list[int]:
        """The ids of a word's characters that the model knows, in the case and with the accents that it knows."""
        ids = []
        for character in word:
            plain = unicodedata.normalize("NFD", character)[0]
            forms = (form for one in (character, plain) for form in (one, one.lower(), one.upper()))
            known = next((self._vocabulary[form] for form in forms if form in self._vocabulary), None)
            ids += [] if known in (None, self._blank, self._between) else [known]
        return ids

    @torch.inference_mode()
    def _log_probs(self, audio: np.ndarray) -> Tensor:
        """(n,) -> (l, k), in overlapping windows: memory is needed for one."""
        values = self._extractor(audio, sampling_rate=SFREQ, return_tensors="pt").input_values[0]
        stride = round(self._stride_s[0] * SFREQ)
        field = stride + round(2 * self._stride_s[1] * SFREQ)
        n_frames = max(0, (len(values) - field) // stride + 1)
        window, context = int(_WINDOW_S * SFREQ / stride), int(_CONTEXT_S * SFREQ / stride)
        kept = window if n_frames <= window else window - 2 * context
        pieces = []
        with full_float32():
            for first in range(0, n_frames, kept):
                last = min(first + kept, n_frames)
                before, after = max(0, first - context), min(n_frames, last + context)
                heard = values[before * stride : (after - 1) * stride + field].to(self._network.device)
                logits = self._network(heard[None]).logits[0, first - before : last - before]
                pieces.append(torch.log_softmax(logits, -1).cpu())
        return torch.cat(pieces) if pieces else torch.zeros(0, len(self._vocabulary))


def place(log_probs: Tensor, words: list[list[int]], *, blank: int, between: int | None) -> pd.DataFrame | None:
    """The most likely frames of each word.

    Parameters
    ----------
    log_probs
        (l, k) Log-probabilities of the characters.
    words
        The characters of each word, none of them ``blank``.
    blank, between
        The blank character, and the character between two words (None: the model has none).

    Returns
    -------
    DataFrame or None
        ``start``, ``stop`` (frames) and ``score`` of each word: the mean over its frames of the path's log-probability
        minus the log-probability of the best character. None if the sound has too few frames.

    Raises
    ------
    UserError
        The sound is too long for the memory.
    """
    import torchaudio

    target, owner = [], []
    for number, ids in enumerate(words):
        if number and between is not None:
            target.append(between)
            owner.append(-1)
        target += ids
        owner += [number] * len(ids)
    repeated = sum(a == b for a, b in zip(target, target[1:], strict=False))
    if len(log_probs) < len(target) + repeated:
        return None
    if len(log_probs) * (2 * len(target) + 1) > _LARGEST:
        raise UserError(
            f"the sound has {len(log_probs)} frames and {len(target)} characters: too long to align at once. Cut it, or "
            "align it with the Montreal Forced Aligner."
        )
    path, scores = torchaudio.functional.forced_align(log_probs[None], torch.tensor([target]), blank=blank)
    spans = torchaudio.functional.merge_tokens(path[0], scores[0], blank=blank)
    behind = (scores[0] - log_probs.max(dim=1).values).numpy()
    rows = []
    for number in range(len(words)):
        own = [span for span, word in zip(spans, owner, strict=True) if word == number]
        start, stop = own[0].start, own[-1].end
        rows.append((start, stop, float(behind[start:stop].mean())))
    return pd.DataFrame(rows, columns=["start", "stop", "score"])
