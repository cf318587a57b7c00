"""Which moments of a recording have a window, and the class of each: events, or frames of speech and silence."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.data.event_classes import MOST, EventClasses
from n2s.data.options import check_choice, check_number
from n2s.data.spans import merged
from n2s.data.windows import WindowShape
from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.events import CONDITIONS, KINDS

#: Of a window: when its event begins (s, the recording's clock), how long it is, what it is; ``label``: its number among the classes;
#: ``previous``: the text of the event before it, of the same kind and condition, "" if it ended 2 s or more before; ``pause_s``: since its end.
COLUMNS = (
    "onset",
    "duration",
    "at_s",
    "text",
    "label",
    "condition",
    "story",
    "sequence",
    "speaker",
    "previous",
    "pause_s",
)
LONG_PAUSE_S = 2.0  # of the first event: longer pauses tell no more


@dataclass
class Counts:
    """What was left out of the events of some recordings, to be told once."""

    unknown: Counter = field(default_factory=Counter)
    n_events: int = 0


class EventWindows(ABC):
    """Which moments get a window, and their classes.

    Attributes
    ----------
    names
        Of the classes.
    n_logits
        Of a network: one for each class, or 1 for the second of two.
    """

    names: tuple[str, ...]

    @property
    def n_logits(self) -> int:
        """See the class."""
        return len(self.names)

    @abstractmethod
    def wants(self, events: pd.DataFrame) -> bool:
        """Whether a recording with these events has windows."""

    @abstractmethod
    def rows(
        self, events: pd.DataFrame, split: str, territory: pd.DataFrame, shape: WindowShape, counts: Counts
    ) -> pd.DataFrame:
        """The moments of one recording: a table of `COLUMNS`, ``at_s`` is what windows count from.

        Parameters
        ----------
        events
            Of the recording.
        split
            Whose windows they are: training may have others than the rest.
        territory
            The stretches of that split, ``onset`` and ``duration``, s.
        shape
            Of a window.
        counts
            To add to what is left out.
        """

    @abstractmethod
    def tell(self, counts: Counts, where: str) -> None:
        """Say what was left out; a UserError if that is nearly everything."""


class AtEvents(EventWindows):
    """A window for each event of a kind.

    Parameters
    ----------
    classes
        The class of each event, by its text.
    kind
        ``phone``, ``word``, ``sentence``, ``sound`` or ``story``.
    conditions
        Only events of these: ``listen``, ``overt``, ``silent``, ``imagined``, ``rest``; None: of all.
    at
        What ``data.offset_s`` counts from: the event's ``onset``, ``middle`` or ``end``.
    """

    def __init__(
        self, classes: EventClasses, *, kind: str = "phone", conditions: list[str] | None = None, at: str = "onset"
    ):
        check_choice("AtEvents: kind", kind, KINDS)
        check_choice("AtEvents: at", at, ("onset", "middle", "end"))
        for condition in conditions or []:
            check_choice("AtEvents: conditions", condition, CONDITIONS)
        self.classes, self.kind, self.at = classes, kind, at
        self.conditions = None if conditions is None else list(conditions)
        self.names = tuple(classes.names)

    def wants(self, events: pd.DataFrame) -> bool:
        """See `EventWindows`."""
        return len(_chosen(events, self.kind, self.conditions)) > 0

    def rows(
        self, events: pd.DataFrame, split: str, territory: pd.DataFrame, shape: WindowShape, counts: Counts
    ) -> pd.DataFrame:
        """See `EventWindows`."""
        own = _chosen(events, self.kind, self.conditions).sort_values("onset", kind="stable")
        own = own.drop_duplicates(["onset", "duration", "text", "condition"])
        class_of = self.classes.of(list(own.text))
        number = {name: index for index, name in enumerate(self.names)}
        label = own.text.map({text: number.get(name, -1) for text, name in class_of.items()}).to_numpy(
            np.int64, na_value=-1
        )
        if split == "train":  # each recording is counted once: all splits see its events
            counts.n_events += len(own)
            counts.unknown.update(own.text[label < 0])
        stop = (own.onset + own.duration).to_numpy()
        of_condition = own.condition.to_numpy()
        text, previous, pause_s = (
            own.text.to_numpy(object),
            np.full(len(own), "", object),
            np.full(len(own), LONG_PAUSE_S),
        )
        for condition in np.unique(of_condition):
            rows = np.flatnonzero(of_condition == condition)
            pause = own.onset.to_numpy()[rows[1:]] - stop[rows[:-1]]
            previous[rows[1:]] = np.where(pause < LONG_PAUSE_S, text[rows[:-1]], "")
            pause_s[rows[1:]] = np.clip(pause, 0, LONG_PAUSE_S)
        at_s = own.onset + own.duration * {"onset": 0.0, "middle": 0.5, "end": 1.0}[self.at]
        found = own.assign(at_s=at_s, label=label, previous=previous, pause_s=pause_s)
        return found.loc[label >= 0, list(COLUMNS)].reset_index(drop=True)

    def tell(self, counts: Counts, where: str) -> None:
        """See `EventWindows`.

        Raises
        ------
        UserError
            No event is of this kind and condition, or more than half of them have no class.
        """
        n_unknown = sum(counts.unknown.values())
        if not counts.n_events:
            wanted = f"of kind '{self.kind}'" + (
                f" and condition {', '.join(self.conditions)}" if self.conditions else ""
            )
            raise UserError(
                f"{where}: no event {wanted}. Set data.windows.kind and conditions to what the events table has."
            )
        if not counts.unknown:
            return
        listed = first_of([f"{text or repr(text)} ({n})" for text, n in counts.unknown.most_common()], 8)
        if n_unknown == counts.n_events or (n_unknown > MOST * counts.n_events and not self.classes.partial):
            hint = nearest(counts.unknown.most_common(1)[0][0], list(self.names))
            raise UserError(
                f"{where}: {n_unknown} of {counts.n_events} {self.kind}s have no class: {listed}. The classes are "
                f"{first_of(self.names, 12)}.{hint} Set data.windows.classes to the labels of the events."
            )
        tell("left out", where, f"{n_unknown} of {counts.n_events} {self.kind}s have no class: {listed}.")


class Frames(EventWindows):
    """Windows on a grid of the recording: is there speech at the middle sample, or silence? For the detection of speech.

    Parameters
    ----------
    step_s
        From one training window to the next. LibriBrain 2025: 60 samples of 250 Hz.
    test_step_s
        The same of validation and test; None: as in training. LibriBrain 2025: one sample.
    speech
        Rows of this kind are speech: ``word``, ``phone`` or ``sentence``.
    conditions
        Only these count as speech; None: all.
    """

    names = ("silence", "speech")

    def __init__(
        self,
        *,
        step_s: float = 0.24,
        test_step_s: float | None = None,
        speech: str = "word",
        conditions: list[str] | None = None,
    ):
        check_number("Frames: step_s", step_s, above=0)
        check_number("Frames: test_step_s", test_step_s, above=0)
        check_choice("Frames: speech", speech, ("word", "phone", "sentence"))
        for condition in conditions or []:
            check_choice("Frames: conditions", condition, CONDITIONS)
        self.step_s, self.test_step_s, self.speech = step_s, test_step_s, speech
        self.conditions = None if conditions is None else list(conditions)

    @property
    def n_logits(self) -> int:
        """One: of speech."""
        return 1

    def wants(self, events: pd.DataFrame) -> bool:
        """See `EventWindows`."""
        return len(_chosen(events, self.speech, self.conditions)) > 0

    def rows(
        self, events: pd.DataFrame, split: str, territory: pd.DataFrame, shape: WindowShape, counts: Counts
    ) -> pd.DataFrame:
        """See `EventWindows`."""
        spoken = _chosen(events, self.speech, self.conditions)
        counts.n_events += len(spoken)
        spans = merged(np.stack([spoken.onset, spoken.onset + spoken.duration], 1).astype(float).reshape(-1, 2))
        sfreq, n_window, played = shape.sfreq, shape.n_window, played_spans(events)
        step = max(round((self.step_s if split == "train" else self.test_step_s or self.step_s) * sfreq), 1)
        starts = []
        for row in territory.itertuples():
            first = int(np.ceil(row.onset * sfreq - 1e-6))
            last = int(np.floor((row.onset + row.duration) * sfreq + 1e-6)) - n_window
            starts.append(np.arange(first, last + 1, step))
        start = np.concatenate([np.zeros(0, np.int64), *starts]) / sfreq
        middle = start + n_window // 2 / sfreq
        kept = _inside(middle, played)  # before and after what plays nothing says whether there is speech
        start, middle = start[kept], middle[kept]
        label = _inside(middle, spans).astype(np.int64)
        zero = np.zeros(len(start))
        return pd.DataFrame(
            {
                "onset": middle, "duration": zero, "at_s": start, "text": "", "label": label, "condition": "listen", "story": "",
                "sequence": "", "speaker": "", "previous": "", "pause_s": zero,
            }
        )  # fmt: skip

    def tell(self, counts: Counts, where: str) -> None:
        """See `EventWindows`."""
        if not counts.n_events:
            raise UserError(
                f"{where}: no event of kind '{self.speech}' says where there is speech. Set data.windows.speech to a kind of the events."
            )


def _chosen(events: pd.DataFrame, kind: str, conditions: list[str] | None) -> pd.DataFrame:
    own = events[(events.kind == kind) & (events.attended != "no")]
    return own if conditions is None else own[own.condition.isin(conditions)]


def played_spans(events: pd.DataFrame) -> np.ndarray:
    """(n, 2) Where something plays or is said, s: rows of kind sound, else story, else sentence, else all."""
    for kind in ("sound", "story", "sentence"):
        rows = events[(events.kind == kind) & (events.duration > 0)]
        if len(rows):
            break
    else:
        rows = events
    return merged(np.stack([rows.onset, rows.onset + rows.duration], 1).astype(float))


def _inside(time_s: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """(n,) Whether each moment is in [start, stop) of disjoint spans in order."""
    if not len(spans):
        return np.zeros(len(time_s), bool)
    at = np.searchsorted(spans[:, 0], time_s + 1e-9, "right") - 1
    return (at >= 0) & (time_s < spans[at.clip(0), 1] - 1e-9)
