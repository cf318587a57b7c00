"""A datamodule that is asked for data before its set-up says so in one line, and is as before once it is set up."""

import pytest
from tiny import TinyStudy

from n2s.corpora import ESpeakCorpus
from n2s.data import (
    FIR,
    AtEvents,
    CorpusDataModule,
    EncodingDataModule,
    EventDataModule,
    FMRIDataModule,
    Labels,
    MEGDataModule,
    PairedDataModule,
    Preprocessing,
    SplitByStory,
)
from n2s.errors import UserError
from n2s.features import Mel, MelStatistics, Ready
from n2s.studies import SimulatedFMRI, SimulatedMEG, SimulatedPairFMRI, SimulatedPairMEG


def meg(folder):
    return MEGDataModule({"s": SimulatedMEG(n_subjects=1, root=folder)}, Mel())


def events(folder):
    return EventDataModule({"s": SimulatedMEG(n_subjects=1, root=folder)}, AtEvents(Labels(["a", "b"]), kind="word"))


def fmri(folder):
    return FMRIDataModule({"s": SimulatedFMRI(n_subjects=1, root=folder)}, MelStatistics(n_mels=4))


def pairs(folder):
    options = {"n_subjects": 1, "n_stories": 3, "minutes": 0.2, "n_test": 1, "root": folder}
    return PairedDataModule({"m": SimulatedPairMEG(**options), "f": SimulatedPairFMRI(**options)}, Mel())


def corpus(folder):
    return CorpusDataModule(ESpeakCorpus("nl", n_sentences=10, n_speakers=1, root=folder))


MADE = {"meg": meg, "events": events, "fmri": fmri, "pairs": pairs, "corpus": corpus}
SPLIT = {"meg": "windows", "events": "windows", "fmri": "splits", "pairs": "pairs", "corpus": "splits"}


@pytest.mark.parametrize("kind", MADE)
def test_what_is_made_at_set_up_is_asked_for_early(kind, tmp_path):
    data = MADE[kind](tmp_path)
    asked = {
        "a loader": data.train_dataloader,
        "a test loader": data.test_dataloader,
        "whether it validates": lambda: data.validates,
        "a split": lambda: getattr(data, SPLIT[kind])["train"],
    } | {name: lambda name=name: getattr(data, name) for name in type(data).made_at_setup}
    for what, ask in asked.items():
        with pytest.raises(
            UserError, match=r"not set up. Call data.prepare_data\(\) and data.setup\('fit'\) first"
        ) as error:
            ask()
        assert "\n" not in str(error.value), what
    assert not any(hasattr(data, name) for name in type(data).made_at_setup)
    assert str(data)  # a summary needs no set-up


def test_what_no_datamodule_has_is_no_matter_of_set_up(tmp_path):
    data = meg(tmp_path)
    assert not hasattr(data, "nothing")
    with pytest.raises(AttributeError, match="MEGDataModule has no attribute 'nothing'"):
        data.nothing  # noqa: B018


def test_encoding_says_it_of_a_subject(tmp_path):
    data = EncodingDataModule({"s": SimulatedMEG(n_subjects=1, root=tmp_path)}, {"mel": Mel()}, FIR([1]))
    with pytest.raises(UserError, match="data of 's/01' are not there: they are not set up"):
        data.rows("s/01")


def test_set_up_makes_all_that_it_names(tmp_path):
    data = MEGDataModule(
        {"t": TinyStudy(tmp_path, n_subjects=1)},
        Ready(4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(val=["story2"], test=["story3"]),
        n_jobs=1,
    )
    with pytest.raises(UserError, match="not set up"):
        _ = data.splits
    data.setup("fit")
    assert all(hasattr(data, name) for name in type(data).made_at_setup)
    assert len(data.windows["train"]) and next(iter(data.train_dataloader())).brain.ndim == 3
    with pytest.raises(KeyError):
        _ = data.windows["valid"]
