"""The subject layer: one linear map of the channels for each subject."""

import math

import torch
from torch import Tensor, nn

from n2s.options import check_options


class SubjectLayer(nn.Module):
    """A matrix over channels, learned for each subject: ``(b, c, t), (b,) -> (b, c, t)``.

    Subject -1 is an unseen one: it gets the mean of all matrices. Source: Défossez 2023, Methods, "Subject layer".

    Parameters
    ----------
    n_subjects
        Subjects 0 .. n_subjects - 1.
    n_channels
        c: channels in and out.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import SubjectLayer
    >>> layer = SubjectLayer(n_subjects=2, n_channels=16)
    >>> x = torch.randn(3, 16, 100)
    >>> new = layer(x, torch.tensor([0, 1, -1]))[2]  # -1: somebody whom it has not seen, the mean of both matrices
    >>> torch.allclose(new, layer.weights.mean(0).T @ x[2], atol=1e-4)
    True
    """

    def __init__(self, n_subjects: int, n_channels: int):
        check_options("SubjectLayer: ", low=1, whole=True, n_subjects=n_subjects, n_channels=n_channels)
        super().__init__()
        # (subject, channel in, channel out)
        self.weights = nn.Parameter(torch.randn(n_subjects, n_channels, n_channels) / math.sqrt(n_channels))

    def forward(self, x: Tensor, subject: Tensor) -> Tensor:
        """``x (b, c, t), subject (b,) -> (b, c, t)``.

        Raises
        ------
        ValueError
            A subject is neither -1 nor a known index. Only on the CPU: on a GPU the indexing itself fails (a
            device-side assertion, "index out of bounds"), so that nothing waits for the device.
        """
        n_subjects = len(self.weights)
        unknown = (subject < -1) | (subject >= n_subjects)
        if subject.device.type == "cpu" and unknown.any():
            raise ValueError(
                f"Subjects {sorted(set(subject[unknown].tolist()))} are not among the {n_subjects} of this network: "
                f"expected 0 to {n_subjects - 1}, or -1 for an unseen subject. add_subject() adds one."
            )
        # A row of shares for each subject and one for an unseen one: to index, the mean would be appended to a copy.
        seen = torch.eye(n_subjects, dtype=self.weights.dtype, device=x.device)
        shares = torch.cat([seen, torch.full_like(seen[:1], 1 / n_subjects)])
        index = torch.where(subject == -1, n_subjects, subject.masked_fill(unknown, n_subjects + 1))
        layers = torch.einsum("bs,sio->bio", shares[index], self.weights)
        return torch.einsum("bio,bit->bot", layers, x)

    @torch.no_grad()
    def add_subject(self) -> int:
        """Append the mean matrix as a new subject's and return its index. The weights become a new parameter."""
        self.weights = nn.Parameter(
            torch.cat([self.weights, self.weights.mean(0, keepdim=True)]), requires_grad=self.weights.requires_grad
        )
        return len(self.weights) - 1
