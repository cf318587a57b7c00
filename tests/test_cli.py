"""fit and test on a tiny recipe: links, the run folder, which weights, what the command line overrides."""

import csv
import json
import os
import re
import sys
import warnings
from pathlib import Path

import pytest
import tiny_recipe
import torch
import wandb
import yaml
from lightning.pytorch import Trainer

from n2s import progress
from n2s.__main__ import main
from n2s.cli.main import Parser
from n2s.training import progress_bar
from n2s.training.checkpoints import AtomicCheckpointIO
from n2s.training.run import Run, runs_of
from n2s.training.trainer_parts import never_ask_to_log_in


@pytest.fixture
def n2s(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder with tiny.yaml; gives (exit status, what it said)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=2)

    def command(*words, config="tiny.yaml"):
        monkeypatch.setattr(sys, "argv", ["n2s", words[0], "--config", config, *words[1:]])
        status = 0
        try:
            main()
        except SystemExit as stopped:
            status = stopped.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def runs(experiment="tiny") -> list[Run]:
    return runs_of(Path("checkpoints") / experiment)


def load(path) -> dict:
    return torch.load(path, weights_only=True)  # raises on anything but tensors and plain values


def rows(path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class TestFit:
    def test_folder(self, n2s):
        status, out, _ = n2s("fit")
        (run,) = runs()
        assert status == 0
        told, model, finished, then = out.splitlines()
        assert told == f"run: checkpoints/tiny/{run.name} (new)"
        assert model == "model: TinyDecoder, 92 parameters on CPU; 2 epochs"
        assert re.fullmatch(r"finished: best epoch [12] of 2 \(val/loss [\d.]+\), took [\d.]+ s", finished)
        assert then == "next: n2s test --config tiny.yaml"
        visible = {path.name for path in run.folder.iterdir() if not path.name.startswith(".")}
        assert visible == {"config.yaml", "run.json", "best.ckpt", "last.ckpt", "metrics.csv"}
        record = run.read()
        assert record["status"] == "finished"
        assert record["started"] < record["finished"]
        assert record["data"] == {"vectors": "0123abcd"}
        assert record["seed"] == 0
        assert record["command"] == "n2s fit --config tiny.yaml"
        logged = rows(run.folder / "metrics.csv")
        assert [(row["epoch"], row["step"]) for row in logged if row["val/loss"]] == [("0", "5"), ("1", "11")]
        assert [row["epoch"] for row in logged if row["train/loss"]] == ["0", "1"]

    def test_best_and_last(self, n2s):
        n2s("fit", "--trainer.max_epochs", "4", "--model.optimizer.lr", "1.0")  # so large that it gets worse again
        (run,) = runs()
        losses = [float(row["val/loss"]) for row in rows(run.folder / "metrics.csv") if row["val/loss"]]
        assert load(run.best)["epoch"] == losses.index(min(losses))
        assert load(run.last)["epoch"] == 3

    @pytest.mark.slow
    def test_config_is_complete_and_fits_every_verb(self, n2s):
        n2s("fit", "--fresh", "--model.temperature", "2")
        (run,) = runs()
        config = yaml.safe_load(run.config.read_text())
        assert config["model"]["init_args"]["temperature"] == 2.0
        assert config["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 0.001  # a default, spelt out
        assert "n_subjects" not in config["model"]["init_args"]["encoder"]["init_args"]  # the data's to say
        assert (config["experiment"], config["fresh"], config["ckpt_path"]) == ("tiny", False, None)
        for verb in ("test", "validate"):
            status, out, _ = n2s(verb, config=str(run.config))
            assert status == 0
            assert out.startswith(f"weights: checkpoints/tiny/{run.name}/best.ckpt (run finished, begun ")

    def test_a_recipes_own_checkpoint_decides_what_is_best(self, n2s, tmp_path):
        callback = {
            "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
            "init_args": {"monitor": "train/loss", "mode": "max"},
        }
        tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=3, trainer={"callbacks": callback})
        n2s("fit")
        (run,) = runs()
        losses = [float(row["train/loss"]) for row in rows(run.folder / "metrics.csv") if row["train/loss"]]
        state = next(state for key, state in load(run.last)["callbacks"].items() if "train/loss" in key)
        assert state["best_model_path"] == str(run.best.absolute())
        assert state["best_model_score"] == pytest.approx(max(losses))
        assert sorted(path.name for path in run.folder.glob("*.ckpt")) == ["best.ckpt", "last.ckpt"]

    def test_finished_run_is_never_touched(self, n2s):
        n2s("fit")
        (first,) = runs()
        before = {path: path.read_bytes() for path in first.folder.iterdir()}
        _, out, _ = n2s("fit")
        second, _ = runs()
        assert "(new)" in out
        assert {path: path.read_bytes() for path in first.folder.iterdir()} == before
        assert torch.equal(*(load(run.last)["state_dict"]["encoder.subject"] for run in (first, second)))  # same seed

    def test_weights_to_start_from(self, n2s):
        n2s("fit", "--trainer.max_epochs", "1")
        (first,) = runs()
        n2s("fit", "--ckpt_path", str(first.last))
        second, _ = runs()
        assert second.read()["started_from"] == str(first.last.absolute())
        assert [row["epoch"] for row in rows(second.folder / "metrics.csv") if row["val/loss"]] == ["1"]

    @pytest.mark.slow
    def test_where(self, n2s, monkeypatch, tmp_path):
        monkeypatch.setenv("N2S_RUNS", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("N2S_RUN", "mine")
        n2s("fit", "--experiment", "other")
        assert Run(tmp_path / "elsewhere" / "other" / "mine").finished
        n2s("fit", "--runs_dir", "third")
        assert Run(Path("third/tiny/mine")).finished
        status, _, err = n2s("fit", "--runs_dir", "third")
        assert status == 2
        assert "N2S_RUN=mine" in err
        assert "it is finished" in err

    def test_fast_dev_run_leaves_nothing(self, n2s, tmp_path):
        status, out, _ = n2s("fit", "--trainer.fast_dev_run", "true")
        assert status == 0
        assert "next" not in out  # there is no run
        assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]

    def test_without_checkpoints_or_logger(self, n2s):
        n2s("fit", "--trainer.enable_checkpointing", "false", "--trainer.logger", "false")
        (run,) = runs()
        assert run.finished
        assert not list(run.folder.glob("*.ckpt"))
        assert (run.folder / "metrics.csv").exists()  # always

    def test_a_bar_on_a_terminal_and_lines_in_a_file(self, n2s, monkeypatch):
        words = ("fit", "--trainer.enable_progress_bar", "true", "--trainer.max_epochs", "1")
        monkeypatch.setattr(progress, "SOON_S", 0.0)
        _, out, err = n2s(*words)
        assert "━" not in out + err
        (line,) = re.findall(r"training, batch: 3 of 6 \(50%\) after .* s, about .* s left; epoch 1 of 1.*", err)
        assert "v_num" not in line
        monkeypatch.setattr(progress_bar, "on_terminal", lambda: True)
        _, out, err = n2s(*words)
        assert re.search(r"epoch 1 of 1 +━+ 6/6", err)
        assert "━" not in out
        assert "v_num" not in err

    def test_noise_is_filtered(self, n2s):
        with warnings.catch_warnings():
            _, _, err = n2s("fit")
        for noise in (
            "LeafSpec",
            "many workers",
            "Tip:",
            "is an instance of `nn.Module`",
            "args parameter",
            "not empty",
        ):
            assert noise not in err


class TestNull:
    """jsonargparse alone takes the null of a key two classes deep for the text None."""

    @pytest.mark.parametrize("more", [[], ["--model.loss.temperature", "learned"]])
    def test_deep_in_the_command_line(self, more):
        parser = Parser(parser_mode="omegaconf")
        parser.add_subclass_arguments(Holder, "model")
        line = ["--model", f"{__name__}.Holder", "--model.loss", "n2s.losses.ClipLoss", *more]
        loss = parser.parse_args([*line, "--model.loss.temperature", "null", "--model.label", "null"]).model.init_args
        assert loss.loss.init_args.temperature is None and loss.label is None


class Holder(torch.nn.Module):
    def __init__(self, loss: torch.nn.Module, label: str | None = "none"):
        super().__init__()


class TestLinks:
    def shapes(self, path):
        return {name: tuple(value.shape) for name, value in load(path)["state_dict"].items()}

    def test_from_the_data(self, n2s):
        n2s("fit")
        shapes = self.shapes(runs()[0].last)
        assert shapes["encoder.subject"] == (tiny_recipe.N_SUBJECTS, tiny_recipe.N_FEATURES)

    @pytest.mark.parametrize("given", [None, 4])
    def test_a_target_encoder_decides_the_outputs(self, n2s, tmp_path, given):
        target = {"class_path": "tiny_recipe.TinyTarget", "init_args": {"n_outputs": given} if given else {}}
        (tmp_path / "more.yaml").write_text(yaml.safe_dump({"model": {"init_args": {"target_encoder": target}}}))
        n2s("fit", "--config", "more.yaml")
        shapes = self.shapes(runs("tiny+more")[0].last)
        n_outputs = given or 2  # its default
        assert shapes["target_encoder.layer.weight"] == (n_outputs, tiny_recipe.N_FEATURES)
        assert shapes["encoder.subject"] == (tiny_recipe.N_SUBJECTS, n_outputs)


class TestTest:
    @pytest.mark.slow
    def test_a_run_with_these_settings_is_taken_and_named(self, n2s):
        n2s("fit")
        n2s("fit", "--seed_everything", "1")
        newest, older = runs()
        status, out, _ = n2s("test")
        assert status == 0
        assert f"weights: checkpoints/tiny/{older.name}/best.ckpt (run finished" in out
        assert "; the newest with these settings)" in out
        (older.folder / "test.csv").unlink()
        status, out, _ = n2s("test", "--seed_everything", "1")
        assert status == 0
        assert f"weights: checkpoints/tiny/{newest.name}/best.ckpt (run finished" in out
        (row,) = rows(newest.folder / "test.csv")
        assert not (older.folder / "test.csv").exists()
        model = tiny_recipe.TinyDecoder.load_from_checkpoint(newest.best)
        expected = Trainer(logger=False, enable_progress_bar=False, accelerator="cpu").test(
            model, datamodule=tiny_recipe.TinyData(), verbose=False
        )
        assert float(row["test/loss"]) == pytest.approx(expected[0]["test/loss"], rel=1e-6)

    @pytest.mark.parametrize("verb", ["test", "validate", "predict"])
    def test_never_untrained_weights(self, n2s, verb):
        status, out, err = n2s(verb)
        said = [line for line in err.splitlines() if "Seed set" not in line]
        assert (status, out) == (2, "")
        assert said == ["n2s: no weights to score. checkpoints/tiny: no run yet. First: n2s fit --config tiny.yaml"]
        assert not Path("checkpoints").exists()

    @pytest.mark.slow
    def test_command_line_wins_over_the_checkpoint(self, n2s):
        n2s("fit")
        n2s("test")
        (run,) = runs()
        plain = float(rows(run.folder / "test.csv")[0]["test/loss"])
        assert load(run.best)["hyper_parameters"]["temperature"] == 1.0
        _, out, _ = n2s("test", "--ckpt_path", str(run.best), "--model.temperature", "4")
        assert float(rows(run.folder / "test.csv")[0]["test/loss"]) == pytest.approx(plain / 4, rel=1e-6)
        _, out, _ = n2s("test", "--model.temperature", "4")
        assert f"note: trained with other settings (model.temperature); as trained: --config {run.config}" in out

    def test_weights_of_another_shape(self, n2s):
        n2s("fit")
        status, _, err = n2s("test", "--model.encoder.hidden", "7")
        assert status == 2
        assert "n2s: the checkpoint's weights do not fit this model: size mismatch for encoder.layers.0.weight" in err
        assert "Traceback" not in err

    def test_weights_from_elsewhere_get_a_folder(self, n2s, tmp_path):
        n2s("fit")
        (fitted,) = runs()
        fitted.best.rename(tmp_path / "zoo.ckpt")
        status, out, _ = n2s("test", "--ckpt_path", "zoo.ckpt")
        assert status == 0
        made = next(run for run in runs() if run != fitted)
        assert (made.folder / "test.csv").exists()
        assert out.startswith(f"run: checkpoints/tiny/{made.name} (new; for the weights of zoo.ckpt)\n")

    def test_code_in_a_checkpoint_is_not_run(self, n2s):
        n2s("fit")
        (run,) = runs()
        torch.save(torch.load(run.best) | {"evil": Evil()}, run.best)
        status, _, err = n2s("test")
        assert status == 2
        assert "loading it could run code" in err
        assert not Path("evil").exists()


class Evil:
    def __reduce__(self):
        return open, ("evil", "w")


def test_checkpoint_is_plain_and_rebuilds_the_model(n2s):
    n2s("fit")
    (run,) = runs()
    for path in (run.best, run.last):
        kept = load(path)["hyper_parameters"]
        assert json.loads(json.dumps(kept)) == {key: list(v) if isinstance(v, tuple) else v for key, v in kept.items()}
        assert kept["encoder"]["init_args"] == {"hidden": 6, "n_subjects": 3, "n_outputs": 5}
    model = tiny_recipe.TinyDecoder.load_from_checkpoint(run.last)
    assert torch.equal(model.encoder.subject, load(run.last)["state_dict"]["encoder.subject"])


def test_checkpoint_is_whole_or_not_there(tmp_path):
    class Full:
        def __reduce__(self):
            raise OSError(28, "No space left on device")

    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1, "weights": torch.ones(3)}, path)
    with pytest.raises(OSError, match="No space left"):
        AtomicCheckpointIO().save_checkpoint({"weights": torch.ones(10_000), "more": Full()}, path)
    assert load(path)["epoch"] == 1
    assert [one.name for one in tmp_path.iterdir()] == ["last.ckpt"]


def joined(log: bytes) -> bytes:
    """The records of a W&B file (a LevelDB log): blocks of 32 KiB, 7 bytes before each piece of a record."""
    content, at = b"", 7
    while at + 7 < len(log):
        length = int.from_bytes(log[at + 4 : at + 6], "little")
        content, at = content + log[at + 7 : at + 7 + length], at + 7 + length
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768  # padding at the end of a block
    return content


class TestWandb:
    LOGGER = {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"project": "n2s-tests"}}

    def test_offline_without_a_key_in_the_run_folder_and_one_id(self, n2s, own_wandb, tmp_path, monkeypatch):
        for name in ("WANDB_MODE", "WANDB_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))
        monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("W&B asked for a key"))
        tiny_recipe.write_recipe(tmp_path / "tiny.yaml", trainer={"logger": self.LOGGER})
        status, _, _ = n2s("fit")
        assert wandb.run is None  # ended: `n2s test` may take the id again, whoever owns W&B's service
        (run,) = runs()
        assert status == 0
        wandb.teardown()  # its service has written everything
        (file,) = run.folder.glob("wandb/offline-run-*/run-*.wandb")
        assert file.name == f"run-{run.read()['id']}.wandb"
        kept = joined(file.read_bytes())
        assert b"tiny_recipe.TinyEncoder" in kept  # the nested config
        assert b"val/loss" in kept
        assert (run.folder / "metrics.csv").exists()

    @pytest.mark.parametrize(
        ("netrc", "variables", "mode"),
        [
            (None, {}, "offline"),
            ("machine api.wandb.ai login user password abc", {}, None),
            ("machine other.org login user password abc", {}, "offline"),
            ("machine wandb.lab login user password abc", {"WANDB_BASE_URL": "https://wandb.lab:8080"}, None),
            ("machine", {}, "offline"),  # broken
            (None, {"WANDB_API_KEY": "abc"}, None),
            (None, {"WANDB_MODE": "disabled"}, "disabled"),
        ],
    )
    def test_mode(self, tmp_path, monkeypatch, netrc, variables, mode):
        for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL"):
            monkeypatch.setenv(name, "")  # so that it is restored
            monkeypatch.delenv(name)
        file = tmp_path / "netrc"
        monkeypatch.setenv("NETRC", str(file))
        if netrc:
            file.write_text(netrc)
            file.chmod(0o600)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        never_ask_to_log_in()
        assert os.environ.get("WANDB_MODE") == mode


@pytest.mark.parametrize("name", ["laptop", "a100"])
def test_trainer_files(n2s, name):
    path = Path(__file__).parents[1] / "configs" / "trainer" / f"{name}.yaml"
    words = ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "1"]
    status, _, _ = n2s("fit", "--trainer", str(path), *words)
    assert status == 0
    assert runs()[0].finished
