"""DyslexNet: a transformer with shared layers on windows of MEG, as the team's libribrain-experiments has it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.event_network import EventNetwork, check_shape, real_channels
from n2s.models.heads import check_heads
from n2s.models.weights import fill
from n2s.options import check_options

INITIAL_SD = 0.02  # BERT's, of the encoder's weights
EPS = 1e-12  # BERT's, of layer norms
#: Name here -> name in the published state dict, of the layer that all share.
_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "output_norm": "output.LayerNorm",
}
_OUTSIDE = {
    "embedding": "embedding",
    "factorization": "factorization",
    "projection": "projection",
    "norm": "encoder.embeddings.LayerNorm",
    "classifier": "classifier",
}


class DyslexNet(EventNetwork):
    """A factorised embedding of each sample, positions, one post-norm transformer layer applied ``depth`` times, mean over time.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window.
    n_classes
        Logits.
    dim
        Width of the transformer; four times as much inside its feed-forward part.
    depth
        How often the layer is applied: its weights are shared, as in ALBERT.
    n_heads
        Attention heads; they divide ``dim``.
    embed_dim, factor_dim
        Widths of the embedding's first and second linear map.
    dropout
        After the positions, of attention weights, and after each part of the layer.

    Notes
    -----
    Equal to `neural2speech/libribrain-experiments` @fe39c80, without that module's weights that nothing uses (BERT's pooler and word
    embedding). Positions are added twice, and a vector for the token type once, since there BERT adds its own: all three are trained.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import DyslexNet
    >>> network = DyslexNet(n_channels=20, n_times=50, dim=32, embed_dim=16, factor_dim=8).eval()
    >>> network(torch.randn(4, 20, 50)).shape
    torch.Size([4, 2])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int = 125,
        n_classes: int = 2,
        *,
        dim: int = 1024,
        depth: int = 2,
        n_heads: int = 4,
        embed_dim: int = 256,
        factor_dim: int = 64,
        dropout: float = 0.1,
    ):
        check_heads("DyslexNet: ", dim, n_heads)
        counts = {"n_channels": n_channels, "n_times": n_times, "n_classes": n_classes, "depth": depth}
        check_options("DyslexNet: ", low=1, whole=True, embed_dim=embed_dim, factor_dim=factor_dim, **counts)
        check_options("DyslexNet: ", low=0, below=1, dropout=dropout)
        super().__init__()
        self.n_channels, self.n_times, self.depth = n_channels, n_times, depth
        self.embedding = nn.Linear(n_channels, embed_dim)
        self.factorization = nn.Linear(embed_dim, factor_dim)
        self.projection = nn.Linear(factor_dim, dim)
        self.pos_encoding = nn.Parameter(torch.zeros(n_times, dim))
        self.positions = nn.Parameter(INITIAL_SD * torch.randn(n_times, dim))
        self.token_type = nn.Parameter(INITIAL_SD * torch.randn(dim))
        self.norm, self.dropout = nn.LayerNorm(dim, EPS), nn.Dropout(dropout)
        self.layer = SharedLayer(dim, n_heads, dropout)
        self.classifier = nn.Linear(dim, n_classes)

    def forward(
        self,
        brain: Tensor,
        positions: Tensor | None = None,
        subject: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """``(b, c, t), mask (b, c) -> (b, k)`` logits; t is ``n_times``. Positions and subject are not used.

        Raises
        ------
        UserError
            Windows of another shape.
        """
        check_shape(brain, self.n_channels, self.n_times, "DyslexNet")  # its positions are learned
        brain = real_channels(brain, mask)
        x = self.projection(self.factorization(self.embedding(brain.transpose(1, 2))))  # (b, t, dim)
        x = self.dropout(self.norm(x + self.pos_encoding + self.positions + self.token_type))
        for _ in range(self.depth):
            x = self.layer(x)
        return self.classifier(x.mean(1))

    @classmethod
    def from_libribrain_experiments(
        cls,
        state_dict: Mapping[str, Tensor],
        n_channels: int,
        n_times: int,
        n_classes: int,
        dim: int,
        depth: int,
        n_heads: int,
        embed_dim: int,
        factor_dim: int,
    ) -> "DyslexNet":
        """The network with weights of that repository's, bare or of a Lightning checkpoint (``modules_list.0.`` before each name).

        Raises
        ------
        UserError
            Weights are missing, of another shape, or unknown; or the layers of the checkpoint differ from each other.
        """
        network = cls(
            n_channels,
            n_times,
            n_classes,
            dim=dim,
            depth=depth,
            n_heads=n_heads,
            embed_dim=embed_dim,
            factor_dim=factor_dim,
        )
        bare = {name.removeprefix("modules_list.0."): value for name, value in state_dict.items()}
        if any(value.dtype == torch.float64 for value in bare.values()):
            network = network.double()
        fill(network, _renamed(bare), "state_dict", may_have=("loss_fn.",))
        return network


class SharedLayer(nn.Module):
    """A post-norm layer of BERT: attention over all samples, then the exact GELU between two linear maps."""

    def __init__(self, dim: int, n_heads: int, dropout: float):
        super().__init__()
        self.n_heads, self.attention_dropout = n_heads, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.attention_norm, self.output_norm = nn.LayerNorm(dim, EPS), nn.LayerNorm(dim, EPS)
        self.widen, self.narrow, self.dropout = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim), nn.Dropout(dropout)
        for linear in (self.query, self.key, self.value, self.out, self.widen, self.narrow):
            nn.init.normal_(linear.weight, std=INITIAL_SD)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``(b, t, dim) -> (b, t, dim)``."""
        query, key, value = (
            map_(x).unflatten(2, (self.n_heads, -1)).transpose(1, 2) for map_ in (self.query, self.key, self.value)
        )
        dropout = self.attention_dropout if self.training else 0.0
        attended = nn.functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        x = self.attention_norm(x + self.dropout(self.out(attended.transpose(1, 2).flatten(2))))
        return self.output_norm(x + self.dropout(self.narrow(nn.functional.gelu(self.widen(x)))))


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names of `DyslexNet`; names that are not known stay, so that `fill` tells them."""
    layers = "encoder.encoder.layer."
    names = {f"{theirs}.{kind}": f"{own}.{kind}" for own, theirs in _OUTSIDE.items() for kind in ("weight", "bias")}
    names |= {
        f"{layers}0.{theirs}.{kind}": f"layer.{own}.{kind}"
        for own, theirs in _LAYER.items()
        for kind in ("weight", "bias")
    }
    names["encoder.embeddings.position_embeddings.weight"] = "positions"
    unused = ("encoder.pooler.", "encoder.embeddings.word_embeddings.", "encoder.embeddings.position_ids")
    unused += ("encoder.embeddings.token_type_ids",)  # buffers of earlier versions of transformers
    found = {}
    for name, value in state.items():
        if name == "pos_encoding":
            found["pos_encoding"] = value[0] if value.ndim == 3 else value
        elif name == "encoder.embeddings.token_type_embeddings.weight":
            found["token_type"] = value[0]  # of all samples: row 0
        elif name.startswith(layers) and not name.startswith(f"{layers}0."):
            first = state.get(f"{layers}0.{name.removeprefix(layers).partition('.')[2]}")
            if first is None or not torch.equal(first, value):
                raise UserError(f"state_dict: {name} differs from that of layer 0. DyslexNet has one layer for all.")
        elif not name.startswith(unused):
            found[names.get(name, name)] = value
    return found
