"""The types of channels that n2s reads: their units, their names, their reference."""

import re

import mne
import numpy as np

from n2s.errors import UserError, first_of
from n2s.findings import tell

#: By MNE's type: factor from MNE's unit to ours, so that float32 and float16 can hold the values, and our unit.
TYPES = {
    "mag": (1e15, "fT"),
    "grad": (1e13, "fT/cm"),
    "eeg": (1e6, "uV"),
    "ecog": (1e6, "uV"),
    "seeg": (1e6, "uV"),
    "dbs": (1e6, "uV"),
}
ELECTRODES = ("eeg", "ecog", "seeg", "dbs")

# Names of channels that are no brain signal; files without types (EDF, BrainVision) call all of them EEG.
OTHERS = re.compile(
    r"(EEG\s*)?([HV]?_?EOG|ECG|EKG|EMG|STI|TRIG|STATUS|MARKER|RESP|GSR|PLETH|PHOTO|AUDIO|SOUND|MIC\b)", re.I
)


def check_types(info: mne.Info, where: str) -> None:
    """Tell which good channels have the name of another type, and which names were there twice."""
    good = [name for name in info["ch_names"] if name not in info["bads"]]
    kinds = dict(zip(info["ch_names"], info.get_channel_types(), strict=True))
    others = [name for name in good if kinds[name] in ELECTRODES and OTHERS.match(name)]
    if others:
        listed = first_of(others, more=" ...")
        tell(
            "odd",
            where,
            f"channels of type EEG (or iEEG) with the names of others: {listed}. They are used as brain signals. Give their type "
            "in channels.tsv (EOG, ECG, MISC, TRIG), if they are none.",
        )
    names = set(info["ch_names"])
    twice = [name for name in info["ch_names"] if name.endswith("-0") and f"{name[:-2]}-1" in names]
    if twice:
        listed = ", ".join(f"{name} and {name[:-2]}-1" for name in twice[:5])
        tell("odd", where, f"channels that had one name in the file, and have numbers now: {listed}. All are used.")


def reference_groups(kinds: np.ndarray, good: np.ndarray, where: str) -> list[np.ndarray]:
    """(c,) masks of the channels that share an average reference.

    Raises
    ------
    UserError
        A type has fewer than two good channels: their mean would be the signal itself.
    """
    groups = [kinds == kind for kind in ELECTRODES if (kinds == kind).any()]
    for those in groups:
        n_good = int((those & good).sum())
        if n_good < 2:
            raise UserError(
                f"{where}: preprocessing.average_reference needs two good channels or more of a type, and the recording has "
                f"{n_good} of type {kinds[those][0]}: nothing would be left. Set it to false."
            )
    return groups
