"""Cards of public data sets, as people read them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from n2s import studies
from n2s.cli.studies import chosen_labels, public_studies
from n2s.cli.study_cards import LANGUAGES, WIDTH, card_lines, counts, fits_with, overlays
from n2s.studies.card import Wall

ROOT = Path(__file__).parents[2]
PUBLIC = public_studies()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_card_is_text_for_people(name):
    card, text = PUBLIC[name].card, "\n".join(card_lines(name, PUBLIC[name]))
    for repr_of_python in ("(dataset=", "(projects=", "(files=", "PlainFile", "('", "None", "{'"):
        assert repr_of_python not in text.replace(card.layout, "")
    wide = [line for line in text.splitlines() if len(line) > WIDTH and "--config" not in line]
    assert {line.strip() for line in wide} <= {line.strip() for line in card.layout.splitlines()}
    assert all(part in re.sub(r"\s+", " ", text) for part in (card.title, card.amount, card.licence, card.citation))
    assert set(card.language.split(", ")) <= set(LANGUAGES)
    if isinstance(card.source, Wall):
        assert "1. " in text and "n2s studies download" not in text
    else:
        assert f"n2s studies download {name} --root FOLDER" in text


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_data_set_has_an_overlay_whose_command_names_files(name):
    commands = fits_with(PUBLIC[name])
    assert commands
    for command in commands:
        named = re.findall(r"--config (\S+)", command)
        assert len(named) == 2 and all((ROOT / one).is_file() for one in named)


def test_every_overlay_says_its_command():
    assert len(overlays()) == len(list((ROOT / "configs").glob("data*/*.yaml")))
    for path, command in overlays().items():
        assert command.endswith(f"{path.parent.name}/{path.name}"), path


def test_amounts_say_where_people_differ():
    card = studies.LibriBrain.card
    assert "80 h" in card.amount and "44 min" in card.amount and "33 people, 80 h" not in card.amount
    assert replace(card, heard="").amount == "80 h each" and studies.Zada2025.card.amount == "30 min each"
    assert counts(studies.Gwilliams2022) == "27 people, 196 recordings"


def test_what_is_left_out_for_one_reason_is_one_line():
    text = " ".join(" ".join(card_lines("bel2026", studies.Bel2026)).split())
    assert text.count("left out by the authors' own reader") == 1 and "sub-23 run-04" in text


def test_list_show_and_example(run_n2s, tmp_path):
    status, out, _ = run_n2s("studies", "list")
    assert status == 0 and "by hand" in out and "n2s studies show NAME" in out
    status, _, err = run_n2s("studies", "download", "bel2026")
    assert status == 2 and "n2s studies download bel2026 --root FOLDER" in err
    status, out, err = run_n2s("studies", "example", tmp_path / "bids")
    assert status == 0 and "onset" in out and "lighthouse.en.wav" in out and "n2s studies check" in out, err


@pytest.mark.parametrize(
    ("typed", "labels"),
    [("01", ["01"]), ("01,02", ["01", "02"]), ('["01", "02"]', ["01", "02"]), ("S1 S2", ["S1", "S2"])],
)
def test_subjects_are_typed_as_people_type_them(run_n2s, typed, labels):
    assert chosen_labels(json.loads(typed) if typed[0] == "[" else typed) == labels
    status, _, err = run_n2s("studies", "download", "wang2024", "--subjects", typed)
    assert status == 0, err
