"""A network of a few numbers: the mean of each sensor over two halves of the window, and a linear layer."""

from torch import Tensor, nn

from n2s.models.event_network import EventNetwork


class Means(EventNetwork):
    """``(b, c, t) -> (b, k)``."""

    def __init__(self, n_channels: int, n_classes: int = 3):
        super().__init__()
        self.n_channels = n_channels
        self.pool, self.head = nn.AdaptiveAvgPool1d(4), nn.Linear(4 * n_channels, n_classes)

    def forward(self, brain: Tensor, positions=None, subject=None, mask=None) -> Tensor:
        return self.head(self.pool(brain).flatten(1))
