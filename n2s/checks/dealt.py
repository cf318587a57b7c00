"""What a recipe would train, validate and test on, in minutes of sound."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from n2s.checks.seen import noted
from n2s.checks.survey import Survey
from n2s.data.clip_splits import listed_clips, split_by_sound
from n2s.data.clip_targets import clip_stimulus
from n2s.data.datamodule import NeuralDataModule
from n2s.data.fmri import FMRIDataModule
from n2s.data.meg import MEGDataModule
from n2s.data.paired import PairedDataModule
from n2s.data.priority import SPLITS
from n2s.data.splits import joined
from n2s.data.stimuli import check_shared_audio
from n2s.data.talkers import attended
from n2s.data.training_parts import heard_in
from n2s.data.word_windows import check_words
from n2s.findings import Finding, kept, tell

HEADINGS = ("split", "minutes heard", "different minutes", "people", "stories", "which")
SHOWN = 6


@dataclass
class Dealt:
    """Rows of `HEADINGS`, what is odd, and what stops n2s."""

    rows: list[list[str]]
    findings: list[Finding]
    stops: list[str]


def dealt(data: NeuralDataModule, surveys: Sequence[Survey]) -> Dealt:
    """Split what was heard as a fit would."""
    stops: list[str] = []
    rows: list[list[str]] = []
    with kept() as findings, noted(stops):
        if isinstance(data, MEGDataModule | PairedDataModule):
            needed = [one for one in SPLITS if one != "val" or data.split.validates]
            rows = _rows(_intervals(data, surveys), stops, needed=needed)
        elif isinstance(data, FMRIDataModule):
            rows = _rows(_clips(data), stops, needed=[one for one in SPLITS if one != "val" or data.needs_validation])
    return Dealt(rows, findings, stops)


def _intervals(data: MEGDataModule | PairedDataModule, surveys: Sequence[Survey]) -> pd.DataFrame:
    heard, stimuli = {}, {}
    every = {
        s.name: {f"{s.name}/{seen.name}": seen.events for seen in s.seen if seen.events is not None} for s in surveys
    }
    if isinstance(data, PairedDataModule):
        data.check_words(every)
    for one in surveys:
        events = every[one.name]
        if not isinstance(data, PairedDataModule):
            check_words(one.name, one.stimuli, events, data.placements)
        own = {f"{one.name}/{seen.name}": seen.recording.subject for seen in one.seen}
        heard[one.name] = heard_in(one.study, events, one.stimuli, own)
        stimuli |= {f"{one.name}/{name}": stimulus for name, stimulus in one.stimuli.items()}
    table = joined(data.split.intervals(heard), gap_s=0.0)
    for note in check_shared_audio(table.assign(audio=table.sound), stimuli):
        tell("odd", "data.split", note)
    people = {f"{one.name}/{seen.name}": f"{one.name}/{seen.recording.subject}" for one in surveys for seen in one.seen}
    return attended(table.assign(subject=table.recording.map(people), start_s=table.stimulus_onset))


def _clips(data: FMRIDataModule) -> pd.DataFrame:
    clips, _ = listed_clips(data.studies, data.chosen)
    stimuli = {name: clip_stimulus(name, rows, data.studies) for name, rows in clips.groupby("stimulus")}
    clips, notes = split_by_sound(clips, stimuli, data.studies, data.val_fraction, data.split)
    for note in notes:
        tell("odd", "clips", note)
    return clips.assign(duration=clips.duration_s, sound=clips.audio, story=clips.group)


def _rows(table: pd.DataFrame, stops: list[str], *, needed: Sequence[str]) -> list[list[str]]:
    """One row a split; an empty one that is needed stops n2s."""
    rows = []
    for split in SPLITS:
        part = table[table.split == split]
        if part.empty and split in needed:
            stops.append(
                f"the {split} split is empty. The stories are {_few(table.story.unique())}: name some in data.split ({split}), or change its "
                "fractions or seed."
            )
        once = part.drop_duplicates(["sound", "start_s"])
        minutes = [f"{some.duration.sum() / 60:.1f}" for some in (part, once)]
        counts = [str(part[name].nunique()) for name in ("subject", "story")]
        rows.append([split, *minutes, *counts, _few(part.story.unique())])
    return rows


def _few(names: Sequence[str]) -> str:
    names = sorted(map(str, names))
    return ", ".join(names[:SHOWN]) + (f", ... ({len(names)})" if len(names) > SHOWN else "")
