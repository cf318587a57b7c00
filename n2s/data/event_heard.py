"""What was heard and said in the recordings of some studies, for a split to deal out."""

from collections.abc import Mapping

import pandas as pd

from n2s.data.content import Heard
from n2s.data.event_intervals import with_stretches
from n2s.data.identity import sound_identities
from n2s.data.splits import Split
from n2s.data.stimuli import length_s
from n2s.errors import UserError
from n2s.studies.study import Stimulus, Study


def heard_of(studies: Mapping[str, Study], split: Split) -> dict[str, Heard]:
    """By study: its events, and the identity of each sound that has a file. Sounds without one are known by their names.

    Raises
    ------
    UserError
        A study has no recordings.
    """
    found = {}
    for name, study in studies.items():
        recordings = study.recordings()
        if not recordings:
            raise UserError(f"study {study.name} at {study.root}: no recordings.")
        events = {f"{name}/{one.name}": with_stretches(study.events(one), f"{name}/{one.name}") for one in recordings}
        people = {f"{name}/{one.name}": one.subject for one in recordings}
        stimuli = _with_audio(study, events) if split.keeps_sounds else {}
        lengths_s = {stimulus: length_s(value) for stimulus, value in stimuli.items()}
        found[name] = Heard(events, study.split, study.content, sound_identities(stimuli), lengths_s, people)
    return found


def _with_audio(study: Study, events: Mapping[str, pd.DataFrame]) -> dict[str, Stimulus]:
    """The stimuli that have an audio file."""
    names = sorted({name for table in events.values() for name in table.stimulus[table.condition == "listen"].unique()})
    own = {recording.rpartition("/")[2] for recording in events}  # what was said there
    audio = {name: study.audio(name) for name in names if name not in own}
    missing = [name for name, path in audio.items() if path is not None and not path.exists()]
    if missing:
        raise UserError(f"study {study.name}: the audio of '{missing[0]}' does not exist: {audio[missing[0]]}.")
    return {name: Stimulus(name, path) for name, path in audio.items() if path is not None}
