"""Word vectors of several languages in one space, learned here from sentence-aligned text: an offline stand-in for a multilingual encoder."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import scipy.sparse

from n2s.errors import UserError, first_of
from n2s.features.feature import ImpulseFeature
from n2s.features.rates import At, check_at, in_order, moments
from n2s.findings import tell
from n2s.options import check_options
from n2s.paths import data_file
from n2s.studies.simulated.tales import LANGUAGES, tale
from n2s.studies.study import Impulses, Stimulus

KNOWN = 0.5  # of a stimulus' words: with fewer, its language is not one of the text's
SENTENCES = 100  # of each tale
RIDGE = 5.0  # sentences: a word in fewer is hardly trusted


class AlignedWords(ImpulseFeature):
    """Vectors of words by canonical correlation of sentences with their translations, put at each word.

    The space is that in which a sentence is most like its translations: words that mean the same come together, whatever their form. No
    context: a form has one vector. Words that the text does not have, or that are rare in it, are zeros. It is no LaBSE: it knows what its
    text tells, and should be named so.

    Parameters
    ----------
    languages
        Of the text, two or more.
    files
        Language -> text file, one sentence a line; line i of one is the translation of line i of the others. It must not hold what is tested.
        None: the simulated tales ``first_tale`` and after, which no simulated study tells (studies take those from 1 on).
    n_features
        Length of a vector.
    first_tale, n_tales
        Which tales, and how many.
    n_forms
        Of each language, the most frequent ones.
    at
        Where in the word: ``middle``, ``onset`` or ``end``.

    References
    ----------
    Vinokourov, Shawe-Taylor & Cristianini 2002, NIPS 15. Several languages: MAXVAR, Kettenring 1971, Biometrika 58:433.

    Examples
    --------
    >>> from n2s.features import AlignedWords, example_stimulus
    >>> texts = {"en": "you see\\nin the sea\\nyou and me in Bilbao\\n", "es": "ves\\nen el mar\\ntú y yo en Bilbao\\n"}
    >>> for language, text in texts.items():
    ...     _ = (folder / f"{language}.txt").write_text(text, "utf-8")
    >>> feature = AlignedWords(["en", "es"], files={one: f"{folder}/{one}.txt" for one in texts}, n_features=2)
    >>> feature.n_features
    2
    """

    def __init__(
        self,
        languages: Sequence[str] = ("es", "eu"),
        *,
        files: Mapping[str, str] | None = None,
        n_features: int = 100,
        first_tale: int = 1000,
        n_tales: int = 100,
        n_forms: int = 2000,
        at: At = "middle",
    ) -> None:
        check_options("AlignedWords: ", low=2, whole=True, n_features=n_features)
        check_options("AlignedWords: ", low=1, whole=True, n_tales=n_tales, n_forms=n_forms)
        check_options("AlignedWords: ", low=0, whole=True, first_tale=first_tale)
        self.languages, self.files, self._n_features = tuple(languages), dict(files or {}), n_features
        self.first_tale, self.n_tales, self.at = first_tale, n_tales, check_at(at, type(self).__name__)
        self.n_forms = n_forms
        if len(set(self.languages)) < 2:
            raise UserError(f"AlignedWords: languages are {list(languages)}; expected two or more.")
        missing = [one for one in self.languages if one not in (self.files or LANGUAGES)]
        if missing:
            known = first_of(self.files or LANGUAGES)
            raise UserError(
                f"AlignedWords: no text in {first_of(missing)}; there is one in {known}. Give a file for each language (files)."
            )

    @property
    def n_features(self) -> int:
        """f, as given."""
        return self._n_features

    def settings(self) -> dict:
        """The text (files by their bytes, or which tales), the dimension, and where in the word."""
        own = {
            "languages": list(self.languages),
            "n_features": self._n_features,
            "n_forms": self.n_forms,
            "at": self.at,
        }
        if self.files:
            return own | {
                "files": {
                    one: hashlib.sha256(data_file(self.files[one]).read_bytes()).hexdigest() for one in self.languages
                }
            }
        return own | {"tales": [self.first_tale, self.n_tales, SENTENCES]}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """(n, f), one for each word, in the language of the text that has most of the stimulus' words."""
        every = [plain_form(text) for text in self.heard(stimulus).text]
        known = {one: np.mean([form in forms for form in every]) for one, forms in self._vectors.items()}
        language = max(known, key=known.__getitem__)
        if known[language] < KNOWN:
            raise UserError(
                f"AlignedWords: its text has {100 * known[language]:.0f}% of the words of '{stimulus.id}' (best language: {language}, of "
                f"{', '.join(self.languages)}). Give text of the stimulus' language and kind (files), or another feature."
            )
        words = self.heard(stimulus, start_s, stop_s)
        return in_order(self.vectors_of(words.text, language), moments(words, self.at))

    def vectors_of(self, words: Iterable[str], language: str) -> np.ndarray:
        """(n, f) float32: of words of a language, in any spelling; zeros of a word that its text does not have.

        Raises
        ------
        UserError
            The text is not in this language.
        """
        self.check_language(language)
        vectors, empty = self._vectors[language], np.zeros(self._n_features, np.float32)
        found = [vectors.get(plain_form(one), empty) for one in words]
        return np.stack(found) if found else np.zeros((0, self._n_features), np.float32)

    def check_language(self, language: str) -> None:
        """Raise a UserError if the text is not in a language."""
        if language not in self.languages:
            raise UserError(
                f"AlignedWords: no text in '{language}'; its languages are {', '.join(self.languages)}. Name it there (languages)."
            )

    @cached_property
    def _vectors(self) -> dict[str, dict[str, np.ndarray]]:
        """Language -> form -> (f,) float32."""
        texts = self._texts()
        forms: dict[str, list[str]] = {}
        counts = []
        for language in self.languages:
            said = [set(words_of(text)) for text in texts[language]]
            frequency = Counter(form for one in said for form in one)
            forms[language] = [
                form for form, _ in sorted(frequency.items(), key=lambda one: (-one[1], one[0]))[: self.n_forms]
            ]
            place = {form: i for i, form in enumerate(forms[language])}
            at = np.array([(i, place[form]) for i, one in enumerate(said) for form in one if form in place]).reshape(
                -1, 2
            )
            if not len(at):
                raise UserError(f"AlignedWords: its text in {language} has no words. Check the files.")
            counts.append(scipy.sparse.csr_array((np.ones(len(at)), at.T), (len(said), len(place))))
        vectors = canonical_vectors(counts, self._n_features)
        return {one: dict(zip(forms[one], own, strict=True)) for one, own in zip(self.languages, vectors, strict=True)}

    def _texts(self) -> dict[str, list[str]]:
        if not self.files:
            numbers = range(self.first_tale, self.first_tale + self.n_tales)
            return {
                one: [text for number in numbers for text in tale(number, one, SENTENCES)] for one in self.languages
            }
        texts = {one: data_file(self.files[one]).read_text("utf-8").splitlines() for one in self.languages}
        lengths = {one: len(text) for one, text in texts.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{one}: {n}" for one, n in lengths.items())
            raise UserError(
                f"AlignedWords: files have different numbers of lines ({told}); line i of each must be the same sentence."
            )
        blank = sum(1 for lines in zip(*texts.values(), strict=True) if not all(line.strip() for line in lines))
        if blank:
            tell(
                "left out",
                "AlignedWords",
                f"{blank} sentences have no translation (an empty line in a language): they say little of meaning.",
            )
        return texts


def plain_form(word: str) -> str:
    """A word as it is looked up: composed, lower case, without punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", unicodedata.normalize("NFC", word).casefold())


def words_of(text: str) -> list[str]:
    """The forms of a sentence, in order."""
    return [form for form in map(plain_form, text.split()) if form]


def canonical_vectors(counts: Sequence[scipy.sparse.csr_array], n: int) -> list[np.ndarray]:
    """(sentences, words) of each language -> (words, n) float32 each: regularised canonical correlation of sentences and translations.

    The largest entry of every dimension is positive: signs are the same on every machine. Zeros beyond the number of words.
    """
    means = [one.mean(0) for one in counts]
    sizes = [one.shape[1] for one in counts]
    whitened = []
    for one, mean in zip(counts, means, strict=True):
        own = (one.T @ one).toarray() - one.shape[0] * np.outer(mean, mean)
        values, vectors = np.linalg.eigh(own + RIDGE * np.eye(len(own)))
        whitened.append((vectors / np.sqrt(values)) @ vectors.T)
    blocks = [[None] * len(counts) for _ in counts]
    for i, (one, mean) in enumerate(zip(counts, means, strict=True)):
        for j, (other, other_mean) in enumerate(zip(counts, means, strict=True)):
            cross = (one.T @ other).toarray() - one.shape[0] * np.outer(mean, other_mean)
            blocks[i][j] = whitened[i] @ cross @ whitened[j]
    values, vectors = np.linalg.eigh(np.block(blocks))
    vectors = vectors[:, np.argsort(values)[::-1][:n]]
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    vectors = vectors * np.where(signs == 0, 1, signs)
    parts = np.split(vectors, np.cumsum(sizes)[:-1])
    found = [whitening @ part for whitening, part in zip(whitened, parts, strict=True)]
    return [np.pad(one, ((0, 0), (0, n - one.shape[1]))).astype(np.float32) for one in found]
