"""One story of one subject: the value of every metric in every window, of every decoded text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from n2s.features.text_encoders.encoder import TextEncoder
from n2s.metrics.text.bert_recall import bert_recall
from n2s.metrics.text.identified import own_percentiles, percentile_ranks
from n2s.metrics.text.meteor import meteor
from n2s.metrics.text.overlap import bleu1, wer
from n2s.metrics.text.texts import Texts, stacked, stretches
from n2s.systems.story_text.rows import MODEL, NULLS, TRUE
from n2s.systems.story_text.scored import ScoringOptions

_TOGETHER = 25  # texts of a story that are compared at once

#: (row, draw) -> times in seconds, ascending, and words.
Sequences = Mapping[tuple[str, int], tuple[np.ndarray, list[str]]]


@dataclass(eq=False)
class StoryValues:
    """What was measured of a story.

    Attributes
    ----------
    starts_s
        (n,) Windows.
    values
        Metric -> text (row, draw) -> (n,) values; NaN: none.
    percentiles
        Row -> (n, n) percentile ranks of every true window, for its first draw; none of null texts.
    n_wrong
        (n,) Wrong candidates of each window.
    similarity
        (n, n) Of the windows of `MODEL` and of the true text; None: there is no such row.
    """

    starts_s: np.ndarray
    values: dict[str, dict[tuple[str, int], np.ndarray]]
    percentiles: dict[str, np.ndarray]
    n_wrong: np.ndarray
    similarity: np.ndarray | None


def window_starts(start_s: float, stop_s: float, options: ScoringOptions) -> np.ndarray:
    """Starts of the windows that lie in a stretch, s; one at its start if it is shorter than a window."""
    n = int(np.floor((stop_s - start_s - options.window_s) / options.hop_s + 1e-6)) + 1
    return start_s + options.hop_s * np.arange(max(n, 1))


def story_values(
    sequences: Sequences,
    starts_s: np.ndarray,
    encoder: TextEncoder,
    stem: Callable[[str], str],
    options: ScoringOptions,
) -> StoryValues:
    """Measure all texts of a story against what was said; ``sequences`` holds it as ``("true", 0)``."""
    names = sorted({word for _, words in sequences.values() for word in words})
    numbers = {word: number for number, word in enumerate(names)}
    stems: dict[str, int] = {}
    stem_of = np.array([stems.setdefault(stem(word), len(stems)) for word in names], np.int64)

    def places(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        edges = np.round(np.stack([starts_s, starts_s + options.window_s]), 6)  # 1.1 + 20 is not 21.1
        return tuple(np.searchsorted(np.round(times, 6), edges))

    def texts(key: tuple[str, int]) -> Texts:
        times, words = sequences[key]
        return stretches(np.array([numbers[word] for word in words], np.int64), *places(times))

    times, words = sequences[TRUE, 0]
    true, said = texts((TRUE, 0)), places(times)
    true_stems = true.renamed(stem_of)
    if encoder.contextual:
        true_vectors, true_tokens = encoder.read(words, *said)
    else:
        true_vectors, true_tokens = encoder.spans(words, *said), None
    unknown = (true.length == 0) | ~true_vectors.any(1)
    apart = max(1, int(np.ceil(options.window_s / options.hop_s - 1e-6)))
    found = StoryValues(
        starts_s, {name: {} for name in ("wer", "bleu1", "meteor", "match")}, {}, np.zeros(0, int), None
    )
    found.values |= {"bertscore": {}} if encoder.contextual else {}
    found.values["identification"] = {}
    decoded = [key for key in sequences if key[0] != TRUE]
    for some in (decoded[at : at + _TOGETHER] for at in range(0, len(decoded), _TOGETHER)):
        each, said_each = stacked([texts(key) for key in some]), stacked([true] * len(some))
        stems_each = each.renamed(stem_of), stacked([true_stems] * len(some))
        shape = (len(some), len(starts_s))
        for name, values in (
            ("wer", wer(each, said_each)),
            ("bleu1", bleu1(each, said_each)),
            ("meteor", meteor(each, said_each, *stems_each)),
        ):
            found.values[name] |= zip(some, values.reshape(shape), strict=True)
    for row, draw in decoded:
        key = row, draw
        if row in NULLS and encoder.contextual and options.encoder_nulls is not None and draw >= options.encoder_nulls:
            continue
        times, words = sequences[key]
        if encoder.contextual:
            vectors, tokens = encoder.read(words, *places(times))
            with torch.inference_mode():
                recall = bert_recall(tokens.vectors, true_tokens.vectors, true_tokens.weight, tokens.there)
            found.values["bertscore"][key] = np.where(true.length > 0, recall.cpu().numpy(), np.nan)
        else:
            vectors = encoder.spans(words, *places(times))
        similarity = np.where(unknown, np.nan, vectors.astype(np.float64) @ true_vectors.astype(np.float64).T)
        found.values["match"][key] = np.diagonal(similarity).copy()
        if row in NULLS:
            found.values["identification"][key] = own_percentiles(similarity, apart=apart)
            continue
        ranks, found.n_wrong = percentile_ranks(similarity, apart=apart)
        found.values["identification"][key] = np.diagonal(ranks).copy()
        found.percentiles.setdefault(row, ranks)
        if row == MODEL and found.similarity is None:
            found.similarity = similarity
    return found
