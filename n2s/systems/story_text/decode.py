"""The texts of one held-out passage: decoded from the brain, and from less."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.response_model import ResponseModel
from n2s.options import check_number
from n2s.systems.story_text.controls import LanguageEvidence, RandomEvidence
from n2s.systems.story_text.evidence import BrainEvidence, EncodingModel, Placed
from n2s.systems.story_text.search import Beam, Search, SearchOptions
from n2s.systems.story_text.transcripts import Passage
from n2s.systems.story_text.word_onsets import onset_log_odds
from n2s.systems.story_text.word_peaks import counted_rows
from n2s.systems.story_text.word_times import predicted_rate, word_times, words_in_bins

#: What is searched for besides the model's text, with responses at the same word times.
PERMUTED, OTHER, NOISELESS = "permuted", "other_story", "noiseless"
#: By the decoder of another person, and by one of another language.
TRANSFERRED, ACROSS = "transferred", "across"
FEWEST_BLOCKS = 4  # of a permuted response: one block alone would be the response itself


@dataclass(frozen=True)
class DecodeOptions:
    """What is decoded beside the text; see `n2s.systems.StoryDecoder`."""

    rate_bin_s: float
    n_permuted: int
    block_s: float
    n_null: int
    null_width: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("rate_bin_s", "block_s"):
            check_number(f"model.{name}", getattr(self, name), above=0)
        for name in ("n_permuted", "n_null"):
            check_number(f"model.{name}", getattr(self, name), low=0, whole=True)
        check_number("model.null_width", self.null_width, low=1, whole=True)


@dataclass(frozen=True)
class Decoder:
    """A fitted decoder of one subject and fold.

    Attributes
    ----------
    encoding
        The encoding model.
    rate
        The word-rate model: see `n2s.systems.story_text.fit.fit_fold`.
    response
        The data's response model.
    search
        Of its language model.
    options
        What is decoded.
    """

    encoding: EncodingModel
    rate: Mapping[str, Tensor]
    response: ResponseModel
    search: Search
    options: DecodeOptions

    def times(self, later: Tensor, passage: Passage) -> np.ndarray:
        """(n,) When words are said, on the run's clock, from the later responses of each row."""
        rate = predicted_rate(self.rate, later)
        rows_per_bin = max(1, round(self.options.rate_bin_s / passage.step_s))
        counts = words_in_bins(rate, rows_per_bin)
        first_s = passage.first_s + getattr(self.response, "reference", 0.0) * passage.step_s
        if "log_intervals" not in self.rate:
            return word_times(counts, first_s, passage.step_s, rows_per_bin, passage.n_rows)
        log_odds = onset_log_odds(self.rate, later)
        intervals = self.rate["log_intervals"].double().numpy()
        return first_s + passage.step_s * counted_rows(log_odds, intervals, int(counts.sum()))

    def mean_times(self, passage: Passage) -> np.ndarray:
        """(n,) The same without a brain: words at the mean rate of what was heard in training, while something is heard."""
        start_s, stop_s = passage.heard_s
        n = round(float(self.rate["mean"]) * (stop_s - start_s) / passage.step_s)
        return start_s + (np.arange(n) + 0.5) * (stop_s - start_s) / max(n, 1)

    def placed(self, times_s: np.ndarray, passage: Passage) -> Placed:
        """Where words act on the rows of a passage."""
        return Placed.of(self.response, times_s, passage.first_s, passage.n_rows, passage.step_s)

    def before(self, passage: Passage) -> Placed | None:
        """Where words act that were heard before the first row, at the mean rate of training; None: silence was before."""
        reach_s = min(passage.before_s, self.response.reach_s(passage.step_s)[0])
        n = round(float(self.rate["mean"]) * reach_s / passage.step_s)
        if not n:
            return None
        start_s = passage.span_s[0] - reach_s
        return self.placed(start_s + (np.arange(n) + 0.5) * reach_s / n, passage)

    def noiseless(self, columns: Tensor) -> Tensor:
        """(m, p) features of the true words -> (m, v): the response that the encoding model expects."""
        return columns.to(self.encoding.weights) @ self.encoding.weights + self.encoding.intercept

    def texts(
        self,
        passage: Passage,
        times_s: np.ndarray,
        responses: Mapping[str, Tensor],
        *,
        kept: Beam | None = None,
        each: Callable[[Beam], None] = lambda beam: None,
    ) -> dict[str, list[str]]:
        """The text of each of some responses (m, v), with words at the same times; all are searched for at once."""
        evidence = BrainEvidence(
            self.encoding, self.placed(times_s, passage), torch.stack([*responses.values()]), self.before(passage)
        )
        found = self.search.run(times_s, evidence, len(responses), beam=kept, each=each)
        return dict(zip(responses, found, strict=True))

    def null_texts(self, passage: Passage, times_s: np.ndarray) -> list[list[str]]:
        """Texts of random likelihoods at some word times."""
        options, n = self.options, self.options.n_null
        seed = zlib.crc32(f"{options.seed} {passage.recording} {passage.title}".encode())
        return self._without_brain(options.null_width).run(times_s, RandomEvidence(seed), n) if n else []

    def language_text(self, times_s: np.ndarray) -> list[str]:
        """What the language model alone would say at some word times."""
        return self._without_brain(self.search.options.width).run(times_s, LanguageEvidence())[0]

    def _without_brain(self, width: int) -> Search:
        options = self.search.options
        narrow = SearchOptions(width, options.extensions, options.mass, options.ratio, options.language_s)
        return self.search.again(narrow)


def permuted_responses(responses: Tensor, step_s: float, block_s: float, n: int, seed: int) -> list[Tensor]:
    """(m, v) with its volumes permuted in blocks, n times: everything is as before but its place in time.

    Blocks of a short response are shorter: there are `FEWEST_BLOCKS`, if it has as many volumes.
    """
    size = max(1, min(round(block_s / step_s), len(responses) // FEWEST_BLOCKS))
    blocks = [range(start, min(start + size, len(responses))) for start in range(0, len(responses), size)]
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        order = rng.permutation(len(blocks))
        while len(blocks) > 1 and (order == np.arange(len(blocks))).all():
            order = rng.permutation(len(blocks))
        found.append(responses[[row for block in order for row in blocks[block]]])
    return found


def fitted_to(responses: Tensor, n_rows: int) -> Tensor:
    """(k, v) of another story -> (n_rows, v): its beginning; once more from there where it is shorter."""
    return responses[torch.arange(n_rows) % len(responses)]


def word_table(
    subject: str, passage: Passage, row: str, draw: int, times_s: np.ndarray, words: Sequence[str]
) -> pd.DataFrame:
    """Decoded words in the story's own time; one empty word says that a text is empty."""
    if not len(words):
        times_s, words = [passage.span_s[0]], [""]
    return pd.DataFrame(
        {
            "subject": subject,
            "story": passage.title,
            "row": row,
            "draw": draw,
            "time_s": np.asarray(times_s, float) - passage.offset_s,
            "word": list(words),
        }
    )
