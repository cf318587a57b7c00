"""Noisy and flat MEG sensors, found by what the others say about them: before SSS spreads them to all."""

from pathlib import Path
from typing import Literal

import mne

from n2s.data.cleaning.sss import check_head, check_not_maxfiltered, ignores_references
from n2s.data.steps import Step, first_line, note, typed
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.options import check_number

MANY = 0.15  # of the sensors: more than break at once


class FindBadChannels(Step):
    """Marks MEG sensors that SSS cannot explain by the others, or that are flat (`mne.preprocessing.find_bad_channels_maxwell`).

    Put it before SSS, which rebuilds them. Flat sensors are then no error, as they are without this step.

    Parameters
    ----------
    limit
        Deviations of a sensor from SSS' reconstruction, of all sensors', from which on it is noisy.
    duration_s
        Length of the pieces that are looked at.
    min_count
        Pieces in which it must be noisy or flat; fewer where the recording has not so many.
    lowpass_hz
        Only what is slower counts: line noise and cHPI do not.
    calibration, cross_talk, coord_frame
        As in SSS.

    Examples
    --------
    >>> from n2s.data import SSS, FindBadChannels, Preprocessing
    >>> cleaned = Preprocessing(sfreq=120, steps=[FindBadChannels(limit=7.0), SSS()])
    >>> [type(step).__name__ for step in cleaned.steps]
    ['FindBadChannels', 'SSS']
    >>> Preprocessing(steps=[SSS(), FindBadChannels()])
    Traceback (most recent call last):
    n2s.errors.UserError: preprocessing.steps: FindBadChannels comes after SSS, which spreads bad channels. Put FindBadChannels first.
    """

    stops_at_edges = True

    def __init__(
        self,
        *,
        limit: float = 7.0,
        duration_s: float = 5.0,
        min_count: int = 5,
        lowpass_hz: float = 40.0,
        calibration: str | None = None,
        cross_talk: str | None = None,
        coord_frame: Literal["head", "meg"] = "head",
    ):
        for name, value in (("limit", limit), ("duration_s", duration_s), ("lowpass_hz", lowpass_hz)):
            check_number(f"FindBadChannels: {name}", value, above=0)
        check_number("FindBadChannels: min_count", min_count, low=1, whole=True)
        if coord_frame not in ("head", "meg"):
            raise UserError(f"FindBadChannels: coord_frame is {coord_frame!r}, expected head or meg.")
        self.limit, self.duration_s, self.min_count = float(limit), float(duration_s), int(min_count)
        self.lowpass_hz, self.coord_frame = float(lowpass_hz), coord_frame
        self.calibration, self.cross_talk = calibration, cross_talk

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self))

    def files(self, sources: list[Path]) -> list[Path]:
        """See `Step`."""
        return [Path(one) for one in (self.calibration, self.cross_talk) if one]

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`.

        Raises
        ------
        UserError
            As `SSS` does; the recording is shorter than ``duration_s``.
        """
        meg = [name for name, kind in typed(raw) if kind in ("mag", "grad") and name not in raw.info["bads"]]
        if not meg:
            raise UserError(
                "FindBadChannels: the recording has no good MEG channel. Remove it from preprocessing.steps."
            )
        check_not_maxfiltered(raw.info, "FindBadChannels")
        if self.coord_frame == "head":
            check_head(raw.info, "FindBadChannels")
        n_pieces = int(raw.n_times / raw.info["sfreq"] // self.duration_s)
        if not n_pieces:
            raise UserError(
                f"FindBadChannels: duration_s is {self.duration_s:g}, and the recording lasts {raw.n_times / raw.info['sfreq']:.2f} s. "
                "Lower it, or remove the step."
            )
        slow_enough = self.lowpass_hz < 0.49 * raw.info["sfreq"] and self.lowpass_hz < raw.info["lowpass"]
        try:
            noisy, flat = mne.preprocessing.find_bad_channels_maxwell(
                raw,
                limit=self.limit,
                duration=self.duration_s,
                min_count=min(self.min_count, n_pieces),
                calibration=self.calibration,
                cross_talk=self.cross_talk,
                coord_frame=self.coord_frame,
                ignore_ref=ignores_references(raw.info),
                h_freq=self.lowpass_hz if slow_enough else None,
                verbose="error",
            )
        except Exception as error:  # as in SSS
            raise UserError(
                f"FindBadChannels: MNE's find_bad_channels_maxwell failed ({type(error).__name__}: {first_line(error)}). Check the "
                "sensors and the site files, or remove it from preprocessing.steps."
            ) from error
        noisy, flat = sorted(map(str, noisy)), sorted(map(str, flat))
        note(noisy=noisy, flat=flat)
        found = sorted({*noisy, *flat})
        if found:
            raw.info["bads"] = sorted({*raw.info["bads"], *found})
            tell(
                "left out",
                "FindBadChannels",
                f"bad from here on: {first_of(found)} ({len(noisy)} noisy, {len(flat)} flat).",
            )
        if len(found) > MANY * len(meg):
            tell(
                "odd",
                "FindBadChannels",
                f"{len(found)} of {len(meg)} MEG sensors are called bad: more than break at once. Look at the recording, or raise limit.",
            )
        return raw
