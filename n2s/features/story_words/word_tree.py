"""The words of a vocabulary as a tree of sub-tokens, and their probabilities after a context."""

from collections.abc import Sequence

import torch
from torch import Tensor

from n2s.features.story_words.causal_model import CausalModel

_TOKENS_WITH_ALL = 512  # read at once where the probabilities behind each are kept: 100 MB with 50,000 tokens


class WordTree:
    """The probability of a word is the product over its sub-tokens, and that of a token behind them that ends the word.

    After each context one pass tells the probabilities of all first sub-tokens. Those that hold ``top`` of their probability are
    followed down the tree, one pass each, and so are longer beginnings that are as probable. A word below a beginning that is not
    followed gets the probability of that beginning, times that of its other sub-tokens and its end without a context, which is computed
    once.

    Parameters
    ----------
    model
        Says what follows.
    words
        Sub-tokens of each word; none is empty.
    top
        Share of the probability, 0 (one pass for each context) to 1 (exact).
    batch_tokens
        Tokens read at once.
    """

    def __init__(self, model: CausalModel, words: Sequence[Sequence[int]], *, top: float, batch_tokens: int) -> None:
        self.model, self.words, self.top, self.batch_tokens = model, words, top, batch_tokens
        self.lengths = torch.tensor([len(word) for word in words])
        #: Of each depth: the beginnings of so many sub-tokens.
        self.beginnings: list[list[tuple[int, ...]]] = [[()]]
        #: (v,) of each depth: the beginning of each word there; -1: it is shorter.
        self.place = [torch.zeros(len(words), dtype=torch.long)]
        #: Of each depth: (n,) the beginning one shorter.
        self.parents = [torch.zeros(1, dtype=torch.long)]
        for depth in range(1, int(self.lengths.max()) + 1):
            found: dict[tuple[int, ...], int] = {}
            place = [found.setdefault(tuple(word[:depth]), len(found)) if len(word) >= depth else -1 for word in words]
            above = {beginning: i for i, beginning in enumerate(self.beginnings[-1])}
            self.beginnings.append(list(found))
            self.place.append(torch.tensor(place))
            self.parents.append(torch.tensor([above[beginning[:-1]] for beginning in found]))
        self._known_tails: Tensor | None = None

    def scores(self, contexts: Sequence[Sequence[int]]) -> Tensor:
        """Contexts of tokens, none empty -> (n, v) log-probabilities of the words, normalised over them."""
        found = torch.empty(len(contexts), len(self.words))
        lengths: dict[int, list[int]] = {}
        for row, context in enumerate(contexts):
            lengths.setdefault(len(context), []).append(row)
        for length, rows in sorted(
            lengths.items()
        ):  # texts of one length need no padding, which some models do not know
            step = max(1, self.batch_tokens // length)
            for first in range(0, len(rows), step):
                batch = rows[first : first + step]
                found[batch] = self._batch(torch.tensor([list(contexts[row]) for row in batch]))
        return found.log_softmax(1)

    def _batch(self, texts: Tensor) -> Tensor:
        """(b, t) -> (b, v), not normalised."""
        after, cache = self.model.after(texts)
        found = torch.empty(len(texts), len(self.words))
        logs = after[:, [beginning[0] for beginning in self.beginnings[1]]]  # (b, n) of the beginnings of a depth
        least = _least(logs, self.top)
        above = torch.ones(len(texts), 1, dtype=torch.bool)  # the beginnings one shorter that were followed
        for depth in range(1, len(self.beginnings)):
            asked = above[:, self.parents[depth]]
            followed = asked & (logs >= least[:, None])
            here = (self.place[depth] >= 0).nonzero()[:, 0]
            place = self.place[depth][here]
            stop_here = (asked & ~followed)[:, place]
            if stop_here.any():
                found[:, here] = torch.where(stop_here, logs[:, place] + self._tails[here, depth], found[:, here])
            ended, below = self._follow(depth, followed, texts, cache)
            done = self.lengths[here] == depth
            own, at = here[done], place[done]
            found[:, own] = torch.where(followed[:, at], logs[:, at] + ended[:, at], found[:, own])
            if depth + 1 < len(self.beginnings):
                logs, above = logs[:, self.parents[depth + 1]] + below, followed
        return found

    def _follow(self, depth: int, followed: Tensor, texts: Tensor, cache: object) -> tuple[Tensor, Tensor]:
        """(b, n) the log-probability that a word ends behind each beginning; (b, m) of the last token of those one longer."""
        ended = torch.full(followed.shape, -torch.inf)
        last = depth + 1 == len(self.beginnings)
        next_tokens = torch.tensor([] if last else [beginning[-1] for beginning in self.beginnings[depth + 1]]).long()
        below = torch.full((len(texts), len(next_tokens)), -torch.inf)
        children: dict[int, list[int]] = {}
        for child, parent in enumerate([] if last else self.parents[depth + 1].tolist()):
            children.setdefault(parent, []).append(child)
        jobs = followed.nonzero()
        length = depth if _can_branch(cache) else depth + texts.shape[1]
        for batch in () if not len(jobs) else jobs.split(max(1, self.batch_tokens // (depth + texts.shape[1]))):
            tokens = torch.tensor([self.beginnings[depth][node] for node in batch[:, 1].tolist()])
            if length == depth:
                after, _ = self.model.after(tokens, cache, batch[:, 0])
            else:
                after, _ = self.model.after(torch.cat([texts[batch[:, 0]], tokens], 1))
            ended[batch[:, 0], batch[:, 1]] = self.model.ended(after)
            for i, (row, node) in enumerate(batch.tolist()):
                if node in children:
                    below[row, children[node]] = after[i, next_tokens[children[node]]]
        return ended, below

    @property
    def _tails(self) -> Tensor:
        """(v, n) log-probability of the sub-tokens of a word from each on, and of its end, without a context."""
        if self._known_tails is None:
            found = torch.zeros(len(self.words), len(self.beginnings))
            start = self.model.start
            for length in self.lengths.unique().tolist():
                rows = (self.lengths == length).nonzero()[:, 0]
                for batch in rows.split(max(1, _TOKENS_WITH_ALL // (length + len(start)))):
                    tokens = torch.tensor([self.words[row] for row in batch.tolist()])
                    texts = torch.cat([torch.tensor(start, dtype=torch.long).expand(len(batch), -1), tokens], 1)
                    logs = self.model.all_after(texts)[:, len(start) :]  # behind each of the word's own
                    total = self.model.ended(logs[:, -1])
                    found[batch, length] = total
                    for depth in range(length - 1, 0, -1):
                        total = total + logs[:, depth - 1].gather(1, tokens[:, depth, None])[:, 0]
                        found[batch, depth] = total
            self._known_tails = found
        return self._known_tails


def _can_branch(cache: object) -> bool:
    return hasattr(cache, "batch_select_indices")


def _least(logs: Tensor, top: float) -> Tensor:
    """(b, n) -> (b,) the log-probability from which on beginnings hold ``top`` of the probability of all."""
    if top in (0, 1):
        return torch.full((len(logs),), -torch.inf if top else torch.inf)
    ordered = logs.sort(1, descending=True).values
    shares = ordered.softmax(1)
    n = (shares.cumsum(1) - shares < top).sum(1)
    return ordered.gather(1, n[:, None] - 1)[:, 0]
