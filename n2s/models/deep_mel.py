"""A network on mel spectrograms, trained jointly with the brain encoder: what it finds decodable, it keeps."""

from torch import Tensor, nn

from n2s.models.dilated_convs import DilatedConvs
from n2s.options import check_options


class DeepMel(nn.Module):
    """``(b, f, l) -> (b, f', l)``: the encoder's dilated convolutions on a mel spectrogram.

    The last layer has no batch norm and GELU, so that its output may take any value. Source: Défossez 2023, "Deep
    Mel", with the widths of its published code.

    Parameters
    ----------
    n_inputs
        f: mel bands.
    n_outputs
        f': the dimension that the brain encoder must give too.
    hidden, depth
        Channels and number of the layers.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import DeepMel
    >>> network = DeepMel(n_inputs=40, n_outputs=64, hidden=32, depth=2)
    >>> network(torch.randn(3, 40, 100)).shape
    torch.Size([3, 64, 100])
    """

    def __init__(self, n_inputs: int = 120, n_outputs: int = 768, hidden: int = 320, depth: int = 10):
        check_options(
            "DeepMel: ", low=1, whole=True, n_inputs=n_inputs, n_outputs=n_outputs, hidden=hidden, depth=depth
        )
        super().__init__()
        self.convs = DilatedConvs(n_inputs, hidden, depth, n_outputs=n_outputs)

    def forward(self, mel: Tensor) -> Tensor:
        """``(b, f, l) -> (b, f', l)``."""
        return self.convs(mel)
