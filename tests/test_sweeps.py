"""Sweeps: the command that W&B's agent makes of each is accepted, and its runs are runs of their own."""

import json
import re
import sys
import time
from pathlib import Path

import pytest
import tiny_recipe
import wandb
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args, make_launch_sweep_entrypoint

from n2s.__main__ import main
from n2s.training.run import UNFINISHED, runs_of

ROOT = Path(__file__).parents[1]
SWEEPS = sorted((ROOT / "configs" / "sweeps").glob("*.yaml"))
EITHER = {"values", "value", "min", "max"}


def ends(parameter: dict) -> list:
    """The lowest and the highest value, or the first and the last."""
    if "value" in parameter:
        return [parameter["value"]] * 2
    return [parameter["values"][i] for i in (0, -1)] if "values" in parameter else [parameter["min"], parameter["max"]]


def command_of(sweep: dict, chosen: dict) -> list[str]:
    """What W&B's agent runs."""
    args = create_sweep_command_args({"args": {name: {"value": value} for name, value in chosen.items()}})
    words, flags = make_launch_sweep_entrypoint(args, list(sweep["command"]))
    return [*words, *flags]


def value_at(config: dict, name: str) -> object:
    """Of an option, which may leave ``init_args`` out."""
    for key in name.split("."):
        config = config[key] if key in config else config["init_args"][key]
    return config


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
@pytest.mark.parametrize("end", [0, 1])
def test_the_recipe_takes_what_a_sweep_proposes(path, end, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    sweep = yaml.safe_load(path.read_text())
    chosen = {name: ends(parameter)[end] for name, parameter in sweep["parameters"].items()}
    words = command_of(sweep, chosen)
    assert words[0] == sweep["program"] == "n2s" and not any("$" in word for word in words)
    monkeypatch.setattr(sys, "argv", [*words, "--print_config"])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    assert stopped.value.code in (0, None), said.err
    config = yaml.safe_load(said.out)
    assert {name: value_at(config, name) for name in chosen} == chosen
    assert words[1] == "predict" or config["fresh"] is True


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_is_one(path):
    sweep = yaml.safe_load(path.read_text())
    assert sweep["method"] in ("grid", "random", "bayes") and sweep["metric"]["goal"] in ("minimize", "maximize")
    for name, parameter in sweep["parameters"].items():
        first, last = ends(parameter)
        assert EITHER & set(parameter) and set(parameter) <= EITHER | {"distribution"}, name
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name)  # what W&B takes for a name
        if "min" in parameter:
            assert "distribution" in parameter, name  # else whole numbers make another one
            assert first < last and sweep["method"] != "grid", name  # a grid of a continuum never ends
        if parameter.get("distribution", "").startswith("log"):
            assert parameter["distribution"] == "log_uniform_values" and first > 0, name  # log_uniform means exponents
    told = (path.parent / "README.md").read_text()
    (row,) = re.findall(rf"^\| `{path.name}` .*$", told, flags=re.MULTILINE)
    assert sweep["command"][1] in row
    if sweep["command"][1] == "fit":
        recipe = yaml.safe_load((ROOT / sweep["command"][3]).read_text())
        n_epochs, stop = recipe["trainer"]["max_epochs"], sweep.get("early_terminate")
        assert sweep["metric"]["name"] in row and (stop is None) == (n_epochs == 1)
        assert stop is None or stop["min_iter"] * stop["eta"] < n_epochs  # something is left to be stopped


@pytest.mark.slow
def test_a_sweeps_run_has_its_id_and_continues_none(tmp_path, monkeypatch, own_wandb):
    monkeypatch.chdir(tmp_path)
    logger = {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"project": "n2s-tests"}}
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", trainer={"logger": logger})
    (tmp_path / "params.yaml").write_text("wandb_version: 1\nmodel.temperature: {value: 2.0}\n")

    def fit(*words):
        monkeypatch.setattr(sys, "argv", ["n2s", "fit", "--config", "tiny.yaml", "--model.temperature=2.0", *words])
        main()
        return runs_of(tmp_path / "checkpoints" / "tiny")[0]

    foreign = fit()
    foreign.update(status=UNFINISHED)  # with these very settings
    assert fit("--fresh").folder != foreign.folder
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(tmp_path / "params.yaml"))
    seen = set()
    for given in ("first", "second"):
        wandb.teardown()  # each agent's fit is a process
        monkeypatch.setenv("WANDB_RUN_ID", given)
        run = fit("--fresh")
        assert run.read()["id"] == given and run.folder not in seen | {foreign.folder}
        assert list(run.folder.glob(f"wandb/offline-run-*-{given}"))
        seen.add(run.folder)
    for name in ("WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH", "WANDB_RUN_ID"):
        monkeypatch.delenv(name)
    wandb.teardown()
    time.sleep(1)  # W&B names its folders by the second
    monkeypatch.setenv("N2S_RUN", run.name)
    monkeypatch.setattr(sys, "argv", ["n2s", "test", "--config", "tiny.yaml", "--model.temperature=2.0"])
    main()
    assert len(list(run.folder.glob("wandb/offline-run-*-second"))) == 2  # the scores are in the sweep's run
    assert json.loads((run.folder / "run.json").read_text())["status"] == "finished"
