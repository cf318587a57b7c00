"""All layers of a language model at each word."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError, first_of
from n2s.features.feature import ImpulseFeature
from n2s.features.language_models import LanguageModel, TinyLanguageModel
from n2s.features.network_layers import NetworkLayers, checked_seeds
from n2s.features.one_layer import OneLayer
from n2s.features.progress import tracked
from n2s.features.rates import At, check_at, in_order, moments
from n2s.features.word_tokens import Window, WordTokens, windows, word_tokens
from n2s.findings import tell
from n2s.options import check_options
from n2s.studies.study import Impulses, Stimulus

if TYPE_CHECKING:
    import pandas as pd


class LanguageModelLayers(NetworkLayers):
    """The layers of a language model, ``layer0`` (the embedding) to the last, at each word: the state of its last sub-token.

    A word is read after the words before it in its stretch, never with words after it: a model that hears both sides (BERT) reads
    each word as the last of a text of its own. Nothing is read across a border of a split. A text begins with the model's first token
    (BOS or CLS), if it has one. Words that the tokeniser drops have no value, and are counted aloud.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    layers
        Which; None: all.
    context_words
        Read each word after so many words; None: after as many as fit (see `n2s.features.word_tokens.windows`).
    of
        ``last``: the state of a word's last sub-token; ``mean``: the mean over its sub-tokens.
    at
        Where in the word its value is put: ``middle``, ``onset`` or ``end``.
    between
        What stands between two words: a space, or nothing in Chinese and Japanese.
    bos
        Whether a text begins with the model's first token.
    max_tokens
        Tokens read at once, at most; fewer if the model takes fewer.
    batch_tokens
        Tokens of all texts read at once: it limits the memory.
    half
        Compute in float16.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> from n2s.features import LanguageModelLayers, example_stimulus
    >>> gpt2 = LanguageModelLayers("openai-community/gpt2", layers=[0, 9], context_words=5)
    >>> ninth = gpt2.members()["layer9"][0]  # doctest: +SKIP
    >>> ninth.extract(example_stimulus()).values.shape  # doctest: +SKIP
    (4, 768)
    """

    def __init__(
        self,
        model: str = "openai-community/gpt2",
        layers: list[int] | None = None,
        *,
        context_words: int | None = None,
        of: str = "last",
        at: At = "middle",
        between: str = " ",
        bos: bool = True,
        max_tokens: int = 1024,
        batch_tokens: int = 4096,
        half: bool = False,
        device: str | None = None,
    ) -> None:
        name = type(self).__name__
        check_options(f"{name}: ", low=0, whole=True, context_words=context_words)
        check_options(f"{name}: ", low=8, whole=True, max_tokens=max_tokens)
        check_options(f"{name}: ", low=1, whole=True, batch_tokens=batch_tokens)
        super().__init__(model, layers)
        if of not in ("last", "mean"):
            raise UserError(f"{name}: of='{of}'; expected last or mean: which sub-tokens of a word.")
        self.context_words, self.of, self.at = context_words, of, check_at(at, name)
        self.between, self.bos, self.max_tokens, self.batch_tokens = between, bos, max_tokens, batch_tokens
        self.half, self.device = half, device

    def passes(self) -> "list[_Pass]":
        """See `NetworkLayers`."""
        return [_Pass(model, self) for model in self._models()]

    def _models(self) -> list[LanguageModel]:
        return [LanguageModel(self.model, half=self.half, device=self.device)]


class UntrainedLanguageModelLayers(LanguageModelLayers):
    """The control: the same network with random weights, one for each seed. Only config and tokeniser of ``model`` are read.

    Parameters
    ----------
    model, layers, context_words, of, at, between, bos, max_tokens, batch_tokens, half, device
        As for `LanguageModelLayers`.
    seeds
        Seeds of the weights.

    Examples
    --------
    >>> from n2s.features import UntrainedLanguageModelLayers
    >>> control = UntrainedLanguageModelLayers("openai-community/gpt2", layers=[9], seeds=(0, 1, 2))
    >>> len(control.members()["layer9"])  # doctest: +SKIP
    3
    """

    def __init__(
        self,
        model: str = "openai-community/gpt2",
        layers: list[int] | None = None,
        *,
        seeds: tuple[int, ...] = (0,),
        context_words: int | None = None,
        of: str = "last",
        at: At = "middle",
        between: str = " ",
        bos: bool = True,
        max_tokens: int = 1024,
        batch_tokens: int = 4096,
        half: bool = False,
        device: str | None = None,
    ) -> None:
        super().__init__(
            model, layers, context_words=context_words, of=of, at=at, between=between, bos=bos, max_tokens=max_tokens,
            batch_tokens=batch_tokens, half=half, device=device,
        )  # fmt: skip
        self.seeds = checked_seeds(seeds, type(self).__name__)

    def _models(self) -> list[LanguageModel]:
        return [LanguageModel(self.model, seed=seed, half=self.half, device=self.device) for seed in self.seeds]


class TinyUntrainedLanguageLayers(UntrainedLanguageModelLayers):
    """A stand-in without a download: GPT-2's parts, 64 wide, 3 layers, random weights, a token for each byte.

    Parameters
    ----------
    layers, seeds, context_words, of, at, between, device
        As for `UntrainedLanguageModelLayers`.

    Examples
    --------
    >>> from n2s.features import TinyUntrainedLanguageLayers, example_stimulus
    >>> layers = TinyUntrainedLanguageLayers(device="cpu").members()
    >>> list(layers)
    ['layer0', 'layer1', 'layer2', 'layer3']
    >>> layers["layer2"][0].extract(example_stimulus()).values.shape
    (4, 64)
    """

    def __init__(
        self,
        layers: list[int] | None = None,
        *,
        seeds: tuple[int, ...] = (0,),
        context_words: int | None = 8,
        of: str = "last",
        at: At = "middle",
        between: str = " ",
        device: str | None = None,
    ) -> None:
        super().__init__(
            "tiny-untrained",
            layers,
            seeds=seeds,
            context_words=context_words,
            of=of,
            at=at,
            between=between,
            device=device,
        )

    def _models(self) -> list[LanguageModel]:
        return [TinyLanguageModel(seed=seed, device=self.device) for seed in self.seeds]


class _Pass:
    """One model over the words of one stretch: all chosen layers at once."""

    def __init__(self, model: LanguageModel, options: LanguageModelLayers) -> None:
        self.network, self.options = model, options
        self.layers = options.chosen(model.n_states, "the embedding")
        self.features = [_LanguageLayer(self, layer) for layer in self.layers]

    @cached_property
    def settings(self) -> dict:
        """What changes the numbers of any layer; once, since a folder of weights is read for it."""
        given = self.options
        names = ("context_words", "of", "at", "between", "bos", "max_tokens")
        return self.network.settings() | {name: getattr(given, name) for name in names}

    @torch.inference_mode()
    def run(self, rows: "pd.DataFrame", where: str) -> list[Impulses]:
        """The values of each layer at the words of a table, which are read in its order."""
        options, model = self.options, self.network
        tokens = word_tokens(model.tokenizer, list(rows.text), options.between)
        before, behind = model.edges(options.bos)
        room = min(options.max_tokens, model.longest) - len(before) - len(behind)
        jobs = windows(tokens, room, context_words=options.context_words, causal=model.causal)
        values = torch.zeros(len(self.layers), len(rows), model.width)
        for group in tracked(_batches(jobs, options.batch_tokens), f"{len(rows)} words", least=20):
            texts = [[*before, *tokens.ids[job.first : job.after].tolist(), *behind] for job in group]
            states = model.states(texts, self.layers)  # (layers, b, t, f)
            for i, job in enumerate(group):
                for word in job.words:
                    values[:, word] = self._of_word(states[:, i], tokens, job, word, len(before))
        said = np.unique([word for job in jobs for word in job.words]).astype(int)
        self._tell(rows, tokens, said, where)
        times_s = moments(rows, options.at)[said]
        return [in_order(layer.numpy(), times_s) for layer in values[:, said]]

    def _of_word(self, states: Tensor, tokens: WordTokens, job: Window, word: int, lead: int) -> Tensor:
        """(layers, t, f) of a window -> (layers, f)."""
        own = tokens.of(word)
        own = own[own >= job.first] - job.first + lead
        return states[:, own[-1]] if self.options.of == "last" else states[:, own].mean(1)

    def _tell(self, rows: "pd.DataFrame", tokens: WordTokens, said: np.ndarray, where: str) -> None:
        dropped = sorted(set(rows.text) - set(rows.text.iloc[said]))
        if len(said) < len(rows):
            text = f"{len(rows) - len(said)} words have no value: the tokeniser of '{self.options.model}' drops them ({first_of(dropped)})."
            tell("left out", where, text)
        unknown = self.network.tokenizer.unk_token_id
        if unknown is not None:
            strange = [word for word in said if (tokens.ids[tokens.of(word)] == unknown).all()]
            if strange:
                names = first_of(dict.fromkeys(rows.text.iloc[strange]))
                text = f"{len(strange)} words are unknown to the tokeniser of '{self.options.model}' ({names}): all have one token."
                tell("odd", where, text)


def _batches(jobs: list[Window], batch_tokens: int) -> list[list[Window]]:
    """Windows of like lengths together, so that little is padded; always at least one."""
    found: list[list[Window]] = []
    for job in sorted(jobs, key=lambda job: (job.after - job.first, job.first)):
        length = job.after - job.first
        if found and (len(found[-1]) + 1) * length <= batch_tokens:
            found[-1].append(job)
        else:
            found.append([job])
    return found


class _LanguageLayer(OneLayer, ImpulseFeature):
    """Of a language model."""

    def extract_together(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> list[Impulses]:
        """All chosen layers in one pass."""
        return self._pass.run(self.heard(stimulus, start_s, stop_s), f"stimulus '{stimulus.id}'")
