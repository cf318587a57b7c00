"""Which channels of a recording are a microphone, a muscle, an eye, the heart, or say where the head is: by type, by name, or by option."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import mne
import numpy as np
from mne.io.constants import FIFF

from n2s.data.bad_channels import found_bads
from n2s.errors import first_of, nearest
from n2s.findings import tell

GROUPS = ("audio", "emg", "eog", "ecg", "head")
#: Names of channels, for files that give them no type. A trigger of a sound is no sound.
_NAMES = {
    "audio": re.compile(r"(?:(?:EEG|MISC|AUX|BIO|POL)[\s_-]*)?(?:AUDIO|MIC(?:ROPHONE)?(?![A-Z])|SOUND|VOICE|SPEECH)(?!.*(?:TRIG|TTL|SYNC|CLICK|MARK|STIM|ONSET))", re.I),
    "emg": re.compile(r".*EMG", re.I),
    "eog": re.compile(r".*EOG", re.I),
    "ecg": re.compile(r".*(?:ECG|EKG)", re.I),
}  # fmt: skip
#: Types that a file without types gives to all channels, or to those that it does not know.
_UNTYPED = ("eeg", "ecog", "seeg", "dbs", "misc", "bio")
_QUATERNIONS = tuple(int(getattr(FIFF, f"FIFFV_QUAT_{i}")) for i in range(1, 7))
_COILS = re.compile(r"HLC00[123][123]\b")  # CTF: x, y, z of three coils
BLOCK = 2**16  # samples that are read at once
HELD = 2**25  # numbers of a recording that are held at once (0.25 GB): a longer one is read again for each group


@dataclass(frozen=True)
class Signal:
    """A channel, or the difference of two (``"EMG1-EMG2"`` where both are channels): ``weights`` by number of the channel."""

    name: str
    weights: dict[int, float]


def find(info: mne.Info, group: str, asked: list[str] | None, where: str) -> list[Signal]:
    """The signals of a group in a recording, without bad channels.

    Parameters
    ----------
    info
        Of the recording.
    group
        ``audio``, ``emg``, ``eog`` or ``ecg``.
    asked
        Names of an option; None: by type and name. Two names with a hyphen between are their difference.
    where
        The recording, for findings.
    """
    if asked is not None:
        return _good(info, group, _named(info.ch_names, group, asked, where), where)
    kinds = info.get_channel_types()
    typed = [i for i, kind in enumerate(kinds) if kind == group]
    named = [i for i, name in enumerate(info.ch_names) if kinds[i] in _UNTYPED and _NAMES[group].match(name)]
    electrodes = [info.ch_names[i] for i in named if kinds[i] not in ("misc", "bio")]
    if electrodes:
        text = f"{first_of(electrodes, 4)}: of type {kinds[named[0]]}, and taken for {group} by the name."
        tell(
            "odd",
            where,
            f"side_signals: {text} Give the type in channels.tsv ({'MISC' if group == 'audio' else group.upper()}).",
        )
    return _good(info, group, [Signal(info.ch_names[i], {i: 1.0}) for i in sorted({*typed, *named})], where)  # fmt: skip


def head_channels(info: mne.Info) -> tuple[list[int], str]:
    """Channels that say where the head is, and what they hold: ``quaternions`` (6, MaxFilter), ``coils`` (9, CTF), or "" for none."""
    kinds = {int(one["kind"]): i for i, one in enumerate(info["chs"])}
    if all(kind in kinds for kind in _QUATERNIONS):
        return [kinds[kind] for kind in _QUATERNIONS], "quaternions"
    coils = sorted((name, i) for i, name in enumerate(info.ch_names) if _COILS.match(name))
    return ([i for _, i in coils], "coils") if len(coils) == 9 else ([], "")


def listed(info: mne.Info) -> str:
    """The channels of a recording for a message: sensors by number, the others by name."""
    kinds = np.array(info.get_channel_types())
    told = []
    for kind in dict.fromkeys(kinds.tolist()):
        names = [name for name, own in zip(info.ch_names, kinds, strict=True) if own == kind]
        few = len(names) <= 8 or kind not in ("mag", "grad", "eeg", "ref_meg", "seeg", "ecog")
        told.append(f"{kind} {first_of(names, 8)}" if few else f"{len(names)} {kind}")
    return "; ".join(told) or "none"


class Channels:
    """Reads signals of a recording, piece by piece or all at once, and notes which hold nothing.

    Parameters
    ----------
    raw
        The recording.
    signals
        What to read.
    """

    def __init__(self, raw: mne.io.BaseRaw, signals: list[Signal]):
        self.raw, self.signals = raw, signals
        self.picks = np.array(sorted({i for one in signals for i in one.weights}), int)
        self.weights = np.array([[one.weights.get(i, 0.0) for i in self.picks] for one in signals])
        self.low, self.high = np.full(len(signals), np.inf), np.full(len(signals), -np.inf)
        self.broken = np.zeros(len(signals), bool)
        self._held: np.ndarray | None = None
        if len(signals) * raw.n_times <= HELD:
            blocks = range(0, raw.n_times, BLOCK)
            self._held = np.concatenate([self._read(at, min(at + BLOCK, raw.n_times)) for at in blocks], axis=1)

    def __call__(self, first: int, last: int) -> np.ndarray:
        """(d, last - first) float64 in the recording's units; values that are not finite become 0."""
        return self._read(first, last) if self._held is None else self._held[:, first:last]

    def some(self, chosen: Iterable[int]) -> Callable[[int, int], np.ndarray]:
        """A reader of some of the signals."""
        chosen = list(chosen)
        return lambda first, last: self(first, last)[chosen]

    @property
    def dead(self) -> np.ndarray:
        """(d,) Whether a signal never changed in what was read."""
        return ~(self.high > self.low)

    def _read(self, first: int, last: int) -> np.ndarray:
        raw = self.raw[self.picks, first:last][0]
        known = np.isfinite(raw)
        values = self.weights @ np.where(known, raw, 0.0)
        finite = (self.weights != 0).astype(float) @ ~known == 0
        self.broken |= ~finite.all(1)
        self.low = np.minimum(self.low, np.where(finite, values, np.inf).min(1, initial=np.inf))
        self.high = np.maximum(self.high, np.where(finite, values, -np.inf).max(1, initial=-np.inf))
        return np.where(finite, values, 0.0)


def _named(names: list[str], group: str, asked: list[str], where: str) -> list[Signal]:
    found = []
    for name in asked:
        parts = [(name, None)] + [(name[:at], name[at + 1 :]) for at, one in enumerate(name) if one == "-"]
        for first, second in parts:
            own = found_bads([one for one in (first, second) if one is not None], names)
            if first in own and (second is None or second in own):
                at, minus = names.index(own[first]), None if second is None else names.index(own[second])
                if at != minus:
                    found.append(Signal(name, {at: 1.0} if minus is None else {at: 1.0, minus: -1.0}))
                    break
        else:
            text = f"side_signals.{group}: the recording has no channel '{name}'.{nearest(name, names)}"
            tell("odd", where, text)
    return found


def _good(info: mne.Info, group: str, signals: list[Signal], where: str) -> list[Signal]:
    bads = set(info["bads"])
    bad = [one.name for one in signals if any(info.ch_names[i] in bads for i in one.weights)]
    if bad:
        tell("left out", where, f"side_signals.{group}: {first_of(bad, 6)}, as bad channels.")
    return [one for one in signals if one.name not in bad]
