"""The type checker sees what `import n2s` gives: a wrong call of a user is an error, a right one is none."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import n2s

ROOT = Path(__file__).parents[2]
RIGHT = """
from pathlib import Path

import n2s
from n2s.data import EventDataModule
from n2s.errors import UserError
from n2s.options import check_number


def scores(model: object, data: EventDataModule) -> list[str]:
    run = n2s.load("checkpoints/demo", revision="main")
    folder: Path = run.export("mine", licence="CC0")
    decoded = run.decode(folder / "x.fif", ["a.wav"], subject="01", step_s=0.5)
    print(decoded.table, n2s.fit("meg_contrastive", {"trainer.max_epochs": 2}).name.upper())
    windows = n2s.windows(data, "test")
    check_number("mine", 3, low=0)
    return [*n2s.evaluate(model, windows, seed=1).results, *run.subjects]


try:
    n2s.test("meg_contrastive")
except UserError as error:
    print(error)
"""
#: A line that is wrong -> what the checker calls it.
WRONG = {
    "n2s.load(3)": "arg-type",
    "n2s.laod('checkpoints/demo')": "attr-defined",
    "n2s.load('checkpoints/demo').decoed('x.fif')": "attr-defined",
    "n2s.load('checkpoints/demo').name + 1": "operator",
    "n2s.fit('meg_contrastive', fesh=True)": "call-arg",
    "n2s.windows()": "call-arg",
    "n2s.evaluate(1, 2)": "arg-type",
    "from n2s.options import chek_number": "attr-defined",
}


def test_the_stub_has_what_the_face_has():
    """`__init__.pyi` is what checkers see in place of a module that imports when it is asked."""
    text = (ROOT / "n2s" / "__init__.pyi").read_text("utf-8")
    found = dict.fromkeys(n2s.FACE, "")
    for line in text.splitlines():
        words = line.split()
        if line.startswith("from "):
            assert words[3] == words[5], line
            found[words[3]] = words[1]
    assert found == n2s.FACE
    assert f"__all__ = {sorted(n2s.__all__)}".replace("'", '"') in text


def test_every_name_of_the_face_says_its_types():
    for name in n2s.FACE:
        one = getattr(n2s, name)
        made = inspect.signature(one.__init__ if inspect.isclass(one) else one)
        untyped = [key for key, parameter in made.parameters.items() if parameter.annotation is parameter.empty]
        assert untyped in ([], ["self"]), f"{name}: {untyped}"
        assert inspect.isclass(one) or made.return_annotation is not made.empty


@pytest.mark.slow
def test_wrong_calls_are_errors_and_right_ones_are_not(tmp_path):
    pytest.importorskip("mypy", reason="the type checker is not installed: pip install mypy")
    (tmp_path / "right.py").write_text(RIGHT, "utf-8")
    (tmp_path / "wrong.py").write_text("\n".join(["import n2s", *WRONG]), "utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]
    done = subprocess.run(
        [*command, str(tmp_path / "right.py"), str(tmp_path / "wrong.py")], cwd=ROOT, capture_output=True, text=True
    )
    found = {}
    for line in done.stdout.splitlines():
        if ": error: " in line:
            file, number, rest = line.split(":", 2)
            found[Path(file).name, int(number)] = rest.rpartition("[")[2].rstrip("]")
    expected = {("wrong.py", number): kind for number, kind in enumerate(WRONG.values(), 2)}
    assert found == expected, done.stdout + done.stderr
