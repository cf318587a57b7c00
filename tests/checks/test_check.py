"""What is checked, how the command ends, and what the page shows."""

import copy
import re
import shutil
from pathlib import Path

import pytest
import soundfile
import yaml
from builders import write_audio
from oddities import edited, events_file, flat_sensor, unheard_sound
from trees_fmri import generic

from n2s.checks.folder import folder_studies
from n2s.checks.groups import Group, grouped
from n2s.checks.page import found_html
from n2s.checks.survey import Survey
from n2s.findings import Finding
from n2s.studies import BIDSStudy, GenericFMRI

BASE = Path(__file__).parents[2] / "configs" / "meg_contrastive.yaml"
OVERLAY = {
    "studies": {"mine": {"class_path": "n2s.studies.BIDSStudy", "init_args": {"root": "", "datatype": "meg"}}},
    "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["meg"]}},
    "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"test": ["orchestra.en"], "val": ["mapmaker.en"]}},
}


@pytest.fixture
def check(run_n2s, tmp_path):
    return lambda *words: run_n2s("studies", "check", *words, "--page", tmp_path / "page.html")


@pytest.fixture
def recipe(lab, tmp_path):
    """Writes an overlay for the folder, with changes by path; gives it behind its base."""

    def write(**changes):
        options = copy.deepcopy(OVERLAY)
        options["studies"]["mine"]["init_args"]["root"] = str(lab)
        for path, value in changes.items():
            inner = options
            *keys, last = path.split("__")
            for key in keys:
                inner = inner[key]
            inner[last] = value
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"data": {"init_args": options}}))
        return BASE, tmp_path / "recipe.yaml"

    return write


@pytest.mark.slow
def test_a_recipe_shows_what_is_dealt_to_each_split(check, recipe, tmp_path):
    status, out, err = check(*recipe())
    assert status == 0, out + err
    assert re.search(r"train +1\.8 +0\.6 +3 +2", out) and re.search(r"test +1\.0 +0\.3 +3 +1", out)
    assert "Training, validation, test" in (tmp_path / "page.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split__init_args": {"test": ["orchestra"], "val": []}}, "PROBLEM data.split.*orchestra.*orchestra.en"),
        ({"split__init_args": {"test": [], "val": ["orchestra.en"]}}, "PROBLEM data.split: the test split is empty"),
        (
            {"preprocessing__init_args__picks": ["eeg"]},
            "PROBLEM sub-01.* and 2 more: .*no channel of type.*preprocessing.picks",
        ),
        ({"test_windows": {"class_path": "n2s.data.WordOnsets"}}, None),
    ],
)
def test_the_settings_of_a_recipe_are_tried(changes, said, check, recipe):
    status, out, err = check(*recipe(**changes))
    assert status == (1 if said else 0), out + err
    assert said is None or re.search(said, out), out


def test_what_is_asked_for_must_be_there(check, recipe, tmp_path, lab):
    for words, said in (
        ((tmp_path / "nothing",), "no folder, recipe or data set"),
        (("gwilliams2022",), "--root FOLDER"),
        ((lab, lab), "one folder or one name"),
        ((*recipe(), lab), "beside recipes"),
        ((tmp_path / "none.yaml",), "none.yaml"),
    ):
        status, out, err = check(*words)
        assert status == 2 and said in err and len(err.strip().splitlines()) <= 3, out + err
    (tmp_path / "void").mkdir()
    status, _, err = check(tmp_path / "void")
    assert status == 2 and "no meg recordings" in err and "sub-*" in err


def test_a_folder_has_a_study_of_each_datatype(lab):
    found = folder_studies(lab)
    assert list(found) == ["lab (meg)", "lab (eeg)"] and all(isinstance(one, BIDSStudy) for one in found.values())
    generic.write_tree(lab, ".nii.gz")
    found = folder_studies(lab)
    assert isinstance(found["lab (func)"], GenericFMRI) and len(found) == 3
    next(lab.glob("task-listen_run-2_clips.tsv")).unlink()
    assert "clips.tsv" in folder_studies(lab)["lab (func)"]


@pytest.mark.slow
def test_all_samples_are_read_if_asked(check, lab):
    shutil.rmtree(lab / "sub-03")
    flat_sensor(lab, "02")
    first, second = (f"sub-02/meg/sub-02_task-listen_run-{run}_meg.fif" for run in "12")
    held = (lab / first).read_bytes()
    (lab / first).write_bytes((lab / second).read_bytes())  # run 2 is the flat one now
    (lab / second).write_bytes(held)
    for run, other in (("1", "2"), ("2", "1")):
        events_file(lab, "02", run, "meg").write_text(events_file(lab, "01", other, "meg").read_text())
    assert "flat" not in check(lab)[1]
    status, out, _ = check(lab, "--all", "true")
    assert status == 1 and re.search("PROBLEM sub-02_task-listen_run-2.*flat", out)


def test_one_text_of_many_places_is_one_group():
    found = Survey("s", findings=[Finding("odd", f"sub-{i:02}", f"has {i} sounds of 'x{i}'") for i in range(1, 30)])
    found.findings.append(Finding("left out", "z.wav", "no events name it"))
    found.stops.append(("sub-01", "no events"))
    groups = grouped(found)
    assert [(group.kind, len(group.each), group.more) for group in groups] == [
        ("stops n2s", 1, ""), ("odd", 29, " and 28 more"), ("left out", 1, "")
    ]  # fmt: skip
    page = found_html(groups)
    assert (
        page.index("What stops n2s") < page.index("Odd") < page.index("Left out")
        and "<summary>all 29</summary>" in page
    )
    assert "<li>sub-29: has 29 sounds of &#x27;x29&#x27;</li>" in page
    assert "<script>" not in found_html([Group("odd", [("<script>", "<script>")])])


@pytest.mark.slow
def test_paths_are_shown_from_the_folder(lab, check):
    unheard_sound(lab, "")
    write_audio(lab / "stimuli" / "more" / "practice2.wav", 1.0)
    status, out, _ = check(lab)
    assert status == 0 and "  left out more/practice2.wav and 1 more: is in" in out
    assert out.count("left out") == 2 and "Left out: n2s does not use it (2)" in out  # of MEG, and of EEG


@pytest.mark.slow
def test_an_audio_file_that_is_no_audio_stops_the_recordings_that_play_it(lab, check):
    (lab / "stimuli" / "orchestra.en.wav").write_text("<html>404</html>")
    status, out, _ = check(lab)
    assert status == 1 and re.search("PROBLEM sub-01_task-listen_run-2 and 2 more: .*orchestra.en.wav", out)
    assert soundfile.info(lab / "stimuli" / "beekeeper.en.wav").duration > 10


@pytest.mark.slow
def test_what_can_be_read_is_shown_beside_what_cannot(lab, check, tmp_path):
    edited(events_file(lab, "02", "1", "meg"), lambda rows: rows.assign(onset="x"))
    status, out, _ = check(lab)
    assert status == 1 and re.search(r" 02 +2 +1\.5 ", out) and out.count("PROBLEM") == 1
    page = (tmp_path / "page.html").read_text()
    assert "sub-02_task-listen_run-1" in page and "Response to words" in page
