"""The encoder of Défossez et al. 2023 as a classifier of windows."""

from torch import Tensor

from n2s.errors import UserError
from n2s.models.brain_encoder import BrainEncoder
from n2s.models.event_network import EventNetwork, real_channels
from n2s.options import check_options


class EncoderClassifier(EventNetwork):
    """Spatial attention, subject layer and dilated convolutions; the two-layer head's last map, meant over time, gives the logits.

    Windows may have any sensors and any length. To mean over time before or after the last linear map is the same.

    Parameters
    ----------
    n_subjects
        Subjects to learn a layer for.
    n_classes
        Logits.
    n_virtual, n_fourier, spatial_dropout, hidden, depth, kernel, dropout
        Sizes, as in `BrainEncoder`; the defaults are the paper's.
    spatial_attention, subject_layer
        False takes that part out. Without spatial attention the channels go on in their own order, filled up to ``n_virtual``.
    instance_norm
        Bring each channel of each window to zero mean and unit variance first.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import EncoderClassifier
    >>> network = EncoderClassifier(n_subjects=2, n_classes=5, n_virtual=16, n_fourier=32, hidden=16, depth=2).eval()
    >>> network(torch.randn(3, 64, 50), torch.rand(3, 64, 2)).shape  # nobody named: everybody is an unseen subject
    torch.Size([3, 5])
    """

    def __init__(
        self,
        n_subjects: int,
        n_classes: int,
        *,
        n_virtual: int = 270,
        n_fourier: int = 2048,
        spatial_dropout: float = 0.2,
        hidden: int = 320,
        depth: int = 10,
        kernel: int = 3,
        dropout: float = 0.0,
        spatial_attention: bool = True,
        subject_layer: bool = True,
        instance_norm: bool = False,
    ):
        check_options("EncoderClassifier: ", low=1, whole=True, n_subjects=n_subjects, n_classes=n_classes)
        super().__init__()
        self.encoder = BrainEncoder(
            n_subjects,
            n_classes,
            n_virtual=n_virtual,
            n_fourier=n_fourier,
            spatial_dropout=spatial_dropout,
            hidden=hidden,
            depth=depth,
            kernel=kernel,
            dropout=dropout,
            spatial_attention=spatial_attention,
            subject_layer=subject_layer,
            instance_norm=instance_norm,
        )

    def forward(
        self,
        brain: Tensor,
        positions: Tensor | None = None,
        subject: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """``(b, c, t), (b, c, 2), (b,), (b, c) -> (b, k)`` logits. Without ``subject`` everybody is an unseen one.

        Raises
        ------
        UserError
            There are no positions, but a spatial attention.
        """
        if positions is None:
            if self.encoder.attention is not None:
                raise UserError(
                    "EncoderClassifier looks at where sensors are, and got no positions. Give them, or set spatial_attention to false."
                )
            positions = brain.new_zeros(*brain.shape[:2], 2)
        if subject is None:
            subject = brain.new_full((len(brain),), -1).long()
        return self.encoder(real_channels(brain, mask), positions, subject, mask).mean(2)
