"""Classes of a user's own files: found in the current folder and beside the recipe, and their errors are told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_recipe
import yaml

from n2s import own_code
from n2s.training.run import runs_of

NETWORK = """
from tiny_recipe import TinyEncoder
class MyEncoder(TinyEncoder):
    pass
"""


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """What a test adds is gone after it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(own_code, "_asked", {})
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


def write(folder: Path, name: str, content: str, class_path: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(content)
    return tiny_recipe.write_recipe(
        folder / "mine.yaml",
        model={
            "class_path": "tiny_recipe.TinyDecoder",
            "init_args": {"encoder": {"class_path": class_path, "init_args": {"hidden": 6}}},
        },
    )


def test_beside_the_recipe_and_again_from_the_run(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    recipe = write(tmp_path / "recipes", "my_network", NETWORK, "my_network.MyEncoder")
    assert run_n2s("fit", "--config", recipe)[0] == 0
    (run,) = runs_of(Path("checkpoints/mine"))
    assert run.read()["code_in"] == [str(tmp_path / "recipes")]
    sys.path[:] = [one for one in sys.path if one != str(tmp_path / "recipes")]
    del sys.modules["my_network"]
    monkeypatch.setattr(own_code, "_asked", {})
    assert run_n2s("test", "--config", run.config)[0] == 0


@pytest.mark.slow
def test_in_the_current_folder_in_a_new_process(tmp_path):
    """As the command is installed: a script elsewhere, whose folder Python puts first."""
    write(tmp_path, "my_network", NETWORK, "my_network.MyEncoder")
    (tmp_path / "random.py").write_text("raise SystemExit('this is not Python')\n")
    script = tmp_path / "bin" / "n2s"
    script.parent.mkdir()
    script.write_text("from n2s.__main__ import main\nmain()\n")
    places = [str(Path(own_code.__file__).parents[1]), str(Path(tiny_recipe.__file__).parent)]
    (tmp_path / "other").mkdir()
    done = subprocess.run(
        [sys.executable, "bin/n2s", "fit", "--config", "mine.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1\ndef f(:\n", "my_wrong.py, line 2: SyntaxError: invalid syntax."),
        (
            "import not_installed_here\n",
            "No module named 'not_installed_here'. Install it: pip install not_installed_here.",
        ),
        ("\n\nraise RuntimeError('no licence')\n", "my_wrong.py, line 3: RuntimeError: no licence."),
        (NETWORK.replace("MyEncoder", "Other"), "no class my_wrong.MyEncoder"),
    ],
)
@pytest.mark.parametrize("by", ["recipe", "command"])
def test_errors_inside(tmp_path, monkeypatch, run_n2s, content, said, by):
    monkeypatch.chdir(tmp_path)
    recipe = write(tmp_path, "my_wrong", content, "my_wrong.MyEncoder" if by == "recipe" else "tiny_recipe.TinyEncoder")
    words = [] if by == "recipe" else ["--model.encoder", "my_wrong.MyEncoder"]
    status, _, err = run_n2s("fit", "--config", recipe.name, *words)
    assert status == 2
    assert said in err
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_a_misspelt_file_is_compared_with_those_that_are_there(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    recipe = write(tmp_path, "my_network", NETWORK, "my_netwrok.MyEncoder")
    status, _, err = run_n2s("fit", "--config", recipe.name)
    assert status == 2
    assert "Nearest: my_network" in err
    assert "There is no my_netwrok.py in the current folder or beside the recipe." in err


def test_only_folders_with_own_code_are_recorded(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    assert run_n2s("fit", "--config", "tiny.yaml")[0] == 0
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert run.read()["code_in"] == []
    assert yaml.safe_load(run.config.read_text())["experiment"] == "tiny"
    (run.folder / "run.json").write_text("{")
    assert own_code.folders_of_run(run.folder) == []
    (run.folder / "run.json").write_text(json.dumps([1]))
    assert own_code.folders_of_run(run.folder) == []


PLAIN = """
from torch import nn
class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 5)
    def forward(self, x, subject):
        return self.layer(x)
class Wrong(Plain):
    def forward(self, x, subject):
        y = x[:, :3]
        return self.layer(y)
"""


def test_a_network_without_the_numbers_of_the_data_takes_the_place_of_one_with(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_plain.py").write_text(PLAIN)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    status, _, err = run_n2s("fit", "--config", "tiny.yaml", "--model.encoder", "my_plain.Plain")
    assert status == 0, err


def test_an_error_in_a_forward_is_told_with_its_line_and_shapes(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_wrong.py").write_text(PLAIN)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    words = ("fit", "--config", "tiny.yaml", "--model.encoder", "my_wrong.Wrong")
    status, _, err = run_n2s(*words)
    assert status == 2
    assert err.splitlines()[-1].startswith("n2s: my_wrong.py, line 12, in forward: RuntimeError: mat1 and mat2 shapes")
    assert "There: x (4, 4), subject (4,), y (4, 3)." in err
    monkeypatch.setenv("N2S_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run_n2s(*words)
