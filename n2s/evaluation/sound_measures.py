"""Names, ranges and table formats of the scores of sounds."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from n2s.metrics.score import Measure, Score

MANY_WAYS = 10  # a table shows identification with the smallest N, and with the largest N up to this


class Kind(NamedTuple):
    """A kind of score: its label, whether higher is better, the lowest and the highest value, decimals in a table."""

    label: str
    higher_is_better: bool
    low: float
    high: float
    digits: int = 3


#: Kind by its name. The name of an identification has a suffix: ``identification_mel@2`` is 2-way.
KINDS = {
    "mel_pcc": Kind("mel PCC", True, -1.0, 1.0),
    "mel_psnr": Kind("mel PSNR (dB)", True, -np.inf, np.inf, 2),
    "fd": Kind("FD (CNN14)", False, 0.0, np.inf, 2),
    "kl": Kind("KL (CNN14)", False, -np.inf, np.inf),
    "fad": Kind("FAD (VGGish)", False, 0.0, np.inf, 2),
    "clap": Kind("CLAP score", True, -1.0, 1.0),
    "identification_mel": Kind("mel", True, 0.0, 1.0),
    "identification_cnn14": Kind("CNN14", True, 0.0, 1.0),
    "identification_clap": Kind("CLAP", True, 0.0, 1.0),
    "identification_semantic": Kind("semantic target", True, 0.0, 1.0),
}

#: Reason why a score that compares sets has no exchanged sounds as its control.
OF_SETS = "It compares sets of sounds: nothing changes when sounds are exchanged among clips."

#: Reason why a network's score of clips of several lengths has no exchanged sounds as its control.
OF_LENGTHS = "Clips differ in length: exchanged sounds would be worse for that alone."


def kind_of(name: str) -> Kind:
    """The kind of a score; ``identification_mel@2`` has the kind ``identification_mel``."""
    return KINDS[name.partition("@")[0]]


def label_of(name: str) -> str:
    """A score's label: ``2-way by mel``."""
    kind, _, n_way = name.partition("@")
    return f"{n_way}-way by {KINDS[kind].label}" if n_way else KINDS[kind].label


def in_order(names: Iterable[str]) -> list[str]:
    """Names of scores, each once, in the order of a table."""
    kinds = list(KINDS)
    return sorted(dict.fromkeys(names), key=lambda name: (kinds.index(name.partition("@")[0]), _n_way(name)))


def measures(names: Iterable[str], uncontrolled: Mapping[str, str]) -> dict[str, Measure]:
    """Formats of scores, in the order of a table.

    Parameters
    ----------
    names
        Names of the scores.
    uncontrolled
        Score -> the reason why it has no control. FD and FAD have their own.
    """
    reasons = dict(uncontrolled) | {"fd": OF_SETS, "fad": OF_SETS}
    return {
        name: Measure(
            label_of(name),
            digits=(kind := kind_of(name)).digits,
            higher_is_better=kind.higher_is_better,
            uncontrolled=reasons.get(name, ""),
        )
        for name in in_order(names)
    }


def main_scores(names: Iterable[str]) -> list[str]:
    """The scores that a table shows: identification only with the smallest N, and with the largest N up to 10."""
    names = in_order(names)
    ways = sorted({_n_way(name) for name in names if "@" in name})
    shown = {0, *ways[:1], *[n_way for n_way in ways if n_way <= MANY_WAYS][-1:]}
    return [name for name in names if _n_way(name) in shown]


def score_of(row: Mapping | None) -> Score | None:
    """A row of ``metrics.json`` as a `Score`."""
    return None if row is None else Score(row["mean"], row["low"], row["high"], row["interval"])


def _n_way(name: str) -> int:
    return int(name.partition("@")[2] or 0)
