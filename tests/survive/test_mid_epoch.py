"""A run that is continued from inside an epoch is the uninterrupted one, to the bit."""

import json
from pathlib import Path

import fits
import pytest
import tiny_recipe
import torch
import yaml

from n2s.training.checkpoints import LastCheckpoint
from n2s.training.continuation import Continuation
from n2s.training.run import Run, runs_of

ALWAYS = ("--checkpoint_minutes", "1e-9")  # after every step


class Stop(BaseException):
    pass


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Run the recipe, up to after a step; gives the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)

    def run(*words, stop_after=None, recipe=None, **changes):
        tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=3, **(recipe or {}))
        with monkeypatch.context() as patch:

            def stop(self, outputs, batch, batch_idx):
                if stop_after == (self.current_epoch, batch_idx):
                    raise Stop

            patch.setattr(tiny_recipe.TinyDecoder, "on_train_batch_end", stop)
            if stop_after is None:
                return fits.fit(patch, *words)
            with pytest.raises(Stop):
                fits.fit(patch, *words)
            folder = words[words.index("--runs_dir") + 1] if "--runs_dir" in words else "checkpoints"
            return runs_of(Path(folder) / "tiny")[0]

    return run


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The run of a recipe without a stop, made once."""
    found = {}

    def run(recipe=None):
        key = json.dumps(recipe or {})
        if key not in found:
            folder = tmp_path_factory.mktemp("uninterrupted")
            tiny_recipe.write_recipe(folder / "tiny.yaml", epochs=3, **(recipe or {}))
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                patch.delenv("N2S_RUNS", raising=False)
                found[key] = Run(fits.fit(patch).folder.absolute())
        return found[key]

    return run


WORKER = {"data": {"class_path": "tiny_recipe.TinyData", "init_args": {"workers": 1}}}
ROWS_OF_STEPS = {"trainer": {"log_every_n_steps": 2}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "recipe"), [((0, 0), {}), ((1, 3), {}), ((1, 3), WORKER), ((0, 0), ROWS_OF_STEPS), ((1, 3), ROWS_OF_STEPS)]
)
def test_at_a_step(fit, uninterrupted, step, recipe):
    """6 steps an epoch, with and without a loader's own process; rows of steps and of epochs."""
    run = fit(*ALWAYS, stop_after=step, recipe=recipe)
    kept = torch.load(run.last, weights_only=True)
    assert (kept["epoch"], kept["global_step"]) == (step[0], 6 * step[0] + step[1] + 1)
    assert fit(recipe=recipe) == run
    fits.assert_same_run(run, uninterrupted(recipe))


@pytest.mark.slow
def test_twice_in_one_epoch(fit, uninterrupted):
    for step in ((1, 1), (1, 4)):
        fit(*ALWAYS, stop_after=step)
    fits.assert_same_run(fit(), uninterrupted())


@pytest.mark.slow
def test_means_need_what_was_summed_before(fit, uninterrupted, monkeypatch):
    """Without it the epoch's mean is another, though the weights are the same: the tests above can fail."""
    fit(*ALWAYS, stop_after=(1, 3))
    monkeypatch.setattr(Continuation, "on_train_batch_end", lambda *_: None)
    run = fit()
    fits.assert_same(fits.states(run.last), fits.states(uninterrupted().last))
    assert fits.logged(run) != fits.logged(uninterrupted())


@pytest.mark.slow
def test_not_while_gradients_are_summed_nor_before_a_validation(fit, uninterrupted):
    """4 batches a step of 6; validation after every third batch: what is saved is always continued to the bit."""
    recipe = {"trainer": {"accumulate_grad_batches": 4, "val_check_interval": 3}}
    for batch, saved in ((2, None), (3, (0, 1)), (4, (0, 1))):
        run = fit(*ALWAYS, "--fresh", stop_after=(0, batch), recipe=recipe)
        assert run.last.exists() == (saved is not None)
        if saved:
            kept = torch.load(run.last, weights_only=True)
            assert (kept["epoch"], kept["global_step"]) == saved
    assert fit(recipe=recipe) == run
    fits.assert_same_run(run, uninterrupted(recipe))


def test_option(fit, tmp_path):
    """Minutes as given; another value continues the run; nonsense is refused."""
    run = fit("--checkpoint_minutes", "60", stop_after=(1, 3))
    assert torch.load(run.last, weights_only=True)["epoch"] == 0  # an hour has not passed
    assert yaml.safe_load(run.config.read_text())["checkpoint_minutes"] == 60
    assert fit("--checkpoint_minutes", "5") == run
    with pytest.raises(SystemExit, match="2"):
        fit("--checkpoint_minutes", "0")


def test_killed_between_the_checkpoint_and_its_row(fit, uninterrupted, monkeypatch):
    """Lightning logs an epoch after it has saved it."""
    saved = LastCheckpoint.on_train_epoch_end

    def stop(self, trainer, module):
        saved(self, trainer, module)
        if trainer.current_epoch == 1:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_epoch_end", stop)
        with pytest.raises(Stop):
            fit()
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert [row["epoch"] for row in fits.logged(run) if row["train/loss"]] == ["0"]
    fit()
    fits.assert_same_run(run, uninterrupted())


def test_a_run_that_starts_from_another_has_its_own_rows(fit):
    other = fit("--trainer.max_epochs", "1")
    run = fit("--ckpt_path", str(other.last))
    assert run != other and run.finished
    assert {row["epoch"] for row in fits.logged(run)} == {"1", "2"}
