"""The windows of events as tables, and what is left out of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.event_intervals import EXCLUDED, Dealt, territories
from n2s.data.event_windows import Counts, EventWindows
from n2s.data.priority import SPLITS
from n2s.data.sensor_recording import SensorRecording
from n2s.data.splits import Split
from n2s.data.windows import Windows, WindowShape
from n2s.errors import UserError, first_of
from n2s.findings import tell

TINY_S = 1e-6


def lay_windows_at_events(
    recordings: Mapping[str, SensorRecording],
    dealt: Dealt,
    event_windows: EventWindows,
    shape: WindowShape,
    *,
    offset_s: float,
    places: Mapping[str, Mapping[str, object]],
) -> dict[str, pd.DataFrame]:
    """Split -> the table of its windows (see `n2s.data.EventDataModule.events`); what is left out is told.

    Parameters
    ----------
    recordings
        By ``study/recording``.
    dealt
        What is in which split.
    event_windows
        Which moments have a window.
    shape, offset_s
        Length of a window, and its start after the moment, s.
    places
        Recording -> columns that all of its windows have: ``recording``, ``recording_index``, ``study``, ``subject``, ``subject_index``.
    """
    counts, lost = Counts(), []
    laid: dict[str, list] = {split: [] for split in SPLITS}
    for key, item in recordings.items():
        stop_s, own = item.meta["shape"][0] / item.meta["sfreq"], dealt.of(key)
        found = territories(own, stop_s=stop_s, reach=item.reach)
        for split in SPLITS:
            territory = found[found.split == split].reset_index(drop=True)
            rows = event_windows.rows(item.events, split, territory, shape, counts)
            if split == "train":  # once: all splits see the same events
                lost += [(key, why, n) for why, n in in_no_territory(rows, found, own).items() if n]
            spans = item.meta["bad_spans"]
            laid[split].append(laid_windows(rows, territory, own, shape, offset_s, spans, stop_s, places[key], lost))
    event_windows.tell(
        counts, ", ".join(f"study {name}" for name in dict.fromkeys(key.split("/")[0] for key in recordings))
    )
    tell_lost(lost)
    names = np.array(event_windows.names)
    tables = {split: pd.concat(parts, ignore_index=True) for split, parts in laid.items()}
    return {split: table.assign(name=names[table.label.to_numpy(np.int64)]) for split, table in tables.items()}


def laid_windows(
    rows: pd.DataFrame,
    territory: pd.DataFrame,
    pieces: pd.DataFrame,
    shape: WindowShape,
    offset_s: float,
    bad_spans: list,
    stop_s: float,
    place: Mapping[str, object],
    lost: list[tuple[str, str, int]],
) -> pd.DataFrame:
    """The windows of one recording in one split.

    Parameters
    ----------
    rows
        As `n2s.data.event_windows.EventWindows.rows` gives them.
    territory, pieces
        Of `n2s.data.event_intervals`.
    shape, offset_s
        Length of a window, and its start after ``at_s``.
    bad_spans
        (onset, duration) that no window touches, s.
    stop_s
        Length of the recording, s.
    place
        Columns that are the same for all.
    lost
        To add (recording, reason, number of windows).
    """
    start = rows.at_s.to_numpy(float) + (offset_s if len(rows) else 0.0)
    stop = start + shape.window_s
    rows = rows.assign(start_s=start)
    onset, end = territory.onset.to_numpy(float), (territory.onset + territory.duration).to_numpy(float)
    at, mine = _inside(rows, onset, end)
    outside = mine & ((start < -TINY_S) | (stop > stop_s + TINY_S))
    inside = (
        mine & (start >= onset[at.clip(0)] - TINY_S) & (stop <= end[at.clip(0)] + TINY_S) if len(territory) else mine
    )
    border = mine & ~outside & ~inside
    bad = np.zeros(len(rows), bool)
    for first, duration in bad_spans:
        bad |= (stop > first) & (start < first + duration)
    bad &= inside
    key = str(place["recording"])
    lost += [(key, why, int(n.sum())) for why, n in (("end", outside), ("border", border), ("bad", bad)) if n.any()]
    kept = inside & ~bad
    found = rows[kept].reset_index(drop=True)
    at = at[kept]
    middle = np.searchsorted(pieces.onset.to_numpy(float), found.onset.to_numpy(float) + TINY_S, "right") - 1
    unit = pieces.unit.to_numpy(object)[middle.clip(0)] if len(pieces) else np.zeros(0, object)
    story = pieces.story.to_numpy(object)[middle.clip(0)] if len(pieces) else np.zeros(0, object)
    return found.assign(
        **place,
        unit=unit,
        story=np.where(found.story.to_numpy(object) == "", story, found.story.to_numpy(object)),
        territory_onset=onset[at] if len(at) else np.zeros(0),
        territory_duration=(end - onset)[at] if len(at) else np.zeros(0),
    )


def in_no_territory(rows: pd.DataFrame, territory: pd.DataFrame, pieces: pd.DataFrame) -> dict[str, int]:
    """Reason -> how many moments of a recording are of no split: content that is held out elsewhere, or the gap at a border."""
    stops = (territory.onset + territory.duration).to_numpy(float)
    at_s = rows.at_s.to_numpy(float)[~_inside(rows, territory.onset.to_numpy(float), stops)[1]]
    if pieces.empty:
        return {"border": len(at_s)}
    start, stop = pieces.onset.to_numpy(float), (pieces.onset + pieces.duration).to_numpy(float)
    before = (np.searchsorted(start, at_s + TINY_S, "right") - 1).clip(0)
    after = (before + 1).clip(0, len(start) - 1)
    away_s = [np.maximum(start[one] - at_s, at_s - stop[one]).clip(0) for one in (before, after)]
    nearest = np.where(away_s[0] <= away_s[1], before, after)
    excluded = pieces.split.to_numpy()[nearest] == EXCLUDED
    return {"excluded": int(excluded.sum()), "border": int((~excluded).sum())}


def _inside(rows: pd.DataFrame, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) Which of some stretches in order each moment may be in, and whether it is."""
    at_s = rows.at_s.to_numpy(float)
    if not len(start):
        return np.zeros(len(rows), int), np.zeros(len(rows), bool)
    at = np.searchsorted(start, at_s + TINY_S, "right") - 1
    return at, (at >= 0) & (at_s < stop[at.clip(0)] + TINY_S)


_WHY = {
    "end": "reach over an end of the recording",
    "border": "reach over a border between splits, or lie in the gap that filters need there",
    "excluded": "are of content that is held out elsewhere",
    "bad": "touch a span that is annotated as bad",
}


def tell_lost(lost: list[tuple[str, str, int]]) -> None:
    """Say how many windows are left out, and why; one line a reason."""
    for why, text in _WHY.items():
        own = [(key, n) for key, reason, n in lost if reason == why]
        if own:
            per = pd.Series([n for _, n in own], index=[key for key, _ in own]).groupby(level=0).sum()
            listed = first_of([f"{key} ({n})" for key, n in per.items()], 4)
            tell("left out", "data.windows", f"{per.sum()} windows {text}: {listed}.")


def check_classes(tables: Mapping[str, pd.DataFrame], names: list[str], least: int, *, split: Split) -> None:
    """Refuse splits without windows and classes with too few of them.

    Raises
    ------
    UserError
        A split has no window, or a class has fewer than ``least`` training windows: which, and how many.
    """
    where = "data"
    for part in ("train", "test", "val"):
        if tables[part].empty and (part != "val" or split.validates):
            others = ", ".join(f"{name}: {len(table)}" for name, table in tables.items())
            raise UserError(
                f"{where}: the {part} split has no window ({others}). Hold out other units in data.split (its val, test or fractions), shorten "
                "data.window_s, or lower the filters' reach (preprocessing.highpass_hz), which opens the gap at borders between splits."
            )
    counts = {part: np.bincount(table.label.to_numpy(np.int64), minlength=len(names)) for part, table in tables.items()}
    few = [f"{name} ({n})" for name, n in zip(names, counts["train"], strict=True) if n < least]
    if few:
        raise UserError(
            f"{where}: {len(few)} of {len(names)} classes have fewer than {least} training windows (data.least_windows): {first_of(few, 12)}. "
            "Leave these classes out (data.windows.classes), join them with others, or lower data.least_windows."
        )
    for part in ("val", "test"):
        absent = [name for name, n in zip(names, counts[part], strict=True) if not n]
        if absent and len(tables[part]):
            tell(
                "odd",
                where,
                f"no {part} window of {first_of(absent, 12)}: they have no score there, and F1-macro is over the other classes.",
            )


def windows_of(table: pd.DataFrame) -> Windows:
    """Windows of a table, on the recordings' clocks; each is a segment of its own."""
    columns = ["recording", "recording_index", "study", "subject", "subject_index"]
    intervals = table[[*columns, "territory_onset", "territory_duration"]].rename(
        columns={"territory_onset": "onset", "territory_duration": "duration"}
    )
    keys = intervals.drop_duplicates(["recording", "onset"]).reset_index(drop=True)
    number = {key: index for index, key in enumerate(zip(keys.recording, keys.onset, strict=True))}
    interval = np.array([number[key] for key in zip(intervals.recording, intervals.onset, strict=True)], np.int64)
    keys = keys.assign(stimulus_onset=keys.onset, stimulus=keys.recording)
    start_s = table.start_s.to_numpy(float)
    return Windows(keys, interval, start_s, np.arange(len(table)))
