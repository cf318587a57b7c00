"""A loss or a weight that is NaN ends a run with its batch; the checkpoint before it stays good."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
import tiny_recipe
import torch

from n2s.data import MEGDataModule, Preprocessing
from n2s.data.story_split import SplitByStory
from n2s.errors import UserError
from n2s.features import Ready
from n2s.training.finite_loss import FiniteLoss
from n2s.training.run import runs_of


@pytest.fixture
def fit(tmp_path, monkeypatch, run_n2s):
    """Run the recipe with another loss; gives status and what was said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=3)
    true = tiny_recipe.TinyDecoder.loss

    def run(change, *words):
        with monkeypatch.context() as patch:
            patch.setattr(tiny_recipe.TinyDecoder, "loss", lambda self, batch: change(self, batch, true(self, batch)))
            return run_n2s("fit", "--config", "tiny.yaml", *words)

    return run


def at(epoch: int, step: int, factor: float):
    """The loss, but for one step of training."""

    def change(module, batch, loss):
        here = module.training and (module.current_epoch, module.trainer.global_step) == (epoch, step)
        return loss * factor if here else loss

    return change


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_stops_with_the_batch(fit, monkeypatch, value):
    seen = []
    step = tiny_recipe.TinyDecoder.training_step
    monkeypatch.setattr(
        tiny_recipe.TinyDecoder, "training_step", lambda s, batch, i: seen.append(batch) or step(s, batch, i)
    )
    status, _, err = fit(at(1, 8, value))
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert status == 2
    said = err.splitlines()[-1]
    assert said.startswith(
        f"n2s: the training loss is {value} in epoch 1, batch 2 (counted from 0). Its inputs are finite"
    )
    assert "the model diverged" in said and "gradient_clip_val" in said
    assert f"The batch is kept in {run.folder.absolute()}/nan_batch.pt." in said
    kept = torch.load(run.folder / "nan_batch.pt", weights_only=True)
    assert (kept["epoch"], kept["batch_index"]) == (1, 2)
    assert len(seen) == 9  # not a step more
    assert all(torch.equal(kept[str(i)], part) for i, part in enumerate(seen[-1]))
    last = torch.load(run.last, weights_only=True)
    assert last["epoch"] == 0 and all(torch.isfinite(value).all() for value in last["state_dict"].values())
    assert f"{run.last.absolute()} was saved before and is whole" in said


def test_in_the_first_step_the_folder_stays(fit):
    status, _, err = fit(at(0, 0, float("nan")))
    assert status == 2
    assert "No checkpoint was written yet." in err
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert (run.folder / "nan_batch.pt").is_file()


@pytest.mark.parametrize("words", [(), ("--checkpoint_minutes", "1e-9")])
def test_a_gradient_that_is_not_finite_does_not_reach_a_checkpoint(fit, words):
    """The loss of an epoch's last step is finite, its gradient is not: the root's, at zero."""

    def change(module, batch, loss):
        here = module.training and module.trainer.global_step == 11
        return loss + (module.encoder.subject * 0).sum().sqrt() if here else loss

    status, _, err = fit(change, "--trainer.limit_val_batches", "0", "--trainer.callbacks", "null", *words)
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert status == 2
    assert "epoch 1, step 12: weights are NaN or infinite (encoder.subject) though every loss was finite" in err
    last = torch.load(run.last, weights_only=True)
    assert last["global_step"] == (11 if words else 6)
    assert all(torch.isfinite(value).all() for value in last["state_dict"].values())


def test_names_the_windows(tmp_path):
    """Of the real datamodule: recording, story and seconds of the window whose brain is NaN."""
    data = MEGDataModule(
        {"tiny": tiny.TinyStudy(tmp_path / "study", n_subjects=1)},
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(val=["story2"], test=["story3"]),
        batch_size=8,
        n_jobs=1,
    )
    data.prepare()
    batch = next(iter(data.train_dataloader()))
    batch.brain[5, 2, 7] = float("nan")
    table = data.window_table("train").iloc[int(batch.row[5])]
    trainer = SimpleNamespace(current_epoch=4, global_rank=0, datamodule=data)
    with pytest.raises(UserError) as raised:
        FiniteLoss(tmp_path).on_train_batch_end(trainer, None, {"loss": torch.tensor(float("nan"))}, batch, 17)
    start_s = table.stimulus_start_s
    where = f"{table.recording}, {table.story}, {start_s:.2f} to {start_s + 3:.2f} s"
    assert f"'brain' is NaN or infinite in 1 of 8 samples ({where})" in str(raised.value)
    kept = torch.load(tmp_path / "nan_batch.pt", weights_only=True)
    assert torch.equal(kept["brain"].isnan().nonzero(), torch.tensor([[5, 2, 7]]))
    assert torch.equal(kept["row"], batch.row)


def test_a_step_without_a_loss(tmp_path):
    """As a ridge's."""
    FiniteLoss(tmp_path).on_train_batch_end(None, None, None, None, 0)
    assert not list(tmp_path.iterdir())
