"""MEGConformer: a Conformer on windows of MEG that says which phone was heard, or whether there was speech."""

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.conformer_layer import ConformerLayer, recomputed
from n2s.models.event_network import EventNetwork, check_shape, real_channels
from n2s.models.heads import check_heads
from n2s.models.weights import fill
from n2s.options import check_options

RECOMPUTE = ("nothing", "parts", "layers")
#: Name in the published state dict -> name here, inside a layer.
_IN_LAYER = {
    "ffn1.sequential.0": "first.norm",
    "ffn1.sequential.1": "first.widen",
    "ffn1.sequential.4": "first.narrow",
    "self_attn_layer_norm": "attention.norm",
    "self_attn.in_proj": "attention.qkv",
    "self_attn.out_proj": "attention.out",
    "conv_module.layer_norm": "convolution.norm",
    "conv_module.sequential.0": "convolution.widen",
    "conv_module.sequential.2": "convolution.depthwise",
    "conv_module.sequential.3": "convolution.batch_norm",
    "conv_module.sequential.5": "convolution.narrow",
    "ffn2.sequential.0": "second.norm",
    "ffn2.sequential.1": "second.widen",
    "ffn2.sequential.4": "second.narrow",
    "final_layer_norm": "norm",
}
_LAYER = re.compile(
    r"encoder\.conformer_layers\.(\d+)\.(.+?)[._](weight|bias|running_mean|running_var|num_batches_tracked)"
)


class MEGConformer(EventNetwork):
    """Instance norm, a linear map of the sensors, Conformer layers at the full rate, mean over time, classifier.

    ``brain (b, c, t) -> (b, k)``; windows of any length. The defaults are the published network of phones: 9,502,939 parameters. That of
    speech is ``MEGConformer(306, 625, 1, depth=16, n_heads=4, ffn_dim=576, kernel_size=31, instance_norm=False)``: 7,815,745.
    Positions and subject are not used.

    Parameters
    ----------
    n_channels
        Sensors.
    n_times
        Samples of a window; shapes no weight.
    n_classes
        Logits; 1 for speech against silence.
    dim
        Width of the Conformer.
    depth
        Layers.
    n_heads
        Attention heads; they divide ``dim``.
    ffn_dim
        Width inside the feed-forward parts.
    kernel_size
        Samples of the depthwise convolutions, odd. They alone know the order of the samples: there are no positions.
    instance_norm
        Bring each channel of each window to zero mean and unit variance first; then a learned scale and shift.
    in_dropout
        After the map of the sensors.
    dropout
        Inside the layers; the published ones have none.
    recompute
        What is computed again for the gradients, to save memory. ``parts``: the inside of each part of a layer; ``layers``: all inside
        a layer. The numbers are the same. Of batch 256 at 625 samples and 16 layers, ``nothing`` keeps some 26 GB, ``parts`` 8, ``layers`` 4.

    References
    ----------
    de Zuazo et al. 2025, MEGConformer; `neural2speech/libribrain-experiments` @fe39c80. Gulati et al. 2020, Conformer, Interspeech.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import MEGConformer
    >>> network = MEGConformer(20, 50, 3, dim=16, depth=1, n_heads=2, ffn_dim=16, kernel_size=7).eval()
    >>> network(torch.randn(4, 20, 50)).shape
    torch.Size([4, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int = 125,
        n_classes: int = 39,
        *,
        dim: int = 144,
        depth: int = 7,
        n_heads: int = 12,
        ffn_dim: int = 2048,
        kernel_size: int = 127,
        instance_norm: bool = True,
        in_dropout: float = 0.1,
        dropout: float = 0.0,
        recompute: Literal["nothing", "parts", "layers"] = "nothing",
    ):
        check_heads("MEGConformer: ", dim, n_heads)
        counts = {"n_channels": n_channels, "n_times": n_times, "n_classes": n_classes, "depth": depth}
        check_options("MEGConformer: ", low=1, whole=True, ffn_dim=ffn_dim, kernel_size=kernel_size, **counts)
        check_options("MEGConformer: ", low=0, below=1, in_dropout=in_dropout, dropout=dropout)
        super().__init__()
        if recompute not in RECOMPUTE:
            raise UserError(f"recompute is {recompute!r}; expected one of {', '.join(RECOMPUTE)}.")
        self.n_channels, self.n_times, self.recompute = n_channels, n_times, recompute
        self.pre_norm = nn.InstanceNorm1d(n_channels, affine=True) if instance_norm else None
        self.front, self.in_dropout = nn.Linear(n_channels, dim), nn.Dropout(in_dropout)
        self.layers = nn.ModuleList(
            ConformerLayer(
                dim,
                n_heads=n_heads,
                ffn_dim=ffn_dim,
                kernel_size=kernel_size,
                dropout=dropout,
                recompute=recompute == "parts",
            )
            for _ in range(depth)
        )
        self.classifier = nn.Linear(dim, n_classes)

    def forward(
        self,
        brain: Tensor,
        positions: Tensor | None = None,
        subject: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """``(b, c, t), (b, c, 2), (b,), (b, c) -> (b, k)`` logits.

        Raises
        ------
        UserError
            Windows with another number of channels, or of one sample where there is an instance norm.
        """
        check_shape(brain, self.n_channels, None, "MEGConformer")
        brain = real_channels(brain, mask)
        if self.pre_norm is not None:
            if brain.shape[2] < 2:
                raise UserError("MEGConformer with instance_norm takes windows of two samples or more; got one.")
            brain = self.pre_norm(brain) if len(brain) else brain  # the library's fails without windows
        x = self.in_dropout(self.front(brain.transpose(1, 2)))  # (b, t, dim)
        for layer in self.layers:
            x = recomputed(layer, x) if self.recompute == "layers" else layer(x)
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
        ffn_dim: int,
        kernel_size: int,
        instance_norm: bool,
    ) -> "MEGConformer":
        """The network with weights of that repository's, bare or of a Lightning checkpoint (``modules_list.0.`` before each name).

        It is in float64 if they are.

        Raises
        ------
        UserError
            Weights are missing, of another shape, or unknown.
        """
        network = cls(
            n_channels,
            n_times,
            n_classes,
            dim=dim,
            depth=depth,
            n_heads=n_heads,
            ffn_dim=ffn_dim,
            kernel_size=kernel_size,
            instance_norm=instance_norm,
        )
        state = _renamed(state_dict)
        if any(value.dtype == torch.float64 for value in state.values()):
            network = network.double()
        fill(network, state, "state_dict", may_have=("loss_fn.",))
        return network


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names of `MEGConformer`; names that are not known stay, so that `fill` tells them."""
    found = {}
    for full, value in state.items():
        name = full.removeprefix("modules_list.0.")
        inside = _LAYER.fullmatch(name)
        if inside and inside[2] in _IN_LAYER:
            name = f"layers.{inside[1]}.{_IN_LAYER[inside[2]]}.{inside[3]}"
        elif name.startswith("preproj."):
            name = name.replace("preproj.", "front.", 1)
        if name.endswith(("front.weight", "convolution.widen.weight", "convolution.narrow.weight")) and value.ndim == 3:
            value = value.squeeze(2)  # a convolution with a kernel of one sample
        elif name.endswith("depthwise.weight") and value.ndim == 3:
            value = value.squeeze(1)
        found[name] = value
    return found
