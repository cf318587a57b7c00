"""A small recurrent network from features to electrodes: it finds its own memory in place of lags."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from n2s.errors import UserError
from n2s.models.electrode_model import ElectrodeModel
from n2s.models.folds import dealt_folds
from n2s.options import check_number, check_options

SHARES = 5  # of the groups, one is for early stopping


class ElectrodeGRU(ElectrodeModel):
    """Bidirectional GRU and a linear layer, trained on the mean squared error of all electrodes together.

    It takes features at lag 0. Sequences are pieces of stretches of consecutive rows: nothing is carried over a gap, nor from training
    to held-out rows. A fifth of the groups of the training rows says when to stop; the best weights of that are kept. Both
    directions are seen: brains lead the sound in who speaks.

    Parameters
    ----------
    hidden
        Width of each direction.
    dropout
        After the GRU.
    learning_rate
        Of Adam.
    weight_decay
        Of Adam (decoupled).
    length
        Rows of a sequence, at most.
    batch_size
        Sequences.
    max_epochs, patience
        How long to train, and how many epochs without a better one are waited for.
    seed
        Of weights and orders.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from n2s.models import ElectrodeGRU
    >>> x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))  # features over time, z-scored
    >>> y, story = x.roll(2, 0)[:, :2], np.arange(300) // 100                  # two electrodes follow two rows later
    >>> gru = ElectrodeGRU(hidden=8, length=50, max_epochs=2).fit(x, y, story, stretches=story)
    >>> gru.predict(x, stretches=story).shape
    torch.Size([300, 2])
    """

    lagged = False

    def __init__(
        self,
        *,
        hidden: int = 32,
        dropout: float = 0.2,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        length: int = 200,
        batch_size: int = 16,
        max_epochs: int = 60,
        patience: int = 8,
        seed: int = 0,
    ):
        sizes = {"hidden": hidden, "length": length, "batch_size": batch_size, "max_epochs": max_epochs}
        check_options("ElectrodeGRU: ", low=1, whole=True, **sizes)
        check_options("ElectrodeGRU: ", low=0, whole=True, patience=patience, seed=seed)
        check_number("ElectrodeGRU: dropout", dropout, low=0, below=1)
        check_number("ElectrodeGRU: learning_rate", learning_rate, above=0)
        check_number("ElectrodeGRU: weight_decay", weight_decay, low=0)
        self.hidden, self.dropout, self.learning_rate, self.weight_decay = hidden, dropout, learning_rate, weight_decay
        self.length, self.batch_size, self.max_epochs, self.patience, self.seed = (
            length,
            batch_size,
            max_epochs,
            patience,
            seed,
        )

    def settings(self) -> dict:
        """See `n2s.models.electrode_model.ElectrodeModel`."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @torch.enable_grad()
    def fit(self, x: Tensor, y: Tensor, groups: Sequence, stretches: np.ndarray) -> "ElectrodeGRU":
        """See `n2s.models.electrode_model.ElectrodeModel`."""
        n_groups = len(set(np.asarray(groups).tolist()))
        if n_groups < 2:
            raise UserError(
                "ElectrodeGRU: all training rows are of one group; it needs two, one of which says when to stop."
            )
        late = dealt_folds(groups, len(x), min(SHARES, n_groups), "ElectrodeGRU").numpy() == 0
        # a stretch is cut where its rows change sides
        apart = np.cumsum(np.r_[False, (np.diff(stretches) != 0) | (np.diff(late.astype(int)) != 0)])
        pieces = self._pieces(apart)
        train, val = ([one for one in pieces if late[one.start] == side] for side in (False, True))
        devices = [x.device] if x.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(self.seed)
            network = self._network(x.shape[1], y.shape[1]).to(x.device)
            optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
            best, waited, self._state = np.inf, 0, _copied(network)
            for _ in range(self.max_epochs):
                network.train()
                order = torch.randperm(len(train)).tolist()
                for at in range(0, len(order), self.batch_size):
                    batch = [train[one] for one in order[at : at + self.batch_size]]
                    loss = _error(network, x, y, batch) / (sum(one.stop - one.start for one in batch) * y.shape[1])
                    optimizer.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimizer.step()
                network.eval()
                with torch.no_grad():
                    error = sum(float(_error(network, x, y, [one])) for one in val)
                waited = 0 if error < best else waited + 1
                if error < best:
                    best, self._state = error, _copied(network)
                if waited > self.patience:
                    break
        return self

    @torch.no_grad()
    def predict(self, x: Tensor, stretches: np.ndarray) -> Tensor:
        """See `n2s.models.electrode_model.ElectrodeModel`."""
        n_inputs, n_targets = self._state["gru.weight_ih_l0"].shape[1], len(self._state["out.bias"])
        if x.shape[1] != n_inputs:
            raise UserError(
                f"ElectrodeGRU was fitted on {n_inputs} features, and there are {x.shape[1]}. Fit again, or take the run's own config.yaml."
            )
        network = self._network(n_inputs, n_targets).to(x.device).eval()
        network.load_state_dict(self._state)
        found = x.new_empty(len(x), n_targets)
        apart = np.cumsum(np.r_[False, np.diff(stretches) != 0])
        for one in self._pieces(apart):
            found[one] = network([x[one]])[0]
        return found

    def state(self) -> dict[str, Tensor]:
        """See `n2s.models.electrode_model.ElectrodeModel`."""
        return self._state

    def load(self, state: dict[str, Tensor]) -> "ElectrodeGRU":
        """See `n2s.models.electrode_model.ElectrodeModel`."""
        self._state = state
        return self

    def _network(self, n_inputs: int, n_targets: int) -> "_Network":
        return _Network(n_inputs, n_targets, self.hidden, self.dropout)

    def _pieces(self, stretches: np.ndarray) -> list[slice]:
        """Stretches in pieces of about equal length, none longer than ``length``."""
        borders = np.flatnonzero(np.r_[True, np.diff(stretches) != 0, True])
        found = []
        for start, stop in zip(borders[:-1], borders[1:], strict=True):
            n = -(-(stop - start) // self.length)
            cuts = start + np.arange(n + 1) * (stop - start) // n
            found += [slice(int(a), int(b)) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
        return found


class _Network(nn.Module):
    def __init__(self, n_inputs: int, n_targets: int, hidden: int, dropout: float):
        super().__init__()
        self.gru = nn.GRU(n_inputs, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(2 * hidden, n_targets)

    def forward(self, sequences: list[Tensor]) -> list[Tensor]:
        """Each (t, p) -> (t, v)."""
        lengths = [len(one) for one in sequences]
        packed = pack_padded_sequence(
            pad_sequence(sequences, batch_first=True), lengths, batch_first=True, enforce_sorted=False
        )
        found = pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0]
        found = self.out(self.dropout(found))
        return [one[:length] for one, length in zip(found, lengths, strict=True)]


def _error(network: _Network, x: Tensor, y: Tensor, pieces: list[slice]) -> Tensor:
    """Sum of squares."""
    found = network([x[one] for one in pieces])
    return sum((a - y[one]).square().sum() for a, one in zip(found, pieces, strict=True))


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
