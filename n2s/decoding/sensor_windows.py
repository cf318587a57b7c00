"""Windows of a new recording, scaled and laid as those of the training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from n2s.data.residency import finish
from n2s.data.scaler import CONSTANT, pooled, robust_scale
from n2s.data.sensor_front import scale_of
from n2s.data.windows import WindowShape
from n2s.decoding.matched import Laid, laid
from n2s.decoding.new_recording import NewRecording
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.models.spatial_attention import SpatialAttention
from n2s.options import check_number

N_WINDOWS = 256  # through a network at once


@dataclass(frozen=True)
class SensorWindows:
    """``start_s (n,)`` of windows, s on the recording's clock, and what reads them.

    Attributes
    ----------
    shape
        Of a window.
    subject
        Number of the person in the network; -1: somebody new.
    said
        Whose scale, which sensors, what was left out.
    """

    new: NewRecording
    shape: WindowShape
    start_s: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    sensors: Laid
    subject: int
    clamp: float
    said: list[str]

    def __len__(self) -> int:
        return len(self.start_s)

    def inputs(self) -> Iterator[tuple[Tensor, ...]]:
        """Some windows at once, as `n2s.models.any_network.call` takes them: ``(b, c, t), (b, c, 2), (b,), (b, c), (b, c)``."""
        first = np.clip(
            np.rint(self.start_s * self.shape.sfreq).astype(np.int64), 0, len(self.new.brain) - self.shape.n_window
        )
        source, there = self.sensors.source, self.sensors.source >= 0
        for part in np.array_split(first, max(1, -(-len(first) // N_WINDOWS))):
            cut = np.stack([self.new.brain[at : at + self.shape.n_window] for at in part]) * self.gain + self.bias
            brain = torch.zeros(len(part), self.shape.n_window, len(source))
            brain[..., torch.from_numpy(there)] = torch.from_numpy(np.ascontiguousarray(cut[..., source[there]]))
            seen = finish(brain, n_baseline=self.shape.n_baseline, n_offset=self.shape.n_offset, clamp=self.clamp)
            positions, mask, kind = (
                torch.from_numpy(one) for one in (self.sensors.positions, self.sensors.mask, self.sensors.kind)
            )
            b = len(part)
            yield (
                seen,
                positions.expand(b, -1, -1),
                torch.full((b,), self.subject),
                mask.expand(b, -1),
                kind.expand(b, -1),
            )


def sensor_windows(
    new: NewRecording,
    trained: Trained,
    network: nn.Module,
    *,
    shape: WindowShape,
    subject: str | None,
    step_s: float = 1.0,
    start_s: np.ndarray | None = None,
) -> SensorWindows:
    """Place windows every ``step_s`` seconds, or at ``start_s``, and scale the sensors.

    Somebody of the training has the scale that their sensors had there. Somebody new is scaled by this recording itself, without labels, as
    ``data.scaler: recording`` does.

    Parameters
    ----------
    new
        The recording.
    trained, network
        What the network was trained on, and the network: with a spatial attention it takes sensors by their places.
    shape
        Of a window.
    subject
        Who it is; None: somebody new.
    step_s, start_s
        Where windows start, s; without those that touch bad spans or leave the recording.

    Raises
    ------
    UserError
        The recording is shorter than a window, or no window is without a bad span.
    """
    check_number("step_s", step_s, above=0)
    number, person = trained.number_of(subject)
    last_s = new.duration_s - shape.window_s
    if last_s < 0:
        raise UserError(
            f"{new.name} lasts {new.duration_s:.2f} s; the network sees windows of {shape.window_s:g} s. Give a longer recording."
        )
    asked = np.arange(0, last_s + 1e-6, step_s) if start_s is None else np.asarray(start_s, float)
    inside = (asked >= -1e-6) & (asked <= last_s + 1e-6)
    clear = inside.copy()
    for onset, duration in new.meta["bad_spans"]:
        clear &= (asked + shape.window_s <= onset) | (asked >= onset + duration)
    if not clear.any():
        raise UserError(
            f"{new.name}: none of {len(asked)} windows of {shape.window_s:g} s is inside the recording and free of bad spans."
        )
    starts = asked[clear]
    sensors = laid(
        new, trained.front, by_place=any(isinstance(one, SpatialAttention) for one in network.modules()), subject=person
    )
    centre, scale, whose = _scale(new, trained, person, starts, shape)
    said = [
        f"person: {person}, as in training"
        if person
        else "person: somebody new, who gets the mean of the people of the training",
        whose,
    ]
    said += [*sensors.said, *new.said]
    if (~clear).any():
        said.append(
            f"{int((~clear).sum())} of {len(asked)} windows are left out: they touch bad spans or leave the recording"
        )
    clamp = trained.front.plain["clamp"]
    gain = (1 / scale).astype(np.float32)
    return SensorWindows(
        new,
        shape,
        starts,
        gain,
        -centre.astype(np.float32) * gain,
        sensors,
        number,
        float("inf") if clamp is None else clamp,
        said,
    )


def _scale(
    new: NewRecording, trained: Trained, person: str | None, starts: np.ndarray, shape: WindowShape
) -> tuple[np.ndarray, np.ndarray, str]:
    """Centre and scale (c,) of each channel, and a sentence on where they are from."""
    if person is not None and person in trained.front.plain["scaled"]:
        found = pooled(new.meta, [scale_of(trained.front, person)])
        return found.centre, found.scale, f"scale: that of {person} in training"
    first = np.unique(np.rint(starts * shape.sfreq).astype(np.int64).clip(0, len(new.brain) - shape.n_window))
    chosen = first[:: max(1, len(first) // 200)]
    centre, scale = robust_scale(new.brain, chosen, n_window=shape.n_window, n_baseline=shape.n_baseline)
    units, still = np.array(new.meta["units"]), scale <= CONSTANT * np.abs(centre)
    for unit in np.unique(units[still]):
        moving = scale[(units == unit) & ~still]
        scale[(units == unit) & still] = np.median(moving) if len(moving) else 1.0
    return centre, np.where(scale > 0, scale, 1.0), "scale: this recording's own, without labels"
