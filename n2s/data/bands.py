"""Band edges and rates of a recipe, checked against each other and against each recording."""

import math
from dataclasses import dataclass
from fractions import Fraction

import mne

from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number, check_numbers

NOTCH_WIDTH_HZ = 2.0  # a line frequency and 1 Hz on either side
RATE_ERROR = 1e-3  # of the asked rate: the prepared rate is a ratio of small whole numbers times the recording's
MOST_UP = 10  # times the recording's rate
NEAR = 1.02  # edges that a file's header and a recipe write differently: 0.099 and 0.1 Hz


@dataclass(frozen=True)
class Band:
    """What a recipe asks of the frequencies: see `n2s.data.preprocessing.Preprocessing`. ``highpass_hz`` 0 is None."""

    sfreq: float
    highpass_hz: float | None
    lowpass_hz: float | None
    notch_hz: list[float]

    def __post_init__(self) -> None:
        check_number("preprocessing.sfreq", math.nan if self.sfreq is None else self.sfreq, above=0)
        check_number("preprocessing.highpass_hz", self.highpass_hz, low=0, otherwise="null for no filter")
        check_number("preprocessing.lowpass_hz", self.lowpass_hz, above=0, otherwise="null for no filter")
        check_numbers("preprocessing.notch_hz", self.notch_hz, above=NOTCH_WIDTH_HZ / 2)  # it is 2 Hz wide
        if len(set(self.notch_hz)) < len(self.notch_hz):
            raise UserError(f"preprocessing.notch_hz: found {self.notch_hz}, with a frequency twice. Name each once.")
        if self.highpass_hz and self.lowpass_hz and self.highpass_hz >= self.lowpass_hz:
            raise UserError(
                f"preprocessing: highpass_hz {self.highpass_hz:g} is not below lowpass_hz {self.lowpass_hz:g}: nothing would be "
                "left. highpass_hz is the lower edge of what is kept, lowpass_hz the upper one. Exchange them?"
            )
        for name in ("highpass_hz", "lowpass_hz"):
            if (getattr(self, name) or 0) >= self.sfreq / 2:
                raise UserError(
                    f"preprocessing: {name} {getattr(self, name):g} must be below half of sfreq {self.sfreq:g} (Nyquist). "
                    "Lower the one or raise the other."
                )

    def check(self, info: mne.Info, where: str) -> None:
        """Check the band against one recording: refuse what it cannot hold, tell what is odd.

        Raises
        ------
        UserError
            An edge lies at or above half the recording's rate; the asked rate is no ratio of small whole numbers of it.
        """
        raw_hz = info["sfreq"]
        if abs(raw_hz * self.ratio(raw_hz) / self.sfreq - 1) > RATE_ERROR:
            raise UserError(
                f"{where}: preprocessing.sfreq is {self.sfreq:g} Hz and the recording has {raw_hz:g} Hz: their ratio is too far "
                "from one of whole numbers up to 1000. Choose an sfreq nearer to the recording's."
            )
        if self.sfreq > MOST_UP * raw_hz:
            raise UserError(
                f"{where}: preprocessing.sfreq is {self.sfreq:g} Hz and the recording has {raw_hz:g} Hz: upsampling by more than "
                f"{MOST_UP} only costs memory. Lower sfreq."
            )
        for name in ("highpass_hz", "lowpass_hz"):
            if (getattr(self, name) or 0) >= raw_hz / 2:
                raise UserError(
                    f"{where}: preprocessing.{name} is {getattr(self, name):g}, but the recording has {raw_hz:g} Hz, and so "
                    f"nothing above {raw_hz / 2:g} Hz. Lower it" + (", or set it to null." if name[0] == "l" else ".")
                )
        if self.sfreq > raw_hz * (1 + RATE_ERROR):
            tell(
                "odd",
                where,
                f"preprocessing.sfreq is {self.sfreq:g} Hz, more than the recording's {raw_hz:g} Hz: it is upsampled, and holds "
                f"nothing above {raw_hz / 2:g} Hz.",
            )
        self._check_notches(info, where)
        self._check_file(info, where)

    def ratio(self, raw_hz: float) -> Fraction:
        """The prepared rate as a part of the recording's."""
        return Fraction(self.sfreq / raw_hz).limit_denominator(1000)

    def notches(self, raw_hz: float) -> list[float]:
        """The notches that a recording of ``raw_hz`` can hold."""
        return [hz for hz in self.notch_hz if hz + NOTCH_WIDTH_HZ / 2 < raw_hz / 2]

    def _check_notches(self, info: mne.Info, where: str) -> None:
        raw_hz, line_hz = info["sfreq"], info["line_freq"]
        lost = [hz for hz in self.notch_hz if hz not in self.notches(raw_hz)]
        if lost:
            listed = ", ".join(f"{hz:g}" for hz in lost)
            tell(
                "left out",
                where,
                f"preprocessing.notch_hz {listed}: 1 Hz above it is not below half of the recording's {raw_hz:g} Hz.",
            )
        if line_hz and self.notch_hz and all(_from_multiple(hz, line_hz) > 1 for hz in self.notch_hz):
            listed = ", ".join(f"{hz:g}" for hz in self.notch_hz)
            tell(
                "odd",
                where,
                f"preprocessing.notch_hz is {listed}, but the recording's power line has {line_hz:g} Hz (PowerLineFrequency). "
                "The notch removes no line noise, if that is right.",
            )

    def _check_file(self, info: mne.Info, where: str) -> None:
        check_file(info, self.highpass_hz, self.lowpass_hz, min(self.sfreq, info["sfreq"]) / 2, where)


def check_file(info: mne.Info, low_hz: float | None, high_hz: float | None, most_hz: float, where: str) -> None:
    """Tell what the amplifier, or an earlier program, has filtered out of a band before.

    Parameters
    ----------
    info
        Of the recording.
    low_hz, high_hz
        Edges of the band that is wanted; None where nothing is filtered.
    most_hz
        What ends the band without ``high_hz``: half the rate.
    where
        The recording.
    """
    file_low_hz, file_high_hz = info["highpass"] or 0.0, info["lowpass"] or math.inf
    wanted_low, wanted_high = low_hz or 0.0, high_hz or most_hz
    if file_high_hz <= wanted_low or file_low_hz >= wanted_high:
        tell(
            "odd",
            where,
            f"the file says that it holds {file_low_hz:g} to {file_high_hz:g} Hz (filters of the recording), and preprocessing keeps "
            f"{wanted_low:g} to {wanted_high:g} Hz: nothing of that is left. Give the unfiltered file, or change the band.",
        )
        return
    if high_hz and file_high_hz * NEAR < high_hz:
        tell(
            "odd",
            where,
            f"the file was already low-passed at {file_high_hz:g} Hz, below the {high_hz:g} Hz that preprocessing keeps: it holds nothing "
            "between.",
        )
    if low_hz and file_low_hz > NEAR * low_hz:
        tell(
            "odd",
            where,
            f"the file was already high-passed at {file_low_hz:g} Hz, above the {low_hz:g} Hz that preprocessing keeps: it holds nothing "
            "between.",
        )


def check_lengths(lengths_s: dict[str, float], stretches_s: list[float], where: str) -> None:
    """Tell which filters are longer than the recording, or than its stretches between interruptions.

    Parameters
    ----------
    lengths_s
        Of each filter, by the setting that asks for it.
    stretches_s
        Of the stretches that are filtered apart.
    where
        The recording.
    """
    for name, length_s in lengths_s.items():
        short = [one for one in stretches_s if one < length_s]
        if short:
            whole = f"the recording, which has {short[0]:.3g} s"
            some = f"{len(short)} of {len(stretches_s)} stretches between interruptions (the shortest has {min(short):.3g} s)"
            tell(
                "odd",
                where,
                f"preprocessing.{name}: the filter is {length_s:.3g} s long, longer than {whole if len(stretches_s) == 1 else some}. "
                "It works there on the signal mirrored at its ends.",
            )


def _from_multiple(hz: float, line_hz: float) -> float:
    """Hz from the nearest harmonic of the line."""
    return abs(hz - max(round(hz / line_hz), 1) * line_hz)
