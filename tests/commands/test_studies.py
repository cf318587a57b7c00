"""`n2s studies`: what it prints, and its page on a miniature tree of each data set."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser

from n2s import studies
from n2s.studies.fmri import FMRIStudy
from n2s.studies.study import Study

ROOT = Path(__file__).parents[2]
TREES = sorted(path.stem for path in (ROOT / "tests" / "studies" / "trees").glob("[a-z]*.py"))
PUBLIC = sorted(name for name in studies.__all__ if getattr(getattr(studies, name), "card", None))
FMRI = [name for name in PUBLIC if issubclass(getattr(studies, name), FMRIStudy)]
M_EEG = [name for name in PUBLIC if name not in FMRI]


@pytest.fixture
def n2s(run_n2s):
    return lambda *words: run_n2s("studies", *words)


def test_every_data_set_has_a_tree_a_config_and_a_whole_card():
    assert sorted(name.lower() for name in M_EEG) == TREES and len(TREES) >= 12
    assert sorted(path.stem for path in (ROOT / "configs" / "data").glob("*.yaml")) == TREES
    for name in PUBLIC:
        card, expected = getattr(studies, name).card, getattr(studies, name).expected
        left_out = len(card.left_out) if name in FMRI else 0  # whole people, of whom some came after the paper
        assert card.n_subjects - left_out <= expected["subjects"] <= card.n_subjects and card.hours > 0
        assert all((card.title, card.licence, card.citation, card.layout))


CONFIGS = sorted(path for kind in ("fmri", "encoding") for path in (ROOT / "configs" / f"data_{kind}").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_config_of_a_study_fits_its_reader(path):
    (named,) = yaml.safe_load(path.read_text())["data"]["init_args"]["studies"].values()
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--study", type=Study)
    parser.parse_object({"study": named})  # an unknown option or a value of another type is an error
    with pytest.raises(Exception, match="misspelt"):
        parser.parse_object({"study": named | {"init_args": named["init_args"] | {"misspelt": 1}}})


def test_every_fmri_set_has_a_tree_and_a_config():
    trees = {path.stem for path in (ROOT / "tests" / "studies" / "trees_fmri").glob("[a-z]*.py")}
    assert {name.lower() for name in FMRI} <= trees & {path.stem for path in CONFIGS} and len(FMRI) >= 3


def test_list_and_show(n2s):
    status, out, _ = n2s("list")
    assert status == 0 and all(name.lower() in out for name in PUBLIC)
    status, out, _ = n2s("show", "bel2026")
    assert (
        status == 0 and "sub-23 run-04: left out" in " ".join(out.split()) and "516 recordings" in out and "CC0" in out
    )
    status, _, err = n2s("show", "gwilliam2022")
    assert status == 2 and "Nearest: gwilliams2022" in err and err.count("\n") == 1


def test_download_behind_a_wall_prints_the_steps(n2s):
    status, out, _ = n2s("download", "schoffelen2019")
    assert status == 0 and "1. make an account" in out and "webdav.data.ru.nl" in out
    status, _, err = n2s("download", "bel2026")
    assert status == 2 and "--root FOLDER" in err


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES)
def test_check(n2s, name, tmp_path, request):
    sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))
    write_tree = importlib.import_module(f"trees.{name}").write_tree
    needs = [request.getfixturevalue("real_data")] if "real_data" in inspect.signature(write_tree).parameters else []
    write_tree(tmp_path / "tree", *needs)
    status, out, err = n2s("check", name, "--root", tmp_path / "tree", "--page", tmp_path / "page.html")
    if name == "libribrain":  # its audio is not part of it
        assert status == 1 and out.count("PROBLEM") == 1 and "neither audio nor ready features" in out
    else:
        assert status == 0 and "PROBLEM" not in out, out + err
    assert re.search(r"subjects: \d of \d+", out)
    page = (tmp_path / "page.html").read_text()
    assert (
        all(title in page for title in ("Sensors", "Events", "Spectrum", "Response to words"))
        and page.count("<img") >= 4
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("lebel2023", "63 train clips of 9137, 21 test clips of 595"),
        ("nakai2022", "40 train clips of 4800, 20 test clips of 600"),
        ("park2025", "24 train clips of 13944, 6 test clips of 150"),
    ],
)
def test_check_of_fmri(n2s, name, counts, tmp_path):
    sys.path.insert(0, str(ROOT / "tests" / "studies"))
    root = importlib.import_module(f"trees_fmri.{name}").write_tree(tmp_path / "tree")
    status, out, err = n2s("check", name, "--root", root, "--all", "true", "--page", tmp_path / "page.html")
    if name == "park2025":  # its audio is not part of it
        assert status == 1 and out.count("PROBLEM") == 1 and "neither audio nor ready features" in out
    else:
        assert status == 0 and "PROBLEM" not in out, out + err
    assert counts in out
    page = (tmp_path / "page.html").read_text()
    assert "Clips" in page and "Voxels" in page and page.count("<img") >= 2


def test_check_of_fmri_says_what_is_wrong(n2s, tmp_path):
    tree = importlib.import_module("trees_fmri.nakai2022")
    root = tree.write_tree(tmp_path / "tree")
    tree.write_volumes(root / "volumes", "sub-002_task-Test_run-01", 7)
    events = root / "sub-001" / "func" / "sub-001_task-Training_run-01_events.tsv"
    tree.write_events(events, [*tree.TRAINING, ("rock", 32, 0.0)])  # a track of the test run
    status, out, _ = n2s("check", "nakai2022", "--root", root, "--page", tmp_path / "page.html")
    assert status == 1 and out.count("PROBLEM") == 2 and "n2s stops: 2 problems" in out
    assert "PROBLEM sub-001: 'rock/rock.00032' has clips in two splits" in out
    assert "PROBLEM sub-002_task-Test_run-01" in out and "7 volumes, but the pieces" in out


@pytest.mark.slow
def test_check_says_what_is_wrong(n2s, tmp_path):
    write_tree = importlib.import_module("trees.broderick2019").write_tree
    write_tree(tmp_path / "tree")
    (tmp_path / "tree" / "stimuli" / "align2.json").unlink()
    status, out, _ = n2s(
        "check", "broderick2019", "--root", tmp_path / "tree", "--all", "true", "--page", tmp_path / "p.html"
    )
    assert status == 1 and "n2s stops: 2 problems" in out and "align2.json" in out
