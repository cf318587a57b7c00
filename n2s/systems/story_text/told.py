"""What the page says of a decoder."""

from collections.abc import Mapping

import torch

from n2s.features.rates import At
from n2s.features.story_words.port import StoryLanguageModel
from n2s.findings import tell
from n2s.systems.story_text.decode import ACROSS, DecodeOptions
from n2s.systems.story_text.search import SearchOptions


def tell_other_moment(word_rate: object, at: At) -> None:
    """Tell if the feature of the data that counts words puts them at another moment of a word than the decoder does."""
    other = getattr(word_rate, "at", at)
    if other != at:
        tell(
            "odd",
            "model.at",
            f"a word's response starts from its {at}, and the word rate counts words at their {other}: decoded words come at the {other} of words, and are taken for "
            "the other. Give both the same (the feature's at).",
        )


def told(
    learned: StoryLanguageModel,
    fits: Mapping[str, Mapping[str, dict]],
    search: SearchOptions,
    decode: DecodeOptions,
    other_language: str | None = None,
) -> list[str]:
    """Sentences on the language model, the fits (subject -> fold -> what `n2s.systems.story_text.fit.fit_fold` left), the search, and the decoder of another language."""
    every = [one for own in fits.values() for one in own.values()]
    r2 = torch.stack([one["rate"]["r2"] for one in every])
    n_voxels = sorted({len(one["voxels"]) for one in every})
    found = [
        f"Language model: {learned.told()}.",
        f"Encoding model: {' or '.join(map(str, n_voxels))} voxels or sensors with the best score in held-out training stories. Word rate: R2 "
        f"{r2.min():.2f} to {r2.max():.2f} there.",
        f"Beam search: width {search.width}, {search.extensions} extensions, nucleus of {100 * search.mass:g}% of probability and {search.ratio:g} of the "
        f"most probable word, {search.language_s:g} s of context. Random likelihoods: {decode.n_null} texts, width {decode.null_width}.",
    ]
    if other_language is not None:
        r2 = torch.stack([one[ACROSS]["rate"]["r2"] for one in every])
        found.append(
            f"Decoder of the other language: encoding model, noise and word rate are learned from the training stories in '{other_language}' alone (word rate: R2 "
            f"{r2.min():.2f} to {r2.max():.2f}). Words, their probabilities and the means of their features are of training transcripts in "
            f"'{learned.language}'; no response to these was used. A story and its translation are held out together."
        )
    return found
