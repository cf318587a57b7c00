"""n2s prepare: compute in advance, and in parallel, what a fit computes before its first step."""

import os
import time

from jsonargparse import ArgumentParser, Namespace
from lightning.pytorch import Trainer

from n2s import interrupts
from n2s.cli.main import CLI, run_cli
from n2s.data.datamodule import NeuralDataModule
from n2s.data.recordings import Shard
from n2s.paths import cache_dir
from n2s.progress import told_s
from n2s.training.telling import same_command


class Preparer(Trainer):
    """Its method `prepare` is the verb: jsonargparse turns its arguments into the command's options."""

    @staticmethod
    def prepare(
        datamodule: NeuralDataModule,
        ckpt_path: str | None = None,
        weights_only: bool | None = None,
        shard: str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        """Prepare recordings, features and scalers ahead of training.

        Parameters
        ----------
        datamodule
            The data to prepare.
        ckpt_path, weights_only
            Not used here; a run's config.yaml has them.
        shard
            Only part i of n of the recordings, as "3/10": for one of n jobs of a Slurm array.
        n_jobs
            Recordings prepared at once, each in its own process (default: the number of cores).
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        datamodule.n_jobs = n_jobs or cores
        start = time.monotonic()
        datamodule.prepare(Shard.parse(shard) if shard else None)
        print(f"{datamodule}\nkept in {cache_dir()}; took {told_s(time.monotonic() - start)}")
        if shard is None:
            print(f"next: {same_command('fit', left_out=('--shard', '--n_jobs'))}")


class PrepareCLI(CLI):
    """The recipe of a fit; only its data are made."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The verb, and which of its arguments are not options."""
        return {"prepare": {"datamodule"}}

    def before_instantiate_classes(self) -> None:
        """No run is chosen: nothing is trained."""
        interrupts.unwind()

    def instantiate_classes(self) -> None:
        """Make only the data: a model may be large."""
        config = self.config["prepare"]
        parser = ArgumentParser()
        parser.add_subclass_arguments(NeuralDataModule, "data")
        self.datamodule = parser.instantiate_classes(Namespace(data=config.data)).data
        self.model, self.trainer, self.config_init = None, None, self.config

    def _run_subcommand(self, subcommand: str) -> None:
        config = self.config[subcommand]
        Preparer.prepare(self.datamodule, shard=config.shard, n_jobs=config.n_jobs)


def main() -> None:
    """Run the command line."""
    run_cli(PrepareCLI, trainer_class=Preparer)
