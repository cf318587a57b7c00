"""What a result gives to hear and to read: sounds in groups, and texts beside their sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Sound:
    """A sound to listen to.

    Parameters
    ----------
    label
        What it is: ``heard``, ``choice 1``, the name of a method.
    samples
        (n,) Mono; None if there is no sound.
    rate
        Sampling rate, Hz.
    text, place, value
        Words, source and a number, for a table; empty if there is none.
    true
        Whether it is the sound that was heard.

    Examples
    --------
    >>> Sound("choice 1", np.zeros(16_000), 16_000, text="once upon a time", value="0.62", true=True).label
    'choice 1'
    """

    label: str
    samples: np.ndarray | None
    rate: int
    text: str = ""
    place: str = ""
    value: str = ""
    true: bool = False


@dataclass(frozen=True)
class Listening:
    """Sounds in groups that belong together.

    Parameters
    ----------
    title, note
        A heading, and a description of the sounds.
    groups
        Heading -> its sounds.
    columns
        Headings of the sounds' ``text``, ``place`` and ``value``; an empty one is not shown.

    Examples
    --------
    >>> Listening("Segments", "What was heard.", {"window 1": [Sound("heard", np.zeros(800), 16_000)]}).columns
    ('text', 'where', 'value')
    """

    title: str
    note: str
    groups: Mapping[str, Sequence[Sound]]
    columns: tuple[str, str, str] = ("text", "where", "value")


class TimedWord(NamedTuple):
    """A word, when it was said (s), and its kind, which gives its colour; empty for none.

    Examples
    --------
    >>> word = TimedWord(1.2, "once", "good")
    """

    time_s: float
    word: str
    kind: str = ""


@dataclass(frozen=True)
class ReadAlong:
    """Texts below each other in lines of time, with the sound that they belong to.

    Parameters
    ----------
    title, note
        A heading, and a description.
    texts
        Label -> its words in the order of time; the text that was said comes first.
    start_s, stop_s
        The stretch to show, s.
    kinds
        Kind of a word -> what it means: ``good``, ``fair``, ``weak`` or ``none``, the best first.
    samples, rate
        (n,) The sound from ``start_s`` on, mono, and its sampling rate, Hz; None if there is no sound.

    Examples
    --------
    >>> ReadAlong("A story", "Its words.", {"said": [TimedWord(0.1, "once")]}, start_s=0.0, stop_s=10.0).rate
    16000
    """

    title: str
    note: str
    texts: Mapping[str, Sequence[TimedWord]]
    start_s: float
    stop_s: float
    kinds: Mapping[str, str] = field(default_factory=dict)
    samples: np.ndarray | None = None
    rate: int = 16_000
