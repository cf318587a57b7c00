"""The responses of a decoder of clips: what it makes of some clips."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Decoded:
    """Decoded clips: ``feature (b, *shape)``, and ``spectrogram (b, f, t)`` if the system makes one.

    ``ceiling (b, f, t)`` is the spectrogram decoded from the true feature. ``row`` is the clips' index in the split.
    ``fine_only`` is the feature decoded by the ablation without a coarse feature, if it is compared.
    """

    row: Tensor
    feature: Tensor
    spectrogram: Tensor | None = None
    ceiling: Tensor | None = None
    fine_only: Tensor | None = None

    def cpu(self) -> "Decoded":
        """A copy in main memory, without gradients, in float32: NumPy has no bfloat16."""
        row, *values = (None if value is None else value.detach().cpu() for value in vars(self).values())
        return Decoded(row, *(None if value is None else value.float() for value in values))

    @classmethod
    def joined(cls, parts: list["Decoded"]) -> "Decoded":
        """All parts, by row."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        joined = cls(*(None if column[0] is None else torch.cat(column) for column in columns))
        order = joined.row.argsort()
        return cls(*(None if value is None else value[order] for value in vars(joined).values()))
