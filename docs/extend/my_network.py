"""A network: any nn.Module whose forward takes the brain."""

from torch import Tensor, nn


class MyEncoder(nn.Module):
    """``(b, c, t) -> (b, f, t)``: two convolutions.

    Parameters
    ----------
    n_channels
        Sensors: c.
    n_outputs
        Dimensions of the target: f. A recipe need not name it: it comes from the data.
    width
        Channels between the convolutions.
    """

    def __init__(self, n_channels: int, n_outputs: int, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(n_channels, width, 9, padding="same"), nn.GELU(), nn.Conv1d(width, n_outputs, 9, padding="same")
        )

    def forward(self, brain: Tensor) -> Tensor:
        """Scaled recordings in, an estimate of the target out."""
        return self.layers(brain)
