"""Which phone is heard: its identity, and how it is articulated."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from n2s.errors import UserError, first_of
from n2s.features.feature import ImpulseFeature
from n2s.features.phone_names import ARPABET, CLASSES, arpabet, ipa_letters
from n2s.features.rates import At, check_at, in_order, moments
from n2s.findings import tell
from n2s.studies.study import Impulses, Stimulus


class _OfPhones(ImpulseFeature):
    """A row of zeros and ones for each phone."""

    table = "phones"

    #: Names of the dimensions, in order.
    names: tuple[str, ...]

    def __init__(self, at: At) -> None:
        self.at = check_at(at, type(self).__name__)

    @property
    def n_features(self) -> int:
        """f: the number of names."""
        return len(self.names)

    @abstractmethod
    def _of(self, label: str) -> Sequence[str] | None:
        """The names that are 1 for a phone; None if it is not known."""

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """Zeros and ones, (n, f). A phone that is not known has zeros, and is named."""
        rows = self.heard(stimulus, start_s, stop_s)
        place = {name: i for i, name in enumerate(self.names)}
        found = {label: self._of(label) for label in dict.fromkeys(rows.text)}
        values = np.zeros((len(rows), len(place)), np.float32)
        for row, label in enumerate(rows.text):
            values[row, [place[name] for name in found[label] or ()]] = 1
        unknown = {label: int((rows.text == label).sum()) for label in found if found[label] is None}
        if len(rows) and sum(unknown.values()) == len(rows):
            raise UserError(
                f"stimulus '{stimulus.id}': none of its phones ({first_of(unknown)}) is known to {type(self).__name__}; expected "
                f"{first_of(self.names, 12, ' ..')}. Choose the alphabet of the alignment (arpabet, ipa), or give the list of its phones."
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
        ``arpabet``: the 39 phones of CMUdict, whatever their stress (``AH0``) and place in the word (``AH0_B``). ``ipa``: the letters
        of the International Phonetic Alphabet, without stress, length and diacritics; a diphthong or an affricate has a 1 at each
        of its letters. Or a list of the phones as the alignment writes them, taken as they are.
    at
        Where in the phone: ``middle``, ``onset`` or ``end``.
    """

    def __init__(self, inventory: str | list[str] = "arpabet", *, at: At = "middle") -> None:
        super().__init__(at)
        self.inventory = inventory
        known = {"arpabet": tuple(ARPABET), "ipa": tuple(CLASSES)}
        if isinstance(inventory, str) and inventory not in known:
            raise UserError(f"Phones: inventory='{inventory}'; expected arpabet, ipa, or a list of phones.")
        self.names = known[inventory] if isinstance(inventory, str) else tuple(inventory)
        if not self.names or len(set(self.names)) < len(self.names):
            raise UserError(f"Phones: the inventory {list(self.names)} is empty or has a phone twice.")

    def settings(self) -> dict:
        """The names and the moment."""
        return {
            "names": list(self.names),
            "alphabet": self.inventory if isinstance(self.inventory, str) else "",
            "at": self.at,
        }

    def _of(self, label: str) -> Sequence[str] | None:
        if self.inventory == "arpabet":
            name = arpabet(label)
            return None if name is None else [name]
        if self.inventory == "ipa":
            return ipa_letters(label)
        return [label] if label in self.names else None


class Articulation(_OfPhones):
    """How a phone is articulated, ``(n, f)``: voice, place and manner of consonants, height, depth and rounding of vowels.

    A phone of several letters (a diphthong, an affricate) has the classes of each.

    Parameters
    ----------
    alphabet
        How the alignment writes phones: ``arpabet`` or ``ipa``.
    at
        Where in the phone: ``middle``, ``onset`` or ``end``.
    """

    names = tuple(sorted(set().union(*CLASSES.values())))

    def __init__(self, alphabet: str = "arpabet", *, at: At = "middle") -> None:
        super().__init__(at)
        if alphabet not in ("arpabet", "ipa"):
            raise UserError(f"Articulation: alphabet='{alphabet}'; expected arpabet or ipa.")
        self.alphabet = alphabet

    def settings(self) -> dict:
        """The alphabet and the moment."""
        return {"alphabet": self.alphabet, "at": self.at}

    def _of(self, label: str) -> Sequence[str] | None:
        name = arpabet(label) if self.alphabet == "arpabet" else ""
        letters = None if name is None else list(ARPABET[name]) if name else ipa_letters(label)
        return None if letters is None else sorted(set().union(*(CLASSES[letter] for letter in letters)))
