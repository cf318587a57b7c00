"""The words of a window as one vector: sentence embeddings of the words that begin in it."""

import hashlib
import json
import re
import unicodedata
from abc import abstractmethod
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.features.feature import ClipFeature
from n2s.features.sentence_dense import dense_identity, load_dense, out_features
from n2s.features.sentence_input import TextInput, text_input
from n2s.models.pretrained import frozen, full_float32, load_pretrained, model_identity
from n2s.options import check_options
from n2s.studies.study import Stimulus

if TYPE_CHECKING:
    from transformers import BatchEncoding, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_BATCH = 32  # texts embedded at once


class TextFeature(ClipFeature):
    """A vector for the words whose onset lies in a window; all zeros where there are none."""

    @abstractmethod
    def embed(self, texts: list[str]) -> np.ndarray:
        """(n,) texts, none empty and none twice -> (n, f) float32."""

    def fingerprint(self, stimulus: Stimulus) -> str:
        """Hash of the words and their onsets: the audio is not heard."""
        return hashlib.sha256(json.dumps(_words(stimulus)).encode()).hexdigest()

    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, f); a text that comes twice is embedded once."""
        words = _words(stimulus)
        if not words:
            raise UserError(
                f"stimulus '{stimulus.id}' has no words, and {type(self).__name__} embeds words. "
                "Give events of kind 'word' with their text, or choose a feature of the audio."
            )
        texts = texts_within(stimulus, starts_s, duration_s)
        spoken = sorted(set(texts) - {""}, key=lambda text: (len(text), text))
        vectors = {"": np.zeros(self.n_features, np.float32)}
        if spoken:
            vectors |= dict(zip(spoken, self.embed(spoken), strict=True))
        return np.stack([vectors[text] for text in texts]) if texts else np.zeros((0, self.n_features), np.float32)


def texts_within(stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> list[str]:
    """Give the words with ``start <= onset < start + duration_s``, joined by spaces, for each of (n,) starts."""
    words = _words(stimulus)
    onsets = np.array([onset for onset, _ in words])
    first = np.searchsorted(onsets, starts_s)
    last = np.searchsorted(onsets, np.asarray(starts_s) + duration_s)
    return [" ".join(text for _, text in words[a:b]) for a, b in zip(first, last, strict=True)]


def _words(stimulus: Stimulus) -> list[tuple[float, str]]:
    words = zip(stimulus.words.onset, stimulus.words.text, strict=True)
    return sorted((float(onset), str(text).strip()) for onset, text in words if str(text).strip())


class ReadTexts(NamedTuple):
    """A batch of texts as a network read them.

    Attributes
    ----------
    vectors
        (b, f) The texts, each of length 1.
    states
        (b, t, f) Their tokens.
    ids
        (b, t) Numbers of the tokens.
    own
        (b, t) Which tokens are the text's, not the network's marks or padding.
    """

    vectors: torch.Tensor
    states: torch.Tensor
    ids: torch.Tensor
    own: torch.Tensor


class SentenceEmbedding(TextFeature):
    """A text model's last hidden states, pooled over the tokens, with unit length (Reimers & Gurevych 2019).

    The files of sentence-transformers beside the weights are followed: pooling (mean, or the first token), a linear layer after it, the
    greatest length, lower case, and the default prompt if there is no ``prefix``. Without them it is the mean over the tokens.

    Parameters
    ----------
    model
        Hugging Face id or local folder. The default knows some fifty
        languages, Spanish and English among them; for Basque, take ``sentence-transformers/LaBSE`` (109 languages), or
        ``intfloat/multilingual-e5-base`` with ``prefix="query: "``.
    prefix
        Put before each text, where the model expects one.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> from n2s.features import SentenceEmbedding
    >>> SentenceEmbedding("sentence-transformers/LaBSE").embed(["see you", "nos vemos"]).shape  # doctest: +SKIP
    (2, 768)
    """

    def __init__(
        self,
        model: str = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        *,
        prefix: str = "",
        device: str | None = None,
    ) -> None:
        self.model, self._prefix, self.device = model, prefix, device

    @property
    def n_features(self) -> int:
        """f: the width of the model, from its config alone, or that of the linear layer after it."""
        dense = self._input.dense
        return out_features(self.model, dense) if dense else self._config.hidden_size

    @property
    def prefix(self) -> str:
        """What is put before each text: as given, or the model's own prompt."""
        return self._prefix or self._input.prompt

    def settings(self) -> dict:
        """The model (a local folder by the hash of its files), the prefix, and what the folder says about its texts."""
        found = {"model": self._identity, "prefix": self.prefix} | asdict(self._input)
        dense = found.pop("dense")
        return found | ({"dense": dense_identity(self.model, dense)} if dense else {})

    def release(self) -> None:
        """Drop the network."""
        for name in ("_network", "_dense"):
            self.__dict__.pop(name, None)

    def embed(self, texts: list[str]) -> np.ndarray:
        """(n,) texts -> (n, f), each of length 1."""
        parts = [texts[first : first + _BATCH] for first in range(0, len(texts), _BATCH)]
        return torch.cat([self.read(part).vectors.cpu() for part in parts]).numpy()

    @torch.inference_mode()
    def read(self, texts: list[str], *, layer: int | None = None) -> ReadTexts:
        """Read a batch of texts; ``layer`` is that of the tokens' states, 0 for the input, None for the last."""
        tokens = self._tokens(texts).to(self._network.device)
        with full_float32():
            found = self._network(**tokens, output_hidden_states=layer is not None)
        states = found.last_hidden_state
        mask = tokens["attention_mask"][..., None].to(states.dtype)
        first_token = states[torch.arange(len(states)), mask[..., 0].argmax(1)]
        pooled = first_token if self._input.pooling == "cls" else (states * mask).sum(1) / mask.sum(1)
        own = tokens["attention_mask"].bool() & ~torch.isin(tokens["input_ids"], self._marks.to(states.device))
        states = states if layer is None else found.hidden_states[layer]
        pooled = pooled if self._dense is None else self._dense(pooled)
        return ReadTexts(F.normalize(pooled, dim=-1), states, tokens["input_ids"], own)

    def token_ids(self, text: str) -> set[int]:
        """The numbers of a text's tokens, without the network's marks."""
        return set(self._tokens([text])["input_ids"][0].tolist()) - set(self._marks.tolist())

    @property
    def n_layers(self) -> int:
        """Layers of the network."""
        return int(self._config.num_hidden_layers)

    @property
    def n_states(self) -> int:
        """Length of a token's states: that of texts differs where a layer follows the pooling."""
        return int(self._config.hidden_size)

    @property
    def on_gpu(self) -> bool:
        """Whether the network is on a GPU."""
        return self._network.device.type == "cuda"

    @cached_property
    def _marks(self) -> torch.Tensor:
        """Numbers of tokens that are no part of a text: its beginning, its end, padding."""
        return torch.tensor(sorted(set(self._tokenizer.all_special_ids) - {self._tokenizer.unk_token_id}))

    def _tokens(self, texts: list[str]) -> "BatchEncoding":
        longest = min(self._tokenizer.model_max_length, self._config.max_position_embeddings - 2)  # 2: XLM-R's offset
        longest = min(longest, self._input.longest or longest)
        texts = [self.prefix + text for text in texts]
        texts = [text.strip().lower() for text in texts] if self._input.lower else texts
        return self._tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")

    @cached_property
    def _identity(self) -> str:
        return model_identity(self.model)

    @cached_property
    def _config(self) -> "PretrainedConfig":
        from transformers import AutoConfig

        config = load_pretrained(AutoConfig, self.model)
        if not (hasattr(config, "hidden_size") and hasattr(config, "max_position_embeddings")):
            raise UserError(f"'{self.model}' is a {config.model_type} model; expected a text encoder such as BERT.")
        return config

    @cached_property
    def _input(self) -> TextInput:
        self._config  # noqa: B018 (checked first)
        return text_input(self.model)

    @cached_property
    def _dense(self) -> nn.Module | None:
        return load_dense(self.model, self._input.dense, self._network.device) if self._input.dense else None

    @cached_property
    def _tokenizer(self) -> "PreTrainedTokenizerBase":
        from transformers import AutoTokenizer

        return load_pretrained(AutoTokenizer, self.model)

    @cached_property
    def _network(self) -> "PreTrainedModel":
        from transformers import AutoModel

        return frozen(load_pretrained(AutoModel, self.model, may_lack=("pooler.",)), self.device)


class HashedBagOfWords(TextFeature):
    """A stand-in without a download: each word has a fixed vector of random signs, a text has their normalised sum.

    It is not a language model: two texts are similar if they share words, whatever the meaning or the order of
    these. The signs are bits of SHAKE-256 of the word, the same on every machine.

    Parameters
    ----------
    n_features
        Length of a vector.

    Examples
    --------
    >>> from n2s.features import HashedBagOfWords
    >>> one, two, other = HashedBagOfWords(64).embed(["see you in Bilbao", "in Bilbao you see", "not at all"])
    >>> float(round(one @ two, 3)), bool(one @ other < 0.5)  # the order of words is lost
    (1.0, True)
    """

    def __init__(self, n_features: int = 64) -> None:
        check_options("HashedBagOfWords: ", low=1, whole=True, n_features=n_features)
        self._n_features = n_features

    @property
    def n_features(self) -> int:
        """f, as given."""
        return self._n_features

    def settings(self) -> dict:
        """The dimension."""
        return {"n_features": self._n_features}

    def embed(self, texts: list[str]) -> np.ndarray:
        """(n,) texts -> (n, f), each of length 1; zeros for a text of punctuation alone, or whose signs cancel."""
        sums = np.stack([sum(map(self._signs, _tokens(text)), np.zeros(self._n_features)) for text in texts])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def _signs(self, word: str) -> np.ndarray:
        digest = hashlib.shake_256(word.encode()).digest(-(-self._n_features // 8))
        return 2.0 * np.unpackbits(np.frombuffer(digest, np.uint8), count=self._n_features) - 1


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", unicodedata.normalize("NFC", text).casefold())
