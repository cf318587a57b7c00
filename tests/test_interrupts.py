"""Ctrl-C at any moment: one line, status 130, and nothing half-made."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_recipe

from n2s import interrupts

ROOT = Path(__file__).parents[1]


def command(*words: str, options: tuple[str, ...] = (), **variables: str) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"} | variables
    words = [sys.executable, *options, "-m", "n2s", *words]
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def interrupted_at(module: str, *words: str) -> tuple[int, list[str]]:
    """Ctrl-C as soon as that module is imported; the status, and what is not the list of imports."""
    said = []
    with command(*words, options=("-X", "importtime")) as process:
        for line in process.stderr:
            if not line.startswith("import time:"):
                said.append(line)
            elif line.split("|")[-1].strip() == module:
                process.send_signal(signal.SIGINT)
                break
        said += [line for line in process.stderr if not line.startswith("import time:")]
        return process.wait(300), said


@pytest.mark.slow
@pytest.mark.parametrize("module", ["numpy", "torch", "lightning.pytorch", "jsonargparse"])
def test_while_modules_are_imported(tmp_path, monkeypatch, module):
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    assert interrupted_at(module, "fit", "--config", "tiny.yaml") == (130, ["n2s: stopped by Ctrl-C.\n"])
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["fit", "prepare"])
def test_while_data_are_made(tmp_path, monkeypatch, verb):
    """A fit says, too, that the same command continues its run."""
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    with command(verb, "--config", "tiny.yaml", TINY_PAUSE="setup") as process:
        end = time.monotonic() + 300
        while not Path("paused").exists() and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = [line for line in process.stderr if line.startswith("n2s") or "Traceback" in line]
        assert process.wait(300) == 130
    expected = {
        "fit": "n2s: SIGINT: stopped before training. The same command continues the run.\n",
        "prepare": "n2s: stopped by Ctrl-C.\n",
    }
    assert said == [expected[verb]]


def test_whatever_a_library_makes_of_it(capfd):
    """An error that took the place of the interrupt, or none at all: still one line."""
    before = signal.getsignal(signal.SIGINT)  # a shell's background job ignores it
    for error in (ImportError("numpy failed to import"), SystemExit(1), KeyboardInterrupt()):
        with pytest.raises(SystemExit) as told, interrupts.quiet():
            interrupts.unwind()
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
            except KeyboardInterrupt:
                raise error from None
        assert told.value.code == 130
        assert capfd.readouterr().err == "n2s: stopped by Ctrl-C.\n"
    with pytest.raises(ImportError), interrupts.quiet():
        raise ImportError("of another cause")
    assert signal.getsignal(signal.SIGINT) is before
