"""Recipes that are read from Python, whatever the command line of the program is."""

import sys

import pytest
import yaml

from n2s.cli.recipe_data import recipe_data
from n2s.data import EncodingDataModule

RECIPE = {
    "data": {
        "class_path": "n2s.data.EncodingDataModule",
        "init_args": {
            "studies": {"stories": {"class_path": "n2s.studies.SimulatedStories", "init_args": {"minutes": 0.5}}},
            "features": {"word_rate": {"class_path": "n2s.features.WordRate"}},
            "response": {"class_path": "n2s.data.FIR"},
        },
    },
    "model": {"class_path": "n2s.systems.StoryDecoder"},
}


@pytest.mark.parametrize("typed", [[], ["test"], ["--verbose"]])
def test_data_of_a_recipe_do_not_depend_on_what_was_typed(tmp_path, monkeypatch, typed):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    monkeypatch.setattr(sys, "argv", ["program", *typed])
    assert isinstance(recipe_data([str(path)]), EncodingDataModule)
