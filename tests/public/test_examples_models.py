"""Every network, feature and system has an example in its docstring, and it gives what it shows."""

import doctest
import importlib
import sys

import pytest

PACKAGES = ("n2s.models", "n2s.features", "n2s.systems")
OBJECTS = {
    f"{package}.{name}": getattr(importlib.import_module(package), name)
    for package in PACKAGES
    for name in importlib.import_module(package).__all__
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples_of(public: object, folder=None) -> list[doctest.DocTest]:
    """The examples of an object and of its methods; ``folder`` is a folder that they may write to."""
    module = sys.modules[public.__module__]
    return doctest.DocTestFinder(exclude_empty=False).find(
        public, public.__name__, module=module, extraglobs={"folder": folder}
    )


#: Estimators and systems whose examples are being written: this set only shrinks.
LATER = {
    *(
        "n2s.models." + name
        for name in (
            "BandedRidge",
            "ElectrodeElasticNet",
            "ElectrodeGRU",
            "ElectrodeModel",
            "ElectrodeRidge",
            "EncodingRidge",
            "OnsetSearch",
            "RidgeDecoder",
            "SlidingLDA",
            "StoryLikelihood",
            "VoxelRidge",
            "WindowClassifier",
            "WindowElasticNet",
            "WindowLDA",
        )
    ),
}


@pytest.mark.parametrize("name", sorted(OBJECTS.keys() - LATER))
def test_examples_give_what_they_show(name, tmp_path):
    found = examples_of(OBJECTS[name], tmp_path)
    own = next(one for one in found if one.name == OBJECTS[name].__name__)
    assert own.examples, f"{name} has no example in its docstring"
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    told: list[str] = []
    for one in found:
        runner.run(one, out=told.append)
    assert not runner.summarize(verbose=False).failed, "".join(told)


def test_what_is_skipped_needs_weights_or_a_run():
    """An example that could run here runs: only these have lines that do not."""
    skipped = {
        name
        for name, public in OBJECTS.items()
        if not name.startswith("n2s.systems.")  # whose fits take minutes
        for one in examples_of(public)
        for example in one.examples
        if example.options.get(doctest.SKIP)
    }
    assert skipped == NEED_MORE


NEED_MORE = {
    "n2s.features.AudioMAETokens",
    "n2s.features.CLAP",
    "n2s.features.ContextualText",
    "n2s.features.GloVe",
    "n2s.features.LanguageModelLayers",
    "n2s.features.PretrainedStoryWords",
    "n2s.features.SentenceEmbedding",
    "n2s.features.SpeechModelLayers",
    "n2s.features.SpeechNetLayers",
    "n2s.features.Surprisal",
    "n2s.features.UntrainedLanguageModelLayers",
    "n2s.features.UntrainedSpeechModelLayers",
    "n2s.features.UntrainedWav2Vec2",
    "n2s.features.Wav2Vec2",
}
