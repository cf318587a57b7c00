"""The counts of a study: of all recordings, and of each person."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from n2s.checks.clips import against
from n2s.checks.seen import Seen
from n2s.checks.survey import Survey

HEADINGS = ("person", "recordings", "minutes", "sensors", "Hz", "sounds", "minutes of sound", "words", "stories")


def overview(survey: Survey) -> list[str]:
    """Sentences about all recordings."""
    if survey.study is None:
        return survey.facts
    expected, seen = survey.study.expected or {}, survey.seen
    rows = [one.heard for one in seen if len(one.heard)]
    stories = {story for table in rows for story in table.story}
    lines = [
        f"folder: {survey.study.root}",
        f"subjects: {len(survey.subjects)}{against(len(survey.subjects), expected.get('subjects'))}",
        f"recordings: {len(seen)}{against(len(seen), expected.get('recordings'))}; {survey.n_sampled} with all samples read",
        f"stimuli: {len(survey.stimuli)}; stories: {len(stories)}; minutes heard: {_minutes(seen, 'heard')}",
    ]
    for name in ("language", "condition"):
        n = Counter(value for one in seen for value in one.heard.get(name, ()) if value)
        if n:
            lines.append(f"sounds by {name}: {', '.join(f'{value} {count}' for value, count in n.most_common())}")
    return lines + survey.facts


def by_person(survey: Survey) -> list[list[str]]:
    """A row of `HEADINGS` for each person."""
    return [
        _row([one for one in survey.seen if one.recording.subject == subject], subject) for subject in survey.subjects
    ]


def recording_cells(one: Seen) -> list[str]:
    """The cells of one recording: length (s), sensors, rate (Hz), sounds, seconds of sound, words."""
    sound_s = f"{one.heard.duration.sum():.1f}" if one.events is not None else "-"
    counted = [str(one.count(kind)) if one.events is not None else "-" for kind in ("sound", "word")]
    return [_number(one.duration_s, 1), sensors([one]), _number(one.sfreq), counted[0], sound_s, counted[1]]


def sensors(seen: Sequence[Seen]) -> str:
    """``102 mag, 204 grad, 3 bad``; "varies" if recordings differ."""
    kinds = {
        ", ".join([f"{len(names)} {kind}" for kind, names in one.channels.items()]) for one in seen if one.channels
    }
    bads = max((len(one.bads) for one in seen), default=0)
    if not kinds:
        return "-"
    return (kinds.pop() if len(kinds) == 1 else "varies") + (f", {bads} bad" if bads else "")


def _row(own: Sequence[Seen], subject: str) -> list[str]:
    rates = sorted({one.sfreq for one in own if one.sfreq is not None})
    stories = {story for one in own for story in one.heard.story}
    n_sounds, n_words = (str(sum(one.count(kind) for one in own)) for kind in ("sound", "word"))
    hz = ", ".join(_number(rate) for rate in rates) or "-"
    minutes = _minutes(own, "all")
    return [
        subject,
        str(len(own)),
        minutes,
        sensors(own),
        hz,
        n_sounds,
        _minutes(own, "heard"),
        n_words,
        str(len(stories)),
    ]


def _minutes(seen: Sequence[Seen], what: str) -> str:
    """Minutes of the recordings, or of what was ``heard``; "-" if no recording's length is known."""
    if what == "heard":
        return f"{sum(float(one.heard.duration.sum()) for one in seen) / 60:.1f}"
    known = [one.duration_s for one in seen if one.duration_s is not None]
    return f"{np.sum(known) / 60:.1f}" if known else "-"


def _number(value: float | None, digits: int | None = None) -> str:
    return "-" if value is None else f"{value:.{digits}f}" if digits is not None else f"{value:.6g}"
