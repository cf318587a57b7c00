"""Channels of a recording that somebody else made: are they of the kind that the network knows, and do they carry a signal?"""

import mne
import numpy as np

from n2s.errors import UserError, first_of

BLOCK = 2**15  # samples that are looked at together
#: What a recipe may call a group of types.
GROUPS = {"meg": ("mag", "grad"), "ieeg": ("seeg", "ecog", "dbs")}
NAMES = {"mag": "MEG", "grad": "MEG", "eeg": "EEG", "seeg": "iEEG", "ecog": "iEEG", "dbs": "iEEG"}


def check_kind(raw: mne.io.BaseRaw, picks: list[str], name: str) -> None:
    """Raise a `UserError` if a recording has no channel of the types of the training."""
    wanted = {kind for one in picks for kind in GROUPS.get(one, (one,))}
    there = raw.get_channel_types()
    if wanted & set(there):
        return
    of = " or ".join(sorted({NAMES.get(one, one) for one in wanted}))
    counts = ", ".join(f"{there.count(kind)} of type {kind}" for kind in dict.fromkeys(there))
    raise UserError(
        f"{name}: no channel of type {', '.join(sorted(wanted))}; it has {counts}. The run was trained on {of}, and knows nothing else: fit one on recordings "
        "of this kind. If only the types are wrong in the file: raw.set_channel_types, or channels.tsv beside it."
    )


def without_signal(raw: mne.io.BaseRaw, picks: list[str], name: str) -> list[str]:
    """Good channels that are flat or hold values that are no numbers, to be left out.

    Raises
    ------
    UserError
        They are more than half.
    """
    wanted = {kind for one in picks for kind in GROUPS.get(one, (one,))}
    kinds = raw.get_channel_types()
    rows = [i for i, kind in enumerate(kinds) if kind in wanted and raw.ch_names[i] not in raw.info["bads"]]
    if not rows:
        raise UserError(
            f"{name}: all of its {sum(kind in wanted for kind in kinds)} channels are marked as bad. Mark fewer."
        )
    low, high, broken = np.full(len(rows), np.inf), np.full(len(rows), -np.inf), np.zeros(len(rows), bool)
    first = last = None
    for start in range(0, raw.n_times, BLOCK):
        values = raw[rows, start : min(start + BLOCK, raw.n_times)][0]
        finite = np.isfinite(values)
        if not finite.all():
            broken |= ~finite.all(1)
            away = start + np.flatnonzero(~finite.all(0))
            first, last = away[0] if first is None else first, away[-1]
            values = np.where(finite, values, 0.0)
        low, high = np.minimum(low, values.min(1)), np.maximum(high, values.max(1))
    flat = ~broken & (low == high)
    lost = [raw.ch_names[rows[i]] for i in np.flatnonzero(broken | flat)]
    if 2 * len(lost) <= len(rows):
        return lost
    if broken.sum() >= flat.sum():
        sfreq = raw.info["sfreq"]
        raise UserError(
            f"{name}: {int(broken.sum())} of {len(rows)} good channels hold values that are no numbers (NaN or infinite), from {first / sfreq:.2f} to "
            f"{last / sfreq:.2f} s. Cut that stretch away (raw.crop), or put numbers there and mark it as BAD in the annotations."
        )
    raise UserError(
        f"{name}: {int(flat.sum())} of {len(rows)} good channels are flat ({first_of(lost, 6)}): nothing was recorded."
    )
