"""Networks that were fitted with other seeds, and their vote."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from n2s.config_classes import object_of
from n2s.data.batch import Batch
from n2s.data.event_data import EventDataModule
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.metrics.classification import SCORES, confusion
from n2s.options import check_number
from n2s.systems.closed_form import ClosedForm
from n2s.systems.event_classes.loss import predicted_classes, prior_power
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.submission import hand_in
from n2s.systems.event_classes.task import EventClassifier, check_top_k
from n2s.systems.event_classes.tested import Logits, event_result, test_sets
from n2s.systems.sensor_columns import check_columns, keep_columns, lay_as_trained
from n2s.systems.stages import StageRun
from n2s.training.experiments import trained_run
from n2s.training.run import Run, originals

#: Key of a checkpoint.
VOTERS = "n2s_voters"
#: Settings of the data that have to be the same: those that decide windows, classes, their prior and what is held out.
SAME = (
    "studies", "windows", "preprocessing", "split", "window_s", "offset_s", "baseline_s", "average", "clamp", "scaler", "seed",
    "balance",
)  # fmt: skip
WHY = "Its network may have been trained on what is tested here, on other classes, or with another prior of them."


class EventVote(ClosedForm):
    """The majority of several networks: runs of one experiment with other seeds, the best by their validation.

    ``n2s fit`` validates the networks of all runs, and keeps the best; ``n2s test`` lets them vote. The class with most votes is said; of
    several, the first in the order of classes. Beside it, probabilities are means of the networks' log-probabilities.

    Parameters
    ----------
    experiment
        Whose runs vote: its name, or its folder.
    best
        How many of them: those with the highest F1-macro on validation samples.
    min_run_s, n_permutations, top_k
        See `n2s.systems.EventClassifier`.

    Examples
    --------
    >>> from n2s.systems import EventVote
    >>> system = EventVote(experiment="phones", best=3)
    >>> system.recipe
    'configs/phones_vote.yaml'

    Its recipe lets the fits of ``phones`` vote, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("phones_vote")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EventDataModule,)
    recipe = "configs/phones_vote.yaml"
    instead = "it lets several runs of events vote. Decode with each of them (n2s decode RUN ...), and compare."

    def __init__(
        self,
        *,
        experiment: str = "phones",
        best: int = 5,
        min_run_s: float = 0.0,
        n_permutations: int = 1000,
        top_k: int = 0,
    ):
        super().__init__()
        self.save_hyperparameters()
        check_number("model.best", best, low=1, whole=True)
        check_number("model.min_run_s", min_run_s, low=0)
        check_number("model.n_permutations", n_permutations, low=1, whole=True)
        check_number("model.top_k", top_k, low=0, whole=True)
        self.from_experiment, self.best, self.top_k = experiment, best, top_k
        self.min_run_s, self.n_permutations = min_run_s, n_permutations
        self.networks = nn.ModuleList()
        self.voters: list[dict] = []
        self.tested: list[tuple[Logits, np.ndarray]] = []

    def setup(self, stage: str) -> None:
        """Load the networks of all runs for a fit."""
        self.check_alone("")
        check_top_k(self.top_k, self.data.class_names)
        if stage == "fit":
            if not self.data.validates or self.trainer.limit_val_batches == 0:
                raise UserError(
                    "EventVote keeps the networks with the best validation, but nothing is validated: data.split holds out no validation "
                    "data, or trainer.limit_val_batches is 0. Take a split with validation, the one that the networks were fitted with."
                )
            self._found()

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """Nothing is trained."""
        self.optimizers().step()

    def on_validation_epoch_start(self) -> None:
        """Nobody has voted yet."""
        self._parts = {}

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Logits of all networks."""
        self._collect(batch)

    def on_validation_epoch_end(self) -> None:
        """Keep the best networks; log ``val/f1_macro`` of their vote."""
        if self.trainer.sanity_checking:
            return
        row, logits = self._finished(0)
        label, k = self.data.averages("val").label[row.numpy()], len(self.data.class_names)
        said = [predicted_classes(one) for one in logits.numpy()]
        scores = [float(SCORES["f1_macro"](confusion(label, one, k))) for one in said]
        chosen = sorted(np.argsort([-one for one in scores], kind="stable")[: self.best].tolist())
        self.voters = [self.voters[i] | {"val_f1_macro": scores[i]} for i in chosen]
        self.networks = nn.ModuleList(self.networks[i] for i in chosen)
        voted = majority(np.stack([said[i] for i in chosen]), k)
        self.log("val/f1_macro", float(SCORES["f1_macro"](confusion(label, voted, k))), prog_bar=True)

    def on_test_epoch_start(self) -> None:
        """Nobody has voted yet."""
        self._parts = {}

    def test_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Logits of the networks that vote."""
        self._collect(batch, dataloader_idx)

    def on_test_epoch_end(self) -> None:
        """Count the votes."""
        self.tested = [self._counted(number) for number in range(1 + len(self.data.test_averages))]

    def on_predict_epoch_start(self) -> None:
        """Nobody has voted yet."""
        self._parts = {}

    def predict_step(self, batch: Batch, batch_index: int) -> None:
        """Logits of the networks that vote."""
        self._collect(batch)

    def on_predict_epoch_end(self) -> None:
        """Count the votes."""
        self.tested = [self._counted(0)]

    def results(self, seed: int) -> Mapping[str, EventResult]:
        """See `System`: test sets as those of `n2s.systems.EventClassifier`."""
        sets = test_sets(self.data)
        return {sets[k]: self._result(*found, k, seed) for k, found in zip(sets, self.tested, strict=True)}

    def predicted(self, folder: Path, seed: int) -> EventResult | None:
        """See `System`. Of a holdout the file that is handed in: the share of the votes that each class has."""
        if self.data.holdout is not None:
            hand_in(self.data, self.tested[0][0].row.numpy(), self.shares, folder, min_run_s=self.min_run_s)
            return None
        return self._result(*self.tested[0], 1, seed)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep which networks vote, so that their weights can be read."""
        checkpoint[VOTERS] = self.voters
        keep_columns(checkpoint, self.data)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Build the networks for the checkpoint's weights."""
        if not checkpoint.get(VOTERS):
            raise UserError(
                "the checkpoint is not of a finished fit of EventVote: it names no networks. Run n2s fit again."
            )
        self.voters = checkpoint[VOTERS]
        self.networks = nn.ModuleList(object_of(one["network"]) for one in self.voters).to(self.device)
        for network in self.networks:
            lay_as_trained(checkpoint, self.data, network)

    # -- how -----------------------------------------------------------------------------------------------------------

    def _found(self) -> None:
        """Load the network of every run of the experiment whose data are the same."""
        key = "model.experiment"
        newest = trained_run(self.from_experiment, self.experiment, key=key, recipe=EventClassifier.recipe)
        runs = [run for run in originals(newest.folder.parent) if run.weights.is_file()] or [newest]
        own, told = Run(self.folder), []
        found: dict[str, tuple[dict, nn.Module]] = {}
        for run in runs:  # the newest first
            stage = StageRun.found(EventClassifier, str(run.folder), self.experiment, key=key)
            try:
                stage.check_same_data(own, SAME, WHY)
                settings = stage.checkpoint["hyper_parameters"]["network"]
                network = object_of(settings)
                check_columns(stage.checkpoint, self.data, network, run.name)
            except UserError as error:
                told.append(str(error))
                continue
            seed, weights = stage.config.get("seed_everything"), stage.options.get("weights", "none")
            newest_has = next(iter(found.values()))[0]["weights"] if found else weights
            if weights != newest_has:
                told.append(
                    f"{key}: {run.folder} was trained with model.weights {weights}, the newest run with these data with {newest_has}. "
                    "Networks of one vote have one prior of the classes. Make them equal."
                )
                continue
            network.load_state_dict(stage.weights("network"))
            found[run.name] = {"run": run.name, "seed": seed, "network": settings, "weights": weights}, network
        names = sorted(found)
        self.voters, networks = [found[name][0] for name in names], [found[name][1] for name in names]
        for text in told:
            tell("left out", "the vote", text)
        if len(networks) < 2:
            raise UserError(
                f"{key}: {newest.folder.parent} has {len(networks)} {'run' if len(networks) == 1 else 'runs'} with these data, "
                f"{first_of([one['run'] for one in self.voters]) or 'none'}; a vote needs two or more. Fit others: n2s fit --config ... --seed_everything 1, "
                "and so on."
            )
        self.networks = nn.ModuleList(networks)

    def _collect(self, batch: Batch, number: int = 0) -> None:
        if len(batch):
            given = batch.brain, batch.positions, batch.subject, batch.mask
            logits = torch.stack([network(*given).detach().float().cpu() for network in self.networks])
            self._parts.setdefault(number, []).append((batch.row, logits))

    def _finished(self, number: int) -> tuple[Tensor, Tensor]:
        """(n,) samples in order, and (networks, n, k) logits."""
        parts = self._parts.pop(number)
        row, logits = torch.cat([one for one, _ in parts]), torch.cat([one for _, one in parts], 1)
        order = row.argsort()
        return row[order], logits[:, order]

    def _counted(self, number: int) -> tuple[Logits, np.ndarray]:
        row, logits = self._finished(number)
        said = np.stack([predicted_classes(one) for one in logits.numpy()])
        mean = logits.mean(0) if logits.shape[-1] == 1 else torch.log_softmax(logits, -1).mean(0)
        self.shares = votes(said, len(self.data.class_names)) / len(said)
        return Logits(row, mean), majority(said, len(self.data.class_names))

    def _result(self, found: Logits, said: np.ndarray, k: int, seed: int) -> EventResult:
        weights = self.voters[0]["weights"]
        voters = [
            f"{one['run']} (seed {one['seed']}, validation F1-macro {100 * one['val_f1_macro']:.1f}%)"
            for one in self.voters
        ]
        return event_result(
            self.data,
            found,
            k,
            seed=seed,
            weights=weights,
            prior_power=prior_power(weights, self.data.balance),
            top_k=self.top_k,
            min_run_s=self.min_run_s,
            n_permutations=self.n_permutations,
            said=said,
            voters=voters,
        )


def majority(said: np.ndarray, n_classes: int) -> np.ndarray:
    """(voters, n) classes -> (n,) the class with most votes; of several the first."""
    return votes(said, n_classes).argmax(1)


def votes(said: np.ndarray, n_classes: int) -> np.ndarray:
    """(voters, n) classes -> (n, n_classes) how many said each."""
    found = np.zeros((said.shape[1], n_classes), np.int64)
    for one in said:
        found[np.arange(len(one)), one] += 1
    return found
