"""Windows on a grid of a recording, of speech and of silence."""

import numpy as np
import pandas as pd

from n2s.data.event_windows import Counts, EventWindows, chosen_events
from n2s.data.spans import merged
from n2s.data.windows import WindowShape
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_choice, check_number
from n2s.studies.events import CONDITIONS


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
        Only these count as speech, and the silence around them as silence: frames in events of other conditions, or nearer to such events,
        are left out. None: all.

    Examples
    --------
    >>> from n2s.data import Frames
    >>> windows = Frames(step_s=0.24, speech="word")
    >>> windows.names, windows.n_logits
    (('silence', 'speech'), 1)
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

    def check_offset(self, offset_s: float) -> None:
        """See `EventWindows`: the class is that of a window's own middle.

        Raises
        ------
        UserError
            The offset is not 0.
        """
        if offset_s:
            raise UserError(
                f"data.offset_s is {offset_s:g}, and data.windows are Frames, whose class is that of the window's middle. Set data.offset_s to 0."
            )

    def wants(self, events: pd.DataFrame) -> bool:
        """See `EventWindows`."""
        return len(chosen_events(events, self.speech, self.conditions)) > 0

    def rows(
        self, events: pd.DataFrame, split: str, territory: pd.DataFrame, shape: WindowShape, counts: Counts
    ) -> pd.DataFrame:
        """See `EventWindows`."""
        every = chosen_events(events, self.speech)
        chosen = list(self.conditions or every.condition.unique())
        spoken = every[every.condition.isin(chosen)]
        counts.n_events += len(spoken)
        spans, played = _spans(spoken), played_spans(events)
        sfreq, n_window = shape.sfreq, shape.n_window
        step = max(round((self.step_s if split == "train" else self.test_step_s or self.step_s) * sfreq), 1)
        starts = []
        for row in territory.itertuples():
            first = -(-int(np.ceil(row.onset * sfreq - 1e-6)) // step) * step  # one grid, wherever a filter's gap ends
            last = int(np.floor((row.onset + row.duration) * sfreq + 1e-6)) - n_window
            starts.append(np.arange(first, last + 1, step))
        start = np.concatenate([np.zeros(0, np.int64), *starts]) / sfreq
        middle = start + n_window // 2 / sfreq
        kept = _inside(middle, played)  # before and after what plays nothing says whether there is speech
        condition = nearest_condition(middle, every, chosen)
        mine = np.isin(condition, chosen)
        counts.n_other += int((kept & ~mine).sum())
        kept &= mine
        start, middle, condition = start[kept], middle[kept], condition[kept]
        label = _inside(middle, spans).astype(np.int64)
        zero = np.zeros(len(start))
        return pd.DataFrame(
            {
                "onset": middle, "duration": zero, "at_s": start, "text": "", "label": label, "condition": condition, "story": "",
                "sequence": "", "speaker": "", "previous": "", "pause_s": zero,
            }
        )  # fmt: skip

    def tell(self, counts: Counts, where: str) -> None:
        """See `EventWindows`."""
        if not counts.n_events:
            raise UserError(
                f"{where}: no event of kind '{self.speech}' says where there is speech. Set data.windows.speech to a kind of the events."
            )
        if counts.n_other:
            told = f"{counts.n_other} frames are in {self.speech}s of other conditions than {', '.join(self.conditions or [])}, or nearer to them."
            tell("left out", where, told)


def nearest_condition(time_s: np.ndarray, events: pd.DataFrame, first: list[str]) -> np.ndarray:
    """(n,) The condition of the event that each moment is in, or is nearest to; of several those in ``first``. "listen" without events."""
    names = [*first, *(one for one in events.condition.unique() if one not in first)]
    found, nearest_s = np.full(len(time_s), "listen", object), np.full(len(time_s), np.inf)
    for name in names:
        spans = _spans(events[events.condition == name])
        if not len(spans):
            continue
        at = np.searchsorted(spans[:, 0], time_s, "right")
        since = np.where(at > 0, time_s - spans[(at - 1).clip(0), 1], np.inf)
        until = np.where(at < len(spans), spans[at.clip(0, len(spans) - 1), 0] - time_s, np.inf)
        away_s = np.minimum(since, until).clip(0)
        nearer = away_s < nearest_s - 1e-9
        found[nearer], nearest_s[nearer] = name, away_s[nearer]
    return found


def played_spans(events: pd.DataFrame) -> np.ndarray:
    """(n, 2) Where events say whether there is speech, s: of each condition its rows of kind sound, else story, else sentence; and every sentence, word and phone.

    Of conditions without such rows, as words that are said one by one, from their first event to their last.
    """
    found, bare = [events[events.kind.isin(["sentence", "word", "phone"])]], []
    for _, own in events.groupby("condition", sort=False):
        kinds = [own[(own.kind == kind) & (own.duration > 0)] for kind in ("sound", "story", "sentence")]
        (found if any(map(len, kinds)) else bare).append(next(filter(len, kinds), own))
    spans = [_spans(pd.concat(found))]
    if bare:
        every = _spans(pd.concat(bare))
        spans.append(np.array([[every[0, 0], every[:, 1].max()]]))
    return merged(np.concatenate(spans))


def _spans(events: pd.DataFrame) -> np.ndarray:
    """(n, 2) Where there is an event, s: disjoint, in order."""
    return merged(np.stack([events.onset, events.onset + events.duration], 1).astype(float).reshape(-1, 2))


def _inside(time_s: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """(n,) Whether each moment is in [start, stop) of disjoint spans in order."""
    if not len(spans):
        return np.zeros(len(time_s), bool)
    at = np.searchsorted(spans[:, 0], time_s + 1e-9, "right") - 1
    return (at >= 0) & (time_s < spans[at.clip(0), 1] - 1e-9)
