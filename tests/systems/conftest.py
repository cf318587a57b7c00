"""Closed-form systems by the command: a small recipe fitted and tested in a folder of its own, or interrupted between two folds."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def at(tmp_path, monkeypatch):
    """The working folder; runs are below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    return tmp_path


@pytest.fixture
def run_of(at) -> Callable[[], Path]:
    """Give the folder of the only run that `closed_form_recipe.written` led to."""

    def folder() -> Path:
        (run,) = (at / "checkpoints" / "small").iterdir()
        return run

    return folder


@pytest.fixture
def fit_and_test(run_n2s, run_of) -> Callable[..., tuple[Path, str]]:
    """Run ``n2s fit`` and ``n2s test``, or other verbs: recipe -> (the run's folder, what the last verb printed)."""

    def run(recipe: Path, *verbs: str) -> tuple[Path, str]:
        for verb in verbs or ("fit", "test"):
            status, out, err = run_n2s(verb, "--config", recipe)
            assert status == 0, err + out
        found = run_of()
        assert not list((found / "fits").glob("*"))  # the checkpoint has them
        return found, out

    return run


@pytest.fixture
def interrupted(monkeypatch, run_n2s) -> Callable[[ModuleType, Path], list[tuple[str, str]]]:
    """Fit a recipe; the second fold fails. Then fit it again.

    Gives (subject, fold) of every fit that was begun, by both. What is interrupted is ``fit_fold`` of the system's module.
    """

    def run(task: ModuleType, recipe: Path) -> list[tuple[str, str]]:
        begun, true = [], task.fit_fold

        def fail(data, subject, fold, *given, **more):
            begun.append((subject, fold.name))
            if len(begun) == 2:
                raise KeyboardInterrupt
            return true(data, subject, fold, *given, **more)

        monkeypatch.setattr(task, "fit_fold", fail)
        run_n2s("fit", "--config", recipe)
        assert len(begun) == 2
        status, out, err = run_n2s("fit", "--config", recipe)
        assert status == 0, err + out
        return begun

    return run
