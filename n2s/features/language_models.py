"""Language models from Hugging Face: tokens in, the states of layers out."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.pretrained import frozen, full_float32, load_pretrained, model_identity
from n2s.models.seeded import seeded

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


class LanguageModel:
    """A causal model (GPT-2, Llama, Qwen, ..), an encoder (BERT, XLM-R, ..), or the encoder of both (T5).

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    seed
        Seed of random weights; None: the trained ones.
    half
        Compute in float16.
    device
        Where; None: on a GPU if there is one.
    """

    def __init__(self, model: str, *, seed: int | None = None, half: bool = False, device: str | None = None) -> None:
        self.model, self.seed, self.half, self.device = model, seed, half, device

    @property
    def n_states(self) -> int:
        """Hidden states: the embedding, and the output of each layer."""
        return self._config.num_hidden_layers + 1

    @property
    def width(self) -> int:
        """F."""
        return self._config.hidden_size

    @property
    def longest(self) -> int:
        """Tokens that it takes at once."""
        positions = getattr(self._config, "max_position_embeddings", None)
        # RoBERTa counts positions from the number of its padding token on.
        offset = self._config.pad_token_id + 1 if "roberta" in self._config.model_type else 0
        return min(self.tokenizer.model_max_length, 10**9 if not positions or positions < 0 else positions - offset)

    def settings(self) -> dict:
        """The network, a local folder by the hash of its files."""
        return {"model": model_identity(self.model), "seed": self.seed, "half": self.half}

    def release(self) -> None:
        """Drop the network."""
        self.__dict__.pop("_network", None)

    def edges(self, bos: bool) -> tuple[list[int], list[int]]:
        """The special tokens before and after a text: BOS or CLS, and, of a model that hears both sides, SEP or EOS."""
        known = self.tokenizer
        first = known.bos_token_id if known.bos_token_id is not None else known.cls_token_id
        last = known.sep_token_id if known.sep_token_id is not None else known.eos_token_id
        return ([first] if bos and first is not None else []), ([] if self.causal or last is None else [last])

    @cached_property
    def causal(self) -> bool:
        """Whether states know nothing of later tokens: tried, since configs do not say so."""
        ids = torch.arange(8)[None] % self._config.vocab_size
        other = ids.clone()
        other[0, -1] = (other[0, -1] + self._config.vocab_size // 2) % self._config.vocab_size
        with torch.inference_mode():
            one, two = (self._hidden(row, torch.ones_like(row))[-1][0, :-1].float() for row in (ids, other))
        return bool((one - two).abs().max() <= 1e-3 * one.abs().max())

    def states(self, texts: Sequence[Sequence[int]], layers: Sequence[int]) -> Tensor:
        """Texts of tokens -> (layers, b, t, f) float32, on the CPU; t is the longest, what is behind a shorter one is meaningless.

        Raises
        ------
        UserError
            A layer has another width than the network.
        """
        longest = max(map(len, texts))
        padding = self.tokenizer.pad_token_id
        ids = torch.full((len(texts), longest), 0 if padding is None else padding)
        mask = torch.zeros_like(ids)
        for i, text in enumerate(texts):
            ids[i, : len(text)], mask[i, : len(text)] = torch.tensor(text), 1
        found = self._hidden(ids, mask)
        other = [layer for layer in layers if found[layer].shape[-1] != self.width]  # opt-350m projects its last state
        if other:
            raise UserError(
                f"'{self.model}': layer {other[0]} has {found[other[0]].shape[-1]} units, and the network is {self.width} wide. Choose other "
                "layers: layers: [0, 1, ..]."
            )
        return torch.stack([found[layer] for layer in layers]).float().cpu()

    def _hidden(self, ids: Tensor, mask: Tensor) -> Sequence[Tensor]:
        network = self._network
        with full_float32():
            return network(
                input_ids=ids.to(network.device), attention_mask=mask.to(network.device), output_hidden_states=True
            ).hidden_states

    @cached_property
    def _config(self) -> "PretrainedConfig":
        from transformers import AutoConfig

        config = load_pretrained(AutoConfig, self.model).get_text_config()
        if not all(hasattr(config, name) for name in ("hidden_size", "num_hidden_layers", "vocab_size")):
            raise UserError(
                f"'{self.model}' is a {config.model_type} model; expected a language model such as gpt2 or bert."
            )
        return config

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """The model's own."""
        from transformers import AutoTokenizer

        self._config  # noqa: B018 (another kind of model is named first)
        return load_pretrained(AutoTokenizer, self.model)

    @cached_property
    def _network(self) -> "PreTrainedModel":
        from transformers import AutoModel

        if self.seed is None:
            network = load_pretrained(AutoModel, self.model, may_lack=("pooler.",))
        else:
            with seeded(self.seed):
                network = AutoModel.from_config(self._config)
        if self._config.is_encoder_decoder:
            network = network.get_encoder()
        network = frozen(network, self.device)
        return network.half() if self.half else network


class TinyLanguageModel(LanguageModel):
    """GPT-2's parts, 64 wide, 3 layers, random weights, a token for each byte."""

    def __init__(self, *, seed: int, device: str | None = None) -> None:
        super().__init__("tiny-untrained", seed=seed, device=device)

    @cached_property
    def _config(self) -> "PretrainedConfig":
        from transformers import GPT2Config

        return GPT2Config(
            n_embd=64, n_layer=3, n_head=4, n_positions=512, vocab_size=257, bos_token_id=256, eos_token_id=256
        )

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """A byte-level one that merges nothing."""
        from tokenizers import Tokenizer, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
        cutter = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
        cutter.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return PreTrainedTokenizerFast(tokenizer_object=cutter, bos_token="<s>", pad_token="<s>")
