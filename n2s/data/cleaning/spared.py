"""Steps that mark bad spans, and what of them is not dropped: who speaks tenses muscles, and speech would go whole."""

import mne
import numpy as np
import pandas as pd

from n2s.data.spans import lengths, merged, minus
from n2s.data.steps import Step
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_choice
from n2s.studies.events import CONDITIONS

MUCH = 0.5  # of the time of a condition's events: what marks more of it marks the condition itself


class Annotation(Step):
    """A step that marks bad spans and changes no signal.

    Attributes
    ----------
    drop
        Whether no window may touch what it marks; else it is only counted.
    spared
        Conditions whose events are kept all the same.
    """

    drop: bool
    spared: list[str]

    def _choose(self, drop: bool, spared: list[str] | None) -> None:
        check_choice(f"{type(self).__name__}: drop", drop, (True, False))
        self.drop, self.spared = drop, ["overt"] if spared is None else list(spared)
        unknown = sorted(set(self.spared) - set(CONDITIONS))
        if unknown:
            raise UserError(
                f"{type(self).__name__}: spared holds {unknown}; conditions of events are {', '.join(CONDITIONS)}."
            )

    def _mark(self, raw: mne.io.BaseRaw, spans: list[tuple[float, float]], description: str) -> None:
        """Add (onset, duration), s from the first sample, to the recording's annotations: as bad if they are dropped."""
        if spans:
            onset = np.array([start for start, _ in spans]) + (raw.first_time if raw.annotations.orig_time else 0.0)
            name = f"BAD_{description}" if self.drop else description
            new = type(raw.annotations)(
                onset, [length for _, length in spans], [name] * len(spans), orig_time=raw.annotations.orig_time
            )
            raw.set_annotations(raw.annotations + new, verbose="error")


def dropped(step: Step, new: list[list[float]], events: pd.DataFrame | None) -> list[list[float]]:
    """(onset, duration), s, of what no window may touch, of what a step marked."""
    spared = getattr(step, "spared", [])
    if events is None or not spared:
        return new
    taken = _times(events[events.condition.isin(spared)])
    left = minus(np.array([[onset, onset + length] for onset, length in new if length > 0]).reshape(-1, 2), taken)
    return [[float(start), float(stop - start)] for start, stop in left] + [one for one in new if not one[1]]


def shares(new: list[list[float]], events: pd.DataFrame) -> dict[str, float]:
    """The share of the time of each condition's events that (onset, duration), s, cover."""
    marked = merged(np.array([[onset, onset + length] for onset, length in new if length > 0]).reshape(-1, 2))
    found = {}
    for condition, rows in events.groupby("condition"):
        times = _times(rows)
        whole = lengths(times).sum()
        if whole > 0:
            found[str(condition)] = float(1 - lengths(minus(times, marked)).sum() / whole)
    return found


def tell_covered(step: Step, new: list[list[float]], events: pd.DataFrame | None, where: str) -> None:
    """Tell where a step marks most of a condition: it then marks what people did, and not an accident."""
    if events is None:
        return
    spared = getattr(step, "spared", [])
    for condition, share in shares(new, events).items():
        if share > MUCH:
            name = type(step).__name__
            kept = condition in spared
            done = (
                "They are kept all the same (spared)."
                if kept
                else "No window uses these. Add it to spared, or set drop to false."
            )
            tell(
                "odd" if kept else "left out",
                f"{where} ({100 * share:.0f}%)",
                f"{name} marks most of the time of '{condition}' events as bad. {done}",
            )


def _times(events: pd.DataFrame) -> np.ndarray:
    rows = np.stack([events.onset.to_numpy(float), (events.onset + events.duration).to_numpy(float)], 1)
    return merged(rows[rows[:, 1] > rows[:, 0]])
