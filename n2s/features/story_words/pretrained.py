"""A causal language model from Hugging Face that proposes whole words."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from n2s.errors import UserError, first_of, reading
from n2s.features.story_words.causal_model import CausalModel
from n2s.features.story_words.port import Context, StoryLanguageModel
from n2s.features.story_words.spelling import plain_stories, plain_words
from n2s.features.story_words.word_tree import WordTree
from n2s.findings import tell
from n2s.models.pretrained import file_identity
from n2s.options import check_options


class PretrainedStoryWords(StoryLanguageModel):
    """Any causal language model with a fast tokeniser: GPT-2, Llama, Qwen, .. Its weights stay as they are.

    From training transcripts it learns the words to decode, or they are given as a list. Features of a word are those of
    `n2s.features.LanguageModelLayers` with the same layer and ``context_words``. The probability of a word is that of its sub-tokens and
    of its end, over the vocabulary: see `n2s.features.story_words.word_tree.WordTree`.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    gguf_file
        The file of the model's folder in llama.cpp's format, if that holds the weights; needs the package gguf.
    layer
        Whose state is the features of a word; 0: the embedding.
    context_words
        Words before a word that its features see.
    vocabulary
        A file with a word a line; None: the words of the training transcripts.
    min_count
        Words that come less often in the training transcripts are not decoded (of a list, all are).
    reach
        Words of a context that it reads at most to predict the next.
    tree_top
        Share of the probability of first sub-tokens that is followed to the ends of words; 0: one pass for each context; 1: exact.
    between
        What stands between two words: a space, or nothing in Chinese and Japanese.
    batch_tokens
        Tokens read at once: it limits the memory.
    half
        Compute in float16.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> from n2s.features import PretrainedStoryWords
    >>> model = PretrainedStoryWords("openai-community/gpt2", layer=9, context_words=5)
    >>> model.learn([["once", "upon", "a", "time"]], language="en", seed=0)  # doctest: +SKIP
    >>> model.states([("once", "upon")]).shape  # doctest: +SKIP
    torch.Size([1, 768])
    """

    def __init__(
        self,
        model: str = "openai-community/gpt2",
        *,
        gguf_file: str | None = None,
        layer: int = 9,
        context_words: int = 5,
        vocabulary: str | Path | None = None,
        min_count: int = 1,
        reach: int = 30,
        tree_top: float = 0.8,
        between: str = " ",
        batch_tokens: int = 4096,
        half: bool = False,
        device: str | None = None,
    ) -> None:
        check_options("PretrainedStoryWords: ", low=0, whole=True, layer=layer, context_words=context_words)
        check_options(
            "PretrainedStoryWords: ", low=1, whole=True, min_count=min_count, reach=reach, batch_tokens=batch_tokens
        )
        check_options("PretrainedStoryWords: ", low=0, high=1, tree_top=tree_top)
        self.model, self.layer, self.context_words = model, layer, context_words
        self.list = None if vocabulary is None else Path(vocabulary).expanduser()
        self.min_count, self.reach, self.tree_top = min_count, reach, tree_top
        self.batch_tokens = batch_tokens
        self.network = CausalModel(model, gguf_file=gguf_file, between=between, half=half, device=device)
        self._firsts: list[float] = []

    @property
    def n_features(self) -> int:
        """F: the width of the network."""
        return self.network.width

    def learn(self, stories: Sequence[Sequence[str]], *, language: str, seed: int) -> None:  # noqa: ARG002
        """See `StoryLanguageModel`; nothing is drawn."""
        where = f"training transcripts ({language})"
        self._check()
        counts = Counter(word for story in plain_stories(stories, language, where) for word in story)
        if self.list is None:
            words = sorted(word for word in counts if counts[word] >= self.min_count)
        else:
            words = self._listed(language, counts)
        words = self._tokenised(words, where)
        if len(words) < 2:
            remedy = (
                f"Give more words in {self.list}."
                if self.list
                else "Give more stories, or a list of words as vocabulary."
            )
            raise UserError(f"PretrainedStoryWords: {len(words)} words can be decoded; expected at least 2. {remedy}")
        # What a text begins with, if the model has no token to begin with.
        firsts = [counts[word] + 0.5 for word in words]
        self.load({"vocabulary": words, "language": language, "firsts": firsts})

    def _check(self) -> None:
        self.network.check()
        if self.layer >= self.network.n_states:
            raise UserError(
                f"PretrainedStoryWords: layer={self.layer}; '{self.model}' has layers 0 (the embedding) to {self.network.n_states - 1}."
            )

    def _listed(self, language: str, counts: Counter) -> list[str]:
        with reading(self.list, "a text file with a word a line", "Give a file of words, one a line."):
            lines = self.list.read_text("utf-8-sig").splitlines()
        words = sorted(set(plain_words(lines, language)))
        never = [word for word in words if word not in counts]
        if never:
            text = f"{len(never)} of {len(words)} words never come in the training transcripts ({first_of(never, 5)}); they can be decoded."
            tell("odd", self.list, text)
        return words

    def _tokenised(self, words: Sequence[str], where: str) -> list[str]:
        """Words that the tokeniser knows; the others are told."""
        unknown = self.network.tokenizer.unk_token_id
        found, strange = [], []
        for word in words:
            tokens = self.network.pieces(word, False)[0]
            (found if tokens and unknown not in tokens else strange).append(word)
        if strange:
            text = f"{len(strange)} words are unknown to the tokeniser of '{self.model}' ({first_of(strange, 5)}): they are not decoded."
            tell("left out", where, text)
        return found

    @torch.inference_mode()
    def states(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`.

        A context of fewer than ``context_words + 1`` words is the beginning of a text, whose first word some tokenisers cut otherwise.
        """
        found = torch.zeros(len(contexts), self.n_features)
        jobs = []
        for row, context in enumerate(contexts):
            words = context[-self.context_words - 1 :]
            tokens, last = self.network.text(words, first=len(words) <= self.context_words)
            if last >= 0:  # a word of which the tokeniser leaves nothing has no state: zeros
                jobs.append((tokens, last, row))
        jobs.sort(key=lambda job: len(job[0]))
        while jobs:
            n = max(1, self.batch_tokens // len(jobs[-1][0]))
            batch, jobs = jobs[-n:], jobs[:-n]
            states = self.network.states([tokens for tokens, _, _ in batch], [self.layer])[0]
            lasts, rows = (torch.tensor([job[i] for job in batch]) for i in (1, 2))
            found[rows] = states[torch.arange(len(batch)), lasts]
        return found

    @torch.inference_mode()
    def next_words(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`."""
        found = torch.zeros(len(contexts), len(self.vocabulary))
        start = self.network.start
        inside = [row for row, context in enumerate(contexts) if len(context)]
        outside = [row for row, context in enumerate(contexts) if not len(context)]
        if inside:
            texts = [self.network.text(contexts[row][-self.reach :], edge=start)[0] for row in inside]
            found[inside] = self._behind.scores(texts)
        if outside:
            found[outside] = self._first.scores([start])[0] if start else torch.tensor(self._firsts).log_softmax(0)
        return found

    @cached_property
    def _behind(self) -> WordTree:
        """The words as they are behind others."""
        return self._tree(first=False)

    @cached_property
    def _first(self) -> WordTree:
        """The words as the first of a text."""
        return self._tree(first=True)

    def _tree(self, *, first: bool) -> WordTree:
        words = [self.network.pieces(word, first)[0] for word in self.vocabulary]
        return WordTree(self.network, words, top=self.tree_top, batch_tokens=self.batch_tokens)

    def state(self) -> dict:
        """See `StoryLanguageModel`; without the network."""
        return {"vocabulary": list(self.vocabulary), "language": self.language, "firsts": list(self._firsts)}

    def load(self, state: dict) -> None:
        """See `StoryLanguageModel`."""
        self.vocabulary, self.language = tuple(state["vocabulary"]), state["language"]
        self._firsts = [float(count) for count in state["firsts"]]
        for tree in ("_behind", "_first"):
            self.__dict__.pop(tree, None)

    def settings(self) -> dict:
        """See `StoryLanguageModel`; a folder of weights and a list of words by their hashes."""
        return self._settings

    @cached_property
    def _settings(self) -> dict:
        names = ("layer", "context_words", "min_count", "reach", "tree_top")
        known = {"kind": "pretrained"} | self.network.settings() | {name: getattr(self, name) for name in names}
        return known | {"list": None if self.list is None else file_identity(self.list)}

    def told(self) -> str:
        """See `StoryLanguageModel`."""
        words = f", {len(self.vocabulary):,} words to decode" if self.vocabulary else ""
        return (
            f"{self.model}, as it was published: features are its layer {self.layer} at a word, after {self.context_words} words before "
            f"it{words}"
        )

    def release(self) -> None:
        """Drop the network."""
        self.network.release()
