"""Pages of public data sets, which the site makes of their cards and of the table of traps."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from n2s.cli.studies import public_studies

DOCS = Path(__file__).parents[2] / "docs"
PUBLIC = public_studies()


@pytest.fixture
def made(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.setattr(sys, "path", [str(DOCS / "_ext"), *sys.path])
    return importlib.import_module("data_set_pages")


def test_traps_belong_to_data_sets_that_exist(made):
    known = made.traps()
    assert set(known) - set(PUBLIC) == {"any"} and sum(map(len, known.values())) > 60
    assert "onsets before the recording" in known["armeni2022"]


def test_pages_have_the_facts_and_commands_of_the_card(made):
    for name, study in PUBLIC.items():
        text = made.page(name, study, ["a trap"])
        assert all(
            part in text for part in (study.card.title, study.card.licence, study.card.amount, study.card.layout)
        )
        assert f"| people | {study.card.n_subjects}; " in text, "people, then how much each of them heard"
        assert "OpenNeuro(" not in text and "configs/data" not in text and "- a trap" in text
        commands = re.findall(r"^n2s fit .+$", text, re.MULTILINE)
        named = [re.findall(r"--config (\S+)", command) for command in commands]
        assert named and all((DOCS.parent / "configs" / f"{one}.yaml").is_file() for pair in named for one in pair)


def test_what_people_can_click_and_type_is_this_data_set_s(made):
    page = {name: made.page(name, PUBLIC[name], []) for name in ("libribrain", "accou2024", "schoffelen2019", "li2022")}
    assert "33; 80 h (person 0), about 44 min (each of the other 32)" in page["libribrain"]
    assert "--subjects 0`" in page["libribrain"] and "--subjects EN057`" in page["li2022"]
    assert "[doi:10.48804/K3VSND](https://doi.org/10.48804/K3VSND) (KU Leuven" in page["accou2024"]
    assert "| A2011, A2036, A2062, " in page["schoffelen2019"], "people who are left out for one reason are one row"
