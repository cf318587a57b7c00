"""A network on windows of the brain, as a classifier of people: a person's score is the mean over its windows."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.metrics.auc import auc
from n2s.models.dyslexnet import DyslexNet
from n2s.options import check_number
from n2s.systems.dyslexia.classifiers import Classifier
from n2s.systems.dyslexia.people import People


class WindowNetwork(Classifier):
    """A network that is trained on windows of some people, and says a group for each window of others.

    A person's score is the mean over its windows of the difference of both logits. Windows are never scored by themselves: a network that
    knows a person again has all of its windows right. Covariates cannot be taken out of windows: compare with the covariates alone.

    Scores count from the middle of both groups that it has learned from, in deviations of those people: each network has an offset of its own,
    from its first weights, which may be larger than any difference between people, and those of several folds are compared with each other.

    Parameters
    ----------
    network
        Makes it from the numbers of channels and samples; two logits.
    window_s
        Length of a window; they follow each other without overlap.
    rates
        Learning rates of Adam to choose from, by the AUC of people that are held out among those that it learns from; one: no choice.
    n_epochs
        Passes over the windows.
    batch_size
        Windows a step.
    n_permutations
        How often it is trained with permuted labels: each costs as much as the result.
    n_folds
        Of the choice of a rate, of which the first is used.
    """

    needs = ("windows",)

    def __init__(
        self,
        network: Callable[[int, int], nn.Module] = DyslexNet,
        *,
        window_s: float = 0.5,
        rates: Sequence[float] = (1e-4,),
        n_epochs: int = 10,
        batch_size: int = 256,
        n_permutations: int = 0,
        n_folds: int = 5,
    ):
        check_number("window_s", window_s, above=0)
        check_number("n_epochs", n_epochs, low=1, whole=True)
        check_number("batch_size", batch_size, low=1, whole=True)
        check_number("n_permutations", n_permutations, low=0, whole=True)
        check_number("n_folds", n_folds, low=2, whole=True)
        for rate in rates:
            check_number("rates", rate, above=0)
        self.network, self.window_s, self.rates, self.n_epochs = network, window_s, list(rates), n_epochs
        self.batch_size, self.n_permutations, self.n_folds = batch_size, n_permutations, n_folds

    def check(self, fewest: int) -> None:
        """See `Classifier`: the fold that a rate is chosen by must hold out somebody of each group."""
        if len(self.rates) > 1 and self.n_folds > fewest:
            raise UserError(
                f"a network chooses its learning rate in {self.n_folds} folds (n_folds), and learns from {fewest} people of the smaller group. Set "
                "fewer, or a single rate."
            )

    def scores(
        self, train: People, positive: np.ndarray, test: People, *, seed: int, device: torch.device | str = "cpu"
    ) -> np.ndarray:
        """See `Classifier`."""
        rate = self.rates[0]
        if len(self.rates) > 1:
            folds = StratifiedKFold(self.n_folds, shuffle=True, random_state=seed)
            own, held_out = next(folds.split(positive, positive))
            inner = [self._scores(train.of(own), positive[own], train.of(held_out), seed, device, one) for one in self.rates]  # fmt: skip
            rate = self.rates[int(np.argmax([auc(one, positive[held_out]) for one in inner]))]
        return self._scores(train, positive, test, seed, device, rate)

    def _scores(
        self, train: People, positive: np.ndarray, test: People, seed: int, device: torch.device | str, rate: float
    ) -> np.ndarray:
        mean, deviation = scale_of(train.windows)
        n_channels, n_times = train.windows[0].shape[1:]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = self.network(n_channels, n_times).to(device)
            self._learn(network, train.windows, positive, mean, deviation, rate, seed)
        network.eval()
        with torch.no_grad():
            own, other = (
                np.array([self._person(network, one, mean, deviation) for one in people.windows])
                for people in (train, test)
            )
        middle = (own[positive].mean() + own[~positive].mean()) / 2
        return (other - middle) / (own.std() or 1.0)

    def _learn(
        self,
        network: nn.Module,
        windows: Sequence[np.ndarray],
        positive: np.ndarray,
        mean: np.ndarray,
        deviation: np.ndarray,
        rate: float,
        seed: int,
    ) -> None:
        whose = np.repeat(np.arange(len(windows)), [len(one) for one in windows])
        which = np.concatenate([np.arange(len(one)) for one in windows])
        # a person counts as much as another, and a group as much as the other
        people = np.bincount(positive.astype(int), minlength=2)
        weight = 1 / np.array([len(one) for one in windows]) / people[positive.astype(int)]
        weight = weight * len(whose) / 2
        device = next(network.parameters()).device
        optimizer, rng = torch.optim.Adam(network.parameters(), rate), np.random.default_rng(seed)
        network.train()
        for _ in range(self.n_epochs):
            order = rng.permutation(len(whose))
            for first in range(0, len(order), self.batch_size):
                rows = order[first : first + self.batch_size]
                batch = np.stack([windows[whose[i]][which[i]] for i in rows])
                logits = network(_scaled(batch, mean, deviation, device))
                label = torch.from_numpy(positive[whose[rows]].astype(np.int64)).to(device)
                own = torch.from_numpy(weight[whose[rows]]).float().to(device)
                loss = (nn.functional.cross_entropy(logits, label, reduction="none") * own).mean()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()

    def _person(self, network: nn.Module, windows: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> float:
        device, total = next(network.parameters()).device, 0.0
        for first in range(0, len(windows), self.batch_size):
            logits = network(_scaled(windows[first : first + self.batch_size], mean, deviation, device))
            total += float((logits[:, 1] - logits[:, 0]).double().sum())
        return total / len(windows)


def scale_of(windows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(c, 1) mean and deviation of each channel over the windows of some people, a person at a time in memory."""
    n, total, square = 0, 0.0, 0.0
    for one in windows:
        values = np.asarray(one, np.float64)
        n += values.shape[0] * values.shape[2]
        total, square = total + values.sum((0, 2)), square + (values**2).sum((0, 2))
    deviation = np.sqrt(np.maximum(square / n - (total / n) ** 2, 0))
    return (total / n)[:, None], np.where(deviation > 0, deviation, 1.0)[:, None]


def _scaled(batch: np.ndarray, mean: np.ndarray, deviation: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(((batch - mean) / deviation).astype(np.float32)).to(device)
