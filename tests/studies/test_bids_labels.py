"""Labels in recipes: what YAML made of them never picks another subject, session or run."""

from pathlib import Path

import pytest
import yaml
from studies.trees_fmri import generic

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy, GenericFMRI
from n2s.studies.readers.bold_files import BoldFiles


def listed(root: Path, names: list[str]) -> Path:
    """A folder of recordings that are listed, never opened."""
    for name in names:
        folder = root.joinpath(*(part for part in name.split("_") if part[:4] in ("sub-", "ses-")), "meg")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}_meg.fif").write_text("x")
        (folder / f"{name}_events.tsv").write_text("onset\tduration\n0\t0\n")
    return root


def chosen(root: Path, recipe: str) -> list[str]:
    with kept():
        return [one.name for one in BIDSStudy(root, **yaml.safe_load(recipe)).recordings()]


@pytest.fixture
def lab(tmp_path) -> Path:
    return listed(tmp_path, [f"sub-{one}_task-listen" for one in ("008", "010", "012", "07")])


@pytest.mark.parametrize(
    ("recipe", "subjects"),
    [
        ("subjects: ['010', '012']", ["010", "012"]),
        ("subjects: [sub-010]", ["010"]),
        ("subjects: [12, 7]", ["07", "012"]),  # not octal, and unambiguous
        ("subjects: '008'", ["008"]),
    ],
)
def test_labels_that_can_mean_one_thing(lab, recipe, subjects):
    assert sorted(chosen(lab, recipe)) == sorted(f"sub-{one}_task-listen" for one in subjects)


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("subjects: [010, 012]", "8 may be the meg subject '008' or '010'.*in quotes"),  # yaml/pyyaml#107
        ("subjects: [no, 1]", "False is no label.*unquoted no.*quotes"),
        ("subjects: [1.0]", "1.0 is no label"),
        ("sessions: [yes]", "True is no label"),
        ("runs: [1.0]", "1.0 is no label"),
        ("task: no", "False is no label"),
        ("subjects: []", "subjects is empty"),
        ("subjects: ['010', sub-010]", "'010' twice"),
        ("subjects: [ '']", "an empty label"),
        ("subjects: ['8x']", "no meg subject '8x'; there are 008, 010, 012, 07"),
    ],
)
def test_labels_that_yaml_changed(lab, recipe, says):
    with pytest.raises(UserError, match=says):
        chosen(lab, recipe)


def test_labels_that_differ_in_zeros(tmp_path):
    listed(tmp_path, ["sub-1_task-listen", "sub-01_task-listen", "sub-2_task-listen"])
    for recipe in ("subjects: [1]", "subjects: [01]"):
        with pytest.raises(UserError, match="1 may be the meg subject '01' or '1'"):
            chosen(tmp_path, recipe)
    assert chosen(tmp_path, "subjects: ['01']") == ["sub-01_task-listen"]
    assert chosen(tmp_path, "subjects: ['1']") == ["sub-1_task-listen"]


def test_sessions_and_runs_too(tmp_path):
    listed(tmp_path, [f"sub-1_ses-{ses}_task-t_run-{run}" for ses in ("008", "010") for run in ("1", "2")])
    with pytest.raises(UserError, match="8 may be the meg session '008' or '010'"):
        chosen(tmp_path, "sessions: [010]")
    assert chosen(tmp_path, "{sessions: ['010'], runs: [02]}") == ["sub-1_ses-010_task-t_run-2"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"subjects": [8]}, "8 may be the subject '008' or '010'"),
        ({"subjects": [False]}, "False is no label"),
        ({"tasks": [1.0]}, "1.0 is no label"),
    ],
)
def test_labels_of_fmri(tmp_path, options, says):
    root = generic.write_tree(tmp_path)
    for old, new in (("01", "008"), ("02", "010")):
        (root / f"sub-{old}").rename(root / f"sub-{new}")
        for file in sorted((root / f"sub-{new}").rglob("sub-*")):
            file.rename(file.with_name(file.name.replace(f"sub-{old}", f"sub-{new}")))
    files = BoldFiles(tr_s=generic.TR_S)
    with pytest.raises(UserError, match=says):
        GenericFMRI(str(root), files=files, **options)
    assert {one.subject for one in GenericFMRI(str(root), files=files, subjects=["sub-010"]).recordings()} == {"010"}
