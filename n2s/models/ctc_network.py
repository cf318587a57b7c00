"""Networks that write phones: windows of the brain to log-probabilities of phones and the blank, step by step, for CTC."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from n2s.models.conformer_layer import ConformerLayer
from n2s.models.dilated_convs import DilatedConvs
from n2s.models.event_network import check_shape, real_channels
from n2s.models.heads import check_heads
from n2s.models.subject_layer import SubjectLayer
from n2s.options import check_options


class CTCNetwork(nn.Module, ABC):
    """Windows to log-probabilities: ``brain (b, c, t), positions (b, c, 2), subject (b,), mask (b, c) -> (b, l, k + 1)``.

    Class 0 is CTC's blank, class i + 1 is phone i. What calls a network gives all four; a network uses what it needs.

    Attributes
    ----------
    n_phones
        k: classes without the blank.
    stride
        Samples from one step to the next.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import CTCNetwork
    >>> class Linear(CTCNetwork):
    ...     n_phones, stride = 39, 4
    ...
    ...     def __init__(self, n_channels):
    ...         super().__init__()
    ...         self.map = torch.nn.Linear(n_channels, self.n_phones + 1)
    ...
    ...     def forward(self, brain, positions=None, subject=None, mask=None):
    ...         return self.map(brain[..., :: self.stride].mT).log_softmax(-1)
    >>> Linear(20)(torch.randn(2, 20, 100)).shape
    torch.Size([2, 25, 40])
    """

    n_phones: int
    stride: int

    def n_steps(self, n_times: int) -> int:
        """l: steps of a window of so many samples; step i is around sample ``i * stride``."""
        return -(-n_times // self.stride)

    @abstractmethod
    def forward(
        self,
        brain: Tensor,
        positions: Tensor | None = None,
        subject: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """``(b, c, t), (b, c, 2), (b,), (b, c) -> (b, l, k + 1)`` log-probabilities; see `n2s.models.EventNetwork` for what is given."""


class ConformerCTC(CTCNetwork):
    """A linear map of the sensors, one of each subject, dilated convolutions, a strided one, Conformer layers, a softmax at each step.

    Parameters
    ----------
    n_channels
        c: of the data.
    n_subjects
        Subjects to learn a layer for; in a recipe from the data. Others get the mean layer.
    n_phones
        k
    dim
        Width of all layers.
    convs, kernel
        Dilated convolutions (dilations 1, 2, 4, ...) before the stride, and their samples.
    stride
        Samples from step to step. CTC needs more steps than phones: 20 steps a second or more.
    depth, n_heads, ffn_dim, kernel_size, dropout
        Of the Conformer layers, as in `n2s.models.MEGConformer`; depth 0: none.

    References
    ----------
    Graves et al. 2006, Connectionist Temporal Classification, ICML.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import ConformerCTC
    >>> network = ConformerCTC(n_channels=20, dim=16, convs=2, depth=1, n_heads=2, ffn_dim=16).eval()
    >>> network(torch.randn(2, 20, 100)).shape  # a step every 2 samples; 39 phones and the blank
    torch.Size([2, 50, 40])
    """

    def __init__(
        self,
        n_channels: int,
        n_subjects: int = 1,
        *,
        n_phones: int = 39,
        dim: int = 64,
        convs: int = 4,
        kernel: int = 5,
        stride: int = 2,
        depth: int = 2,
        n_heads: int = 4,
        ffn_dim: int = 128,
        kernel_size: int = 15,
        dropout: float = 0.1,
    ):
        check_heads("ConformerCTC: ", dim, n_heads)
        counts = {
            "n_channels": n_channels,
            "n_subjects": n_subjects,
            "n_phones": n_phones,
            "convs": convs,
            "stride": stride,
        }
        check_options("ConformerCTC: ", low=1, whole=True, ffn_dim=ffn_dim, kernel_size=kernel_size, **counts)
        check_options("ConformerCTC: ", low=0, whole=True, depth=depth)
        super().__init__()
        self.n_channels, self.n_phones, self.stride = n_channels, n_phones, stride
        self.front, self.subjects = nn.Conv1d(n_channels, dim, 1), SubjectLayer(n_subjects, dim)
        self.convs = DilatedConvs(dim, dim, convs, kernel=kernel, dropout=dropout)
        self.strided = nn.Conv1d(dim, dim, 2 * stride + 1, stride, padding=stride)
        self.layers = nn.Sequential(
            *(
                ConformerLayer(dim, n_heads=n_heads, ffn_dim=ffn_dim, kernel_size=kernel_size, dropout=dropout)
                for _ in range(depth)
            )
        )
        self.head = nn.Linear(dim, n_phones + 1)

    def forward(
        self,
        brain: Tensor,
        positions: Tensor | None = None,
        subject: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """See `CTCNetwork`. Without ``subject`` everybody is an unseen one."""
        check_shape(brain, self.n_channels, None, "ConformerCTC")
        if subject is None:
            subject = torch.full((len(brain),), -1, dtype=torch.long, device=brain.device)
        x = self.subjects(self.front(real_channels(brain, mask)), subject)
        x = torch.relu(self.strided(self.convs(x)))
        return self.head(self.layers(x.transpose(1, 2))).log_softmax(-1)
