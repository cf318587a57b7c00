"""Every public class and function has an example in its docstring, and it gives what it shows."""

import doctest
import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

#: Packages and modules whose names are public: those of the reference on the site, and what their users import beside.
PACKAGES = (
    "n2s", "n2s.api.evaluation", "n2s.api.window_set", "n2s.corpora", "n2s.data", "n2s.decoding.decoded", "n2s.errors", "n2s.features",
    "n2s.losses", "n2s.metrics", "n2s.metrics.result", "n2s.metrics.score", "n2s.models", "n2s.options", "n2s.studies", "n2s.systems",
    "n2s.training",
)  # fmt: skip
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

#: Names whose examples cannot run in a test, and why.
CANNOT_RUN = {
    "n2s.TrainedRun": "needs a trained run",
    "n2s.fit": "trains for minutes",
    "n2s.test": "needs a trained run",
    "n2s.windows": "needs a prepared study",
}
#: Names with some lines that cannot run: those that need weights or data, which no test downloads. Their other lines run.
NEED_MORE = {"n2s.corpora.FSDKaggle2019"} | {
    f"n2s.features.{name}"
    for name in (
        "AudioMAETokens", "CLAP", "ContextualText", "GloVe", "LanguageModelLayers", "PretrainedStoryWords", "SentenceEmbedding",
        "SpeechModelLayers", "SpeechNetLayers", "Surprisal", "UntrainedLanguageModelLayers", "UntrainedSpeechModelLayers",
        "UntrainedWav2Vec2", "Wav2Vec2",
    )
}  # fmt: skip


def public_objects(package: str) -> dict[str, object]:
    """``package.Name`` -> class or function: those in ``__all__``, or those that a module defines."""
    module = importlib.import_module(package)
    names = getattr(module, "__all__", None) or [
        name for name, one in vars(module).items() if getattr(one, "__module__", "") == package and name[0] != "_"
    ]
    found = {f"{package}.{name}": getattr(module, name) for name in names}
    return {name: one for name, one in found.items() if inspect.isclass(one) or inspect.isfunction(one)}


OBJECTS = {name: one for package in PACKAGES for name, one in public_objects(package).items()}


def examples_of(public: object, folder=None) -> list[doctest.DocTest]:
    """The examples of an object and of its methods; ``folder`` is a folder that they may write to."""
    module = sys.modules[public.__module__]
    return doctest.DocTestFinder(exclude_empty=False).find(
        public, public.__name__, module=module, extraglobs={"folder": folder}
    )


def lacks(public: object) -> str:
    """What the docstring of an object itself lacks: an example, or one line of it that runs; "" for nothing."""
    found = doctest.DocTestParser().get_examples(inspect.getdoc(public) or "")
    if not found:
        return "has no example in its docstring"
    return "" if any(not one.options.get(doctest.SKIP) for one in found) else "has an example of which nothing runs"


def test_every_public_name_has_an_example_that_runs():
    lacking = {name: lacks(one) for name, one in OBJECTS.items()}
    assert {name: told for name, told in lacking.items() if told and name not in CANNOT_RUN} == {}
    assert all(lacking[name] != "has no example in its docstring" for name in CANNOT_RUN)


def test_an_object_without_an_example_is_found():
    """Else the law above would hold for anything."""
    bare, skipped, shown = (
        type("Example", (), {"__doc__": text}) for text in ("Do.", ">>> 1  # doctest: +SKIP", ">>> 1\n1")
    )
    assert [bool(lacks(one)) for one in (bare, skipped, shown)] == [True, True, False]
    assert len(OBJECTS) > 230


def test_the_reference_has_no_other_packages():
    """What the site lists is tested here."""
    page = Path(__file__).parents[2] / "docs" / "_ext" / "reference_pages.py"
    assert set(re.findall(r'^    "(n2s[\w.]*)":', page.read_text("utf-8"), re.MULTILINE)) <= set(PACKAGES)


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_examples_give_what_they_show(package, tmp_path):
    """One test a package: an example takes some milliseconds, and a test of its own would take more."""
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for number, public in enumerate(public_objects(package).values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        for one in examples_of(public, folder):
            runner.run(one, out=told.append)
    found = runner.summarize(verbose=False)
    assert found.attempted and not found.failed, "".join(told)


def test_what_is_skipped_needs_weights_or_a_run():
    """An example that could run here runs: only these have lines that do not."""
    skipped = {
        name
        for name, public in OBJECTS.items()
        if not name.startswith(("n2s.systems.", "n2s.studies."))  # fits take minutes; public data are not here
        for one in examples_of(public)
        for example in one.examples
        if example.options.get(doctest.SKIP)
    }
    assert skipped - NEED_MORE - CANNOT_RUN.keys() == set()
    assert skipped >= NEED_MORE | CANNOT_RUN.keys()
