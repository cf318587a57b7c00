"""The brain encoder of Défossez et al. 2023: windows of MEG or EEG to a sequence of speech features."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models import brainmagick
from n2s.models.dilated_convs import DilatedConvs
from n2s.models.spatial_attention import SpatialAttention
from n2s.models.subject_layer import SubjectLayer
from n2s.options import check_choice, check_options


class BrainEncoder(nn.Module, PyTorchModelHubMixin, library_name="n2s", license="bsd-3-clause", tags=["meg", "eeg"]):  # type: ignore[call-arg]
    """Spatial attention, 1x1 convolution, subject layer, dilated convolutions, two-layer head.

    ``brain (b, c, t), positions (b, c, 2), subject (b,) -> (b, n_outputs, t)``. The defaults are the paper's:
    9,565,054 parameters. In a notebook::

        encoder = BrainEncoder(n_subjects=4, n_outputs=120)  # or BrainEncoder.from_pretrained("a folder or a Hub id")
        features = encoder(brain, positions, subject)
        encoder.save_pretrained("my-encoder")

    Parameters
    ----------
    n_subjects
        Subjects to learn a layer for.
    n_outputs
        Dimension of the speech features.
    n_virtual
        Channels between the spatial attention and the dilated convolutions.
    n_fourier, margin, spatial_dropout
        Parts of the spatial attention: its Fourier terms (twice a square), the free border around the sensors, and the
        radius of the disc of sensors that each training batch does without; lengths in head widths.
    hidden, depth, kernel, growth, period
        Of the dilated convolutions: channels, layers, samples, and by what the dilation grows and when it starts anew.
    head_width
        Channels between the two layers of the head, in multiples of ``hidden``.
    dropout
        Share of values dropped in each dilated layer in training; the paper has none.
    spatial_attention, initial, subject_layer, skip, gates, head
        False takes that part out, as the paper's ablations do. Without spatial attention the channels go on in their
        own order, filled up with zeros to ``n_virtual``; without a head the last dilated layer gives the features.
    activation
        Activation of the dilated layers.
    n_kinds
        Kinds of sensors that the spatial attention distinguishes; 3 for Megin's triplets. The paper has 1.
    instance_norm
        Bring each channel of each window to zero mean and unit variance first; the paper does not.

    References
    ----------
    Défossez et al. 2023, Decoding speech perception from non-invasive brain recordings, Nat Mach Intell 5:1097.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import BrainEncoder
    >>> encoder = BrainEncoder(n_subjects=2, n_outputs=40, n_virtual=16, n_fourier=32, hidden=16, depth=2).eval()
    >>> brain, positions = torch.randn(3, 306, 100), torch.rand(3, 306, 2)
    >>> encoder(brain, positions, torch.tensor([0, 1, -1])).shape  # -1: somebody whom it has not seen
    torch.Size([3, 40, 100])
    """

    def __init__(
        self,
        n_subjects: int = 27,
        n_outputs: int = 1024,
        *,
        n_virtual: int = 270,
        n_fourier: int = 2048,
        margin: float = 0.2,
        spatial_dropout: float = 0.2,
        hidden: int = 320,
        depth: int = 10,
        kernel: int = 3,
        growth: int = 2,
        period: int = 5,
        head_width: int = 2,
        dropout: float = 0.0,
        spatial_attention: bool = True,
        initial: bool = True,
        subject_layer: bool = True,
        skip: bool = True,
        gates: bool = True,
        head: bool = True,
        activation: Literal["gelu", "relu"] = "gelu",
        n_kinds: int = 1,
        instance_norm: bool = False,
    ):
        counts = {
            "n_subjects": n_subjects,
            "n_outputs": n_outputs,
            "n_virtual": n_virtual,
            "head_width": head_width,
            "n_kinds": n_kinds,
        }
        check_options(
            "BrainEncoder: ", low=1, whole=True, hidden=hidden, depth=depth, growth=growth, period=period, **counts
        )
        check_options("BrainEncoder: ", low=0, margin=margin, spatial_dropout=spatial_dropout)
        check_choice("BrainEncoder: activation", activation, ("gelu", "relu"))
        super().__init__()
        self.n_virtual, self.instance_norm = n_virtual, instance_norm
        self.attention = (
            SpatialAttention(n_virtual, n_fourier, margin=margin, dropout=spatial_dropout, n_kinds=n_kinds)
            if spatial_attention
            else None
        )
        self.initial = nn.Conv1d(n_virtual, n_virtual, 1) if initial else nn.Identity()
        self.subjects = SubjectLayer(n_subjects, n_virtual) if subject_layer else None
        self.convs = DilatedConvs(
            n_virtual,
            hidden,
            depth,
            kernel=kernel,
            growth=growth,
            period=period,
            dropout=dropout,
            n_outputs=None if head else n_outputs,
            skip=skip,
            gates=gates,
            activation=nn.ReLU if activation == "relu" else nn.GELU,
        )
        self.head = nn.Identity()
        if head:
            self.head = nn.Sequential(
                nn.Conv1d(hidden, head_width * hidden, 1), nn.GELU(), nn.Conv1d(head_width * hidden, n_outputs, 1)
            )

    def forward(
        self,
        brain: Tensor,
        positions: Tensor,
        subject: Tensor,
        mask: Tensor | None = None,
        kind: Tensor | None = None,
    ) -> Tensor:
        """``(b, c, t), (b, c, 2), (b,), (b, c), (b, c) -> (b, n_outputs, t)``.

        Parameters
        ----------
        brain
            Scaled recordings.
        positions
            Positions of the sensors, in [0, 1]; ``(1, c, 2)`` if all rows share them.
        subject
            Index of the subject; -1 for an unseen one, who gets the mean subject layer.
        mask
            True where a channel is real and good; by default all are. What a masked channel holds does not matter.
        kind
            Kind of each sensor, from 0 (`n2s.data.positions.sensor_kinds`); only used if ``n_kinds`` is not 1.

        Raises
        ------
        ValueError
            Shapes that do not belong together, or (on the CPU) a subject that the network does not have.
        """
        _check(brain, positions, subject, mask)
        brain = F.instance_norm(brain) if self.instance_norm else brain
        x = self._channels(brain, mask) if self.attention is None else self.attention(brain, positions, mask, kind)
        x = self.initial(x)
        if self.subjects is not None:
            x = self.subjects(x, subject)
        return self.head(self.convs(x))

    def _channels(self, brain: Tensor, mask: Tensor | None) -> Tensor:
        """``(b, c, t) -> (b, n_virtual, t)``: the channels as they are, a masked one 0."""
        spare = self.n_virtual - brain.shape[1]
        if spare < 0:
            raise UserError(
                f"without spatial attention {brain.shape[1]} channels do not fit into n_virtual {self.n_virtual}: set it "
                "to the number of channels, or more."
            )
        kept = brain if mask is None else torch.where(mask[..., None], brain, 0.0)
        return F.pad(kept, (0, 0, 0, spare))

    def add_subject(self) -> int:
        """Add a subject, whose layer starts as the mean of the others', and return its index.

        For fine-tuning on a new subject's data. Make the optimizer after it: the subject layers are a new parameter.
        ``encoder.requires_grad_(False)`` and ``encoder.subjects.requires_grad_(True)`` then train only the layers of
        the subjects that are in the batches.
        """
        if self.subjects is None:
            raise UserError("this network has no subject layer: it takes a new subject as it is.")
        index = self.subjects.add_subject()
        self._hub_mixin_config["n_subjects"] = index + 1  # what save_pretrained writes to config.json
        return index

    @classmethod
    def from_brainmagick(cls, state_dict: Mapping[str, Tensor]) -> "BrainEncoder":
        """The network with weights that were trained with the paper's published code, in evaluation mode.

        All sizes are read off the tensors, but for the dilations, which no weight shows: they must be the published
        1, 2, 4, 8, 16, 1, 2, 4, 8, 16.

        Raises
        ------
        UserError
            Keys are missing or unknown, or shapes do not fit together.
        """
        encoder = cls(**brainmagick.sizes(state_dict))
        encoder.load_state_dict(brainmagick.translated(state_dict, encoder.state_dict()))
        return encoder.eval()

    @classmethod
    def _from_pretrained(cls, *, strict: bool = True, **options: Any) -> "BrainEncoder":
        """The library's loader; but a weight that the file lacks is an error, not left at random."""
        return super()._from_pretrained(strict=strict, **options)


def _check(brain: Tensor, positions: Tensor, subject: Tensor, mask: Tensor | None) -> None:
    b, c = brain.shape[:2] if brain.ndim == 3 else (None, None)
    found = {"brain": tuple(brain.shape), "positions": tuple(positions.shape), "subject": tuple(subject.shape)}
    if mask is not None:
        found["mask"] = tuple(mask.shape)
    fits = (
        positions.shape in ((b, c, 2), (1, c, 2)) and subject.shape == (b,) and (mask is None or mask.shape == (b, c))
    )
    if not fits:
        raise ValueError(
            f"Found {found}; expected brain (b, c, t), positions (b, c, 2) or (1, c, 2), subject (b,) and, if given, "
            "mask (b, c), with the same b and c."
        )
