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
        assert "OpenNeuro(" not in text and "configs/data" not in text and "- a trap" in text
        commands = re.findall(r"^n2s fit .+$", text, re.MULTILINE)
        named = [re.findall(r"--config (\S+)", command) for command in commands]
        assert named and all((DOCS.parent / "configs" / f"{one}.yaml").is_file() for pair in named for one in pair)
