"""The check deals as a fit does, where people count: the stories of each person are spread evenly over folds."""

from types import SimpleNamespace

from tiny import TinyStudy

from n2s.checks.dealt import dealt
from n2s.data import CrossValidated, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.stimuli import collect_stimuli
from n2s.features.ready import Ready
from n2s.findings import kept


class Uneven(TinyStudy):
    """Who is second heard half of what the first heard."""

    def recordings(self):
        return [one for one in super().recordings() if one.subject == "01" or int(one.task[5:]) % 2]


def test_folds_are_dealt_as_in_a_fit(tmp_path):
    study = Uneven(tmp_path, n_stories=6, story_s=8.0)
    split = CrossValidated(SplitByStory(), n_folds=2, seed=1)
    data = MEGDataModule({"t": study}, Ready(4), preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]), split=split)
    events = {one: study.events(one) for one in study.recordings()}
    seen = [SimpleNamespace(name=one.name, events=table, recording=one) for one, table in events.items()]
    stimuli = collect_stimuli(study, {one.name: table for one, table in events.items()})
    rows = dealt(data, [SimpleNamespace(name="t", study=study, stimuli=stimuli, seen=seen)]).rows
    with kept():
        data.setup("fit")
    found = {split: set(windows.intervals.story) for split, windows in data.windows.items()}
    assert found["train"] and {row[0]: set(row[-1].split(", ")) - {""} for row in rows} == found
