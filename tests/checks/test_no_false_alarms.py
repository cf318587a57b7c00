"""The miniatures of all public studies, and the simulated studies: no alarm, except for what is true of a miniature."""

import importlib
import inspect
import re

import pytest

from n2s import studies
from n2s.checks.groups import grouped
from n2s.checks.survey import survey
from n2s.studies import GenericFMRI, SimulatedFMRI, SimulatedMEG
from n2s.studies.readers.bold_files import BoldFiles

ONE_FILE = "hold the same samples"  # a miniature's recordings are one real recording
ONE_SOUND = "are one sound"
SLOW = "unusual sampling rate"  # 100 Hz
NO_AUDIO = "neither audio nor ready features"  # has to be brought
HEADER = "only the header gives the TR"  # no JSON files in the miniature
#: Study -> what is odd, corrected or stops n2s. What is left out are traps of the data sets: test_traps_are_tested.
TRUE = {
    "Accou2024": (),
    "Armeni2022": (ONE_FILE, ONE_SOUND, "MNE says: (Omitted|Limited) 1 annotation", "onset and sample disagree"),  # 0.5 s of it
    "Bel2026": ("play for another time than their files",),  # a round number of seconds
    "Brennan2019": (), "Broderick2019": (), "Gwilliams2022": (ONE_FILE,), "LibriBrain": (NO_AUDIO,),
    "SMN4Lang": (), "Schoffelen2019": (), "Lebel2023": (SLOW, "intervals of .* overlap"), "Nakai2022": (ONE_FILE, ONE_SOUND, SLOW), "Park2025": (NO_AUDIO,),
    "Schoffelen2019FMRI": (HEADER,), "SMN4LangFMRI": (), "Li2022": (SLOW, HEADER, "needs a mask"),
    "Sato2026": (),
    "Verwoert2022": ("it is read so",), "Wang2024": ("no pitch",), "Zada2025": ("have no place",),
    "Nastase2021": (HEADER, "it names notthefall_audio", "never change"),
}  # fmt: skip


def alarms(study, true=()) -> list[str]:
    groups = grouped(survey(study.name, study))
    said = [
        f"{group.kind}: {where}: {text}" for group in groups for where, text in group.each if group.kind != "left out"
    ]
    return [one for one in said if not any(re.search(text, one) for text in true)]


def test_every_study_is_looked_at():
    assert set(TRUE) == {name for name in studies.__all__ if getattr(getattr(studies, name), "card", None)}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUE)
def test_a_public_study(name, tmp_path, request):
    kind = getattr(studies, name)
    folder = "trees_fmri" if issubclass(kind, studies.fmri.FMRIStudy) else "trees"
    write_tree = importlib.import_module(f"{folder}.{name.lower()}").write_tree
    needs = [request.getfixturevalue("real_data")] if "real_data" in inspect.signature(write_tree).parameters else []
    write_tree(tmp_path / "root", *needs)
    assert not alarms(kind(str(tmp_path / "root")), TRUE[name])


@pytest.mark.parametrize("ending", [".npy", ".nii.gz"])
def test_own_fmri(ending, tmp_path):
    root = importlib.import_module("trees_fmri.generic").write_tree(tmp_path / "root", ending, rate_hz=4000)
    files = BoldFiles(tr_s=2.0, mask=None if ending == ".npy" else "mask.nii.gz")
    assert not alarms(GenericFMRI(str(root), files=files))


@pytest.mark.slow
def test_the_simulated_studies(tmp_path):
    chosen = {"n_subjects": 2, "stories": ["orchestra.en", "train.es"], "max_story_s": 12.0, "root": tmp_path}
    assert not alarms(SimulatedMEG(sfreq=100.0, **chosen))
    assert not alarms(SimulatedFMRI(**chosen))
