"""Every number of every public class is checked where it is given: a wrong one is one line that names it, before anything is read."""

import inspect

import numpy as np
import pytest
from classes import NEVER, numbers, public_classes

from n2s.corpora import ESpeakCorpus
from n2s.data import FIR, AtEvents, Labels
from n2s.errors import UserError
from n2s.features import Mel
from n2s.options import check_number, check_pair
from n2s.studies import SimulatedFMRI, SimulatedMEG, SimulatedPairFMRI, SimulatedPairMEG
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.readers.bold_files import BoldFiles

CLASSES = public_classes("n2s.data", "n2s.studies", "n2s.corpora", "n2s.losses")
CLASSES |= {"BoldFiles": BoldFiles, "BoldCleaning": BoldCleaning}  # options of studies of BOLD
NO_OPTIONS = {"Batch", "PairedBatch"}  # tensors that n2s makes: nobody writes their numbers

#: Numbers that may be negative, and why.
NEGATIVE = {
    ("EventDataModule", "offset_s"): "a window may begin before its event",
    ("FMRIDataModule", "lag_s"): "a response before the sound is a control",
    ("FIR", "delays"): "columns before the sound are a control",
    ("Lags", "tmin"): "brain before sound",
    ("WordOnsets", "before_s"): "a window may begin after the word",
    ("BIDSFMRI", "first_volume_s"): "the recording may start before the events' clock",
    ("SyntheticScenes", "snr_db"): "decibels",
    ("SimulatedCohort", "age_gap"): "a group may be younger",
    ("SimulatedCohort", "motion_gap"): "a group may move less",
    ("SimulatedCohort", "age_effect"): "age may lower what it raises elsewhere",
    ("SimulatedCohort", "motion_effect"): "as that of age",
    ("SimulatedCohort", "delta_lag_s"): "a group may be earlier",
    ("SimulatedCohort", "theta_lag_s"): "a group may be earlier",
    ("SSS", "destination"): "a place in the head",
    ("Frames", "start_s"): "the first frame may lie before the sound",
    ("Frames", "within_s"): "as start_s",
}
#: Numbers that may be infinite, and why.
INFINITE = {
    ("EventDataModule", "clamp"): "nothing is clamped",
    ("MEGDataModule", "clamp"): "nothing is clamped",
    ("PairedDataModule", "clamp"): "nothing is clamped",
}


def arguments(cls: type, folder) -> dict:
    """Arguments that a class needs and has no default for. A folder of data is empty: numbers are looked at first."""
    meg = SimulatedMEG(n_subjects=1, max_story_s=30, root=folder)
    known = {
        "root": folder,
        "studies": {"simulated": meg},
        "corpus": ESpeakCorpus(root=folder),
        "windows": AtEvents(Labels(["yes", "no"]), kind="word"),
        "target": Mel(),
        "features": {"mel": Mel()},
        "response": FIR([1]),
        "sfreq": 64.0,
        "rate_hz": 100.0,
        "values": np.zeros((100, 1)),
    }
    special = {
        "FMRIDataModule": {"studies": {"simulated": SimulatedFMRI(n_subjects=1, root=folder)}},
        "PairedDataModule": {
            "studies": {
                "meg": SimulatedPairMEG(n_subjects=1, n_stories=3, minutes=0.2, n_test=1, root=folder),
                "fmri": SimulatedPairFMRI(n_subjects=1, n_stories=3, minutes=0.2, n_test=1, root=folder),
            }
        },
        "EEGArrays": {"features": "mel.npy"},
    }
    needed = {
        p.name: known.get(p.name)
        for p in inspect.signature(cls).parameters.values()
        if p.default is inspect.Parameter.empty
    }
    return needed | special.get(cls.__name__, {})


@pytest.mark.parametrize("name", [name for name in CLASSES if name.rpartition(".")[2] not in NO_OPTIONS])
def test_a_wrong_number_is_one_line_that_names_it(name, tmp_path):
    cls = CLASSES[name]
    given = arguments(cls, tmp_path)
    wrong = []
    for number in numbers(cls):
        key = (cls.__name__, number.name)
        values = {**NEVER, "-1": -1, "1.5": 1.5}
        if not number.whole:
            del values["1.5"]
        if key in NEGATIVE:
            del values["-1"]
        if key in INFINITE:
            del values["inf"]
        for said, value in values.items():
            try:
                cls(**given | {number.name: number.given(value)})
            except UserError as error:
                if number.name not in str(error) or "\n" in str(error):
                    wrong.append(f"{number.name}={said}: {error}")
            except Exception as error:  # noqa: BLE001
                wrong.append(f"{number.name}={said}: {type(error).__name__}: {error}")
            else:
                wrong.append(f"{number.name}={said}: nothing is said")
    assert not wrong, "\n".join(wrong)


def test_the_law_is_about_many_numbers():
    """Else an annotation that is no longer understood would let it hold for nothing."""
    assert sum(len(numbers(cls)) for cls in CLASSES.values()) > 200


@pytest.mark.parametrize("value", [0, 1, 3.7, 1e9])
def test_a_checked_number_is_what_was_given(value):
    check_number("any", value)
    check_number("any", np.float32(value), low=0)


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (0, {"low": 1, "whole": True}, "x is 0; expected a whole number from 1 on."),
        (2.0, {"whole": True}, "x is 2.0; expected a whole number."),
        (1234567, {"high": 10, "whole": True}, "x is 1234567; expected a whole number up to 10."),
        (1.5, {"low": 0, "high": 1}, "x is 1.5; expected a number from 0 to 1."),
        (1, {"low": 0, "below": 1}, "x is 1; expected a number from 0 to below 1."),
        (0, {"above": 0, "below": 1}, "x is 0; expected a number above 0 and below 1."),
        (0, {"above": 0, "high": 1}, "x is 0; expected a number above 0 and up to 1."),
        (2, {"below": 1}, "x is 2; expected a number below 1."),
        (0, {"above": 0, "otherwise": "null for none"}, "x is 0; expected a number above 0, or null for none."),
        (True, {}, "x is True; expected a number."),
        ("3", {}, "x is '3'; expected a number."),
        ([3], {}, "x is [3]; expected a number."),
        (np.int64(-1), {"low": 0, "whole": True}, "x is -1; expected a whole number from 0 on."),
        (float("inf"), {"low": 0}, "x is inf; expected a number from 0 on."),
    ],
)  # fmt: skip
def test_the_message_says_the_range(value, bounds, message):
    with pytest.raises(UserError) as error:
        check_number("x", value, **bounds)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [(5, "x is 5; expected a list of numbers."), ("57", "x is '57'; expected a list"), ([1], "expected two"), ([1, None], "[1] is nan")],
)  # fmt: skip
def test_a_pair_is_two_numbers(value, message):
    with pytest.raises(UserError) as error:
        check_pair("x", value)
    assert message in str(error.value)
