"""Recipes are found by their names, wherever the command is run."""

from pathlib import Path

import pytest
import yaml

from n2s.cli import recipes
from n2s.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("meg_contrastive", "meg_contrastive.yaml"),
        ("meg_contrastive.yaml", "meg_contrastive.yaml"),
        ("configs/meg_contrastive.yaml", "meg_contrastive.yaml"),
        ("data/gwilliams2022", "data/gwilliams2022.yaml"),
        ("gwilliams2022", "data/gwilliams2022.yaml"),
        ("configs/trainer/a100.yaml", "trainer/a100.yaml"),
    ],
)
def test_found_in_an_empty_folder(tmp_path, monkeypatch, name, file):
    monkeypatch.chdir(tmp_path)
    assert recipes.recipe_path(name).samefile(CONFIGS / file)


def test_a_file_here_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meg_contrastive.yaml").write_text("a: 1\n")
    (tmp_path / "linear").mkdir()  # a folder is no recipe
    assert recipes.recipe_path("meg_contrastive") == Path("meg_contrastive.yaml")
    assert recipes.found_recipe("linear") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("meg_contrastiv", "Nearest: meg_contrastive"),
        ("gwilliams202", "Nearest: data/gwilliams2022"),
        ("own", "there are data_cross_language/own, data_encoding/own"),
        ("/nowhere/x.yaml", "no such recipe: /nowhere/x.yaml"),
    ],
)
def test_no_such_recipe(tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=said):
        recipes.recipe_path(name)


def test_listed_and_copied(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run_n2s("recipes")
    assert status == 0
    assert all(f" {path.stem} " in out for path in CONFIGS.glob("*.yaml"))
    _, out, _ = run_n2s("recipes", "--find", "gwilliams")
    assert " data/gwilliams2022 " in out
    assert "tracking" not in out
    assert run_n2s("recipes", "--copy", "linear")[0] == 0
    assert yaml.safe_load(Path("linear.yaml").read_text()) == yaml.safe_load((CONFIGS / "linear.yaml").read_text())
    assert "is there already" in run_n2s("recipes", "--copy", "linear")[2]
    assert run_n2s("recipes", "--find", "nothing of this kind")[0] == 2
