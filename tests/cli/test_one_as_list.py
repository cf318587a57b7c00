"""A single word where a list is expected is a list of one, and a logger needs no folder."""

from pathlib import Path

import pytest
import tiny_recipe
import yaml

from n2s.cli.parser import as_lists

SAID = "data.studies.subjects: expected list or null, found 1."


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["fit", "--data.studies.mine.subjects", "01"], ["fit", "--data.studies.mine.subjects=[01]"]),
        (["fit", "--data.studies.mine.subjects=01,02", "--fresh"], ["fit", "--data.studies.mine.subjects=[01,02]", "--fresh"]),
        (["fit", "--data.studies.mine.subjects", "[01]"], None),
        (["fit", "--data.studies.mine.stories", "01"], None),
    ],
)  # fmt: skip
def test_words(words, first):
    assert next(as_lists(words, SAID), None) == first
    assert list(as_lists(words, "data.batch_size is 0; expected a whole number from 1 on.")) == []


@pytest.mark.slow
def test_in_a_command(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    words = {
        "data.studies.simulated.stories": "orchestra,train",
        "data.preprocessing.picks": "meg",
        "data.preprocessing.notch_hz": "50",
        "data.split.test": "007",
    }
    given = [word for name, value in words.items() for word in (f"--{name}", value)]
    status, out, err = run_n2s("fit", "--config", "meg_contrastive", *given, "--print_config")
    assert status == 0, err
    data = yaml.safe_load(out)["data"]["init_args"]
    assert data["studies"]["simulated"]["init_args"]["stories"] == ["orchestra", "train"]
    assert data["preprocessing"]["init_args"]["picks"] == ["meg"]
    assert data["preprocessing"]["init_args"]["notch_hz"] == [50.0]
    assert data["split"]["init_args"]["test"] == ["007"]


def test_a_logger_writes_into_the_run(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    status, _, err = run_n2s("fit", "--config", "tiny.yaml", "--trainer.logger", "CSVLogger")
    assert status == 0, err
    assert list(Path("checkpoints/tiny").glob("*/lightning_logs/version_0/metrics.csv"))
