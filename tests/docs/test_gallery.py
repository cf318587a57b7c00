"""Scripts of the gallery: each has a title, text, a figure, and uses what is public; ``make docs`` runs all of them, this test some."""

import ast
import re
import runpy
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import n2s

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
TITLE = re.compile(r"\A\n(?P<title>[^\n]{10,80})\n(?P<line>=+)\n\n\S")
FIGURES = ("subplots", "figure")
#: Quick ones, of different kinds; the others take up to half a minute each.
RUN = ("plot_09_high_gamma", "plot_12_features_of_speech")


def tree(script: Path) -> ast.Module:
    return ast.parse(script.read_text("utf-8"), script.name)


def test_there_are_ten_or_more_and_some_can_be_heard():
    assert len(SCRIPTS) >= 10
    assert all(re.fullmatch(r"plot_\d\d_[a-z_]+\.py", path.name) for path in SCRIPTS)
    assert len({path.name[:7] for path in SCRIPTS}) == len(SCRIPTS), "two have one number"
    heard = [path for path in SCRIPTS if "<audio controls" in path.read_text("utf-8")]
    assert len(heard) >= 3
    named = re.findall(r"/auto_examples/(\w+)>", (FOLDER / "GALLERY_HEADER.rst").read_text("utf-8"))
    assert len(named) >= 10 and set(named) <= {path.stem for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_a_title_text_and_a_figure(script):
    code = tree(script)
    title = TITLE.match(ast.get_docstring(code, clean=False) or "")
    assert title and len(title["line"]) == len(title["title"])
    assert script.read_text("utf-8").count("\n# %%\n# ") >= 3, "blocks of text"
    calls = [one.func for one in ast.walk(code) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    assert any(isinstance(call.value, ast.Name) and call.value.id == "plt" and call.attr in FIGURES for call in calls)


@cache
def public_names(module: str) -> set[str]:
    """What a module of n2s gives, read from its text: nothing heavy is imported."""
    path = ROOT.joinpath(*module.split("."))
    code = tree(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    for one in code.body:
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and one.targets[0].id == "__all__":
            return {text.value for text in ast.walk(one.value) if isinstance(text, ast.Constant)}
    return {one.name for one in code.body if isinstance(one, ast.ClassDef | ast.FunctionDef)}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_uses_public_names_alone(script):
    for one in ast.walk(tree(script)):
        if isinstance(one, ast.Import):
            assert all(not alias.name.startswith("n2s.") for alias in one.names), "from n2s.PART import NAME"
        if isinstance(one, ast.ImportFrom) and one.module.split(".")[0] == "n2s":
            found = {alias.name for alias in one.names}
            assert found <= public_names(one.module) and not any(name.startswith("_") for name in found), one.module
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "n2s":
            assert one.attr in n2s.__all__


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_a_script_runs_and_draws(name, empty_folder):
    plt.close("all")
    runpy.run_path(str(FOLDER / f"{name}.py"))
    axes = [axis for number in plt.get_fignums() for axis in plt.figure(number).axes]
    plt.close("all")
    assert axes and all(axis.has_data() for axis in axes)
    assert not list(empty_folder.iterdir()), "nothing is left where it ran"
