"""What is recorded beside the brain and follows artifacts (muscles, eyes, heart, voice, head), at the recording's own rate."""

import mne
import numpy as np
from scipy.signal import butter, sosfiltfilt

from n2s.data.side_channels import Channels, find, listed
from n2s.data.side_head import head_moves
from n2s.errors import UserError, nearest
from n2s.findings import kept

KINDS = ("emg", "eog", "ecg", "audio", "head")
SMOOTH_HZ = 10.0  # envelopes: faster, a muscle's noise is left in them
FAST_HZ = {"emg": 20.0, "audio": 80.0}  # above movements; above what a microphone's cable picks up
FAST = ("emg", "audio", "named")  # kinds that have an envelope


def check_references(references: list[str], step: str) -> list[str]:
    """The references, checked: kinds or names of channels, at least one."""
    if (
        isinstance(references, str)
        or not references
        or not all(isinstance(one, str) and one.strip() for one in references)
    ):
        raise UserError(
            f"{step}: references is {references!r}, expected a list of {', '.join(KINDS)} or names of channels."
        )
    return list(dict.fromkeys(references))


def references_of(raw: mne.io.BaseRaw, references: list[str], step: str) -> dict[str, dict[str, np.ndarray]]:
    """Signals (t,) by kind (`KINDS`, or ``named``) and name, of all the references.

    Raises
    ------
    UserError
        The recording has nothing of one of them: says which channels it has.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for one in references:
        if one == "head":
            with kept():
                moves = head_moves(raw, raw.n_times, raw.info["sfreq"], step)
            if not moves:
                raise _missing(
                    raw, step, "head position channel (QUAT001 to 006, HLC of CTF, or MaxFilter's .pos file beside it)"
                )
            found["head"] = {move.name: np.asarray(move.values, float) for move in moves}
        elif one in KINDS:
            with kept():
                signals = find(raw.info, one, None, step)
            read = Channels(raw, signals) if signals else None
            values = read(0, raw.n_times) if read else np.zeros((0, raw.n_times))
            alive = [i for i in range(len(values)) if np.ptp(values[i]) > 0]
            if not alive:
                dead = f" (those of {', '.join(own.name for own in signals)} never change)" if signals else ""
                raise _missing(raw, step, f"{'audio' if one == 'audio' else one.upper()} channel{dead}")
            found[one] = {signals[i].name: values[i] for i in alive}
        else:
            with kept() as told:
                own = find(raw.info, "audio", [one], step)  # "EMG1-EMG2" is a difference
            if not own:
                bad = " that is not bad" if any(each.kind == "left out" for each in told) else ""
                raise _missing(raw, step, f"channel '{one}'{bad}", nearest(one, [*KINDS, *raw.ch_names]))
            found.setdefault("named", {})[one] = Channels(raw, own)(0, raw.n_times)[0]
    return found


def envelope(values: np.ndarray, kind: str, sfreq: float) -> np.ndarray:
    """(..., t) The size of fast activity, smoothed below 10 Hz."""
    low = min(FAST_HZ.get(kind, FAST_HZ["emg"]), 0.2 * sfreq)
    fast = np.abs(sosfiltfilt(butter(2, low, "highpass", fs=sfreq, output="sos"), values, axis=-1))
    return slow(fast, sfreq)


def slow(values: np.ndarray, sfreq: float) -> np.ndarray:
    """(..., t) What is slower than 10 Hz."""
    return sosfiltfilt(butter(2, min(SMOOTH_HZ, 0.4 * sfreq), "lowpass", fs=sfreq, output="sos"), values, axis=-1)


def _missing(raw: mne.io.BaseRaw, step: str, what: str, close: str = "") -> UserError:
    return UserError(
        f"{step}: no {what}; there are {listed(raw.info)}.{close} Give its type in channels.tsv, name the channel in references, or leave it out."
    )
