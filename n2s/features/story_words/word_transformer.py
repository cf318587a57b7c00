"""A small causal transformer of whole words, and its training."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

BEGIN, UNKNOWN = 0, 1  # the first word's number is 2
_NO_TARGET = -100


class WordTransformer(nn.Module):
    """GPT-2's blocks over whole words; the embedding of a word is also its row of the output (Press & Wolf 2017).

    Parameters
    ----------
    n_words
        Numbers of words, `BEGIN` and `UNKNOWN` among them.
    width, layers, heads
        Of the network.
    reach
        Words of a text that it reads at once, at most.
    dropout
        While it learns.
    """

    def __init__(self, n_words: int, *, width: int, layers: int, heads: int, reach: int, dropout: float) -> None:
        super().__init__()
        self.width, self.reach = width, reach
        self.words = nn.Embedding(n_words, width)
        self.places = nn.Embedding(reach + 1, width)  # the first is BEGIN's
        self.blocks = nn.ModuleList(_Block(width, heads, dropout) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(n_words))
        self.drop = nn.Dropout(dropout)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=0.3 * width**-0.5)
                nn.init.zeros_(part.bias)
        nn.init.normal_(self.words.weight, std=width**-0.5)
        nn.init.normal_(self.places.weight, std=0.1 * width**-0.5)

    def hidden(self, ids: Tensor, layers: int | None = None) -> Tensor:
        """(b, t) numbers -> (b, t, f) after so many layers; None: all. 0: the embedding."""
        states = self.drop(self.words(ids) + self.places.weight[: ids.shape[1]])
        for block in self.blocks[:layers]:
            states = block(states)
        return states

    def at_end(self, ids: Tensor, last: Tensor) -> Tensor:
        """(b, t) numbers and (b,) places -> (b, f) after all layers at these places, of what is before them."""
        states = self.hidden(ids, len(self.blocks) - 1)
        return self.blocks[-1].at(states, last)

    def continued(self, ids: Tensor, which: Tensor, words: Tensor, layers: int) -> Tensor:
        """(c, t) numbers of texts, (n,) the text that each word goes on from, (n,) words -> (n, f) after so many layers.

        The same as `hidden` at the last place of each text with its word, but each text is read once.
        """
        states = self.words(ids) + self.places.weight[: ids.shape[1]]
        ends = self.words(words) + self.places.weight[ids.shape[1]]
        for number, block in enumerate(self.blocks[:layers]):
            ends = block.after(states, which, ends)
            if number + 1 < layers:
                states = block(states)
        return ends

    def forward(self, ids: Tensor) -> Tensor:
        """(b, t) numbers -> (b, t, n_words): logits of the word after each."""
        return F.linear(self.drop(self.last(self.hidden(ids))), self.words.weight, self.bias)


class _Block(nn.Module):
    """Attention to the words before, and two linear maps; each after a norm, and added."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.given = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """(b, t, f) -> (b, t, f)."""
        b, t, f = states.shape
        parts = self._split(states, 0, 3)
        mixed = F.scaled_dot_product_attention(*parts, is_causal=True, dropout_p=self.dropout if self.training else 0.0)
        return self._added(states, mixed.transpose(1, 2).reshape(b, t, f))

    def at(self, states: Tensor, last: Tensor) -> Tensor:
        """(b, t, f) and (b,) places -> (b, f) at these places."""
        keys, values = self._split(states, 1, 3)
        ends = states[torch.arange(len(states)), last]
        (asked,) = self._split(ends[:, None], 0, 1)
        seen = torch.arange(states.shape[1]) <= last[:, None]
        mixed = F.scaled_dot_product_attention(asked, keys, values, attn_mask=seen[:, None, None])
        return self._added(ends, mixed.flatten(1))

    def after(self, states: Tensor, which: Tensor, ends: Tensor) -> Tensor:
        """(c, t, f) of texts, (n,) which of them, (n, f) of a word after it -> (n, f) of that word."""
        before = self._split(states, 1, 3)
        asked, *own = self._split(ends[:, None], 0, 3)
        keys, values = (torch.cat([one[which], last], 2) for one, last in zip(before, own, strict=True))
        return self._added(ends, F.scaled_dot_product_attention(asked, keys, values).flatten(1))

    def _split(self, states: Tensor, first: int, stop: int) -> list[Tensor]:
        """(b, t, f) -> questions, keys and values, from the first to before the last: (b, heads, t, d) each."""
        b, t, f = states.shape
        rows = slice(first * f, stop * f)
        parts = F.linear(self.norm(states), self.asked.weight[rows], self.asked.bias[rows])
        return list(parts.view(b, t, stop - first, self.heads, f // self.heads).permute(2, 0, 3, 1, 4))

    def _added(self, states: Tensor, mixed: Tensor) -> Tensor:
        states = states + self.drop(self.given(mixed))
        return states + self.drop(self.wide(self.norm2(states)))


def train(
    network: WordTransformer,
    stories: Sequence[np.ndarray],
    held_out: Sequence[np.ndarray],
    *,
    epochs: int,
    patience: int,
    generator: torch.Generator,
    rate: float = 5e-3,
    forget: float = 0.05,
) -> int:
    """Fit to stories of word numbers; stop when held-out text is predicted worse, and take the best weights back.

    Parameters
    ----------
    network
        Fitted in place.
    stories, held_out
        (n,) each. Without held-out stories all epochs are done.
    epochs
        Over all stories, at most.
    patience
        Epochs without a better one.
    generator
        Of the cuts and the order of windows. Dropout draws from torch's own.
    rate
        Of learning.
    forget
        Share of words that are read as `UNKNOWN`, so that it learns what to do with one.

    Returns
    -------
    int
        The epochs of the weights that it has now.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.1, betas=(0.9, 0.98))
    # The mean of the last steps' weights predicts better than any of them, and its course is smooth enough to see where to stop.
    mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.98))
    best, best_epoch, kept = float("inf"), epochs, None
    seen, n_batch = 0, max(4, min(32, sum(map(len, stories)) // network.reach // 16))
    for epoch in range(1, epochs + 1):
        network.train()
        rows = _windows(stories, network.reach, generator)
        order = torch.randperm(len(rows), generator=generator)
        for batch in order.split(n_batch):
            seen += 1
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1.0, seen / 30)  # Adam's moments are unsure at first
            read, said = rows[batch, :-1].clone(), rows[batch, 1:]
            lost = torch.rand(read.shape, generator=generator) < forget
            read[lost & (read > UNKNOWN)] = UNKNOWN
            loss = _loss(network(read.clamp_min(BEGIN)), said)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            mean.update_parameters(network)
        if held_out:
            now = surprise(mean.module, held_out)
            if now < best:
                best, best_epoch = now, epoch
                kept = {name: value.clone() for name, value in mean.module.state_dict().items()}
            elif epoch - best_epoch >= patience:
                break
    network.load_state_dict(kept or mean.module.state_dict())
    network.eval()
    return best_epoch


@torch.no_grad()
def surprise(network: WordTransformer, stories: Sequence[np.ndarray]) -> float:
    """Mean -ln of the probability of a word of stories, in windows that do not overlap."""
    network.eval()
    rows = _windows(stories, network.reach, None)
    total = sum(_loss(network(batch[:, :-1].clamp_min(BEGIN)), batch[:, 1:], "sum") for batch in rows.split(64))
    return float(total) / int((rows[:, 1:] != _NO_TARGET).sum())


def _loss(logits: Tensor, said: Tensor, reduction: str = "mean") -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), said.flatten(), ignore_index=_NO_TARGET, reduction=reduction)


def _windows(stories: Sequence[np.ndarray], reach: int, generator: torch.Generator | None) -> Tensor:
    """(n, reach + 2): `BEGIN` and the words of a piece of a story, then `_NO_TARGET`.

    Pieces are ``reach + 1`` words long, so that the last is read after ``reach``. With a generator they are cut at random places, to
    many lengths: sentences of one length would else begin at one place of all pieces.
    """
    rows, longest = [], reach + 1
    for story in stories:
        edges = list(range(0, len(story), longest))
        if generator is not None:
            steps = torch.randint((longest + 1) // 2, longest + 1, (len(story),), generator=generator).cumsum(0)
            first = int(torch.randint(longest, (1,), generator=generator))
            edges = sorted({0, *(edge for edge in (steps - longest + first).tolist() if 0 < edge < len(story))})
        for start, stop in zip(edges, [*edges[1:], len(story)], strict=True):
            row = torch.full((longest + 1,), _NO_TARGET)
            row[0], row[1 : stop - start + 1] = BEGIN, torch.from_numpy(story[start:stop])
            rows.append(row)
    return torch.stack(rows)


def padded(texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """(b, t) `BEGIN` and the numbers of words, and (b,) the place of each text's last."""
    lengths = np.array([len(text) for text in texts], np.int64)
    ids = np.full((len(texts), lengths.max(initial=0) + 1), BEGIN, np.int64)
    ids[:, 1:][np.arange(ids.shape[1] - 1) < lengths[:, None]] = np.concatenate([*texts, []])
    return torch.from_numpy(ids), torch.from_numpy(lengths)
