"""What was heard and said in the recordings of some studies, for a split to deal out."""

from collections.abc import Mapping

import pandas as pd

from n2s.data.content import Heard
from n2s.data.event_intervals import Dealt, with_stretches
from n2s.data.event_windows import EventWindows
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.splits import Split
from n2s.data.training_parts import heard_in, learned_from
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Stimulus, Study


def heard_of(studies: Mapping[str, Study], split: Split, windows: EventWindows) -> dict[str, Heard]:
    """By study: the events of its recordings that have windows, and the identity of each sound that has a file.

    Sounds without one are known by their names. A recording without such an event (a block of gestures, rest) is told and left out: it is
    in no split, and steps of the cleaning may learn from it.

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
        events = {f"{name}/{one.name}": study.events(one) for one in recordings}
        events = {key: events_table(one, where=key) if len(one) else one for key, one in events.items()}
        wanted = {key: windows.wants(table) for key, table in events.items()}
        if any(wanted.values()) and not all(wanted.values()):
            others = [key for key, found in wanted.items() if not found]
            tell(
                "left out",
                f"study {name}",
                f"{len(others)} of {len(wanted)} recordings have no event for a window: {first_of(others, 3)}.",
            )
            events = {key: table for key, table in events.items() if wanted[key]}
        events = {key: with_stretches(table, key) for key, table in events.items()}
        people = {key: one.subject for one in recordings if (key := f"{name}/{one.name}") in events}
        stimuli = _with_audio(study, events) if split.keeps_sounds else {}
        found[name] = heard_in(study, events, stimuli, people)
    return found


def learning(
    preprocessing: SensorPreparation, dealt: Dealt, name: str, study: Study
) -> tuple[SensorPreparation, list[Recording]]:
    """The preprocessing of a study (by its ``name`` in the recipe), told what it may learn from, and the recordings that have windows."""
    pieces = dealt.pieces[dealt.pieces.recording.str.startswith(f"{name}/")]
    if preprocessing.learns:
        preprocessing = preprocessing.fitted_on(*learned_from(pieces))
    known = set(pieces.recording)
    return preprocessing, [one for one in study.recordings() if f"{name}/{one.name}" in known]


def _with_audio(study: Study, events: Mapping[str, pd.DataFrame]) -> dict[str, Stimulus]:
    """The stimuli that have an audio file."""
    names = sorted({name for table in events.values() for name in table.stimulus[table.condition == "listen"].unique()})
    own = {recording.rpartition("/")[2] for recording in events}  # what was said there
    audio = {name: study.audio(name) for name in names if name not in own}
    missing = [name for name, path in audio.items() if path is not None and not path.exists()]
    if missing:
        raise UserError(f"study {study.name}: the audio of '{missing[0]}' does not exist: {audio[missing[0]]}.")
    return {name: Stimulus(name, path) for name, path in audio.items() if path is not None}
