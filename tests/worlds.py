"""Listeners, sounds and names made at random, and a slow oracle that says whether a split of them leaks."""

from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
import pandas as pd

from n2s.data import Grid
from n2s.data.content import Heard
from n2s.data.splits import joined
from n2s.data.windows import lay_windows
from n2s.studies.events import events_table

TICK_S = 0.01
JITTER_S = 0.15  # clocks of listeners differ by less than this


@dataclass
class Sound:
    """A story read aloud once: ``sentences`` are (text, start, stop)."""

    content: str
    language: str
    sentences: list[tuple[str, float, float]]
    lines: list[str] = field(default_factory=list)  # what each sentence says, in any language

    @property
    def length_s(self) -> float:
        return self.sentences[-1][2] + 0.4


@dataclass
class World:
    heard: dict[str, Heard]
    sounds: dict[str, Sound]  # by identity
    identity: dict[str, str]  # of each name, study/stimulus
    aligned: bool
    versions: bool  # one story as two sounds
    contradicts: bool  # the official split
    rows: list[
        tuple[str, str, float, float]
    ]  # identity, what a sentence says, start, stop: as any listener's events tell it


def sound_of(random: Random, content: str, language: str, lines: list[str]) -> Sound:
    """Its sentences with pauses; none lasts under a second."""
    at, sentences = random.choice([0.0, 0.7]), []
    for line in lines:
        stop = at + random.choice([1.0, 1.3, 2.1])
        sentences.append((f"{line} in {language}", at, stop))
        at = stop + random.choice([0.0, 0.2, 0.5])
    return Sound(content, language, sentences, list(lines))


def world_of(random: Random) -> World:
    """One or two studies whose listeners hear parts of the same sounds, under several names, on clocks of their own."""
    pool = [f"line{i}" for i in range(40)]  # some are said twice, in one story or in two
    sounds: dict[str, Sound] = {}
    for number in range(random.randint(2, 4)):
        lines = [random.choice(pool[10 * number : 10 * number + 11]) for _ in range(random.randint(3, 12))]
        sounds[f"sound{number}"] = sound_of(random, f"tale{number}", "en", lines)
    versions, aligned = random.random() < 0.4, random.random() < 0.6
    if versions:
        other = sounds["sound0"]
        sounds["translated"] = sound_of(random, other.content, "es", other.lines)
    studies = ["a", "b"][: random.randint(1, 2)]
    told_by_id = len(studies) == 1 and random.random() < 0.5  # translations share a story id; else `content` says it
    names: dict[str, dict[str, tuple[str, str]]] = {}  # study -> stimulus -> (identity, story)
    for study in studies:
        names[study] = {}
        for identity, sound in sounds.items():
            story = sound.content if told_by_id else f"{study}-{identity}"
            names[study][f"{study}-{identity}"] = (identity, story)
            if random.random() < 0.25:
                again = f"{study}-{identity}-again"
                names[study][again] = (identity, story if told_by_id else again)
    rows: list[tuple[str, str, float, float]] = []
    heard = {}
    for study, known in names.items():
        tables = {
            f"{study}/{i}": _recording(random, known, sounds, rows, f"{study}/{i}") for i in range(random.randint(1, 3))
        }
        content: dict[str, str] = {}
        for stimulus, (identity, _) in known.items():
            if sounds[identity].content == "tale0" and versions and not told_by_id:
                content[stimulus] = "tale0"
            if aligned:
                sound = sounds[identity]
                content |= {text: line for (text, _, _), line in zip(sound.sentences, sound.lines, strict=True)}
        lengths_s = {name: sounds[identity].length_s for name, (identity, _) in known.items()}
        identities = {name: identity for name, (identity, _) in known.items()}
        heard[study] = Heard(tables, None, content, identities, lengths_s if random.random() < 0.5 else {})
    contradicts = _official(random, heard, sounds, rows)
    identity = {f"{study}/{name}": one for study, known in names.items() for name, (one, _) in known.items()}
    return World(heard, sounds, identity, aligned, versions, contradicts, rows)


def _recording(random: Random, known: dict, sounds: dict[str, Sound], rows: list, where: str) -> pd.DataFrame:
    events, at = [], 1.0
    digits, drift, lacks = random.choice([9, 3, 2]), random.choice([0.0, 3e-3, -3e-3]), random.choice([0.0, 0.2, 0.5])
    for _ in range(random.randint(1, 5)):
        stimulus = random.choice(sorted(known))
        identity, story = known[stimulus]
        sound = sounds[identity]
        begin = random.choice([0.0, 0.0, 0.3]) * sound.length_s
        end = random.choice([1.0, 1.0, 0.6]) * sound.length_s
        late = random.choice([0.0, 0.03])  # of the trigger
        shared = {"stimulus": stimulus, "story": story, "language": sound.language}
        told = {"kind": "sound", "onset": at, "duration": (end - begin) * (1 + drift), "stimulus_onset": begin}
        events.append(told | shared)
        kept = [
            (text, line, start, stop)
            for (text, start, stop), line in zip(sound.sentences, sound.lines, strict=True)
            if begin <= start and stop <= end and random.random() >= lacks
        ]
        for text, line, start, stop in kept:
            onset = round(at + (start - begin) * (1 + drift) + late, digits)
            duration = min(round((stop - start) * (1 + drift), digits), at + told["duration"] - onset)
            place = {"onset": onset, "duration": duration, "stimulus_onset": max(onset - at + begin, 0.0)}
            events.append({"kind": "sentence", "text": text, "sequence": text, **place, **shared})
            rows.append((identity, line, place["stimulus_onset"], place["stimulus_onset"] + duration))
        at += told["duration"] + random.choice([0.5, 2.0])
    if not any(row["kind"] == "sentence" for row in events):  # a recording without one is an error of its own
        return _recording(random, known, sounds, rows, where)
    return events_table(events, where=where)


def _official(random: Random, heard: dict[str, Heard], sounds: dict[str, Sound], rows: list) -> bool:
    """Give some stories an official split; whether one content gets two."""
    if random.random() < 0.6:
        return False
    found: dict[str, set[str]] = {}
    agree = random.random() < 0.7
    for study, one in heard.items():
        official = {}
        for table in one.events.values():
            for row in table.drop_duplicates("story").itertuples():
                if row.story not in official and random.random() < 0.6:
                    content = sounds[one.sounds[row.stimulus]].content
                    same = sorted(found.get(content, ()))
                    official[row.story] = (
                        same[0] if agree and same else random.choice(["train", "train", "val", "test"])
                    )
                    found.setdefault(content, set()).add(official[row.story])
        heard[study] = replace(one, official=official or None)
    return any(len(splits) > 1 for splits in found.values())


@dataclass
class Laid:
    """What a split made of a world: intervals, and (sound, start, stop) of training windows as they move in some epochs."""

    table: pd.DataFrame
    trained: set[tuple[str, float, float]]


def lay(world: World, split, *, window_s: float, step_s: float, jitter: bool, gap_s: float) -> Laid:
    """As `n2s.data.MEGDataModule` does it."""
    table = joined(split.intervals(world.heard), gap_s=gap_s)
    table = table.assign(sound=table.stimulus.map(world.identity))  # the truth, whatever the split took them for
    train = table[table.split == "train"].assign(audio=lambda rows: rows["sound"])
    recordings = train.recording.unique()
    words = dict.fromkeys(train.stimulus, pd.DataFrame({"text": [], "onset": [], "duration": [], "sequence": []}))
    windows = lay_windows(
        train, Grid(step_s, jitter=jitter), window_s=window_s, words=words, bad_spans=dict.fromkeys(recordings, ()),
        jitter=True, same_s=0.004,
    )  # fmt: skip
    sounds, trained = windows.of_interval("sound") if len(windows) else [], set()
    for epoch in range(3):
        for sound, start_s in zip(sounds, windows.jittered(window_s, [0, epoch]), strict=True):
            trained.add((sound, start_s, start_s + window_s))
    return Laid(table, trained)


def ticks(start_s: float, stop_s: float) -> range:
    """The numbers of the hundredths of a second that lie wholly in a stretch."""
    return range(int(np.ceil(start_s / TICK_S - 1e-4)), int(np.floor(stop_s / TICK_S + 1e-4)))


def leaks(world: World, laid: Laid, *, of: str) -> list[str]:
    """What of the held-out content is trained on, second by second; ``of``: story, sentence or time."""
    found, played = [], set(laid.table["sound"])
    spans = {name: [] for name in ("train", "val", "test")}
    contexts = {name: [] for name in spans}
    for row in laid.table.itertuples():
        stop_s = row.stimulus_onset + row.duration
        spans[row.split].append((row.sound, row.stimulus_onset, stop_s))
        end_s = min(row.context_stop_s, max(stop_s, world.sounds[row.sound].length_s))
        contexts[row.split].append((row.sound, row.context_start_s, end_s))
    inside = {name: _told(world, part, of, played) for name, part in spans.items()}
    around = {name: _told(world, part, of, played) for name, part in contexts.items()}
    trained = _told(world, laid.trained, of, played)
    for held in ("val", "test"):
        found += [f"{one} is trained on and in {held}" for one in trained & inside[held]]
    found += [f"{one} is in val and in test" for one in inside["val"] & inside["test"]]
    if of != "story":  # a whole story has no border inside
        for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
            found += [f"{what} of {other} is heard around {one}" for what in around[one] & inside[other]]
            found += [
                f"{what} of {one} is heard around {other}" for what in around[other] & inside[one] if what[0] != "says"
            ]
    return found


def _told(world: World, spans, of: str, played: set[str]) -> set[tuple]:
    """Every hundredth of a second of a sound, and what is told in it, in any language."""
    covered: dict[str, set[int]] = {}
    for sound, start_s, stop_s in spans:
        covered.setdefault(sound, set()).update(ticks(start_s, stop_s))
    found = {("moment", sound, tick) for sound, own in covered.items() for tick in own}
    if of == "story" or (of == "sentence" and not world.aligned):
        translated = {"tale0"} if {"sound0", "translated"} <= played else set()
        found |= {
            ("story", world.sounds[sound].content) for sound in covered
            if covered[sound] and (of == "story" or world.sounds[sound].content in translated)
        }  # fmt: skip
    if of == "sentence":
        for sound, line, start_s, stop_s in world.rows:
            # what two clocks put on both sides of a border belongs to neither
            if not covered.get(sound, set()).isdisjoint(ticks(start_s + JITTER_S, stop_s - JITTER_S)):
                found.add(("says", line if world.aligned else f"{line} in {world.sounds[sound].language}"))
    return found
