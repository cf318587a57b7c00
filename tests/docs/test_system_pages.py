"""Pages of systems: options that they name exist, and so do recipes and classes; each recipe is on a page."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "systems"
PAGES = sorted(path for path in FOLDER.glob("*.md") if "## Run it" in path.read_text("utf-8"))
OVERLAYS = {"own_bids", "own_eeg", "fast_gpu"}  # over a recipe of a page, which names them where they fit


def recipes(page: Path) -> list[Path]:
    """The recipes and overlays that the page names in its commands."""
    names = dict.fromkeys(re.findall(r"--config ([\w/]+)", page.read_text("utf-8")))
    return [ROOT / "configs" / f"{name}.yaml" for name in names]


def loaded(path: Path) -> dict:
    """The recipe, with the data of the recipe that it takes them from, by the words of ``data_of``."""
    given = yaml.safe_load(path.read_text("utf-8"))
    if "data_of" in given:
        lent = loaded(path.parent / given["data_of"])["data"]
        given["data"] = lent | {key: value for key, value in given.get("data", {}).items() if key == "class_path"}
    return given


def imported(class_path: str) -> type:
    module, _, name = class_path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_there_is_a_page_for_each_kind():
    assert len(PAGES) >= 16


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_recipes_options_and_classes_exist(page):
    text = page.read_text("utf-8")
    assert not [path for path in recipes(page) if not path.is_file()]
    takes = {"data": set(), "model": set()}
    for path in recipes(page):
        given = loaded(path)
        for part in takes:
            if "class_path" in given.get(part, {}):
                takes[part] |= set(inspect.signature(imported(given[part]["class_path"])).parameters)
    named = re.findall(r"[`\s](?:--)?(data|model)\.([a-z_]+)", text)
    assert not {f"{part}.{option}" for part, option in named if option not in takes[part]}
    for class_path in set(re.findall(r"`(n2s\.[a-z_.]+\.[A-Z]\w+)`", text)):
        imported(class_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_parts(page):
    text = page.read_text("utf-8")
    assert all(f"\n## {part}" in text for part in ("Run it", "Scores", "Controls", "Options", "Traps", "Papers"))
    assert re.search(r"(minutes?|seconds?|\d s)\b[^.|]{0,60}\b(CPU|cores?|laptop)", text), "how long it takes, on what"
    assert "configs/" not in text, "recipes are named, wherever n2s is installed"


def test_every_recipe_is_on_a_page():
    named = {path.stem for page in PAGES for path in recipes(page)}
    named |= {word for page in PAGES for word in re.findall(r"`(\w+)`", page.read_text("utf-8"))}
    assert not {path.stem for path in (ROOT / "configs").glob("*.yaml")} - named - OVERLAYS
