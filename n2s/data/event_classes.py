"""Which class an event belongs to, by what was said: a phone, its articulation, a word, a command."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from n2s.errors import UserError, first_of, nearest
from n2s.features.phone_names import ARPABET, CLASSES, arpabet_names
from n2s.features.phones import LETTERS, alphabet_of
from n2s.studies.text import plain

MOST = 0.5  # of the events, without a class: the events are written in another alphabet


class EventClasses(ABC):
    """The classes of events, and the class of each text.

    Attributes
    ----------
    names
        Of the classes, in the order of the logits.
    partial
        Whether a recipe may name a few classes on purpose: events of no class are then left out, however many.
    """

    names: tuple[str, ...]
    partial: bool = False

    @abstractmethod
    def of(self, texts: Sequence[str]) -> dict[str, str | None]:
        """Text -> the name of its class, None if it has none. ``texts``: all of a recording, each as often as it occurs."""


class Arpabet(EventClasses):
    """The 39 phones of CMUdict, whatever their stress (``AH0``) and place in the word (``ah_B``); IPA and X-SAMPA are read, too.

    A phone of several letters of the IPA is the ARPABET phone with all of them, or that of its first letter (``ɑːɹ``: ``AA``).

    Parameters
    ----------
    only
        These phones, and no others; None: all 39.
    alphabet
        How the events write phones: ``arpabet``, ``ipa``, ``xsampa``; ``auto``: what knows most of them.

    Examples
    --------
    >>> from n2s.data import Arpabet
    >>> Arpabet().of(["AH0", "IY1", "silence"])
    {'AH0': 'AH', 'IY1': 'IY', 'silence': None}
    >>> Arpabet(only=["AA", "IY"], alphabet="arpabet").of(["IY1", "S"])
    {'IY1': 'IY', 'S': None}
    """

    def __init__(self, only: list[str] | None = None, *, alphabet: str = "auto"):
        self.names = checked_names([one.upper() for one in only], "Arpabet: only") if only else tuple(ARPABET)
        for name in self.names:
            if name not in ARPABET:
                raise UserError(
                    f"Arpabet: only names '{name}'; the phones are {', '.join(ARPABET)}.{nearest(name, list(ARPABET))}"
                )
        self.alphabet, self.partial = checked_alphabet(alphabet, "Arpabet"), only is not None

    def of(self, texts: Sequence[str]) -> dict[str, str | None]:
        """See `EventClasses`."""
        alphabet = alphabet_of(texts) if self.alphabet == "auto" else self.alphabet
        found = {text: _arpabet(text, alphabet) for text in dict.fromkeys(texts)}
        return {text: name if name in self.names else None for text, name in found.items()}


class Articulation(EventClasses):
    """How a phone is articulated: the first of some articulatory features that it has.

    Parameters
    ----------
    features
        In the order in which they are asked, as ``[vowel, plosive, nasal, fricative, approximant]``, or ``[voiced]``.
    rest
        The class of phones that have none of them, as ``voiceless``; None: they are left out.
    alphabet
        See `Arpabet`.

    Examples
    --------
    >>> from n2s.data import Articulation
    >>> Articulation(["voiced"], rest="voiceless", alphabet="ipa").of(["b", "p", "m"])
    {'b': 'voiced', 'p': 'voiceless', 'm': 'voiced'}
    """

    def __init__(self, features: list[str], *, rest: str | None = None, alphabet: str = "auto"):
        known = sorted(set().union(*CLASSES.values()))
        for name in features:
            if name not in known:
                raise UserError(
                    f"Articulation: there is no feature '{name}'; there are {', '.join(known)}.{nearest(name, known)}"
                )
        self.features = list(features)
        self.names = checked_names([*features, *([] if rest is None else [rest])], "Articulation: features")
        self.rest, self.alphabet = rest, checked_alphabet(alphabet, "Articulation")
        self.partial = rest is None

    def of(self, texts: Sequence[str]) -> dict[str, str | None]:
        """See `EventClasses`."""
        read = LETTERS[alphabet_of(texts) if self.alphabet == "auto" else self.alphabet]
        found = {}
        for text in dict.fromkeys(texts):
            letters = read(text)
            has = set().union(*(CLASSES[one] for one in letters)) if letters else set()
            found[text] = next((one for one in self.features if one in has), self.rest) if letters else None
        return found


class Labels(EventClasses):
    """Words, commands or any other labels, as the events write them; case and the kind of apostrophe do not count.

    Parameters
    ----------
    classes
        The labels, a class each; or name of a class -> its labels, as ``{"yes": ["yes", yeah], "no": ["no"]}``. In quotes, since YAML takes
        an unquoted yes, no, on, off, null or 1 for something else.

    Examples
    --------
    >>> from n2s.data import Labels
    >>> commands = Labels({"yes": ["yes", "yeah"], "no": ["no"]})
    >>> commands.names, commands.of(["Yeah", "no", "maybe"])
    (('yes', 'no'), {'Yeah': 'yes', 'no': 'no', 'maybe': None})
    """

    partial = True

    def __init__(self, classes: list[str] | dict[str, list[str]]):
        given = classes if isinstance(classes, Mapping) else {str(one): [one] for one in classes}
        for label in [*given, *(label for labels in given.values() for label in labels)]:
            if isinstance(label, bool) or label is None:
                raise UserError(
                    f"Labels: classes has {label!r}; expected text. Put labels in quotes: YAML takes yes, no, on, off and null for other values."
                )
        self.names = checked_names(list(given), "Labels: classes")
        self._class_of: dict[str, str] = {}
        for name, labels in given.items():
            for label in labels:
                key = _key(str(label))
                if self._class_of.setdefault(key, name) != name:
                    raise UserError(
                        f"Labels: '{label}' is in the classes {self._class_of[key]} and {name}. Name it once."
                    )

    def of(self, texts: Sequence[str]) -> dict[str, str | None]:
        """See `EventClasses`."""
        return {text: self._class_of.get(_key(text)) for text in dict.fromkeys(texts)}


class AnyText(EventClasses):
    """One class for all events that have a text: for sentences that are written out, not told apart (`n2s.systems.SaidText`).

    Examples
    --------
    >>> from n2s.data import AnyText
    >>> AnyText().of(["turn the lights on", ""])
    {'turn the lights on': 'said', '': None}
    """

    names = ("said",)

    def of(self, texts: Sequence[str]) -> dict[str, str | None]:
        """See `EventClasses`."""
        return {text: "said" if any(one.isalnum() for one in text) else None for text in dict.fromkeys(texts)}


def checked_names(names: Sequence[str], option: str) -> tuple[str, ...]:
    """The names of classes; a UserError if there are fewer than two, or one twice."""
    names = [str(name) for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if len(names) < 2 or twice or not all(names):
        wrong = f"has {first_of(twice)} twice" if twice else f"has {len(names)}: {first_of(names) or 'none'}"
        raise UserError(f"{option} {wrong}; expected two classes or more, each with a name of its own.")
    return tuple(names)


def checked_alphabet(alphabet: str, name: str) -> str:
    """The alphabet; a UserError if it is none."""
    if alphabet not in ("auto", *LETTERS):
        raise UserError(f"{name}: alphabet is '{alphabet}'; expected auto, {', '.join(LETTERS)}.")
    return alphabet


def _key(text: str) -> str:
    return plain(text).casefold().replace("’", "'").replace("ʼ", "'")


def _arpabet(text: str, alphabet: str) -> str | None:
    if alphabet == "arpabet":
        names = arpabet_names(text)
        return names[0] if names else None
    letters = LETTERS[alphabet](text)
    if not letters:
        return None
    whole = "".join(letters)
    return _OF_IPA.get(whole) or _OF_IPA.get("".join(letters[:2])) or _OF_IPA.get(letters[0])


#: IPA -> ARPABET: the table of ARPABET, and what English has beside it: reduced and rhotic vowels, flaps, British vowels.
_OF_IPA = {letters: name for name, letters in ARPABET.items()} | {
    "ə": "AH", "ɐ": "AH", "ᵻ": "IH", "ɨ": "IH", "ɚ": "ER", "ɜ": "ER", "ɒ": "AA", "a": "AA", "e": "EY", "o": "OW", "əʊ": "OW",
    "ɾ": "D", "r": "R", "ɫ": "L",
}  # fmt: skip
