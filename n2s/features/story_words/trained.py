"""A small language model that learns from the training transcripts and nothing else."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.story_words.port import Context, StoryLanguageModel
from n2s.features.story_words.spelling import plain_stories
from n2s.features.story_words.word_pairs import WordPairs, neighbour_vectors
from n2s.features.story_words.word_transformer import UNKNOWN, WordTransformer, padded, train
from n2s.findings import tell
from n2s.models.heads import check_heads
from n2s.models.seeded import seeded
from n2s.options import check_options

FEWEST = 20  # words of all stories
_MANY = 5  # stories, of which whole ones are held out


class TrainedStoryWords(StoryLanguageModel):
    """A causal transformer of whole words, mixed with counts of word pairs, trained on the training transcripts: no download.

    The embeddings begin as vectors of which words stand near each other. A tenth of the text (whole stories, of five or more) is first
    held out: it tells after how many epochs to stop, and how much weight the counts have. Then the network is trained anew on all
    stories for as many epochs. It takes seconds for 3,000 words, and less than a minute for 30,000.

    Parameters
    ----------
    width, layers, heads
        Of the transformer.
    layer
        The features of a word in its context are the state after so many layers; 0: the embedding and the place alone.
    vector_width
        Before them stand so many features of the word itself, whatever its context: a vector of which words stand near it; 0: none.
    context_words
        Words before a word that its features see.
    reach
        Words of a context that it reads at most to predict the next.
    min_count
        Words that come less often in the training stories are read as unknown, and are not decoded.
    epochs
        Over the stories, at most.
    dropout
        While it learns.

    Examples
    --------
    >>> from n2s.features import TrainedStoryWords
    >>> model = TrainedStoryWords(width=8, layers=1, heads=2, vector_width=4, min_count=1, epochs=1)
    >>> model.learn([["the", "dog", "sat", "on", "the", "mat"] * 10], language="en", seed=0)
    >>> model.vocabulary
    ('dog', 'mat', 'on', 'sat', 'the')
    >>> model.next_words([("the", "dog")]).shape  # log-probabilities of what may follow
    torch.Size([1, 5])
    """

    def __init__(
        self,
        *,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        layer: int = 1,
        vector_width: int = 256,
        context_words: int = 5,
        reach: int = 24,
        min_count: int = 2,
        epochs: int = 30,
        dropout: float = 0.2,
    ) -> None:
        name = type(self).__name__
        check_heads(f"{name}: ", width, heads, "width", "heads")
        check_options(
            f"{name}: ", low=0, whole=True, layer=layer, vector_width=vector_width, context_words=context_words
        )
        check_options(f"{name}: ", low=1, whole=True, layers=layers, reach=reach, min_count=min_count, epochs=epochs)
        check_options(f"{name}: ", low=0, below=1, dropout=dropout)
        name = type(self).__name__
        if not 0 <= layer <= layers:
            raise UserError(f"{name}: layer={layer}; expected 0 (the embedding) to layers={layers}.")
        if context_words < 0 or reach < context_words + 1:
            raise UserError(
                f"{name}: context_words={context_words}, reach={reach}; expected at least 0, and a reach of at least one word more."
            )
        self.width, self.layers, self.heads, self.layer = width, layers, heads, layer
        self.context_words, self.reach, self.min_count, self.epochs = context_words, reach, min_count, epochs
        self.vector_width, self.dropout = vector_width, dropout
        self._told: dict[str, float] = {}

    @property
    def n_features(self) -> int:
        """F: those of the word, and those of the word in its context."""
        return self.vector_width + self.width

    def learn(self, stories: Sequence[Sequence[str]], *, language: str, seed: int) -> None:
        """See `StoryLanguageModel`."""
        texts = [story for story in plain_stories(stories, language, f"training transcripts ({language})") if story]
        counts = Counter(word for text in texts for word in text)
        if counts.total() < FEWEST or len(counts) < 2:
            raise UserError(
                f"the training transcripts ({language}) have {counts.total()} words, {len(counts)} of them different; a language model "
                f"needs at least {FEWEST}, 2 of them different. Give more stories, or check their word tables."
            )
        known = sorted(word for word in counts if counts[word] >= self.min_count)
        if len(known) < 2:
            raise UserError(
                f"TrainedStoryWords: {len(known)} words come {self.min_count} times or more in the training transcripts ({language}); "
                "expected at least 2. Set min_count: 1."
            )
        self._begin(known, language)
        numbers = [np.array([self._ids.get(word, UNKNOWN) for word in text]) for text in texts]
        fitted, held_out = _held_out(numbers, seed)
        with seeded(seed), _one_thread():
            network, _ = self._network(fitted, seed)
            epochs = train(network, fitted, held_out, epochs=self.epochs, patience=4, generator=_generator(seed))
            share, self._told = _weight_of_pairs(network, WordPairs.of(fitted, len(known) + 2), held_out)
        with seeded(seed), _one_thread():
            self.network, self.vectors = self._network(numbers, seed)
            train(self.network, numbers, [], epochs=epochs, patience=0, generator=_generator(seed))
        self.pairs, self.pair_share = WordPairs.of(numbers, len(known) + 2), share
        self._told |= {"stories": len(texts), "words": counts.total(), "epochs": epochs}
        if epochs == self.epochs:
            text = f"the language model was still getting better after {epochs} epochs. Set epochs higher."
            tell("odd", f"training transcripts ({language})", text)

    def _begin(self, words: Sequence[str], language: str) -> None:
        self.vocabulary, self.language = tuple(words), language
        self._ids = {word: number for number, word in enumerate(words, UNKNOWN + 1)}

    def _new(self) -> WordTransformer:
        size = {"width": self.width, "layers": self.layers, "heads": self.heads, "reach": self.reach}
        return WordTransformer(len(self.vocabulary) + 2, **size, dropout=self.dropout)

    def _network(self, stories: Sequence[np.ndarray], seed: int) -> tuple[WordTransformer, Tensor]:
        """A new one that knows which words are frequent, and which stand near each other; and (v, f) vectors of words."""
        network, n = self._new(), len(self.vocabulary) + 2
        wide = torch.from_numpy(neighbour_vectors(stories, n, max(self.width, self.vector_width), seed=seed)).float()
        vectors = wide[:, : self.width]
        counts = torch.from_numpy(np.bincount(np.concatenate(stories), minlength=n)).float()
        with torch.no_grad():
            network.words.weight.mul_(0.3).add_(vectors / vectors.std().clamp_min(1e-6) * self.width**-0.5)
            network.bias.copy_(((counts + 0.1) / (counts.sum() + 0.1 * n)).log())
        return network, wide[:, : self.vector_width].clone()

    @torch.inference_mode()
    def states(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`."""
        if not contexts:
            return torch.zeros(0, self.n_features)
        ids, last = padded([self._numbers(context[-self.context_words - 1 :]) for context in contexts])
        rows = torch.arange(len(ids))
        return torch.cat([self.vectors[ids[rows, last]], self.network.hidden(ids, self.layer)[rows, last]], 1)

    @torch.inference_mode()
    def states_after(self, contexts: Sequence[Context], which: Tensor, words: Tensor) -> Tensor:
        """See `StoryLanguageModel`: each context is read once."""
        back = self.context_words
        texts = [self._numbers(context[-back:] if back else ()) for context in contexts]
        words, found = words + UNKNOWN + 1, torch.zeros(len(words), self.width)
        lengths = torch.tensor([len(text) for text in texts])[which]
        for length in lengths.unique().tolist():
            own = (lengths == length).nonzero()[:, 0]
            used, place = which[own].unique(return_inverse=True)
            ids, _ = padded([texts[one] for one in used.tolist()])
            found[own] = self.network.continued(ids, place, words[own], self.layer)
        return torch.cat([self.vectors[words], found], 1)

    @torch.inference_mode()
    def next_words(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`."""
        if not contexts:
            return torch.zeros(0, len(self.vocabulary))
        texts = [self._numbers(context[-self.reach :]) for context in contexts]
        return _mixed(self.network, self.pairs, self.pair_share, texts)[:, UNKNOWN + 1 :].log_softmax(1)

    def _numbers(self, words: Sequence[str]) -> list[int]:
        return [self._ids.get(word, UNKNOWN) for word in words]

    def state(self) -> dict:
        """See `StoryLanguageModel`."""
        return {
            "vocabulary": list(self.vocabulary),
            "language": self.language,
            "network": dict(self.network.state_dict()),
            "vectors": self.vectors,
            "pairs": self.pairs.state(),
            "pair_share": self.pair_share,
            "told": dict(self._told),
        }

    def load(self, state: dict) -> None:
        """See `StoryLanguageModel`."""
        self._begin(state["vocabulary"], state["language"])
        with seeded(0):
            self.network = self._new().eval()
        self.network.load_state_dict(state["network"])
        self.vectors = state["vectors"]
        self.pairs, self.pair_share = WordPairs.load(state["pairs"]), float(state["pair_share"])
        self._told = dict(state["told"])

    def settings(self) -> dict:
        """See `StoryLanguageModel`."""
        names = (
            "width",
            "layers",
            "heads",
            "layer",
            "vector_width",
            "context_words",
            "reach",
            "min_count",
            "epochs",
            "dropout",
        )
        return {"kind": "trained"} | {name: getattr(self, name) for name in names}

    def told(self) -> str:
        """See `StoryLanguageModel`; with its perplexity on text that was held out."""
        what = f"a transformer of {self.layers} layers of {self.width}"
        if not self._told:
            return f"{what}, not trained yet"
        now = self._told
        return (
            f"{what}, trained on {now['stories']:.0f} training transcripts ({now['words']:,.0f} words, {len(self.vocabulary):,} to decode) "
            f"for {now['epochs']:.0f} epochs; perplexity on held-out training text {now['perplexity']:.0f} (pairs of words alone "
            f"{now['perplexity_pairs']:.0f}, frequencies of words alone {now['perplexity_words']:.0f})"
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Products this small are not faster on several threads, which wait for each other, and their sums depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _held_out(stories: list[np.ndarray], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The stories to fit, and about a tenth: whole stories if there are many, else the end of each that is long enough."""
    if len(stories) >= _MANY:
        total, held = sum(map(len, stories)), []
        for i in np.random.default_rng(seed).permutation(len(stories)):
            so_far = sum(len(stories[j]) for j in held)
            if not held or so_far + len(stories[i]) / 2 <= total / 10:
                held.append(i)
        return [story for i, story in enumerate(stories) if i not in held], [stories[i] for i in held]
    if all(len(story) < 10 for story in stories):  # each is short: the last is held out
        return list(stories[:-1]) or list(stories), list(stories[-1:])
    cuts = [len(story) - max(1, round(len(story) / 10)) if len(story) >= 10 else len(story) for story in stories]
    ends = [story[cut:] for story, cut in zip(stories, cuts, strict=True)]
    return [story[:cut] for story, cut in zip(stories, cuts, strict=True)], [end for end in ends if len(end)]


def _mixed(network: WordTransformer, pairs: WordPairs, share: float, texts: Sequence[Sequence[int]]) -> Tensor:
    """(n, v) log-probabilities of all numbers after texts."""
    ids, last = padded(texts)
    hidden = network.at_end(ids, last)
    logits = torch.nn.functional.linear(network.last(hidden), network.words.weight, network.bias)
    if share == 0:
        return logits.log_softmax(1)
    counted = torch.from_numpy(pairs.after(np.array([text[-1] if text else -1 for text in texts]))).float()
    return ((1 - share) * logits.softmax(1) + share * counted).clamp_min(1e-12).log()


@torch.inference_mode()
def _weight_of_pairs(
    network: WordTransformer, pairs: WordPairs, held_out: Sequence[np.ndarray]
) -> tuple[float, dict[str, float]]:
    """The share of the counted pairs that predicts held-out text best, and the perplexities (an unknown word counts as a word)."""
    texts = [story[max(0, i - network.reach) : i].tolist() for story in held_out for i in range(len(story))]
    said = torch.from_numpy(np.concatenate(held_out))[:, None]
    before = np.array([text[-1] if text else -1 for text in texts])
    own, counted = [], []
    for first in range(0, len(texts), 128):
        rows = slice(first, first + 128)
        own.append(_mixed(network, pairs, 0.0, texts[rows]).exp().gather(1, said[rows]))
        counted.append(torch.from_numpy(pairs.after(before[rows])).float().gather(1, said[rows]))
    own, counted = torch.cat(own).double(), torch.cat(counted).double().clamp_min(1e-12)
    shares = torch.arange(0, 1, 0.05, dtype=torch.double)
    costs = torch.stack([-((1 - share) * own + share * counted).log().mean() for share in shares])
    smoothed = (pairs.alone_counts + 0.5) / (pairs.alone_counts + 0.5).sum()
    alone = -np.log(smoothed[said[:, 0].numpy()]).mean()
    costs_of = {"": costs.min(), "_network": costs[0], "_pairs": -counted.log().mean(), "_words": alone}
    told = {f"perplexity{name}": float(np.exp(float(cost))) for name, cost in costs_of.items()}
    return float(shares[costs.argmin()]), told
