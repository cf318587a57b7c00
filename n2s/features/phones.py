"""Which phone is heard: its identity, and how it is articulated."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from n2s.errors import UserError, first_of
from n2s.features.feature import ImpulseFeature
from n2s.features.phone_names import ARPABET, CLASSES, arpabet_letters, arpabet_names, ipa_letters, xsampa_letters
from n2s.features.rates import At, check_at, in_order, moments
from n2s.findings import tell
from n2s.studies.study import Impulses, Stimulus

MOST = 0.5  # of the phones, unknown in an alphabet: it is not the alphabet of the alignment (t, k, m are in all)
NEARLY = 0.1  # of the phones: an alphabet that knows so many more is that of the alignment


class _OfPhones(ImpulseFeature):
    """A row of zeros and ones for each phone."""

    table = "phones"
    version = 2  # the labels of TIMIT and Buckeye; X-SAMPA that is nearly all small letters

    #: Names of the dimensions, in order.
    names: tuple[str, ...]

    #: The share of unknown phones from which on it is an error.
    too_many: float = MOST

    def __init__(self, at: At) -> None:
        self.at = check_at(at, type(self).__name__)

    @property
    def n_features(self) -> int:
        """f: the number of names."""
        return len(self.names)

    @abstractmethod
    def _of(self, labels: Sequence[str]) -> dict[str, Sequence[str] | None]:
        """Label -> the names that are 1 for this phone; None if it is not known. ``labels``: all that a stimulus has."""

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """Zeros and ones, (n, f). A phone that is not known has zeros, and is named."""
        rows = self.heard(stimulus, start_s, stop_s)
        place = {name: i for i, name in enumerate(self.names)}
        found = self._of(list(rows.text))
        values = np.zeros((len(rows), len(place)), np.float32)
        for row, label in enumerate(rows.text):
            values[row, [place[name] for name in found[label] or ()]] = 1
        unknown = {label: int((rows.text == label).sum()) for label in found if found[label] is None}
        n_unknown = sum(unknown.values())
        likely = alphabet_of(list(rows.text))
        other = self.too_many < 1 and n_unknown - _n_unknown(list(rows.text), likely) > NEARLY * len(rows)
        if len(rows) and (n_unknown == len(rows) or n_unknown > self.too_many * len(rows) or other):
            seen = f" They look like {likely}." if other else ""
            raise UserError(
                f"stimulus '{stimulus.id}': {type(self).__name__} does not know {n_unknown} of its {len(rows)} phones ({first_of(unknown)}); expected "
                f"{first_of(self.names, 12, ' ..')}.{seen} Choose the alphabet of the alignment ({', '.join(LETTERS)}), or give the list of its "
                "phones."
            )
        if unknown:
            counts = first_of(f"{label} ({n})" for label, n in unknown.items())
            text = (
                f"{type(self).__name__}: phones that are not in its inventory are no phone of it (all zeros): {counts}."
            )
            tell("left out", f"stimulus '{stimulus.id}'", text)
        return in_order(values, moments(rows, self.at))


class Phones(_OfPhones):
    """Which phone, ``(n, f)``: one dimension for each phone of an inventory.

    Parameters
    ----------
    inventory
        ``arpabet``: the 39 phones of CMUdict, whatever their stress (``AH0``) and place in the word (``AH0_B``); TIMIT's and Buckeye's are
        joined to them, closures and glottal stops are none. ``ipa``: the letters
        of the International Phonetic Alphabet, without stress, length and diacritics; a diphthong or an affricate has a 1 at each
        of its letters. ``xsampa``: the same, written as SAMPA and WebMAUS do. Or a list of the phones as the alignment writes them, taken as they are.
    at
        Where in the phone: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import Phones, example_stimulus
    >>> feature = Phones()
    >>> [feature.names[row.argmax()] for row in feature.extract(example_stimulus()).values][:4]
    ['S', 'IY', 'Y', 'UW']
    """

    def __init__(self, inventory: str | list[str] = "arpabet", *, at: At = "middle") -> None:
        super().__init__(at)
        self.inventory = inventory
        known = {"arpabet": tuple(ARPABET), "ipa": tuple(CLASSES), "xsampa": tuple(CLASSES)}
        if isinstance(inventory, str) and inventory not in known:
            raise UserError(f"Phones: inventory='{inventory}'; expected {', '.join(known)}, or a list of phones.")
        self.names = known[inventory] if isinstance(inventory, str) else tuple(inventory)
        self.too_many = MOST if isinstance(inventory, str) else 1.0  # a list may name a few phones on purpose
        if not self.names or len(set(self.names)) < len(self.names):
            raise UserError(f"Phones: the inventory {list(self.names)} is empty or has a phone twice.")

    def settings(self) -> dict:
        """The names and the moment."""
        return {
            "names": list(self.names),
            "alphabet": self.inventory if isinstance(self.inventory, str) else "",
            "at": self.at,
        }

    def _of(self, labels: Sequence[str]) -> dict[str, Sequence[str] | None]:
        return {label: self._one(label) for label in dict.fromkeys(labels)}

    def _one(self, label: str) -> Sequence[str] | None:
        if self.inventory == "arpabet":
            return arpabet_names(label)
        if isinstance(self.inventory, str):
            return LETTERS[self.inventory](label)
        return [label] if label in self.names else None


class Articulation(_OfPhones):
    """How a phone is articulated, ``(n, f)``: voice, place and manner of consonants, height, depth and rounding of vowels.

    A phone of several letters (a diphthong, an affricate) has the classes of each.

    Parameters
    ----------
    alphabet
        How the alignment writes phones: ``arpabet``, ``ipa`` or ``xsampa``; ``auto``: what knows most phones of the stimulus, or ARPABET
        if it knows nearly as many.
    at
        Where in the phone: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import Articulation, example_stimulus
    >>> found = Articulation().extract(example_stimulus())
    >>> [Articulation.names[i] for i in found.values[0].nonzero()[0]]  # of the first phone, S
    ['alveolar', 'fricative']
    """

    names = tuple(sorted(set().union(*CLASSES.values())))

    def __init__(self, alphabet: str = "auto", *, at: At = "middle") -> None:
        super().__init__(at)
        if alphabet not in ("auto", *LETTERS):
            raise UserError(f"Articulation: alphabet='{alphabet}'; expected auto, {', '.join(LETTERS)}.")
        self.alphabet = alphabet

    def settings(self) -> dict:
        """The alphabet and the moment."""
        return {"alphabet": self.alphabet, "at": self.at}

    def _of(self, labels: Sequence[str]) -> dict[str, Sequence[str] | None]:
        read = LETTERS[alphabet_of(labels) if self.alphabet == "auto" else self.alphabet]
        found = {label: read(label) for label in dict.fromkeys(labels)}
        return {
            label: None if letters is None else sorted(set().union(*(CLASSES[letter] for letter in letters)))
            for label, letters in found.items()
        }


#: Alphabet -> the letters of the International Phonetic Alphabet of one of its phones; None if it is not known.
LETTERS = {"arpabet": arpabet_letters, "ipa": ipa_letters, "xsampa": xsampa_letters}


def alphabet_of(labels: Sequence[str]) -> str:
    """ARPABET, if it knows nearly as many of the phones as any (in small letters all are letters of the IPA, too); else what knows more.

    Its vowels have two letters: a word of single small ones, such as French ``d y``, is none of ARPABET.
    """
    unknown = {alphabet: _n_unknown(labels, alphabet) for alphabet in LETTERS}
    least = min(unknown, key=unknown.__getitem__)
    if all(len(label) == 1 and label.islower() for label in labels):
        return min(("ipa", "xsampa"), key=unknown.__getitem__)
    return "arpabet" if unknown["arpabet"] <= unknown[least] + NEARLY * len(labels) else least


def _n_unknown(labels: Sequence[str], alphabet: str) -> int:
    known = {label: LETTERS[alphabet](label) is not None for label in dict.fromkeys(labels)}
    return sum(not known[label] for label in labels)
