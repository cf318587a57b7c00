"""The moments that a decoder of events is asked about: seconds, or a table of events."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError, first_of, nearest

LABELS = ("text", "trial_type", "value", "label")  # columns of a table that may say what an event was


@dataclass(frozen=True)
class Asked:
    """``onset_s (n,)`` on the recording's clock, ``middle_s`` and ``end_s`` of each event, and ``text (n,)``: what it was, "" where nothing says it."""

    onset_s: np.ndarray
    middle_s: np.ndarray
    end_s: np.ndarray
    text: np.ndarray

    def at(self, which: str) -> np.ndarray:
        """The ``onset``, ``middle`` or ``end`` of each, s."""
        return {"onset": self.onset_s, "middle": self.middle_s, "end": self.end_s}[which]


def asked(events: Path | str | pd.DataFrame | Sequence[float]) -> Asked:
    """Moments from seconds, from a table, or from its file.

    Parameters
    ----------
    events
        Onsets in s; or a table, or a file of one (``events.tsv`` of BIDS, or CSV): a column ``onset``, s, and if there are any ``duration`` and one
        of ``text``, ``trial_type``, ``value`` and ``label``, the first of these that is there.

    Raises
    ------
    UserError
        There is no such file or column, a number is none, or there is no event.
    """
    if isinstance(events, str | Path):
        table, where = _read(Path(events).expanduser()), str(events)
    elif isinstance(events, pd.DataFrame):
        table, where = events, "the table of events"
    else:
        table, where = pd.DataFrame({"onset": list(events)}), "onsets"
    if "onset" not in table.columns:
        raise UserError(
            f"{where}: no column onset; it has {first_of(map(str, table.columns), 8) or 'none'}. Expected onset (s on the recording's clock), and "
            "duration (s) and trial_type where they are known."
        )
    onset = pd.to_numeric(table.onset, errors="coerce").to_numpy(float)
    if not len(onset) or not np.isfinite(onset).all():
        wrong = (
            "no event"
            if not len(onset)
            else f"onset of row {int(np.flatnonzero(~np.isfinite(onset))[0]) + 1} is no number"
        )
        raise UserError(f"{where}: {wrong}. Expected at least one event, and seconds in each row.")
    duration = np.zeros(len(onset))
    if "duration" in table.columns:
        duration = np.nan_to_num(pd.to_numeric(table.duration, errors="coerce").to_numpy(float)).clip(0)
    label = next((name for name in LABELS if name in table.columns), None)
    text = np.full(len(onset), "", object) if label is None else table[label].fillna("").astype(str).to_numpy(object)
    order = np.argsort(onset, kind="stable")
    return Asked(onset[order], (onset + duration / 2)[order], (onset + duration)[order], text[order])


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        beside = sorted(one.name for one in path.parent.glob("*")) if path.parent.is_dir() else []
        raise UserError(f"no events {path}.{nearest(path.name, beside)}")
    try:
        return pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t", na_values=["n/a"])
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as a table ({str(error).splitlines()[0]}). Expected columns divided by {'commas' if path.suffix == '.csv' else 'tabs'}, "
            "with their names in the first line."
        ) from None
