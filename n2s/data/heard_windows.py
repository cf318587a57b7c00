"""Windows in what was heard, for datamodules of segments of sound: numbers for what intervals name, and windows with their sentences."""

from collections.abc import Mapping

import pandas as pd

from n2s.data.placements import Placement
from n2s.data.sentences import sentence_numbers
from n2s.data.windows import Windows, WindowShape, lay_windows
from n2s.studies.study import Stimulus


def indexed(
    table: pd.DataFrame,
    subject: pd.Series,
    numbers: Mapping[str, int],
    recordings: Mapping[str, int],
    stimuli: Mapping[str, Stimulus],
) -> pd.DataFrame:
    """Intervals with what `Windows` needs: ``subject`` (of each row), and the numbers of subjects, recordings, stimuli and sounds.

    ``numbers``: subject -> its number; one that has nothing in training is -1.
    """
    trained = set(subject[table.split == "train"])
    stimulus = {name: index for index, name in enumerate(stimuli)}
    return table.assign(
        subject=subject,
        subject_index=subject.map({name: index if name in trained else -1 for name, index in numbers.items()}),
        recording_index=table.recording.map(recordings),
        stimulus_index=table.stimulus.map(stimulus),
        audio=table.sound,
        group_index=pd.factorize(table.sound)[0],
    )


def heard_windows(
    split: str,
    intervals: pd.DataFrame,
    placement: Placement,
    shape: WindowShape,
    stimuli: Mapping[str, Stimulus],
    bad_spans: Mapping[str, list],
) -> Windows:
    """The windows of one split, with the sentence of each; see `lay_windows`."""
    windows = lay_windows(
        intervals[intervals.split == split],
        placement,
        window_s=shape.window_s,
        words={name: stimulus.words for name, stimulus in stimuli.items()},
        bad_spans=bad_spans,
        jitter=split == "train",
        same_s=0.5 / shape.sfreq,
    )
    windows.sentence = sentence_numbers(windows, stimuli, shape.duration_s)
    return windows
