"""What the words of tales drive in simulated listeners: known numbers of each word, in the context of the words before it.

A concept has a place of its own and one that its category shares, so that words of one kind drive voxels alike. Translations have one
concept, and so one place. Function words have small places of their own. Beside it, each form of each language has a place that tells
nothing of what it means. What a word drives is mostly its own place, and a part of those of the two words before it in its story.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from n2s.errors import UserError
from n2s.studies.simulated.areas_drivers import codes
from n2s.studies.simulated.tales import LANGUAGES, Sentence, category
from n2s.studies.text import plain

CONTEXT = (0.6, 0.25, 0.15)  # how much of a word is its own place, the one before's, the one's before that
N_DIMS = 16  # of meaning, and of the forms of each language
CATEGORY_SHARE = 0.5  # of the variance of concepts
FUNCTION_SIZE = 0.3  # of the place of a word without concept, relative to one with
PRIVATE = {language: f"private_{language}" for language in LANGUAGES}
#: What words drive, and its dimensions: the columns of `WordCodes.features`, in this order.
WORD_DRIVERS = {"meaning": N_DIMS} | dict.fromkeys(PRIVATE.values(), N_DIMS) | {"rate": 1}


def columns() -> dict[str, slice]:
    """Driver -> its columns among the features of a word."""
    stops = np.cumsum([*WORD_DRIVERS.values()]).tolist()
    return {name: slice(stop - n_dims, stop) for (name, n_dims), stop in zip(WORD_DRIVERS.items(), stops, strict=True)}


def plain_form(word: str) -> str:
    """A word as it is looked up: lower case, a straight apostrophe, no punctuation around it."""
    return plain(word).lower().replace("’", "'").strip(".,;:!?¿¡\"'()«»“”")


class WordCodes:
    """The places of all words of some tales.

    Parameters
    ----------
    told
        Language -> all of its sentences. Their words say which form is which concept (of a form with several: the usual one). Places
        of meaning have a mean of 0 over all words of all languages, those of forms over all words of their language.
    seed
        Another seed, other places.
    """

    def __init__(self, told: Mapping[str, Iterable[Sentence]], seed: int):
        self.seed = seed
        said = {language: [*sentences] for language, sentences in told.items()}
        self._concepts = {language: _lexicon(sentences) for language, sentences in said.items()}
        counts = {
            language: Counter(plain_form(word) for one in sentences for word in one.words)
            for language, sentences in said.items()
        }
        self._places: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {
            language: {form: self._place(form, language) for form in count} for language, count in counts.items()
        }
        total = sum(count.total() for count in counts.values())
        self._middle = sum(
            n * self._places[language][form][0] for language, count in counts.items() for form, n in count.items()
        ) / max(total, 1)
        self._form_middle = {
            language: sum(n * self._places[language][form][1] for form, n in count.items()) / max(count.total(), 1)
            for language, count in counts.items()
        }

    def features(self, words: Sequence[str], language: str) -> np.ndarray:
        """(n, f) What each word of a story drives, given the words before it; columns are those of `columns`.

        The columns of other languages are 0. A form that no tale has is placed as a function word is.
        """
        if language not in self._places:
            raise UserError(f"no words of '{language}' are known; there are {', '.join(self._places)}.")
        known = self._places[language]
        found, at = np.zeros((len(words), sum(WORD_DRIVERS.values()))), columns()
        for row, word in zip(found, words, strict=True):
            form = plain_form(word)
            meaning, own = known[form] if form in known else self._place(form, language)
            row[at["meaning"]] = meaning - self._middle
            row[at[PRIVATE[language]]] = own - self._form_middle[language]
        found = sum(
            part * np.concatenate([np.zeros((back, found.shape[1])), found])[: len(found)]
            for back, part in enumerate(CONTEXT)
        )
        found[:, at["rate"]] = 1.0
        return found

    def _place(self, form: str, language: str) -> tuple[np.ndarray, np.ndarray]:
        """(N_DIMS,) The place of a word's meaning, and that of its form."""
        concept = self._concepts[language].get(form)
        if concept is None:
            meaning = FUNCTION_SIZE * codes([f"{self.seed} {language} function {form}"], N_DIMS)[0]
        else:
            kind, own = codes([f"{self.seed} category {category(concept)}", f"{self.seed} concept {concept}"], N_DIMS)
            meaning = np.sqrt(CATEGORY_SHARE) * kind + np.sqrt(1 - CATEGORY_SHARE) * own
        return meaning, codes([f"{self.seed} {language} form {form}"], N_DIMS)[0]


def _lexicon(sentences: Sequence[Sentence]) -> dict[str, str]:
    """Form -> its usual concept, of forms that mostly have one."""
    counts: dict[str, Counter] = {}
    for sentence in sentences:
        for word, concept in zip(sentence.words, sentence.concepts, strict=True):
            counts.setdefault(plain_form(word), Counter())[concept or ""] += 1
    usual = {form: max(sorted(count), key=count.__getitem__) for form, count in counts.items()}
    return {form: concept for form, concept in usual.items() if concept}
