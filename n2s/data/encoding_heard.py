"""What the listeners of encoding models heard: the runs of a study, beside the sounds that played in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from n2s.data.bold_preparation import BoldPreparation
from n2s.data.content import Heard
from n2s.data.recordings import Preparation, PreparedRecording
from n2s.data.runs import Run, check_clock, joined_plays
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.splits import Split, stretches
from n2s.data.steps import TRAINING, LearnedStep
from n2s.data.stimuli import collect_stimuli
from n2s.data.talkers import attended, unattended
from n2s.data.training_parts import heard_in, told_training
from n2s.errors import UserError
from n2s.studies.fmri import FMRIStudy, clip_table
from n2s.studies.study import Recording, Stimulus, Study


def heard_of(
    name: str, study: Study, prepared: Sequence[PreparedRecording], *, official: bool
) -> tuple[Heard, dict[str, Run], dict[str, Stimulus]]:
    """What the listeners of a study heard, its runs by ``study/recording``, and its stimuli by ``study/stimulus``.

    ``official``: whether the study's own split counts.
    """
    is_bold = isinstance(study, FMRIStudy)
    events = {
        f"{name}/{one.recording.name}": study.events(one.recording) if is_bold else one.events for one in prepared
    }
    stimuli = collect_stimuli(study, events)
    runs = {}
    for (key, table), one in zip(events.items(), prepared, strict=True):
        plays, beside = (joined_plays(stream(stretches(table)), name) for stream in (attended, unattended))
        runs[key] = Run(key, f"{name}/{one.recording.subject}", one, plays, beside)
        check_clock(runs[key])
    recordings = {key: one.recording for key, one in zip(events, prepared, strict=True)}
    people = {key: one.subject for key, one in recordings.items()}
    own = _official(study, events, recordings) if official else None
    heard = replace(heard_in(study, events, stimuli, people), official=own)
    return heard, runs, {f"{name}/{stimulus}": value for stimulus, value in stimuli.items()}


def part_of(
    heard: Mapping[str, Heard], runs: Mapping[str, Run], subjects: Sequence[str]
) -> tuple[dict[str, Run], dict[str, Heard]]:
    """The runs of some subjects, and what they heard."""
    own = {key: run for key, run in runs.items() if run.subject in subjects}
    parts = {
        name: replace(one, events={key: table for key, table in one.events.items() if key in own})
        for name, one in heard.items()
    }
    return own, {name: one for name, one in parts.items() if one.events}


def told_folds(
    preprocessing: SensorPreparation,
    recordings: Mapping[str, tuple[Study, Sequence[Recording]]],
    split: Split,
    *,
    n_folds: int | None,
    each_alone: bool,
    train_on_val: bool,
) -> dict[str, Preparation]:
    """The preparation of each study, told what its steps may learn from: see `n2s.data.EncodingDataModule`.

    What is dealt to whom depends on all studies, those of BOLD, too, though these are cleaned as they say.

    Raises
    ------
    UserError
        A step learns from training stretches, and every unit is held out once: recordings are prepared once, for all folds.
    """
    bold = {
        name: BoldPreparation(study.cleaning) for name, (study, _) in recordings.items() if isinstance(study, FMRIStudy)
    }
    if not preprocessing.learns:
        return dict.fromkeys(recordings, preprocessing) | bold
    steps = getattr(preprocessing, "steps", [])
    if n_folds and any(isinstance(one, LearnedStep) and one.fit_on == TRAINING for one in steps):
        raise UserError(
            f"data.n_folds is {n_folds}: every story is held out once, and preprocessing.steps learn from training stretches (fit_on: training), "
            "but recordings are cleaned once, for all folds. Leave n_folds out, so that the stories of data.split are held out, or set fit_on to a "
            "task in which nothing is heard, or to itself."
        )

    def sides(heard: dict[str, Heard]) -> pd.DataFrame:
        groups = [heard]
        if each_alone:
            people = [(name, person) for name, one in heard.items() for person in sorted(set(one.subjects.values()))]
            groups = [{name: _of_person(heard[name], person)} for name, person in people]
        rows = pd.concat([split.intervals(group) for group in groups], ignore_index=True)
        if n_folds is not None:
            return rows.assign(split="test" if n_folds else "train")
        return rows.assign(split=rows.split.replace("val", "train") if train_on_val else rows.split)

    official = _official if n_folds is None else lambda *_: None
    return told_training(preprocessing, recordings, sides, official=official) | bold


def _of_person(heard: Heard, person: str) -> Heard:
    return replace(heard, events={key: own for key, own in heard.events.items() if heard.subjects[key] == person})


def _official(
    study: Study, events: Mapping[str, pd.DataFrame], recordings: Mapping[str, Recording]
) -> dict[str, str] | None:
    """The study's split of stories; of BOLD that has none, the split of its clips, if it tests any."""
    if study.split is not None or not isinstance(study, FMRIStudy):
        return study.split
    found: dict[str, set[str]] = {}
    for key, table in events.items():
        clips = clip_table(study.clips(recordings[key]), where=key)
        story = dict(zip(table.stimulus, table.story, strict=True))
        for row in clips[clips.split != "prompt"][["stimulus", "split"]].drop_duplicates().itertuples():
            if row.stimulus in story:
                found.setdefault(story[row.stimulus], set()).add(row.split)
    split = {story: splits.pop() for story, splits in found.items() if len(splits) == 1}
    return split if "test" in split.values() else None
