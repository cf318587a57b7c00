"""README: the first screen is short and whole, its output is that of its code, and its links and recipes exist."""

import re

import pytest
from docs_pages import ROOT, blocks
from small_run import small_run

README = (ROOT / "README.md").read_text("utf-8")
#: Rows of the table of systems, as cells.
SYSTEMS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if "](docs/systems/" in line
]


def test_it_is_short():
    assert len(README.splitlines()) < 120


def test_every_system_has_a_recipe_a_score_a_control_and_minutes():
    table = [row for row in SYSTEMS if len(row) == 5]
    assert len(table) >= 16
    for system, recipes, score, control, minutes in table:
        assert score and control and re.fullmatch(r"\d+|a few", minutes), system
        for name in re.findall(r"`([\w/]+)`", recipes):
            assert (ROOT / "configs" / f"{name}.yaml").is_file(), name


def test_links_and_pictures_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README)
    assert len(links) > 25
    assert not [link for link in links if "://" not in link and not (ROOT / link).exists()]


def test_the_picture_is_small():
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).stat().st_size < 60_000


@pytest.mark.slow
def test_the_output_has_the_rows_and_columns_of_its_code(empty_folder):
    small_run()
    code, output = ((block.text) for block in blocks(ROOT / "README.md") if block.kind in ("python", "text"))
    *lines, last = code.strip().splitlines()
    space = {}
    exec("\n".join(lines), space)  # noqa: S102 (our own page)
    table = eval(last, space)  # noqa: S307
    head, index, *rows = (line.split() for line in output.strip().splitlines())
    assert (head, index) == ([*table.columns], [table.index.name])
    assert [row[0] for row in rows] == [*table.index]
    assert all(0 <= float(cell) <= 1 for row in rows for cell in row[1:] if cell != "NaN")
