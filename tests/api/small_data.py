"""Data of two people for tests of `n2s.windows` and `n2s.evaluate`: stories that are heard, and commands that are said."""

from functools import cache

from said_study import COMMANDS, SaidStudy
from tiny import TinyStudy

from n2s.data import AtEvents, EventDataModule, Grid, Labels, MEGDataModule, Preprocessing, SplitByRun, SplitByStory
from n2s.features import Ready
from n2s.studies.study import Study


def heard(root, study: Study | None = None, **options) -> MEGDataModule:
    """Two people hear four stories of 24 s; windows of 2 s, of training one every second."""
    return MEGDataModule(
        {"tiny": study or TinyStudy(root / "heard", **{"story_s": 24.0} | options)},
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=["story1"]),
        train_windows=Grid(1.0),
        test_windows=Grid(2.0),
        window_s=2.0,
        batch_size=16,
        n_jobs=1,
    )


def said(root, **study) -> EventDataModule:
    """Two people say three commands in five runs."""
    return EventDataModule(
        {"lab": SaidStudy(root / "said", **study)},
        AtEvents(Labels(list(COMMANDS)), kind="word"),
        preprocessing=Preprocessing(sfreq=100.0, picks=["eeg"]),
        split=SplitByRun(test=["5"], val=["4"]),
        window_s=0.4,
        n_jobs=1,
    )


@cache
def of(kind, root):
    """Data that several tests only read: set up once."""
    return kind(root)
