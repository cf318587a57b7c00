"""n2s profile: where the time of a recipe's training steps goes."""

import json
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping, LearningRateMonitor
from lightning.pytorch.tuner import Tuner

from n2s import interrupts
from n2s.cli.main import CLI, run_cli
from n2s.config_classes import as_list, entries
from n2s.data.datamodule import NeuralDataModule
from n2s.data.fmri import FMRIDataModule
from n2s.errors import UserError
from n2s.paths import written_whole
from n2s.profiling.clock import Clock
from n2s.profiling.peak import compute_dtype, peak_flops
from n2s.profiling.stopwatch import Stopwatch
from n2s.profiling.summary import Profile, Setting
from n2s.training.step_seed import StepSeed


class StepProfiler(Trainer):
    """Its method `profile` is the verb: jsonargparse turns its arguments into the command's options."""

    def profile(
        self,
        model: LightningModule,
        datamodule: NeuralDataModule,
        ckpt_path: str | None = None,
        weights_only: bool | None = None,
        steps: int = 30,
        warmup: int = 5,
        out: Path | None = None,
        largest_batch: bool = False,
    ) -> None:
        """Run some training steps and print where their time goes; nothing is trained or kept.

        Parameters
        ----------
        model, datamodule
            From the recipe.
        ckpt_path, weights_only
            Not used here; a run's config.yaml has them.
        steps
            Number of steps to measure, first as a whole, then by part.
        warmup
            Steps before the measured ones.
        out
            Write the numbers to this file, as JSON.
        largest_batch
            First find the largest data.batch_size that fits the GPU's memory, by doubling and halving, and profile that.
        """
        if steps < 1 or warmup < 1:
            raise UserError(f"n2s profile: steps is {steps} and warmup {warmup}; expected 1 or more of each.")
        if not model.automatic_optimization:
            raise UserError(
                f"{type(model).__name__} is not trained in steps (it has a closed form): there is nothing to "
                "profile. Take a recipe of another task, or --trainer.profiler simple with n2s fit."
            )
        largest = self._largest_batch(model, datamodule) if largest_batch else None
        clock = Clock()
        stopwatch = Stopwatch(warmup, steps, clock)
        self.profiler = clock
        self.callbacks.append(stopwatch)
        self.fit(model, datamodule=datamodule)
        if not stopwatch.done:
            raise UserError(
                "the fit ended before its steps were measured: the data gave no training batch. Check data.batch_size and "
                "trainer.limit_train_batches."
            )
        if self.is_global_zero:
            found = Profile(self._setting(model), stopwatch.measured, steps, warmup, largest)
            print(found)
            if out is not None:
                with written_whole(Path(out)) as path:
                    path.write_text(json.dumps(found.plain(), indent=1))

    def _largest_batch(self, model: LightningModule, datamodule: NeuralDataModule) -> int:
        size = getattr(datamodule, "batch_size", None)
        if not isinstance(size, int):
            raise UserError(f"data.batch_size is {size}; --largest_batch begins with a number: set it.")
        folder = Path(self.default_root_dir)
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        found = Tuner(self).scale_batch_size(
            model, datamodule=datamodule, mode="binsearch", init_val=size, steps_per_trial=2
        )
        for one in made:  # the tuner has kept the model there
            if one.is_dir() and not any(one.iterdir()):
                one.rmdir()
        datamodule.batch_size = found
        return found

    def _setting(self, model: LightningModule) -> Setting:
        device = model.device
        gpu = device.type == "cuda"
        peak, source = peak_flops(device, compute_dtype(self.precision))
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        data = self.datamodule
        return Setting(
            model=type(model).__name__,
            data=type(data).__name__,
            unit="clips" if isinstance(data, FMRIDataModule) else "windows",
            device=torch.cuda.get_device_name(device) if gpu else device.type,
            memory=torch.cuda.get_device_properties(device).total_memory if gpu else 0,
            precision=str(self.precision),
            residency=getattr(data, "residency", None),
            compiled=[name for name, module in model.named_modules() if module._compiled_call_impl is not None],
            fused=all(group.get("fused") for group in groups),
            threads=torch.get_num_threads(),
            peak=peak,
            peak_source=source,
        )


class ProfileCLI(CLI):
    """The recipe of a fit; only some of its steps are run."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The verb, and which of its arguments are not options."""
        return {"profile": {"model", "datamodule"}}

    def before_instantiate_classes(self) -> None:
        """No run is chosen: nothing is kept. Runs of earlier stages are searched where a fit would."""
        interrupts.unwind()
        config = self.config["profile"]
        self.complete, self.choice = {"experiment": self._experiment(config)}, None
        trainer = config.trainer
        trainer.default_root_dir = self._folder(config) / ".profile"
        trainer.logger, trainer.profiler = False, None
        trainer.enable_checkpointing = trainer.enable_progress_bar = trainer.enable_model_summary = False
        trainer.max_epochs, trainer.max_steps = -1, -1
        trainer.num_sanity_val_steps = trainer.limit_val_batches = 0
        needless = [
            one for kind in (Checkpoint, EarlyStopping, LearningRateMonitor) for one in entries(trainer.callbacks, kind)
        ]
        trainer.callbacks = [one for one in as_list(trainer.callbacks) if one not in needless]

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """With the seeds of a fit."""
        config: Namespace = self.config_init["profile"]
        config.trainer.callbacks = [*as_list(config.trainer.callbacks), StepSeed(config.seed_everything)]
        return super().instantiate_trainer(**kwargs)


def main() -> None:
    """Run the command line."""
    run_cli(ProfileCLI, trainer_class=StepProfiler)
