"""What the listeners of encoding models heard: the runs of a study, beside the sounds that played in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from n2s.data.content import Heard
from n2s.data.identity import sound_identities
from n2s.data.recordings import PreparedRecording
from n2s.data.runs import Run, check_clock, joined_plays
from n2s.data.splits import stretches
from n2s.data.stimuli import collect_stimuli, length_s
from n2s.data.talkers import attended, unattended
from n2s.studies.fmri import FMRIStudy, clip_table
from n2s.studies.study import Stimulus, Study


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
    own = _official(study, events, prepared) if official else None
    lengths_s = {stimulus: length_s(value) for stimulus, value in stimuli.items()}
    heard = Heard(events, own, study.content, sound_identities(stimuli), lengths_s)
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


def _official(
    study: Study, events: Mapping[str, pd.DataFrame], prepared: Sequence[PreparedRecording]
) -> dict[str, str] | None:
    """The study's split of stories; of BOLD that has none, the split of its clips, if it tests any."""
    if study.split is not None or not isinstance(study, FMRIStudy):
        return study.split
    found: dict[str, set[str]] = {}
    for (key, table), one in zip(events.items(), prepared, strict=True):
        clips = clip_table(study.clips(one.recording), where=key)
        story = dict(zip(table.stimulus, table.story, strict=True))
        for row in clips[clips.split != "prompt"][["stimulus", "split"]].drop_duplicates().itertuples():
            if row.stimulus in story:
                found.setdefault(story[row.stimulus], set()).add(row.split)
    split = {story: splits.pop() for story, splits in found.items() if len(splits) == 1}
    return split if "test" in split.values() else None
