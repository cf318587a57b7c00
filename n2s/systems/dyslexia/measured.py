"""What is measured of one person for classifiers: tracking, covariances of bands, windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from n2s.data.encoding_data import EncodingData, Measured
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.metrics.band_signals import analytic_stretches
from n2s.systems.dyslexia.whitened import whitened
from n2s.systems.tracking.measures import MeasureOptions, subject_measures
from n2s.systems.tracking.regions import regions_of

Stretches = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Common:
    """What all people share, so that a classifier compares like with like.

    Parameters
    ----------
    subjects
        Who is compared.
    sensors
        Names of the sensors that everybody has, in one order.
    sides
        ``left`` and ``right`` -> (c,) bool; empty: not wanted, or the places of sensors are not known.
    sfreq
        Hz.
    n_rows
        Of each person: as many as the person with the fewest has.
    """

    subjects: list[str]
    sensors: np.ndarray
    sides: Mapping[str, np.ndarray]
    sfreq: float
    n_rows: int

    @classmethod
    def of(
        cls, data: EncodingData, subjects: Sequence[str], length_s: float | None, *, sides: bool = False
    ) -> "Common":
        """Of the subjects of some data.

        Parameters
        ----------
        data
            Theirs.
        subjects
            Who is compared.
        length_s
            Seconds of each person; None: as many as the person with the fewest has.
        sides
            Whether sensors left and right are measured by themselves, too.

        Raises
        ------
        UserError
            No sensor is shared, rates differ, or a person has less than ``length_s``.
        """
        rates = {name: data.rate_hz[name] for name in subjects}
        if max(rates.values()) - min(rates.values()) > 1e-6 * max(rates.values()):
            raise UserError(
                f"people are recorded at several rates: {first_of(f'{k}: {v:g} Hz' for k, v in rates.items())}. Set data.preprocessing.sfreq."
            )
        sfreq = next(iter(rates.values()))
        known = {name: data.measured(name) for name in subjects}
        shared = [one for one in known[subjects[0]].names if all(one in set(other.names) for other in known.values())]
        if not shared:
            raise UserError(
                "no sensor is in the recordings of all subjects: check their names and bad channels, or leave a subject out."
            )
        lost = {one for other in known.values() for one in other.names} - set(shared)
        if lost:
            tell("left out", "data", f"{len(lost)} sensors that somebody lacks; {len(shared)} are left.")
        heard = {name: _n_heard(data, name) for name in subjects}
        shortest = min(heard, key=heard.get)
        n_rows = heard[shortest] if length_s is None else round(length_s * sfreq)
        if n_rows > heard[shortest]:
            raise UserError(
                f"model.length_s is {length_s:g} s, but {shortest} heard {heard[shortest] / sfreq:.1f} s. Set less, or leave out whoever has less "
                "(data.subjects)."
            )
        if heard[shortest] < 0.5 * np.median(list(heard.values())) and length_s is None:
            tell(
                "odd",
                shortest,
                f"heard {heard[shortest] / sfreq:.0f} s, and half of the others more than twice as long: only so much of each is used (model.length_s).",
            )
        found = _shared_sides(known[subjects[0]], shared) if sides else {}
        return cls(list(subjects), np.array(shared), found, sfreq, n_rows)


def stretches_of(data: EncodingData, subject: str, space: str, common: Common) -> Stretches:
    """What a person listened to, (n, c) and (n,), without gaps: the first ``n_rows`` of it, of the shared sensors."""
    place = {name: at for at, name in enumerate(data.measured(subject).names)}
    columns = np.array([place[name] for name in common.sensors])
    found, left = [], common.n_rows
    for brain, heard in data.listened(subject, space):
        if left > 0:
            found.append((brain[:left, columns], heard[:left, 0]))
            left -= len(brain)
    return found


def measures_of(stretches: Stretches, common: Common, options: MeasureOptions) -> dict[str, float]:
    """Measures of tracking by name: `n2s.systems.tracking.measures.subject_measures`, over all sensors and by side."""
    brain, heard = ([one[part] for one in stretches] for part in (0, 1))
    return subject_measures(brain, heard, common.sfreq, options, regions=common.sides)


def covariances_of(stretches: Stretches, common: Common, options: MeasureOptions) -> np.ndarray:
    """(bands, c + 2, c + 2) float32: sensors, and the envelope's real and imaginary part of unit variance; both `whitened`."""
    sides = (
        [torch.from_numpy(np.array(one[part], np.float64).reshape(len(one[0]), -1)) for one in stretches]
        for part in (0, 1)
    )
    sides, found = whitened(*sides, common.sfreq, options.bands), []  # type: ignore[call-arg]
    for band in options.bands.values():
        brain, heard = (torch.cat(analytic_stretches(one, common.sfreq, band)[0]) for one in sides)
        if len(brain) < 2:
            raise UserError(
                f"stretches of sound are too short for a band from {band[0]:g} Hz on: join them, or set model.measures.bands."
            )
        envelope = torch.cat([heard.real, heard.imag], 1)
        envelope = envelope / envelope.std(0).clamp(min=1e-12)
        # both parts of the analytic signal: twice the samples of the real part alone
        joint = torch.cat(
            [torch.cat([brain.real, envelope], 1), torch.cat([brain.imag, envelope[:, 1:], -envelope[:, :1]], 1)]
        )
        found.append((joint.T @ joint / len(joint)).float().numpy())
    return np.stack(found)


def windows_of(stretches: Stretches, common: Common, window_s: float) -> np.ndarray:
    """(w, c, t) float16 windows of the brain that follow each other without overlap."""
    n_times = round(window_s * common.sfreq)
    parts = [
        np.stack([brain[at : at + n_times].T for at in range(0, len(brain) - n_times + 1, n_times)])
        for brain, _ in stretches
        if len(brain) >= n_times
    ]
    if not parts:
        raise UserError(f"no stretch of sound is as long as a window of {window_s:g} s (window_s).")
    return np.concatenate(parts).astype(np.float16)


def _n_heard(data: EncodingData, subject: str) -> int:
    rows = data.rows(subject)
    return int(((rows.split != "") & rows.stimulus_s.notna()).sum())


def _shared_sides(what: Measured, shared: Sequence[str]) -> dict[str, np.ndarray]:
    """Sensors left and right, as tracking has them, by the places of one person."""
    place = {name: at for at, name in enumerate(what.names)}
    columns = [place[name] for name in shared]
    found = {side: one[columns] for side, one in regions_of(what, None, "").items()}
    return found if all(one.any() for one in found.values()) else {}
