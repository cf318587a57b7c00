"""What the brains of the simulated production study do: a code of phones when they are heard, when they are said, and in both.

Four sources answer to phones that are heard (superior temporal, after the phone), four to phones that are said, mouthed or imagined
(motor, before and around it), and four to both in the same way. Each source has an early and a late response; a phone's sizes of them
are its code (`production_phones.code`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import mne
import numpy as np

from n2s.studies.simulated.noise import spatial_covariance
from n2s.studies.simulated.production_head import helmet_at
from n2s.studies.simulated.production_phones import code
from n2s.studies.simulated.sensors import lead_field
from n2s.studies.simulated.sources import tangential


@dataclass(frozen=True)
class Place:
    """Sources that answer alike. Sites are in the left hemisphere, head coordinates; the right one mirrors them."""

    sites_m: tuple[tuple[float, float, float], tuple[float, float, float]]
    latencies_s: tuple[float, float]  # of the early and the late response, after the phone begins
    widths_s: tuple[float, float]  # deviation of a Gaussian


PLACES = {
    "heard": Place(((-0.050, -0.004, 0.060), (-0.048, 0.018, 0.056)), (0.09, 0.17), (0.020, 0.035)),
    "spoken": Place(((-0.050, 0.012, 0.075), (-0.044, 0.008, 0.088)), (-0.12, -0.02), (0.035, 0.035)),
    "shared": Place(((-0.050, -0.030, 0.065), (-0.044, 0.042, 0.055)), (0.03, 0.10), (0.030, 0.035)),
}
N_EACH = 4  # sources of a place: two sites, two hemispheres
N_SOURCES = N_EACH * len(PLACES)
MOMENT_AM = 9e-9  # for one deviation of a code
COMMON = 0.5  # answer to any phone, of one deviation of the code


@dataclass(frozen=True)
class Speaker:
    """A subject: a head in the helmet, its sources and its background noise.

    ``patterns (c, j)``: field of a unit source, T/(A m) or T/(m A m). ``moved (c, j)``: by how much it changes when the head nods by a
    unit (`production_head`). ``noise (c, c)``: spatial covariance at the white floor. ``sizes (j,)``: of each source, of the usual one.
    ``chosen (c,)``: which sensors of the helmet there are; ``shift_m (3,)``: where the head lies in it.
    """

    info: mne.Info
    chosen: np.ndarray
    shift_m: np.ndarray
    patterns: np.ndarray
    moved: np.ndarray
    noise: np.ndarray
    sizes: np.ndarray


def speaker(subject: int, sfreq: float, n_sensors: int, seed: int, reach: float = 1.0) -> Speaker:
    """Draw a subject: the same numbers, the same person, whatever the rate and the sensors.

    Parameters
    ----------
    subject, seed
        The numbers.
    sfreq
        Rate of the recording, Hz.
    n_sensors
        Of the 306 of the helmet, evenly chosen.
    reach
        How much of what a nod changes reaches the sensors.
    """
    head = _head(subject, seed)
    info = helmet_at(sfreq, head.shift_m)
    chosen = np.linspace(0, len(info.ch_names) - 1, n_sensors).round().astype(int)
    return Speaker(
        info=mne.pick_info(info, chosen),
        chosen=chosen,
        shift_m=head.shift_m,
        patterns=head.patterns[chosen],
        moved=reach * head.moved[chosen],
        noise=head.noise[np.ix_(chosen, chosen)],
        sizes=head.sizes,
    )


@lru_cache(maxsize=16)
def _head(subject: int, seed: int) -> Speaker:
    """A subject in the whole helmet."""
    rng = np.random.default_rng([seed, subject, 1])
    shift_m = rng.normal(0, 0.003, 3)
    sites = [np.multiply(site, (side, 1, 1)) for one in PLACES.values() for site in one.sites_m for side in (1, -1)]
    sites = np.array(sites) + rng.normal(0, 0.003, (N_SOURCES, 3))
    directions = np.array([tangential(site, rng.standard_normal(3)) for site in sites])
    fields = [lead_field(helmet_at(100.0, shift_m, nod), sites) for nod in (-1, 0, 1)]
    before, patterns, after = (np.einsum("cjd,jd->cj", field, directions) for field in fields)
    sizes = np.exp(rng.normal(0, 0.1, N_SOURCES))
    info = helmet_at(100.0, shift_m)
    return Speaker(
        info=info,
        chosen=np.arange(len(info.ch_names)),
        shift_m=shift_m,
        patterns=patterns,
        moved=(after - before) / 2,
        noise=spatial_covariance(info, rng),
        sizes=sizes,
    )


def brain_courses(
    phones: Sequence[tuple[str, float]], times_s: np.ndarray, *, heard: bool, shared: float, seed: int
) -> np.ndarray:
    """(j, t) Activity of the sources while phones are heard, or else said, A m.

    Parameters
    ----------
    phones
        Label and onset, s, of each.
    times_s
        (t,) On the same clock.
    heard
        Whether phones are heard; else they are said.
    shared
        Share of the code's power that is in the sources that both have.
    seed
        Draws the codes, the same for all subjects.
    """
    found = np.zeros((N_SOURCES, len(times_s)))
    own = "heard" if heard else "spoken"
    for number, (name, place) in enumerate(PLACES.items()):
        weight = np.sqrt(shared if name == "shared" else 1 - shared) if name in ("shared", own) else 0.0
        if not weight:
            continue
        common = COMMON * code("", name, 2 * N_EACH, seed)
        for label, onset_s in phones:
            sizes = (code(label, name, 2 * N_EACH, seed) + common).reshape(2, N_EACH)
            for size, latency_s, width_s in zip(sizes, place.latencies_s, place.widths_s, strict=True):
                shape = np.exp(-0.5 * ((times_s - onset_s - latency_s) / width_s) ** 2)
                found[number * N_EACH : (number + 1) * N_EACH] += weight * MOMENT_AM * np.outer(size, shape)
    return found
