"""Counts of fMRI clips, against the published ones, and groups that are in two splits."""

from collections.abc import Sequence

import pandas as pd

from n2s.checks.seen import Seen
from n2s.studies.readers.clips import count_samples


def clip_facts(seen: Sequence[Seen], expected: dict[str, int]) -> list[str]:
    """One line per person: the unique clips of each split, how often they are heard, and the labels."""
    lines = []
    for subject, own in by_subject(seen).items():
        counts = [f"{n} {what}{against(n, expected.get(what))}" for what, n in count_samples(own).items()]
        lines.append(f"sub-{subject}: {', '.join(counts).replace('_', ' ')}{_more(pd.concat(own))}")
    return lines


def crossing_groups(seen: Sequence[Seen]) -> list[tuple[str, str]]:
    """People whose groups have clips in different splits: where, and what stops n2s."""
    found = []
    for subject, own in by_subject(seen).items():
        rows = pd.concat(own)
        n_splits = rows[rows.split != "prompt"].groupby("group").split.nunique()
        crossing = list(n_splits.index[n_splits > 1])
        if crossing:
            more = f" and {len(crossing) - 1} others have" if len(crossing) > 1 else " has"
            said = f"'{crossing[0]}'{more} clips in two splits. Give each group one split in its tables of clips."
            found.append((f"sub-{subject}", said))
    return found


def by_subject(seen: Sequence[Seen]) -> dict[str, list[pd.DataFrame]]:
    """The tables of clips of each person, by subject."""
    found: dict[str, list[pd.DataFrame]] = {}
    for one in seen:
        if one.clips is not None:
            found.setdefault(one.recording.subject, []).append(one.clips)
    return found


def against(found: int, wanted: int | None) -> str:
    """The text after a count: whether it is the expected one."""
    if wanted is None:
        return ""
    return " (all)" if found == wanted else f" of {wanted}"


def _more(table: pd.DataFrame) -> str:
    labels = f"; {table.label.nunique()} labels" if (table.label != "").any() else ""
    heard = f"; heard up to {table['repeat'].max() + 1} times" if table["repeat"].max() else ""
    return f"; of {table.stimulus.nunique()} sounds{labels}{heard}"
