"""What a split makes training, before anything is prepared: for steps of the cleaning that learn."""

from collections.abc import Mapping

import pandas as pd

from n2s.data.content import Heard
from n2s.data.identity import sound_identities
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.splits import Split
from n2s.data.stimuli import collect_stimuli, length_s
from n2s.studies.events import events_table
from n2s.studies.study import Stimulus, Study


def heard_in(
    study: Study, events: Mapping[str, pd.DataFrame], stimuli: Mapping[str, Stimulus], people: Mapping[str, str]
) -> Heard:
    """What a split is told about one study: see `n2s.data.content.Heard`."""
    lengths_s = {stimulus: length_s(value) for stimulus, value in stimuli.items()}
    return Heard(events, study.split, study.content, sound_identities(stimuli), lengths_s, people)


def told_training(
    preprocessing: SensorPreparation, studies: Mapping[str, Study], split: Split
) -> dict[str, SensorPreparation]:
    """The preprocessing by study: if some step learns, it knows the training stretches, and which recordings hold out something."""
    if not preprocessing.learns:
        return dict.fromkeys(studies, preprocessing)
    heard = {}
    for name, study in studies.items():
        recordings = {f"{name}/{one.name}": one for one in study.recordings()}
        events = {key: events_table(study.events(one), where=key) for key, one in recordings.items()}
        heard[name] = heard_in(
            study, events, collect_stimuli(study, events), {key: one.subject for key, one in recordings.items()}
        )
    rows = split.intervals(heard)
    found = {}
    for name in studies:
        own = rows[rows.study == name]
        recording = own.recording.str.removeprefix(f"{name}/")
        training = own.split == "train"
        spans = {
            key: list(zip(part.onset, part.onset + part.duration, strict=True))
            for key, part in own[training].groupby(recording[training])
        }
        found[name] = preprocessing.fitted_on(spans, sorted(set(recording[~training])))
    return found
