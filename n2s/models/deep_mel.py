"""A network on mel spectrograms, trained jointly with the brain encoder: what it finds decodable, it keeps."""

from torch import Tensor, nn

from n2s.models.dilated_convs import DilatedConvs


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
    """

    def __init__(self, n_inputs: int = 120, n_outputs: int = 768, hidden: int = 320, depth: int = 10):
        super().__init__()
        self.convs = DilatedConvs(n_inputs, hidden, depth, n_outputs=n_outputs)

    def forward(self, mel: Tensor) -> Tensor:
        """``(b, f, l) -> (b, f', l)``."""
        return self.convs(mel)
