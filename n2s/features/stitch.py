"""Clips of a story laid on its clock, as one sound."""

from collections.abc import Sequence

import numpy as np

from n2s.errors import UserError


def stitch(clips: Sequence[np.ndarray], starts: Sequence[int]) -> np.ndarray:
    """Join consecutive clips; where one reaches into the next, they are cross-faded with equal power.

    The weights are a quarter of a cosine and of a sine: their squares add up to 1, so that two clips that have nothing
    in common keep their power. Two that are alike grow louder in between, at most by the square root of 2: scale the
    sound before writing it as integers. A clip that only touches the next is joined hard; make clips some tens of ms
    longer than their step to have something to fade. Between clips that do not touch there is silence.

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
        No clip, another number of starts, starts that do not rise, or three clips at one place.
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
        weight = np.ones(len(clip))
        before = max(0, ends[i - 1] - starts[i]) if i else 0
        after = max(0, ends[i] - starts[i + 1]) if i + 1 < len(clips) else 0
        weight[:before] = _rising(before)
        weight[len(clip) - after :] = _rising(after)[::-1]
        sound[starts[i] - starts[0] : ends[i] - starts[0]] += weight * clip
    return sound


def _rising(n: int) -> np.ndarray:
    """(n,) a quarter of a sine, sampled between the ends: with its own mirror image the squares add up to 1."""
    return np.sin(np.pi / 2 * (np.arange(n) + 0.5) / max(n, 1))
