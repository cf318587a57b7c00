"""What is recorded beside the brain, on its clock and at its rate: sound, muscles, eyes, heart, the place of the head."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import mne
import numpy as np

from n2s.data.bands import Band
from n2s.data.edges import filtered_apart
from n2s.data.filtering import Resampler
from n2s.data.recordings import Made, Preparation, PreparedRecording
from n2s.data.rectified import Rectified, smoothed
from n2s.data.side_channels import GROUPS, Channels, find, listed
from n2s.data.side_head import head_moves
from n2s.data.side_sounds import Played, played
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.options import check_choice, check_number, check_numbers
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

SPEECH_HZ = (80.0, 8000.0)  # from the lowest voice's pitch to where speech has little left
MUSCLE_HZ = 60.0  # below this, little of a face's muscles is left (20 to 500 Hz)
_WANTED = {
    "audio": "an AUDIO or MIC channel, its name in the option `audio`, a sound file beside the recording, or the audio of what is heard",
    "emg": "a channel of type EMG in channels.tsv, or its name in the option `emg` (\"EMG1-EMG2\" is a difference)",
    "eog": "a channel of type EOG in channels.tsv, or its name in the option `eog`",
    "ecg": "a channel of type ECG in channels.tsv, or its name in the option `ecg`",
    "head": "the channels QUAT001 to QUAT006 of MaxFilter's movement compensation, the HLC channels of CTF, or MaxFilter's .pos file beside the recording",
}  # fmt: skip


@dataclass(frozen=True)
class SideRecording(PreparedRecording):
    """``brain (t, n)``: what `SideSignals` prepared of one recording.

    ``meta`` has ``ch_names``, ``groups`` (of each channel) and ``units``, ``sfreq``, ``shape``, and ``there`` (the recording's channels, for messages).
    """

    @property
    def groups(self) -> list[str]:
        """The groups that this recording has, in the order of `n2s.data.side_channels.GROUPS`."""
        return [one for one in GROUPS if one in self.meta["groups"]]

    def columns(self, *groups: str) -> np.ndarray:
        """The columns of some groups, in their order.

        Raises
        ------
        UserError
            The recording has nothing of one of them: says which channels it has.
        """
        for group in groups:
            check_choice("side_signals: the group", group, GROUPS)
            if group not in self.meta["groups"]:
                kind = {"audio": "audio", "head": "head position"}.get(group, group.upper())
                raise UserError(
                    f"{self.recording.name}: no {kind} channel; there are {self.meta['there']}. Expected {_WANTED[group]}."
                )
        return np.array([i for one in groups for i, own in enumerate(self.meta["groups"]) if own == one], int)

    def signals(self, *groups: str) -> np.ndarray:
        """(t, n) float32: the signals of some groups, or all. See `columns`."""
        return np.array(self.brain[:, self.columns(*(groups or self.groups))])


class SideSignals(Preparation):
    """Sound, muscles, eyes, heart and head position of each recording, for controls beside the brain.

    Sample i is at ``i / sfreq`` of the recording's clock, and there are as many as `n2s.data.Preprocessing` gives at that rate. Sound and muscles are
    rectified at the recording's own rate, so that nothing of them is lost with a low rate of the brain. Stretches between interruptions are filtered
    apart; where nothing was recorded, all is 0. Bad channels, and those that never change, are left out.

    - ``audio``: the envelope of each channel named AUDIO, MIC, SOUND or VOICE; without one, of the sound file recorded beside (``recorded``) and of what is heard, by the events
      (``heard``). Above 80 Hz, smoothed below 20 Hz.
    - ``emg``: the envelope of each channel, in uV.
    - ``eog``, ``ecg``: the signals, in uV.
    - ``head``: translation (mm) and rotation (deg), or the coordinates of three coils (mm).

    Parameters
    ----------
    sfreq
        Rate, Hz: the brain's.
    groups
        Only these.
    audio, emg, eog, ecg
        Names of channels, in place of those with the type or the name. ``"EMG1-EMG2"`` is the difference of two.
    n_mels
        Beside the envelope of a sound, those of so many bands, equally wide on the mel scale.
    emg_highpass_hz
        Lower edge of the muscles' band: below lie movements, and the brain.
    notch_hz
        Line frequencies that are stopped in EMG, each 2 Hz wide.
    smooth_hz
        Envelopes hold what is slower.
    eog_lowpass_hz
        Of EOG.

    Examples
    --------
    >>> from n2s.data import SideSignals
    >>> SideSignals(sfreq=120, groups=["audio", "emg"], n_mels=8).settings()["groups"]
    ['audio', 'emg']
    >>> SideSignals(smooth_hz=0)
    Traceback (most recent call last):
    n2s.errors.UserError: side_signals.smooth_hz is 0; expected a number above 0.
    """

    kind = SideRecording
    version = 1  # increase when the numbers change but the settings do not

    def __init__(
        self,
        *,
        sfreq: float = 120.0,
        groups: list[str] | None = None,
        audio: list[str] | None = None,
        emg: list[str] | None = None,
        eog: list[str] | None = None,
        ecg: list[str] | None = None,
        n_mels: int = 0,
        emg_highpass_hz: float = 20.0,
        notch_hz: list[float] | None = None,
        smooth_hz: float = 20.0,
        eog_lowpass_hz: float = 15.0,
    ):
        rates = {
            "sfreq": sfreq,
            "emg_highpass_hz": emg_highpass_hz,
            "smooth_hz": smooth_hz,
            "eog_lowpass_hz": eog_lowpass_hz,
        }
        for name, hz in rates.items():
            check_number(f"side_signals.{name}", hz, above=0)
        check_number("side_signals.n_mels", n_mels, low=0, whole=True)
        check_numbers("side_signals.notch_hz", notch_hz, above=1)
        self.sfreq, self.groups = float(sfreq), list(GROUPS if groups is None else groups)
        self.named = {
            "audio": _names("audio", audio),
            "emg": _names("emg", emg),
            "eog": _names("eog", eog),
            "ecg": _names("ecg", ecg),
        }
        self.n_mels, self.emg_highpass_hz, self.notch_hz = n_mels, float(emg_highpass_hz), list(notch_hz or [])
        self.smooth_hz, self.eog_lowpass_hz = float(smooth_hz), float(eog_lowpass_hz)
        for one in self.groups:
            check_choice("side_signals.groups", one, GROUPS)

    def settings(self) -> dict:
        """See `Preparation`."""
        return {"version": self.version, "kind": "side signals", **vars(self)}

    def make(self, study: Study, recording: Recording, where: str) -> Made:
        """See `Preparation`."""
        raw = study.load(recording)
        raw_hz = raw.info["sfreq"]
        ratio = Band(self.sfreq, None, None, []).ratio(raw_hz)
        parts: list[Played] = []
        for group in ("audio", "emg", "eog", "ecg"):
            if group in self.groups:
                parts += self._channels(raw, group, ratio, where)
        n_times, rate_hz = -(-raw.n_times * ratio.numerator // ratio.denominator), raw_hz * float(ratio)
        if "audio" in self.groups and not any(one.group == "audio" for one in parts):
            events = events_table(study.events(recording), where=where, duration_s=raw.n_times / raw_hz)
            times_s, bands = np.arange(n_times) / rate_hz, self._bands(np.inf)
            found = played(
                study,
                recording,
                events,
                times_s=times_s,
                bands=bands,
                smooth_hz=self.smooth_hz,
                sfreq=self.sfreq,
                where=where,
            )
            parts = found + parts
        if "head" in self.groups:
            parts += head_moves(raw, n_times, rate_hz, where)
        data = np.zeros((n_times, len(parts)), np.float32)
        for i, one in enumerate(parts):
            data[:, i] = one.values
        meta = {
            "sfreq": rate_hz,
            "raw_sfreq": raw_hz,
            "ch_names": [one.name for one in parts],
            "groups": [one.group for one in parts],
            "units": [one.unit for one in parts],
            "there": listed(raw.info),
        }
        return Made(data, meta)

    def _channels(self, raw: mne.io.BaseRaw, group: str, ratio: Fraction, where: str) -> list[Played]:
        """The signals of a group that are channels of the recording."""
        signals = find(raw.info, group, self.named[group], where)
        if not signals or not self._fits(raw.info, group, where):
            return []
        read, apart, raw_hz = Channels(raw, signals), filtered_apart(raw), raw.info["sfreq"]
        n_times = -(-raw.n_times * ratio.numerator // ratio.denominator)
        bands = self._bands(raw_hz / 2) if group == "audio" else [("", self.emg_highpass_hz, None)]
        bands = bands if group in ("audio", "emg") else [("", None, None)]
        data = np.zeros((len(bands), len(signals), n_times), np.float32)
        for band, (_, low, high) in enumerate(bands):
            for start, stop in apart:
                for first, values in self._rows(read, group, (start, stop), raw_hz, ratio, (low, high)):
                    data[band, :, first : first + values.shape[1]] = values
        self._tell_empty(read, group, where)
        unit, scale = ("", 1.0) if group == "audio" else ("uV", 1e6)
        return [
            Played(group, f"{one.name} {band}".rstrip(), unit, scale * data[i, k])
            for k, one in enumerate(signals)
            if not read.dead[k]
            for i, (band, _, _) in enumerate(bands)
        ]

    def _rows(
        self, read: Channels, group: str, stretch: tuple[int, int], raw_hz: float, ratio: Fraction, band: tuple
    ) -> Iterator[tuple[int, np.ndarray]]:
        up, down = ratio.numerator, ratio.denominator
        if group in ("audio", "emg"):
            magnitude = Rectified(read, stretch, raw_hz, *band, self.notch_hz if group == "emg" else ())  # type: ignore[call-arg]
            for first, values in smoothed(raw_hz, up, down, self.smooth_hz)(magnitude, *stretch):
                yield first, np.maximum(values, 0)
        elif group == "eog":
            yield from smoothed(raw_hz, up, down, self.eog_lowpass_hz)(read, *stretch)
        else:
            yield from Resampler([], up, down)(read, *stretch)

    def _fits(self, info: mne.Info, group: str, where: str) -> bool:
        """Whether a recording is fast enough for an envelope; says what its rate, or an earlier filter, has taken from the muscles."""
        half_hz, kept_hz = info["sfreq"] / 2, min(info["sfreq"] / 2, info["lowpass"] or np.inf)
        low_hz = {"audio": SPEECH_HZ[0], "emg": self.emg_highpass_hz}.get(group, 0.0)
        if half_hz < 1.25 * low_hz:
            text = f"the recording has {info['sfreq']:g} Hz, and so nothing above {half_hz:g} Hz; {group} is what lies above {low_hz:g} Hz."
            tell(
                "left out", where, f"side_signals.{group}: {text} Give the recording as it was before it was resampled."
            )
            return False
        if kept_hz < (wanted_hz := {"audio": 2 * SPEECH_HZ[0], "emg": MUSCLE_HZ}.get(group, 0.0)):
            text = f"the recording holds nothing above {kept_hz:g} Hz (its rate, or a filter), and most of {group} lies above {wanted_hz:g} Hz."
            tell("odd", where, f"side_signals.{group}: {text} A control may miss it: give the recording as it was.")
        return True

    def _bands(self, most_hz: float) -> list[tuple[str, float, float | None]]:
        """(name, low, high) of each envelope of a sound, Hz: all of it, then the mel bands below ``most_hz``."""
        found: list[tuple[str, float, float | None]] = [("", SPEECH_HZ[0], None)]
        top = min(SPEECH_HZ[1], 0.9 * most_hz)
        edges = _of_mel(np.linspace(_mel(SPEECH_HZ[0]), _mel(top), self.n_mels + 1)).tolist()
        return found + [
            (f"{low:.0f}-{high:.0f} Hz", low, high) for low, high in zip(edges[:-1], edges[1:], strict=True)
        ]

    def _tell_empty(self, read: Channels, group: str, where: str) -> None:
        names = np.array([one.name for one in read.signals])
        if read.dead.any():
            tell("left out", where, f"side_signals.{group}: {first_of(names[read.dead], 6)}, which never change.")
        if (read.broken & ~read.dead).any():
            broken = first_of(names[read.broken & ~read.dead], 6)
            tell("odd", where, f"side_signals.{group}: {broken} have values that are not finite; they are taken for 0.")


def _names(option: str, given: list[str] | None) -> list[str] | None:
    if given is None:
        return None
    given = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(one, str) and one.strip() for one in given):
        raise UserError(f"side_signals.{option}: found {given}, expected names of channels.")
    return given


def _mel(hz: float) -> float:
    return 2595 * np.log10(1 + hz / 700)


def _of_mel(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)
