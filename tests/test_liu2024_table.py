"""The README of Liu et al. 2024 says what its recipes resolve to, all of it; and its tables are the paper's."""

import re
from pathlib import Path

import pytest
import yaml

from n2s.cli.data_of import complete

PAPER = Path(__file__).parents[1] / "configs" / "paper" / "liu2024"
SETS = ("brain2sound", "brain2music", "brain2speech")
STAGES = ("semantic", "acoustic", "audio", "lir", "mlp")
# Where a recipe runs, where files lie, what the logger is called.
ASIDE = r"seed_everything|trainer\.(accelerator|logger.*)|data\.studies\..*|trainer\.callbacks\..*"
README = (PAPER / "README.md").read_text()


def told(stage):
    """Setting -> its values in the table of a stage, one a set."""
    section = README.split(f"\n### {stage}\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \|[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|[^|]*\|$", section, re.MULTILINE)
    assert len({row[0] for row in rows}) == len(rows) > 10
    return {key: [yaml.safe_load(value.strip().strip("`")) for value in values] for key, *values in rows}


def of(config, key):
    """A setting of a config: a class by its name alone, of a study and of callbacks the first."""
    for part in key.split("."):
        inside = config.get("init_args", config) if "class_path" in config else config
        config = inside[part]
    if isinstance(config, list) and config and isinstance(config[0], dict):
        config = config[0]
    if key == "data.studies":
        (config,) = config.values()
    return config["class_path"].rpartition(".")[2] if isinstance(config, dict) else config


def given(node, prefix=""):
    """Every setting that a YAML file names."""
    for key, value in node.items():
        if key == "init_args":
            yield from given(value, prefix)
        elif key == "class_path":
            if prefix not in ("data.", "model."):  # the datamodule and the task
                yield prefix[:-1]
        elif isinstance(value, dict):
            yield from given(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("place", range(3), ids=SETS)
def test_the_table_is_what_the_recipe_resolves_to(stage, place, run_n2s):
    path = PAPER / f"{SETS[place]}_{stage}.yaml"
    status, out, err = run_n2s("fit", "--config", path, "--print_config")
    assert status in (0, None), err
    config, table = yaml.safe_load(out), told(stage)
    found = {key: of(config, key) for key in table}
    wanted = {key: values[place] for key, values in table.items()}
    assert {key: _plain(value) for key, value in found.items()} == {key: _plain(value) for key, value in wanted.items()}
    whole = yaml.safe_load(complete(path.read_text(), path))  # with the data of an earlier stage
    untold = {key for key in given(whole) if key not in table and not re.fullmatch(ASIDE, key)}
    assert not untold, f"{path.name}: README's table says nothing of these"


def _plain(value):
    """Numbers as numbers: the table has 1e-06 where YAML reads a word, and subjects are words where it reads 1."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    try:
        return float(value) if not isinstance(value, bool) and value is not None else value
    except ValueError:
        return value


def test_what_the_paper_fixes_is_so():
    """Beside the table: the paper's numbers, of sections 2.1 and 3.1, as they are printed there."""
    fixed = {
        "semantic": {"model.n_voxels": [500] * 3, "data.target": ["CLAP"] * 3},
        "acoustic": {
            "model.n_voxels": [768] * 3, "model.p_truth": [0.25] * 3, "model.decoder.depth": [4] * 3,
            "model.decoder.max_patches": [208, 80, 112], "data.target.duration_s": [4, 1.5, 2],
        },
        "audio": {
            "model.generator.id_or_folder": ["cvssp/audioldm2", "cvssp/audioldm2", "anhnct/audioldm2_gigaspeech"],
            "model.p_true_meaning": [0.25] * 3, "model.mode": ["full"] * 3, "model.average": [None] * 3,
        },
    }  # fmt: skip
    for stage, settings in fixed.items():
        assert settings.items() <= {key: told(stage)[key] for key in settings}.items(), stage
    for stage in ("acoustic", "audio"):
        table = told(stage)
        assert table["trainer.max_epochs"] == [30, 40, 30] and table["data.batch_size"] == [8] * 3
        assert table["trainer.gradient_clip_val"] == table["model.scheduler"] == [None] * 3
        assert table["data.val_fraction"] == [0] * 3 and table["data.roi"] == ["AC", None, "AC"]
    rates = (
        told("acoustic")["model.optimizer.lr"],
        told("acoustic")["model.audiomae_lr"],
        told("audio")["model.decoder_lr"],
    )
    assert all(float(rate) == 1e-6 for row in rates for rate in row)
    assert all(float(rate) == 1e-4 for rate in told("audio")["model.unet_lr"])


def test_every_recipe_is_told_of_and_there():
    assert {path.stem for path in PAPER.glob("*.yaml")} == {f"{one}_{stage}" for one in SETS for stage in STAGES}
