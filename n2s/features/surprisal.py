"""How unexpected each word is to a language model."""

from functools import cached_property

import numpy as np
import torch

from n2s.errors import UserError
from n2s.features.feature import ImpulseFeature
from n2s.features.language_models import LanguageModel
from n2s.features.progress import tracked
from n2s.features.rates import At, check_at, in_order, moments
from n2s.features.word_tokens import Window, WordTokens, windows, word_tokens
from n2s.findings import tell
from n2s.models.pretrained import frozen, full_float32, load_pretrained
from n2s.options import check_options
from n2s.studies.study import Impulses, Stimulus


class Surprisal(ImpulseFeature):
    """-log2 of the probability of each word after the words before it, bits, ``(n, 1)``: the sum over its sub-tokens.

    Nothing is read across a border of a split. A word without any context (the first, if the model has no token to begin with) has no
    value, nor has one that the tokeniser drops; both are counted aloud. Whatever is put at words carries their rate: give `WordRate`
    beside it.

    Parameters
    ----------
    model
        Hugging Face id or local folder of a causal language model.
    context_words
        Read each word after so many words; None: after as many as fit (see `n2s.features.word_tokens.windows`).
    at
        Where in the word its value is put: ``onset``, ``middle`` or ``end``.
    between
        What stands between two words: a space, or nothing in Chinese and Japanese.
    max_tokens
        Tokens read at once, at most; fewer if the model takes fewer.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> from n2s.features import Surprisal, example_stimulus
    >>> Surprisal("openai-community/gpt2").extract(example_stimulus()).values.shape  # doctest: +SKIP
    (4, 1)
    """

    contextual = True

    def __init__(
        self,
        model: str = "openai-community/gpt2",
        *,
        context_words: int | None = None,
        at: At = "onset",
        between: str = " ",
        max_tokens: int = 1024,
        device: str | None = None,
    ) -> None:
        check_options("Surprisal: ", low=0, whole=True, context_words=context_words)
        check_options("Surprisal: ", low=8, whole=True, max_tokens=max_tokens)
        self.at, self.context_words, self.between, self.max_tokens = (
            check_at(at, "Surprisal"),
            context_words,
            between,
            max_tokens,
        )
        self._model = _Predictor(model, device=device)

    @property
    def n_features(self) -> int:
        """f: 1."""
        return 1

    @cached_property
    def _settings(self) -> dict:
        names = ("context_words", "at", "between", "max_tokens")
        return self._model.settings() | {name: getattr(self, name) for name in names}

    def settings(self) -> dict:
        """The network, what it reads, and where values are put."""
        return self._settings

    def release(self) -> None:
        """Drop the network."""
        self._model.release()

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """(n, 1) bits at the words that have a value."""
        rows, model = self.heard(stimulus, start_s, stop_s), self._model
        if not model.causal:
            raise UserError(
                f"Surprisal: '{model.model}' reads what follows a word, too, and does not predict it. Give a causal model, such as "
                "openai-community/gpt2."
            )
        tokens = word_tokens(model.tokenizer, list(rows.text), self.between)
        before = model.edges(True)[0]
        room = min(self.max_tokens, model.longest) - len(before)
        bits = np.full(len(rows), np.nan)
        jobs = windows(tokens, room, context_words=self.context_words, causal=True)
        for job in tracked(jobs, f"surprisal of {len(rows)} words", least=20):
            self._read(tokens, job, before, bits)
        said = np.isfinite(bits)
        if not said.all():
            text = f"{int((~said).sum())} of {len(bits)} words have no surprisal: without context, or dropped by the tokeniser."
            tell("left out", f"stimulus '{stimulus.id}'", text)
        return in_order(bits[said, None].astype(np.float32), moments(rows[said], self.at))

    def _read(self, tokens: WordTokens, job: Window, before: list[int], bits: np.ndarray) -> None:
        """Put the words of a window into ``bits``."""
        lead = len(before)
        ids = torch.tensor([[*before, *tokens.ids[job.first : job.after].tolist()]])
        found = self._model.bits(ids)  # of each but the first
        for word in job.words:
            first, after = tokens.first(word) - job.first + lead, tokens.after(word) - job.first + lead
            if first >= 1 and tokens.first(word) >= job.first:
                bits[word] = float(found[first - 1 : after - 1].sum())


class _Predictor(LanguageModel):
    """A language model with its output layer."""

    def bits(self, ids: torch.Tensor) -> torch.Tensor:
        """(1, t) -> (t - 1,) float64: surprisal of each token after the first."""
        network = self._network
        ids = ids.to(network.device)
        with full_float32():
            logits = network(input_ids=ids).logits[0, :-1].double()
        chosen = logits.gather(1, ids[0, 1:, None])[:, 0]
        return ((logits.logsumexp(1) - chosen) / np.log(2)).cpu()

    @cached_property
    def _network(self) -> "torch.nn.Module":
        from transformers import AutoModelForCausalLM

        return frozen(load_pretrained(AutoModelForCausalLM, self.model), self.device)
