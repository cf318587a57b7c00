"""The clips of a story joined into one sound, on the story's clock."""

from collections.abc import Sequence

import numpy as np

from n2s.errors import UserError


def stitch(clips: Sequence[np.ndarray] | np.ndarray, starts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Join consecutive clips, with a cross-fade of constant power where they overlap.

    The weights are a quarter of a cosine and of a sine, over the root of 1 + 2 r cos sin, where r is the similarity of the two
    clips in their overlap (their cosine, at least 0). Unrelated clips fade with equal
    power, equal clips with equal gain: a sound that was cut into overlapping clips is restored. Clips that
    only touch are joined without a fade: make clips some tens of ms longer than their step.
    Between clips that do not touch there is silence.

    Parameters
    ----------
    clips
        (n_i,) each, in the order of their starts.
    starts
        The sample at which each begins, on the clock of the story.

    Returns
    -------
    (n,) from the start of the first clip to the end of the last: n = starts[-1] + len(clips[-1]) - starts[0].

    Raises
    ------
    UserError
        No clip, another number of starts, starts that do not rise, or three clips at one place (see `spanning`).
    """
    if not len(clips) or len(clips) != len(starts):
        raise UserError(f"stitch: {len(clips)} clips and {len(starts)} starts; expected one start a clip, and a clip.")
    starts = np.asarray(starts, dtype=np.int64)
    ends = starts + [len(clip) for clip in clips]
    for i in range(1, len(clips)):
        if starts[i] <= starts[i - 1] or ends[i] < ends[i - 1]:
            raise UserError(
                f"stitch: clip {i} spans samples {starts[i]} to {ends[i]}, clip {i - 1} before it {starts[i - 1]} to "
                f"{ends[i - 1]}. Give clips in the order of their starts, and none inside another."
            )
        if i > 1 and starts[i] < ends[i - 2]:
            raise UserError(
                f"stitch: clip {i} begins at sample {starts[i]}, before the end of clip {i - 2} at {ends[i - 2]}: three "
                "clips at one place. Take every second clip, or cut them shorter."
            )
    sound = np.zeros(ends[-1] - starts[0], dtype=np.result_type(np.float32, *clips))
    for i, clip in enumerate(clips):
        place = starts[i] - starts[0]
        shared = max(0, ends[i - 1] - starts[i]) if i else 0
        if shared:
            before, after = clips[i - 1][-shared:], clip[:shared]
            falling, rising = _weights(_alike(before, after), shared)
            sound[place : place + shared] = falling * before + rising * after
        sound[place + shared : place + len(clip)] = clip[shared:]
    return sound


def spanning(starts: Sequence[int] | np.ndarray, n: int) -> list[int]:
    """Which clips of ``n`` samples to `stitch`, so that nothing is left out and at most two overlap at any place.

    From each clip to the latest that still overlaps it, or else to the next. ``starts`` rise.
    """
    chosen = [0] if len(starts) else []
    while chosen and chosen[-1] + 1 < len(starts):
        last = chosen[-1]
        overlapping = [i for i in range(last + 1, len(starts)) if starts[i] < starts[last] + n]
        chosen.append(overlapping[-1] if overlapping else last + 1)
    return chosen


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine between two sounds, 0 where it is negative or one is silent."""
    power = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return max(0.0, float(np.dot(one, other)) / power) if power > 0 else 0.0


def _weights(alike: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) of the clip that ends and of the one that begins, sampled between the ends."""
    angle = np.pi / 2 * (np.arange(n) + 0.5) / n
    falling, rising = np.cos(angle), np.sin(angle)
    scale = np.sqrt(1 + 2 * alike * falling * rising)
    return falling / scale, rising / scale
