"""A stack of dilated convolutions that keeps the number of samples."""

from torch import Tensor, nn

from n2s.errors import UserError
from n2s.options import check_options


class DilatedLayer(nn.Module):
    """``(b, n_inputs, t) -> (b, n_outputs, t)``: convolution, batch norm, GELU; a skip if widths match; a gate.

    Parameters
    ----------
    n_inputs, n_outputs
        Channels in and out.
    kernel, dilation
        Sizes of the convolution, in samples.
    dropout
        Share of values dropped after the GELU.
    linear
        Leave out batch norm, GELU and dropout.
    gated
        End with a convolution over three samples to twice the width and a gated linear unit, without a skip.
    skip
        Whether there is one.
    activation
        Activation of the layer.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        kernel: int,
        dilation: int,
        dropout: float = 0.0,
        linear: bool = False,
        gated: bool = False,
        skip: bool = True,
        activation: type[nn.Module] = nn.GELU,
    ):
        super().__init__()
        self.skip = skip and n_inputs == n_outputs
        conv = nn.Conv1d(n_inputs, n_outputs, kernel, padding=kernel // 2 * dilation, dilation=dilation)
        after = [] if linear else [nn.BatchNorm1d(n_outputs), activation(), nn.Dropout(dropout)]
        self.body = nn.Sequential(conv, *after)
        self.gate = nn.Identity()
        if gated:
            self.gate = nn.Sequential(nn.Conv1d(n_outputs, 2 * n_outputs, 3, padding=1), nn.GLU(dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """``(b, n_inputs, t) -> (b, n_outputs, t)``."""
        y = self.body(x)
        return self.gate(x + y if self.skip else y)


class DilatedConvs(nn.Sequential):
    """``depth`` dilated layers, every second one gated: ``(b, n_inputs, t) -> (b, hidden, t)``.

    With the defaults an output sample sees 135 input samples. Source: Défossez 2023, Methods, "Residual dilated
    convolutions".

    Parameters
    ----------
    n_inputs
        Channels in.
    hidden
        Channels of every layer.
    depth
        Layers.
    kernel
        Samples of each convolution, odd.
    growth, period
        The dilation is multiplied by ``growth`` from layer to layer and starts again at 1 every ``period`` layers.
    dropout
        Share of values dropped in each layer.
    n_outputs
        If given, the last layer has this width, not ``hidden``, and no batch norm and activation.
    skip, gates, activation
        Whether layers have skips, every second one a gate, and their activation: for ablations.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import DilatedConvs
    >>> convs = DilatedConvs(n_inputs=20, hidden=16, depth=4)
    >>> convs(torch.randn(2, 20, 100)).shape
    torch.Size([2, 16, 100])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: int = 320,
        depth: int = 10,
        *,
        kernel: int = 3,
        growth: int = 2,
        period: int = 5,
        dropout: float = 0.0,
        n_outputs: int | None = None,
        skip: bool = True,
        gates: bool = True,
        activation: type[nn.Module] = nn.GELU,
    ):
        counts = {"n_inputs": n_inputs, "hidden": hidden, "depth": depth, "kernel": kernel, "n_outputs": n_outputs}
        check_options("DilatedConvs: ", low=1, whole=True, growth=growth, period=period, **counts)
        check_options("DilatedConvs: ", low=0, below=1, dropout=dropout)
        if kernel % 2 == 0:
            raise UserError(
                f"DilatedConvs: kernel is {kernel}; it must be odd, so that the output has as many samples as the input."
            )
        widths = [n_inputs] + [hidden] * (depth - 1) + [hidden if n_outputs is None else n_outputs]
        super().__init__(
            *(
                DilatedLayer(
                    widths[k],
                    widths[k + 1],
                    kernel=kernel,
                    dilation=growth ** (k % period),
                    dropout=dropout,
                    linear=n_outputs is not None and k == depth - 1,
                    gated=gates and k % 2 == 1,
                    skip=skip,
                    activation=activation,
                )
                for k in range(depth)
            )
        )
