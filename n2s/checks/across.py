"""What recordings show only side by side: copies, a story that one person lacks, another rate, another delay.

A design may give each person other sounds. So a difference is only told where nearly all others agree.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from n2s.checks.seen import Seen
from n2s.checks.word_times import tell_word_times
from n2s.errors import nearest
from n2s.findings import tell

FEW = 0.1  # share of people that may differ where all others agree; always one
LEAST_PEOPLE = 3  # of two, nobody knows which one is odd
AGREE_S, APART_S = 0.03, 0.1  # first onsets that agree, and one that does not
QUIET_S, QUIET = 60.0, 0.75  # seconds, and share, of a recording without sound
SHOWN = 5


def compare(seen: Sequence[Seen]) -> None:
    """Tell what is odd among the recordings of a study."""
    _copies(seen)
    _mixed_recordings(seen)
    _without_sound(seen)
    heard = [one for one in seen if len(one.heard)]
    _slots(heard)
    tell_word_times(heard)
    _stories(heard, unknown={one.recording.subject for one in seen if one.events is None})


def odd_ones(values: Mapping[str, Hashable]) -> tuple[Hashable, list[str]]:
    """The value that nearly all share, and who differs; nobody if there are few, or no agreement."""
    if len(values) < LEAST_PEOPLE:
        return None, []
    usual, n = Counter(values.values()).most_common(1)[0]
    others = [name for name, value in values.items() if value != usual]
    return (usual, others) if len(others) <= max(1, FEW * len(values)) and n >= 2 else (None, [])


def _copies(seen: Sequence[Seen]) -> None:
    """Two names of one recording: a person would be tested on what another was trained on."""
    for one, first in _copied(seen):
        people = one.recording.subject != first.recording.subject
        why = "two people cannot have the same brain activity" if people else "one recording counts twice"
        tell(
            "odd",
            f"{one.name} and {first.name}",
            f"hold the same samples: {why}. n2s uses both. Leave one out (subjects, sessions, runs), or replace it by the "
            "right file.",
        )


def _copied(seen: Sequence[Seen]) -> Iterable[tuple[Seen, Seen]]:
    owner: dict[str, Seen] = {}
    for one in seen:
        known = next((owner[mark] for mark in sorted(one.marks) if mark in owner), None)
        if known is not None:
            yield one, known
        owner |= {mark: owner.get(mark, one) for mark in one.marks}


def _mixed_recordings(seen: Sequence[Seen]) -> None:
    """Recordings of one person with several rates or sets of sensors."""
    people: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if one.channels:
            people[one.recording.subject].append(one)
    every = [one for own in people.values() for one in own]
    main = {}
    for name, own in people.items():
        main[name] = usual_rate = _usual([one.sfreq for one in own], [one.sfreq for one in every])
        usual = _usual([_names(one) for one in own], [_names(one) for one in every])
        for one in own:
            if one.sfreq != usual_rate:
                tell(
                    "odd",
                    one.name,
                    f"has {one.sfreq:g} Hz, but other recordings of this person have {usual_rate:g} Hz. n2s resamples each "
                    "to the rate of the recipe. Check that it is of this experiment.",
                )
            if _names(one) != usual:
                lacks, more = sorted(usual - _names(one)), sorted(_names(one) - usual)
                parts = [f"lacks {_few(lacks)}"] * bool(lacks) + [f"has {_few(more)} in addition"] * bool(more)
                tell(
                    "odd",
                    one.name,
                    f"{' and '.join(parts)}, unlike other recordings of this person. n2s uses the sensors that each has. "
                    "Check channels.tsv (names, types) and the file.",
                )
    usual, others = odd_ones(main)
    for name in others:
        tell("odd", f"sub-{name}", f"has {main[name]:g} Hz; nearly all others have {usual:g} Hz. n2s resamples each.")


def _names(one: Seen) -> frozenset[str]:
    return frozenset(name for names in one.channels.values() for name in names)


def _usual(own: Sequence[Hashable], every: Sequence[Hashable]) -> Hashable:
    """The most frequent value; of several, the one that all people have most often."""
    return max(dict.fromkeys(own), key=lambda value: (own.count(value), every.count(value)))


def _without_sound(seen: Sequence[Seen]) -> None:
    for one in seen:
        rows = one.heard
        if one.duration_s is None or not len(rows):
            continue
        sound_s = min(float(rows.duration.sum()), one.duration_s)
        if one.duration_s - sound_s > QUIET_S and sound_s < (1 - QUIET) * one.duration_s:
            tell(
                "odd",
                one.name,
                f"lasts {one.duration_s:.0f} s, of which {sound_s:.0f} s have sound. n2s uses those. Check that "
                "events.tsv lists all sounds, and is of this recording.",
            )


def _slots(heard: Sequence[Seen]) -> None:
    """The same session, task and run of several people: number and order of sounds, and when the first one starts."""
    slots: dict[tuple[str, str, str], dict[str, Seen]] = defaultdict(dict)
    for one in heard:
        labels = one.recording
        slots[labels.session, labels.task, labels.run][labels.subject] = one
    for people in slots.values():
        names = {subject: tuple(one.heard.sort_values("onset").stimulus) for subject, one in people.items()}
        usual, others = odd_ones(names)
        for subject in others:
            mine = names[subject]
            if len(mine) != len(usual):
                said = f"has {len(mine)} {'sounds' if len(mine) > 1 else 'sound'} where the others have {len(usual)}"
            elif sorted(mine) == sorted(usual):
                said = "has the sounds of the others in another order"
            else:
                said = f"has {_few([one for one in mine if one not in usual])}, which the others do not have here"
            tell(
                "odd",
                people[subject].name,
                f"{said}. n2s uses them as they are. Compare its events.tsv with another's.",
            )
        if not others:
            _first_onsets(people)


def _first_onsets(people: Mapping[str, Seen]) -> None:
    first = {subject: float(one.heard.onset.min()) for subject, one in people.items()}
    if len(first) < LEAST_PEOPLE:
        return
    middle = float(np.median(list(first.values())))
    others = {subject: onset for subject, onset in first.items() if abs(onset - middle) > AGREE_S}
    if len(others) > max(1, FEW * len(first)):
        return  # started by hand
    for subject, onset in others.items():
        if abs(onset - middle) > APART_S:
            tell(
                "odd",
                people[subject].name,
                f"its first sound starts at {onset:.2f} s, that of all others at {middle:.2f} s. n2s takes the onset as it "
                "is. Check the delay and the clock of its events.tsv.",
            )


def _stories(heard: Sequence[Seen], *, unknown: set[str]) -> None:
    """Stories that one person lacks (unless events of theirs are ``unknown``), or that one person alone heard."""
    told: dict[str, set[str]] = defaultdict(set)
    for one in heard:
        told[one.recording.subject] |= set(one.heard.story)
    if len(told) < 2:
        return
    people = {story: {name for name, own in told.items() if story in own} for own in told.values() for story in own}
    shared = sorted(story for story, names in people.items() if len(names) > 1)
    if len(shared) * 2 <= len(people):
        return  # a design in which people hear different stories
    few = max(1, FEW * len(told))
    lacking: dict[str, list[str]] = defaultdict(list)
    for story in shared:
        for name in set(told) - people[story] - unknown if len(told) - len(people[story]) <= few else ():
            lacking[name].append(story)
    for name, stories in sorted(lacking.items()):
        tell(
            "odd",
            f"sub-{name}",
            f"did not hear {_few(stories)}, which nearly all others heard. Check that all its recordings and events are "
            "there, and how the story is spelt.",
        )
    for story, names in sorted(people.items()):
        if len(names) == 1:
            (name,) = names
            tell(
                "odd",
                f"sub-{name}",
                f"is the only one who heard '{story}', while most stories were heard by several people.{nearest(story, shared)} "
                "Check how it is spelt: a story under two names is two stories for splits by name.",
            )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(map(str, names[:SHOWN]))}{more}"
