"""Words of one sound that a recording has at other times than nearly all others."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from n2s.checks.seen import Seen
from n2s.findings import tell

LEAST = 3  # recordings of one sound: of two, nobody knows which one is odd
FEW = 0.1  # share of recordings that may differ where all others agree; always one
APART_S = 0.1  # far above rounding, and the frames of an aligner


def tell_word_times(heard: Sequence[Seen]) -> None:
    """Tell whose words are elsewhere in a sound: their clock drifts from the sound's, or their table is another one's."""
    onsets: dict[tuple[str, tuple[str, ...]], dict[str, np.ndarray]] = defaultdict(dict)
    for one in heard:
        words = one.events[(one.events.kind == "word") & (one.events.stimulus != "")].sort_values(
            "stimulus_onset", kind="stable"
        )
        for stimulus, own in words.groupby("stimulus"):
            onsets[stimulus, tuple(own.text)][one.name] = own.stimulus_onset.to_numpy(float)
    for (stimulus, _), each in onsets.items():
        if len(each) < LEAST:
            continue
        away_s = np.abs(np.array(list(each.values())) - np.median(list(each.values()), axis=0)).max(axis=1)
        far = {name: float(s) for name, s in zip(each, away_s, strict=True) if s > APART_S}
        if len(far) > max(1, FEW * len(each)):
            continue
        for name, seconds in far.items():
            tell(
                "odd",
                name,
                f"its words of '{stimulus}' are up to {seconds:.2f} s away from where they are in this sound in other "
                "recordings. n2s takes the median over recordings. Check the clock of its events.tsv, and that the sound was "
                "played at its own rate.",
            )
