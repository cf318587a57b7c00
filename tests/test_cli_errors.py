"""What a wrong command or config gets: one short message that names the right name, and exit status 2."""

import copy
import sys

import pytest
import tiny_recipe
import yaml

from n2s.__main__ import main

TYPO = "n2s: model: TinyDecoder has no option 'temprature'{}. Nearest: temperature. It accepts encoder, "
ENCODER = "n2s: model.encoder: TinyEncoder has no option 'hiden'{}. Nearest: hidden."
EARLY = "lightning.pytorch.callbacks.EarlyStop"

# name: (content of a second config or None, further words of the command, start of the message)
CASES = {
    "option of the model": (None, ["--model.temprature=2"], TYPO.format("")),
    "in a file": ({"model": {"init_args": {"temprature": 2}}}, [], TYPO.format(" (more.yaml, line 3)")),
    "of a part": (None, ["--model.encoder.hiden", "3"], ENCODER.format("")),
    "of a part, in a file": (
        {"model": {"init_args": {"encoder": {"init_args": {"hiden": 3}}}}},
        [],
        ENCODER.format(" (more.yaml, line 5)"),
    ),
    "of the optimizer": (
        None,
        ["--model.optimizer.lrr", "1"],
        "n2s: model.optimizer: Adam has no option 'lrr'. Nearest: lr.",
    ),
    "of a callback": (
        {"trainer": {"callbacks": [{"class_path": f"{EARLY}ping", "init_args": {"moniter": "val/loss"}}]}},
        [],
        "n2s: trainer.callbacks: EarlyStopping has no option 'moniter' (more.yaml, line 5). Nearest: monitor,",
    ),
    "of the trainer": (
        None,
        ["--trainer.max_epoch", "3"],
        "n2s: no option --trainer.max_epoch. Nearest: --trainer.max_epochs,",
    ),
    "of the trainer, in a file": (
        {"trainer": {"max_epoch": 3}},
        [],
        "n2s: no key 'trainer.max_epoch' (more.yaml, line 2). Nearest: trainer.max_epochs,",
    ),
    "a group": (
        {"trainr": {"max_epochs": 3}},
        [],
        "n2s: no key 'trainr.max_epochs' (more.yaml, line 1). Nearest: trainer.",
    ),
    "type": (None, ["--trainer.max_epochs", "many"], "n2s: trainer.max_epochs: expected int or null, found many.\n"),
    "type, in a file": (
        {"trainer": {"max_epochs": "many"}},
        [],
        "n2s: trainer.max_epochs: expected int or null, found many (more.yaml, line 2).\n",
    ),
    "type of an option of a class": (
        None,
        ["--model.temperature", "hot"],
        "n2s: model.temperature: expected float, found hot.\n",
    ),
    "type in a part": (
        {"model": {"init_args": {"encoder": {"init_args": {"hidden": [3]}}}}},
        [],
        "n2s: model.encoder.hidden: expected int, found [3].\n",
    ),
    "no such class": (
        {"model": {"class_path": "tiny_recipe.TinyDecodr"}},
        [],
        "n2s: model: no class tiny_recipe.TinyDecodr (more.yaml, line 2). Nearest: tiny_recipe.TinyDecoder,",
    ),
    "no such callback": (
        {"trainer": {"callbacks": [{"class_path": f"{EARLY}er"}]}},
        [],
        f"n2s: trainer.callbacks: no class {EARLY}er (more.yaml, line 3). Nearest: {EARLY}ping,",
    ),
    "no such module": (
        {"model": {"class_path": "n2s.sistems.Contrastive"}},
        [],
        "n2s: model: no class n2s.sistems.Contrastive (more.yaml, line 2). Nearest: n2s.systems,",
    ),
    "a class of another kind": (
        {"data": {"class_path": "tiny_recipe.TinyEncoder"}},
        [],
        "n2s: data: tiny_recipe.TinyEncoder is no NeuralDataModule.\n",
    ),
    "an option outside init_args": (
        None,
        ["--data", "group.yaml"],
        "n2s: data: put the arguments of tiny_recipe.TinyData below init_args.\n",
    ),
    "no such config": (None, ["--config", "tniy.yaml"], "n2s: no such file: "),
    "no such group file": (None, ["--data", "grop.yaml"], "n2s: no such file: grop.yaml. Nearest: group"),
    "no such trainer file": (None, ["--trainer", "grop.yaml"], "n2s: no such file: grop.yaml. Nearest: group"),
    "a folder": (None, ["--config", "."], "n2s: "),
    "not YAML": (
        "trainer: {max_epochs: 3\nmodel: [",
        [],
        "n2s: more.yaml, line 2: not valid YAML: ",
    ),
    "an empty file": ("", [], "n2s: more.yaml: expected keys and values, found nothing.\n"),
    "a list": ("- 1\n- 2\n", [], "n2s: more.yaml: expected keys and values, found a list.\n"),
    "an unknown interpolation": (
        {"seed_everything": "${nope.x}"},
        [],
        "n2s: config key 'seed_everything': Interpolation key 'nope.x' not found. ",
    ),
    "an unset variable": (
        {"data": {"init_args": {"root": "${oc.env:TINY_UNSET}"}}},
        [],
        "n2s: config key 'data.init_args.root': environment variable TINY_UNSET is not set. ",
    ),
    "a stray word": (None, ["more.yaml"], "n2s: unexpected argument 'more.yaml'. Did you mean --config more.yaml?\n"),
    "a linked number": (
        None,
        ["--model.encoder.n_subjects", "7"],
        "n2s: model.encoder.n_subjects is 7, and the data say 3: leave it out, it is set from the data.\n",
    ),
    "a bad name": (None, ["--experiment", "../up"], "n2s: experiment='../up' must be a plain folder name"),
    "what the data find": (
        None,
        ["--data.root", "nowhere"],
        "n2s: data.root nowhere: no such folder.\n",
    ),
    "what Lightning finds": (
        {"trainer": {"callbacks": [{"class_path": f"{EARLY}ping", "init_args": {"monitor": "val/lss"}}]}},
        [],
        "n2s: Early stopping conditioned on metric `val/lss` which is not available.",
    ),
    "no recipe": (
        "without",
        [],
        "n2s: no data and no model given: name a recipe, --config meg_contrastive. `n2s recipes` lists",
    ),
    "no checkpoint": (None, ["--ckpt_path", "lst.ckpt"], "n2s: --ckpt_path "),
}


@pytest.mark.parametrize("case", CASES)
def test_short_message(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    more, words, message = copy.deepcopy(CASES[case])
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    (tmp_path / "group.yaml").write_text("class_path: tiny_recipe.TinyData\nroot: there\n")
    command = ["n2s", "fit", "--config", "tiny.yaml"]
    if more == "without":
        command = ["n2s", "fit"]
    elif more is not None:
        (tmp_path / "more.yaml").write_text(more if isinstance(more, str) else yaml.safe_dump(more))
        command += ["--config", "more.yaml"]
    monkeypatch.setattr(sys, "argv", command + words)
    with pytest.raises(SystemExit) as stopped:
        main()
    error = capsys.readouterr().err
    error = "".join(line for line in error.splitlines(keepends=True) if not line.startswith(("Seed set", "GPU avail")))
    assert stopped.value.code == 2
    assert error.startswith(message)
    assert "Traceback" not in error
    assert len(error) < 500
    assert not list(tmp_path.glob("checkpoints/*/*")) or case == "what Lightning finds"  # nothing is left behind


def test_nearest_config_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    monkeypatch.setattr(sys, "argv", ["n2s", "fit", "--config", "tniy.yaml"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "n2s: no such file: tniy.yaml. Nearest: tiny (in .).\n"


def test_what_a_user_cannot_mend_is_seen_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    monkeypatch.setattr(sys, "argv", ["n2s", "fit", "--config", "tiny.yaml", "--data.batch_size", "0"])
    with pytest.raises(ValueError, match="batch_size should be a positive integer value"):
        main()
