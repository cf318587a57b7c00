"""A checkpoint that is damaged, foreign or holds code is refused by name, and nothing in it is run."""

import re
import shutil
import zipfile
from pathlib import Path

import fits
import pytest
import tiny_recipe
import torch

from n2s.training.run import Run, runs_of


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory) -> Path:
    """A folder with a run that was stopped after its second epoch of three."""
    folder = tmp_path_factory.mktemp("stopped")
    tiny_recipe.write_recipe(folder / "tiny.yaml", epochs=3)

    class Stop(BaseException):
        pass

    def stop(self):
        if self.current_epoch == 2:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("N2S_RUNS", raising=False)
        patch.setattr(tiny_recipe.TinyDecoder, "on_train_epoch_start", stop)
        with pytest.raises(Stop):
            fits.fit(patch)
    return folder


@pytest.fixture
def run(two_epochs, tmp_path, monkeypatch) -> Run:
    """A copy of it, in the current folder."""
    shutil.copytree(two_epochs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    return runs_of(Path("checkpoints/tiny"))[0]


def weights_at(path: Path) -> int:
    """Where the bytes of the largest tensor begin in a checkpoint."""
    with zipfile.ZipFile(path) as file:
        largest = max((one for one in file.infolist() if "/data/" in one.filename), key=lambda one: one.file_size)
        header = largest.header_offset
    content = path.read_bytes()
    name, extra = (int.from_bytes(content[header + at : header + at + 2], "little") for at in (26, 28))
    return header + 30 + name + extra


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


class Evil:
    def __reduce__(self):
        return open, ("evil", "w")


class TestLast:
    """The command that would continue the run."""

    @pytest.mark.parametrize(
        ("damage", "why"),
        [
            (lambda content, at: b"", "it is empty"),
            (lambda content, at: content[:-1000], "not a zip file"),
            (lambda content, at: content[: len(content) // 2], "not a zip file"),
            (flipped, "the checksum of .* does not match its contents"),
            (lambda content, at: b"weights " * 100, "not a zip file"),
        ],
    )
    def test_damaged(self, run, run_n2s, damage, why):
        content = damage(run.last.read_bytes(), weights_at(run.last))
        run.last.write_bytes(content)
        before = (run.folder / "metrics.csv").read_bytes()
        status, _, err = run_n2s("fit", "--config", "tiny.yaml")
        assert status == 2
        (said,) = [line for line in err.splitlines() if line.startswith("n2s: ")]
        assert said.startswith(f"n2s: {run.last.absolute()} is damaged or no checkpoint: ")
        assert re.search(why, said)
        assert f"--ckpt_path {run.best.absolute()}" in said and "--fresh" in said
        assert run.last.read_bytes() == content and (run.folder / "metrics.csv").read_bytes() == before
        assert not run.finished

    def test_a_flipped_bit_would_be_a_weight(self, run):
        """By itself torch loads it: the checksums are needed."""
        whole = fits.states(run.last)
        run.last.write_bytes(flipped(run.last.read_bytes(), weights_at(run.last)))
        with pytest.raises(AssertionError):
            fits.assert_same(fits.states(run.last), whole)

    def test_what_the_message_says_works(self, run, run_n2s):
        run.last.write_bytes(b"")
        assert run_n2s("fit", "--config", "tiny.yaml", "--ckpt_path", str(run.best))[0] == 0
        newest, older = runs_of(Path("checkpoints/tiny"))
        assert newest.finished and older == run and run.last.read_bytes() == b""
        assert run_n2s("fit", "--config", "tiny.yaml", "--fresh")[0] == 0

    def test_code(self, run, run_n2s):
        torch.save(torch.load(run.last, weights_only=True) | {"evil": Evil()}, run.last)
        status, _, err = run_n2s("fit", "--config", "tiny.yaml")
        assert status == 2
        assert f"n2s: {run.last.absolute()} holds more than weights and plain values" in err
        status, _, err = run_n2s("fit", "--config", "tiny.yaml", "--weights_only", "false")
        assert status == 2 and "n2s: --weights_only false: n2s never loads a file" in err
        assert not Path("evil").exists()

    @pytest.mark.parametrize(
        ("content", "holds"),
        [
            ({"state_dict": {}}, "it holds state_dict, and lacks optimizer_states, lr_schedulers, loops."),
            ({"weights": torch.ones(2)}, "it holds weights, and lacks state_dict"),
            ([1, 2], "it holds a list, and lacks any key"),
        ],
    )
    def test_foreign(self, run, run_n2s, content, holds):
        torch.save(content, run.last)
        status, _, err = run_n2s("fit", "--config", "tiny.yaml")
        assert status == 2
        assert f"n2s: {run.last.absolute()} is not a checkpoint to go on training from: {holds}" in err


def test_a_run_that_was_moved_keeps_its_best(two_epochs, run, run_n2s, monkeypatch):
    """Lightning forgets what was best if its folder has another name, and would write a worse one over it."""
    words = ("fit", "--config", "tiny.yaml")
    said = [state for name, state in torch.load(run.last, weights_only=True)["callbacks"].items() if "val/loss" in name]
    assert Path(said[0]["dirpath"]).is_relative_to(two_epochs)
    monkeypatch.setattr(tiny_recipe.TinyDecoder, "validation_step", worse)
    before = run.best.read_bytes()
    assert run_n2s(*words)[0] == 0
    assert run.finished and run.best.read_bytes() == before
    (state,) = [one for name, one in torch.load(run.last, weights_only=True)["callbacks"].items() if "val/loss" in name]
    assert state["best_model_path"] == str(run.best.absolute())


def worse(self, batch, batch_index):
    self.log("val/loss", 1e6)


def test_of_another_model(run, run_n2s):
    status, _, err = run_n2s("test", "--config", "tiny.yaml", "--model.encoder.hidden", "7")
    assert status == 2
    assert "the checkpoint's weights do not fit this model: size mismatch for encoder.layers.0.weight" in err
    assert f"In {run.best.absolute()}." in err


def test_weights_alone_are_enough_to_score(run, run_n2s):
    whole = torch.load(run.best, weights_only=True)
    version = whole["pytorch-lightning_version"]
    torch.save({"state_dict": whole["state_dict"], "pytorch-lightning_version": version}, "weights.ckpt")
    assert run_n2s("test", "--config", "tiny.yaml", "--ckpt_path", "weights.ckpt")[0] == 0
    status, _, err = run_n2s("fit", "--config", "tiny.yaml", "--ckpt_path", "weights.ckpt")
    assert status == 2
    assert "weights.ckpt is not a checkpoint to go on training from" in err


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_nothing_is_loaded_with_its_code(run, run_n2s, monkeypatch, verb):
    """Every file that torch opens for a command is opened with weights_only."""
    opened, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *a, **k: opened.append(k.get("weights_only")) or load(*a, **k))
    monkeypatch.setattr(tiny_recipe.TinyData, "predict_dataloader", tiny_recipe.TinyData.val_dataloader, raising=False)
    monkeypatch.setattr(tiny_recipe.TinyDecoder, "predict_step", tiny_recipe.TinyDecoder.test_step, raising=False)
    monkeypatch.setattr(tiny_recipe.TinyDecoder, "log", lambda *_, **__: None) if verb == "predict" else None
    run_n2s(verb, "--config", "tiny.yaml")
    assert opened and set(opened) == {True}
