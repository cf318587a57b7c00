"""The command's table of verbs."""

import importlib
import resource
import subprocess
import sys

import pytest

import n2s
from n2s import __main__ as command

HEAVY = ("torch", "lightning", "numpy", "pandas", "jsonargparse", "omegaconf", "mne", "wandb")


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["n2s", *words])
    command.main()


def test_help_is_light_and_quick():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "n2s", "--help"], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert imported & set(HEAVY) == set()
    assert all(f"  {verb} " in done.stdout for verb in command.COMMANDS)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.2  # s of processor time


def test_every_verb_leads_to_a_function():
    for target, text in command.COMMANDS.values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
        assert text


def test_version(monkeypatch, capsys):
    run(monkeypatch, "--version")
    assert capsys.readouterr().out == f"n2s {n2s.__version__}\n"


@pytest.mark.parametrize(
    ("verb", "hint"), [("fitt", "did you mean 'fit'?"), ("tets", "'test'"), ("xyzzy", "known: fit")]
)
def test_wrong_verb_is_one_line(monkeypatch, capsys, verb, hint):
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, verb)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"n2s: no command '{verb}'")
    assert hint in error
    assert error.count("\n") == 1


@pytest.fixture
def shout(monkeypatch):
    monkeypatch.setitem(command.COMMANDS, "shout", ("tiny_recipe:shout", "print a word in capitals"))


def test_a_function_is_a_command(monkeypatch, capsys, shout):
    run(monkeypatch, "shout", "hey", "--times", "2")
    assert capsys.readouterr().out == "HEY HEY\n"


def test_a_functions_docstring_is_its_help(monkeypatch, capsys, shout):
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "shout", "--help")
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "Print a word in capitals." in text
    assert "How often." in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hey", "--tims", "2"], "n2s: no option --tims. Nearest: --times.\n"),
        (["hey", "--times", "many"], "n2s: times: expected int, found many.\n"),
        (["wrong"], "n2s: word 'wrong' cannot be shouted.\n"),
        (["hey", "--time", "2"], "n2s: no option --time. Nearest: --times, --help.\n"),  # no guessing from a prefix
    ],
)
def test_errors_of_a_function_are_one_line(monkeypatch, capsys, shout, words, message):
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "shout", *words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == message
