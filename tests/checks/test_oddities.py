"""What is wrong with a folder is named, with its place and a remedy, and nothing else is."""

import html
import re
import shutil
from pathlib import Path

import pytest
from oddities import BESIDE, ODDITIES, Oddity

from n2s.checks.folder import folder_studies
from n2s.checks.groups import Group, grouped
from n2s.checks.survey import Survey, survey
from n2s.findings import kept
from n2s.studies.simulated.example import write_example

TEN = (
    "a misspelt column", "a person who was not fetched", "a byte order mark", "a copied recording", "a story that one person heard",
    "another delay", "words that drift from the sound", "a table written twice", "a flat sensor", "pictures beside sounds",
)  # fmt: skip


def found_in(root: Path, datatype: str) -> list[Group]:
    with kept() as told:
        studies = folder_studies(root)
    name = f"{root.name} ({datatype})"
    study = studies[name]
    found = Survey(name, stops=[(name, study)]) if isinstance(study, str) else survey(name, study)
    found.findings[:0] = told
    return grouped(found)


def is_named(oddity: Oddity, groups: list[Group], subject: str) -> bool:
    place = oddity.where.replace("SUB", f"sub-{subject}")
    return any(
        re.fullmatch(oddity.kind, group.kind) and re.search(place, f"{where} {text}") and re.search(oddity.said, text)
        for group in groups
        for where, text in group.each
    )


@pytest.mark.slow
@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda one: one.name)
def test_each_is_named_and_nothing_else(oddity, written, tmp_path):
    other = shutil.ignore_patterns({"meg": "eeg", "eeg": "meg"}[oddity.datatype])
    root = shutil.copytree(written, tmp_path / "lab", ignore=other)
    oddity.plant(root, "02")
    groups = found_in(root, oddity.datatype)
    told = [(group.kind, where, text) for group in groups for where, text in group.each]
    assert is_named(oddity, groups, "02"), told
    expected = "|".join([oddity.where, *BESIDE]).replace("SUB", "sub-02")
    others = [one for one in told if not re.search(expected, f"{one[1]} {one[2]}")]
    assert not others  # whoever is not concerned is not accused


@pytest.mark.slow
@pytest.mark.parametrize("datatype", ["meg", "eeg"])
def test_without_any_nothing_is_named(datatype, written):
    assert not found_in(written, datatype)


@pytest.mark.nightly
@pytest.mark.slow
def test_ten_at_once_are_all_on_the_page(run_n2s, tmp_path):
    """Twelve people: one oddity each, and two without."""
    root = write_example(tmp_path / "lab", n_subjects=12)
    chosen = {f"{number:02}": one for number, name in enumerate(TEN, 1) for one in ODDITIES if one.name == name}
    assert len(chosen) == 10
    for folder in root.glob("sub-*/eeg"):
        shutil.rmtree(folder)
    for subject, oddity in chosen.items():
        oddity.plant(root, subject)
    groups = found_in(root, "meg")
    for subject, oddity in chosen.items():
        assert is_named(oddity, groups, subject), (oddity.name, groups)
    status, out, err = run_n2s("studies", "check", root, "--page", tmp_path / "page.html")
    page = html.unescape((tmp_path / "page.html").read_text())
    assert status == 1, out + err
    for oddity in chosen.values():
        assert re.search(oddity.said, out) and re.search(oddity.said, page), (oddity.name, out)
    assert not re.search("sub-1[12]", "".join(where for group in groups for where, _ in group.each))
