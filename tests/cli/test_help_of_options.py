"""Help: quick for a verb, of every part of a recipe, with the values that the recipe has."""

import subprocess
import sys

import pytest
import tiny_recipe

from n2s import __main__ as command
from n2s.cli import verb_help
from n2s.cli.plain_types import told_type

HEAVY = {"torch", "lightning", "numpy", "jsonargparse", "yaml", "mne"}


def test_of_a_verb_is_light():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "n2s", "fit", "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert imported & HEAVY == set()
    assert "  n2s fit --config meg_contrastive" in done.stdout
    assert "--cross_validate K" in done.stdout


@pytest.mark.parametrize("verb", verb_help.EXAMPLES)
def test_names_every_option_of_the_verb(verb, monkeypatch):
    """The parser's own options, without the recipe's."""
    import importlib

    from jsonargparse import ArgumentParser

    asked = []

    def parse(self, args=None, *others, **options):
        (sub,) = (one for one in self._actions if getattr(one, "choices", None) and verb in one.choices)
        asked.extend(option for one in sub.choices[verb]._actions for option in one.option_strings)
        raise SystemExit(0)

    monkeypatch.setattr(ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", ["n2s", verb])
    module, _, name = command.COMMANDS[verb][0].partition(":")
    with pytest.raises(SystemExit):
        getattr(importlib.import_module(module), name)()
    told = verb_help.help_of(verb, "")
    recipes = ("--data", "--model", "--trainer", "--optimizer", "--lr_scheduler")
    left_out = {
        "--weights_only",
        "--verbose",
        "--help",
        "-h",
        "--return_predictions",
    }  # a run has the first; the others do nothing here
    missing = {one for one in asked if not one.startswith(recipes) and f"{one}" not in told} - left_out
    if verb in ("prepare", "profile"):
        missing -= {"--ckpt_path"}
    assert asked and not missing


def test_every_verb_with_a_recipe_has_an_example():
    assert {verb for verb, (place, _) in command.COMMANDS.items() if place.endswith(":main")} == set(verb_help.EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data.target.help"], ["classes that recipes have at data.target:", "  n2s.features.Mel: "]),
        (["--data.studies.help"], ["  n2s.studies.SimulatedMEG: Speech-evoked MEG"]),
        (["--data.preprocessing.help"], ["  n2s.data.Preprocessing: "]),
        (["--model.encoder.help"], ["  n2s.models.BrainEncoder: "]),
        (["--data.target.help", "Mel"], ["--data.target.n_mels (whole number, by default 40)"]),
        (["--data.studies.help", "SimulatedMEG"], ["--data.studies.NAME.n_subjects (whole number, by default 4)"]),
        (
            ["--config", "meg_contrastive", "--data.target.help"],
            ["data.target: n2s.features.Mel", "by default 128; the recipe has 320)", "other classes that recipes have"],
        ),
        (["--config", "meg_contrastive", "--data.studies.help"], ["--data.studies.simulated.noise_level"]),
        (
            ["--config", "meg_contrastive", "--config", "more.yaml", "--model.encoder.help"],
            ["--model.encoder.hidden (whole number, by default 320; the recipe has 12)", "--model.encoder.depth"],
        ),
        (["--model.encoder.help", "tiny_recipe.TinyEncoder"], ["--model.encoder.n_subjects (whole number, needed)"]),
    ],
)
def test_of_parts(tmp_path, monkeypatch, run_n2s, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.yaml").write_text("model:\n  init_args:\n    encoder:\n      init_args: {hidden: 12}\n")
    status, out, err = run_n2s("fit", *words)
    assert status == 0, err
    assert all(one in out for one in said), out


@pytest.mark.slow
def test_a_docstring_line_may_name_several_options(run_n2s):
    _, out, _ = run_n2s("fit", "--data.help", "MEGDataModule")
    lines = out.splitlines()
    for name in ("window_s", "offset_s", "baseline_s"):
        (place,) = (n for n, line in enumerate(lines) if line.startswith(f"  --data.{name} ("))
        assert lines[place + 1].startswith("      "), name


@pytest.mark.slow
def test_no_such_key(run_n2s):
    status, _, err = run_n2s("fit", "--model.encodr.help")
    assert status == 2
    assert err.startswith("n2s: --model.encodr.help: no recipe has a class at model.encodr. Nearest: model.encoder")


def test_types_in_words():
    assert told_type(dict[str, int] | None) == "names with whole number each or null"
    assert told_type(tuple[float, float]) == "list of 2: number, number"
    assert told_type(tiny_recipe.TinyEncoder) == "class: TinyEncoder"
