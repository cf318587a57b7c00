"""Whether signals have the size of brain signals: a wrong unit is refused, an odd size is told."""

from dataclasses import dataclass

import numpy as np

from n2s.errors import UserError, first_of
from n2s.findings import tell


@dataclass(frozen=True)
class Sizes:
    """Peak to peak within a quarter of a second, in MNE's unit: outside ``possible`` it is refused, outside ``usual`` told."""

    unit: str
    possible: tuple[float, float]
    usual: tuple[float, float]


# EEG: 10 to 100 uV; below 2 uV the brain is called silent (ACNS guideline 3, 2016). Mains of a bad reference: some mV.
# MEG: brain 0.05 to 1 pT, sensors 2 to 5 fT/sqrt(Hz) (Hämäläinen 1993); mains and movement add up to nT, most for OPMs; the
# field of the Earth is 50 uT. Gradients: baseline 1.7 cm, so 1 pT is some 0.5 pT/cm. Intracranial: 50 uV to some mV.
SIZES = {
    "mag": Sizes("T", (1e-15, 1e-7), (1e-14, 1e-9)),
    "grad": Sizes("T/m", (1e-14, 1e-6), (5e-13, 1e-8)),
    "eeg": Sizes("V", (1e-7, 2e-2), (1e-6, 2e-3)),
    "ecog": Sizes("V", (2e-7, 1e-1), (2e-6, 1e-2)),
    "seeg": Sizes("V", (2e-7, 1e-1), (2e-6, 1e-2)),
    "dbs": Sizes("V", (2e-7, 1e-1), (2e-6, 1e-2)),
}
APART = 1000.0  # one channel beside the others of its type


def check_sizes(kinds: np.ndarray, names: np.ndarray, median: np.ndarray, large: np.ndarray, where: str) -> None:
    """Check the size of the good channels, type by type.

    Parameters
    ----------
    kinds, names
        (c,) Type and name of each good channel.
    median, large
        (c,) Median, and 95th percentile, over time, of its peak to peak within a quarter of a second, in MNE's unit; NaN:
        unknown. A simulation or a filter may leave silence between events, so the large ones tell what is too small.
    where
        The recording.

    Raises
    ------
    UserError
        All channels of a type together are too large or too small for a brain.
    """
    for kind in dict.fromkeys(kinds.tolist()):
        those = (kinds == kind) & np.isfinite(median) & (large > 0)
        if kind not in SIZES or not those.any():
            continue
        sizes = SIZES[kind]
        usual, peak = float(np.median(median[those])), float(np.median(large[those]))
        for size, beyond, word in ((usual, 1, "large"), (peak, 0, "small")):
            text = (
                f"{those.sum()} channels of type {kind} are too {word} for a brain: {size:.2g} {sizes.unit} from peak to peak in a "
                f"quarter of a second, expected {sizes.usual[0]:g} to {sizes.usual[1]:g} {sizes.unit}."
            )
            sign = 1 if beyond else -1
            if sign * size > sign * sizes.possible[beyond]:
                raise UserError(
                    f"{where}: {text} {_guess(size, kind)}Correct the unit in the file's header or in the study that reads "
                    "it, or the type in channels.tsv."
                )
            if sign * size > sign * sizes.usual[beyond]:
                tell("odd", where, f"{text} Check their unit and type.")
        ratio = np.full(len(kinds), 1.0)
        ratio[those] = median[those] / max(usual, np.finfo(float).tiny)
        apart = those & ((ratio > APART) | (large < peak / APART))
        if apart.any():
            listed = first_of(names[apart], more=" ...")
            tell(
                "odd",
                where,
                f"{apart.sum()} of {those.sum()} channels of type {kind} are more than {APART:g} times larger or smaller than the "
                f"others ({listed}). Check their unit, or mark them as bad.",
            )


def _guess(size: float, kind: str) -> str:
    """What the unit may be, if a power of 1000 brings the size near the usual one."""
    sizes = SIZES[kind]
    middle = float(np.sqrt(np.prod(sizes.usual)))
    power = round(np.log10(size / middle) / 3)
    steps = {2: "micro", 1: "milli", 3: "nano", 4: "pico", 5: "femto"}
    if power in steps:
        return f"The values look like {steps[power]}-{sizes.unit}, read as {sizes.unit}. "
    if -power in steps:
        return f"The values look like {sizes.unit}, read as {steps[-power]}-{sizes.unit}. "
    return ""
