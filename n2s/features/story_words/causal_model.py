"""A causal language model for what it says of the next token, and of whole words."""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.language_models import LanguageModel
from n2s.features.word_tokens import word_tokens
from n2s.models.pretrained import file_identity, frozen, full_float32, load_pretrained

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_SHOWN = "the"  # a word before another: how a tokeniser cuts a word may depend on whether it is the first


class CausalModel(LanguageModel):
    """With its output layer, its tokeniser's view of words, and its cache of keys and values.

    Parameters
    ----------
    model, half, device
        As for `LanguageModel`.
    gguf_file
        See `n2s.models.pretrained.load_pretrained`.
    between
        What stands between two words.
    """

    def __init__(
        self, model: str, *, gguf_file: str | None, between: str = " ", half: bool = False, device: str | None = None
    ) -> None:
        super().__init__(model, half=half, device=device)
        self.gguf_file, self.between = gguf_file, between
        self._cut: dict[tuple[str, bool], tuple[list[int], int]] = {}

    def settings(self) -> dict:
        """The network and its file."""
        path = Path(self.model).expanduser() / (self.gguf_file or "")
        known = super().settings() | {"between": self.between}
        return known | ({"gguf_file": file_identity(path)} if self.gguf_file else {})

    def check(self) -> None:
        """Whether the next word can be asked for.

        Raises
        ------
        UserError
            It knows later words, has no weights, or its tokeniser does not say where its tokens lie.
        """
        if not getattr(self.tokenizer, "is_fast", False):
            raise UserError(
                f"'{self.model}': its tokeniser does not say where its tokens lie in a text, so sub-tokens cannot be put together to words. "
                "Give a model with a fast tokeniser (tokenizer.json)."
            )
        if not self.causal:
            raise UserError(
                f"'{self.model}' reads what follows a word, too, and does not predict it. Give a causal model, such as "
                "openai-community/gpt2."
            )

    def pieces(self, word: str, first: bool) -> tuple[list[int], int]:
        """The sub-tokens of a word, as the first of a text or behind another; and which of them is the last with letters."""
        key = (word, first)
        if key not in self._cut:
            cut = word_tokens(self.tokenizer, [word] if first else [_SHOWN, word], self.between)
            at = 0 if first else 1
            start, own = cut.first(at), cut.of(at)
            self._cut[key] = (cut.ids[start : cut.after(at)].tolist(), int(own[-1]) - start if len(own) else -1)
        return self._cut[key]

    def text(
        self, words: Sequence[str], *, first: bool = True, edge: Sequence[int] | None = None
    ) -> tuple[list[int], int]:
        """The tokens of words behind ``edge`` (None: BOS or CLS, if there is one), and the place of the last one with letters (-1: none)."""
        tokens, last = [*(self.edges(True)[0] if edge is None else edge)], -1
        for i, word in enumerate(words):
            found, end = self.pieces(word, first and i == 0)
            last = len(tokens) + end if end >= 0 else -1
            tokens += found
        return tokens, last

    @torch.inference_mode()
    def after(self, texts: Tensor, cache: Any = None, rows: Tensor | None = None) -> tuple[Tensor, Any]:
        """(b, t) tokens -> (b, v) log-probabilities of the next token, and the keys and values of the texts.

        With ``cache`` (of other texts) the tokens follow its texts ``rows``.
        """
        network = self._network
        options = {"logits_to_keep": 1} if "logits_to_keep" in signature(network.forward).parameters else {}
        if cache is not None:
            cache = _branch(cache)
            cache.batch_select_indices(rows.to(network.device))
        with full_float32():
            found = network(input_ids=texts.to(network.device), past_key_values=cache, use_cache=True, **options)
        return found.logits[:, -1].float().log_softmax(-1).cpu(), getattr(found, "past_key_values", None)

    @torch.inference_mode()
    def all_after(self, texts: Tensor) -> Tensor:
        """(b, t) tokens -> (b, t, v) log-probabilities of the token behind each."""
        network = self._network
        with full_float32():
            logits = network(input_ids=texts.to(network.device), use_cache=False).logits
        return logits.float().log_softmax(-1).cpu()

    def ended(self, after: Tensor) -> Tensor:
        """(b, v) log-probabilities of the next token -> (b,) that the word before it has ended."""
        if not self.between:  # where nothing stands between words, no token says so
            return torch.zeros(len(after))
        return after[:, self.ends].logsumexp(1)

    @cached_property
    def start(self) -> list[int]:
        """What a text begins with: BOS, or CLS, or what ends another; [] if the model has none."""
        last = self.tokenizer.eos_token_id
        return self.edges(True)[0] or ([] if last is None else [last])

    @cached_property
    def ends(self) -> Tensor:
        """(v,) Whether the word before a token has ended: the token begins another, is punctuation, or ends the text."""
        tokenizer = self.tokenizer
        anchor = self.pieces(_SHOWN, True)[0] or [0]
        size = self._network.get_output_embeddings().weight.shape[0]
        inner = tokenizer.backend_tokenizer
        known = min(size, len(tokenizer))
        alone = inner.decode(anchor, skip_special_tokens=False)
        both = inner.decode_batch([[*anchor, token] for token in range(known)], skip_special_tokens=False)
        found = torch.ones(size, dtype=torch.bool)
        special = set(tokenizer.all_special_ids)
        for token, text in enumerate(both):
            rest = text[len(alone) :]
            # U+FFFD: a part of a letter. An apostrophe or hyphen may go on.
            if token not in special and rest and (rest[0].isalnum() or rest[0] in "'’-\ufffd" or _is_mark(rest[0])):
                found[token] = False
        return found

    def states(self, texts: Sequence[Sequence[int]], layers: Sequence[int]) -> Tensor:
        """See `LanguageModel`; layers above the highest that is asked for are not computed."""
        with self._without_layers_from(max(layers) + 1):
            return super().states(texts, layers)

    @contextmanager
    def _without_layers_from(self, n: int) -> Iterator[None]:
        every = self._config.num_hidden_layers
        base = self._network.base_model
        found = [
            (owner, name, part)
            for owner in base.modules()
            for name, part in owner.named_children()
            if isinstance(part, torch.nn.ModuleList) and len(part) == every
        ]
        if len(found) != 1 or n >= every:  # not known where they are: all are computed
            yield
            return
        ((owner, name, part),) = found
        try:
            setattr(owner, name, part[:n])
            yield
        finally:
            setattr(owner, name, part)

    def _hidden(self, ids: Tensor, mask: Tensor) -> Sequence[Tensor]:
        network = self._network
        with full_float32():
            return network.base_model(
                input_ids=ids.to(network.device), attention_mask=mask.to(network.device), output_hidden_states=True
            ).hidden_states

    @cached_property
    def _config(self) -> "PretrainedConfig":
        if not self.gguf_file:
            return LanguageModel._config.func(self)
        from transformers import AutoConfig

        return load_pretrained(AutoConfig, self.model, gguf_file=self.gguf_file).get_text_config()

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """The model's own."""
        if not self.gguf_file:
            return LanguageModel.tokenizer.func(self)
        from transformers import AutoTokenizer

        return load_pretrained(AutoTokenizer, self.model, gguf_file=self.gguf_file)

    @cached_property
    def _network(self) -> "PreTrainedModel":
        from transformers import AutoModelForCausalLM

        network = load_pretrained(AutoModelForCausalLM, self.model, gguf_file=self.gguf_file)
        # The weights of a GGUF are plain numbers once loaded, yet transformers still refuses to cast them.
        network.is_quantized = False
        network = frozen(network, self.device)
        return network.half() if self.half else network


def _branch(cache: Any) -> Any:
    """A copy, of which rows can be taken and tokens be added; the tensors of the usual kind are never written to."""
    if not all(type(layer).__name__ == "DynamicLayer" for layer in getattr(cache, "layers", [None])):
        return deepcopy(cache)
    found = copy(cache)
    found.layers = [copy(layer) for layer in cache.layers]
    return found


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "M"
