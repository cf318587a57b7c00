"""What a split makes training, before anything is prepared: for steps of the cleaning that learn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.identity import sound_identities
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.spans import merged, minus
from n2s.data.stimuli import collect_stimuli, length_s
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Stimulus, Study


def heard_in(
    study: Study, events: Mapping[str, pd.DataFrame], stimuli: Mapping[str, Stimulus], people: Mapping[str, str]
) -> Heard:
    """What a split is told about one study: see `n2s.data.content.Heard`."""
    lengths_s = {stimulus: length_s(value) for stimulus, value in stimuli.items()}
    return Heard(events, study.split, study.content, sound_identities(stimuli), lengths_s, people)


def learned_from(pieces: pd.DataFrame) -> tuple[dict[str, list[tuple[float, float]]], list[str]]:
    """What a cleaning step may learn from: what `n2s.data.Preprocessing.fitted_on` takes, of one study.

    Parameters
    ----------
    pieces
        ``recording`` (``study/recording``), ``onset``, ``duration``, ``split``: what is not ``train`` is held out, and so is a moment that is
        both.

    Returns
    -------
    By a recording's name, the (start, stop) that are training, s; and the names of recordings of which something is held out.
    """
    training, held_out = {}, []
    for key, own in pieces.groupby("recording", sort=False):
        spans = np.stack([own.onset, own.onset + own.duration], 1).astype(float)
        mine, name = (own.split == "train").to_numpy(), str(key).partition("/")[2]
        training[name] = [tuple(span) for span in minus(merged(spans[mine]), merged(spans[~mine])).tolist()]
        held_out += [name] * bool((~mine).any())
    return {name: spans for name, spans in training.items() if spans}, sorted(held_out)


def told_training(
    preprocessing: SensorPreparation,
    recordings: Mapping[str, tuple[Study, Sequence[Recording]]],
    split: Callable[[dict[str, Heard]], pd.DataFrame],
    *,
    official: Callable[[Study, Mapping[str, pd.DataFrame], Mapping[str, Recording]], Mapping[str, str] | None]
    | None = None,
) -> dict[str, SensorPreparation]:
    """The preprocessing by study: if some step learns, it knows the training stretches, and which recordings hold out something.

    Parameters
    ----------
    preprocessing
        Of all.
    recordings
        Studies by name, and the recordings of each.
    split
        Gives the intervals of what was heard: see `n2s.data.splits.Split.intervals`.
    official
        Gives a study's own split, from the events and recordings by ``study/recording``; None: `Study.split`.
    """
    if not preprocessing.learns:
        return dict.fromkeys(recordings, preprocessing)
    heard = {}
    for name, (study, runs) in recordings.items():
        own = {f"{name}/{one.name}": one for one in runs}
        events = {key: events_table(study.events(one), where=key) for key, one in own.items()}
        people = {key: one.subject for key, one in own.items()}
        found = heard_in(study, events, collect_stimuli(study, events), people)
        heard[name] = found if official is None else replace(found, official=official(study, events, own))
    rows = split(heard)
    return {name: preprocessing.fitted_on(*learned_from(rows[rows.study == name])) for name in recordings}
