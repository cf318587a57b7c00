"""What reaches the helmet that is no brain: muscles of the face, the jaw, nods of the head, sound in cables, blinks, the heart.

Fields are those of currents and magnets in free space. Each is scaled so that the magnetometer that sees most of it sees what
`PEAK_T` says, at level 1. When the head nods, the fields of the sources change, and those of what is magnetic; the noise stays as it is.
"""

from dataclasses import dataclass

import mne
import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal

from n2s.studies.simulated.noise import MARGIN_S, SENSOR_LEVEL
from n2s.studies.simulated.production_head import helmet_at
from n2s.studies.simulated.production_material import MARGIN_S as SOUND_MARGIN_S
from n2s.studies.simulated.production_material import Utterance
from n2s.studies.simulated.production_phones import MUSCLES, muscles, opening
from n2s.studies.simulated.speech import SFREQ

#: Tesla at level 1: root mean square of a muscle at work, the widest jaw, a blink's peak, the R wave.
PEAK_T = {"muscle": 2e-12, "jaw": 8e-12, "blinks": 2e-12, "heart": 1e-12}
LEAK = 600.0  # of sound in the channels that hear it: root mean square while there is speech, of the sensor's white level in 1 Hz
LEAK_SHARE = 0.2  # of the channels
LEAK_ENVELOPE = 1.0  # of the sound's envelope beside its waveform: what electronics rectify
MUSCLE_HZ, EDGE_HZ = (20.0, 300.0), 10.0  # the band of muscles; it begins and ends within so much
MUSCLE_MEAN = 0.5  # of a muscle's current has one direction, relative to its root mean square
#: A muscle begins so long before the voice, is at its strongest from the second time on, and ends so long after it (Ouyang 2016: 300 ms).
EARLY_S, FULL_S, LATE_S = 0.3, 0.15, 0.05
JAW_LEAD_S, JAW_SD_S = 0.05, 0.06  # the jaw moves before the voice, and is slow: theta
NOD_LEAD_S, NOD_SD_S = 0.10, 0.15  # the head is slower: delta
NOD = 1.5  # units of `production_head.NOD_M` for an utterance of open vowels
JAW_M = 0.01  # between closed and widest
AUDIBLE = {"listen": 1.0, "overt": 1.0, "silent": 0.0, "imagined": 0.0}
MOVING = {"listen": 0.0, "overt": 1.0, "silent": 0.5, "imagined": 0.0}  # of muscles, jaw and head
TEETH_M = (0.0, 0.075, -0.045)  # where something magnetic moves with the jaw
BLINK_S, BLINK_EVERY_S, BEAT_S = 0.3, 4.0, 0.9

_MU = 1e-7
#: Head coordinates and direction of the current of each muscle; both sides work together.
_SITES = {
    "lips": (((0.025, 0.088, -0.030), (1.0, 0.2, 0.3)), ((-0.025, 0.088, -0.030), (1.0, -0.2, -0.3))),
    "jaw": (((0.062, 0.030, -0.020), (0.1, 0.3, 1.0)), ((-0.062, 0.030, -0.020), (-0.1, 0.3, 0.8))),
    "tongue": (((0.015, 0.060, -0.065), (0.2, 1.0, 0.4)), ((-0.015, 0.060, -0.065), (-0.2, 1.0, 0.2))),
    "blinks": (((0.030, 0.082, 0.010), (0.1, 0.3, 1.0)), ((-0.030, 0.082, 0.010), (-0.1, 0.3, 1.0))),
    "heart": (((0.04, 0.0, -0.35), (0.6, 0.5, -0.6)),),
}


@dataclass(frozen=True)
class Fields:
    """At each sensor, (c,) or (c, m), at level 1: of muscles at work, the jaw open, a nod by a unit, sound, a blink, a heart beat."""

    muscles: np.ndarray
    jaw: np.ndarray
    nod: np.ndarray
    leak: np.ndarray
    blinks: np.ndarray
    heart: np.ndarray


@dataclass(frozen=True)
class Movements:
    """Courses while an utterance is said: envelopes of muscles (m, t), and jaw, nod and sound (t,)."""

    muscles: np.ndarray
    jaw: np.ndarray
    nod: np.ndarray
    leak: np.ndarray


def free_field(info: mne.Info, place_m: np.ndarray, moment: np.ndarray, *, magnet: bool = False) -> np.ndarray:
    """(c,) Field of a current (A m), or of a magnet (A m2), in free space at the sensors of a Vectorview, T or T/m.

    Magnetometers are taken as points, planar gradiometers as the difference of two points 16.8 mm apart.
    """
    to_head = info["dev_head_t"]["trans"]
    place = np.linalg.inv(to_head) @ [*place_m, 1]
    moment = to_head[:3, :3].T @ np.asarray(moment, float)
    found = np.empty(len(info["chs"]))
    for i, (channel, kind) in enumerate(zip(info["chs"], info.get_channel_types(), strict=True)):
        middle, across, normal = channel["loc"][:3], channel["loc"][3:6], channel["loc"][9:12]
        steps = [0.0] if kind == "mag" else [0.0084, -0.0084]
        field = []
        for step in steps:
            ray = middle + step * across - place[:3]
            far = np.linalg.norm(ray)
            if magnet:
                one = _MU * (3 * ray * (moment @ ray) / far**5 - moment / far**3)
            else:
                one = _MU * np.cross(moment, ray) / far**3
            field.append(one @ normal)
        found[i] = field[0] if len(field) == 1 else (field[0] - field[1]) / 0.0168
    return found


def fields(shift_m: np.ndarray, chosen: np.ndarray, subject: int, seed: int) -> Fields:
    """What each artifact of a person looks like at the ``chosen`` sensors of the whole helmet."""
    info = helmet_at(100.0, shift_m)
    mags = np.array(info.get_channel_types()) == "mag"
    scaled = lambda field, name: field * (PEAK_T[name] / np.abs(field[mags]).max())  # noqa: E731
    current = lambda name: sum(free_field(info, place, moment) for place, moment in _SITES[name])  # noqa: E731
    rng = np.random.default_rng([seed, subject, 2])
    magnet = rng.standard_normal(3) + [0, 0, 2]
    teeth = lambda nod, opened: free_field(  # noqa: E731
        helmet_at(100.0, shift_m, nod), np.subtract(TEETH_M, (0, 0, opened * JAW_M)), magnet, magnet=True
    )
    jaw = teeth(0, 1) - teeth(0, 0)
    size = PEAK_T["jaw"] / np.abs(jaw[mags]).max()
    heard = rng.permutation(len(chosen))[: max(1, round(LEAK_SHARE * len(chosen)))]
    leak = np.zeros(len(chosen))
    levels = np.array([SENSOR_LEVEL[info.get_channel_types()[one]] for one in chosen])
    leak[heard] = LEAK * levels[heard] * rng.choice([-1, 1], len(heard)) * rng.uniform(0.5, 1, len(heard))
    return Fields(
        muscles=np.stack([scaled(current(name), "muscle") for name in MUSCLES], 1)[chosen],
        jaw=(size * jaw)[chosen],
        nod=(size * (teeth(1, 0) - teeth(-1, 0)) / 2)[chosen],
        leak=leak,
        blinks=scaled(current("blinks"), "blinks")[chosen],
        heart=scaled(current("heart"), "heart")[chosen],
    )


def movements(utterance: Utterance, condition: str, times_s: np.ndarray, sfreq: float) -> Movements:
    """What moves and sounds in an utterance at level 1; ``times_s`` (t,) from its first phone, evenly at ``sfreq``."""
    n, moving = len(times_s), MOVING[condition]
    at_work, opened, said = np.zeros((len(MUSCLES), n)), np.zeros(n), np.zeros(n)
    for label, onset_s, duration_s in zip(
        *(utterance.phones[one] for one in ("text", "onset", "duration")), strict=True
    ):
        stop_s = onset_s + duration_s
        rise = np.clip((times_s - onset_s + EARLY_S) / (EARLY_S - FULL_S), 0, 1)
        fall = np.clip((stop_s + LATE_S - times_s) / LATE_S, 0, 1)
        at_work = np.maximum(at_work, np.outer(muscles(label), rise * fall))
        during = (times_s >= onset_s) & (times_s < stop_s)
        opened[during], said[during] = opening(label), 1
    later = lambda course, lead_s: np.roll(course, -round(lead_s * sfreq))  # noqa: E731 (there is silence around)
    smooth = lambda course, sd_s: scipy.ndimage.gaussian_filter1d(course, sd_s * sfreq, truncate=4, mode="constant")  # noqa: E731
    depth = NOD * opened[said > 0].mean() if said.any() else 0.0
    return Movements(
        muscles=moving * at_work,
        jaw=moving * later(smooth(opened, JAW_SD_S), JAW_LEAD_S),
        nod=moving * depth * later(smooth(said, NOD_SD_S), NOD_LEAD_S),
        leak=AUDIBLE[condition] * sound_course(utterance, times_s, sfreq),
    )


def sound_course(utterance: Utterance, times_s: np.ndarray, sfreq: float) -> np.ndarray:
    """(t,) The waveform below half the rate, of unit mean square while there is speech, and `LEAK_ENVELOPE` times its envelope."""
    n = len(utterance.audio)
    envelope = np.abs(scipy.signal.hilbert(utterance.audio, scipy.fft.next_fast_len(n)))[:n]
    both = []
    for samples in (utterance.audio, envelope):
        slow = scipy.signal.resample_poly(samples, 1, round(SFREQ / sfreq))
        course = np.zeros(len(times_s))
        first = round(-SOUND_MARGIN_S * sfreq) - round(times_s[0] * sfreq)
        course[first : first + len(slow)] = slow[: len(course) - first]
        both.append(course / np.sqrt(np.mean(slow**2)))
    return both[0] + LEAK_ENVELOPE * both[1]


def carrier_power(n: int, sfreq: float) -> np.ndarray:
    """Power of a muscle's current at the frequencies of ``rfft`` of n samples, of which the mean square is 1."""
    hz = scipy.fft.rfftfreq(n, 1 / sfreq)
    high = min(MUSCLE_HZ[1], 0.45 * sfreq)
    rise, fall = (np.clip(one / EDGE_HZ + 0.5, 0, 1) for one in (hz - MUSCLE_HZ[0], high - hz))
    power = np.sin(np.pi / 2 * rise * fall) ** 2
    return power / scipy.fft.irfft(power, n)[0]


def carriers(n_muscles: int, n: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """(m, n) Independent Gaussian noise in the band of muscles, of a unit variance: cut from longer periods, as `noise.time_courses`."""
    period = scipy.fft.next_fast_len(n + round(MARGIN_S * sfreq), real=True)
    parts = rng.standard_normal((n_muscles, period // 2 + 1, 2)) @ [1, 1j]
    parts *= np.sqrt(carrier_power(period, sfreq) * period / 2)
    return scipy.fft.irfft(parts, period)[:, :n]


def carrier_covariance(n: int, sfreq: float) -> np.ndarray:
    """(n,) Covariance of a carrier with itself at lags 0, 1, ... samples."""
    period = scipy.fft.next_fast_len(n + round(MARGIN_S * sfreq), real=True)
    return scipy.fft.irfft(carrier_power(period, sfreq), period)[:n]


def blinks(n: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) Blinks of unit height at random moments, `BLINK_EVERY_S` apart on average."""
    every = np.cumsum(0.8 + rng.exponential(BLINK_EVERY_S - 0.8, 2 + int(n / sfreq / 0.8)))
    time_s = np.arange(n) / sfreq
    found = np.zeros(n)
    for at_s in every[every < n / sfreq]:
        near = np.abs(time_s - at_s) < BLINK_S / 2
        found[near] += np.cos(np.pi * (time_s[near] - at_s) / BLINK_S) ** 2
    return found


def beats(n: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) Heart beats whose R wave is 1, `BEAT_S` apart with a deviation of a twentieth."""
    at_s = rng.uniform(0, BEAT_S) + np.cumsum(BEAT_S * np.exp(rng.normal(0, 0.05, int(n / sfreq / BEAT_S * 1.5) + 3)))
    time_s, found = np.arange(n) / sfreq, np.zeros(n)
    for lag_s, size, sd_s in ((-0.025, -0.12, 0.008), (0.0, 1.0, 0.010), (0.03, -0.2, 0.010), (0.25, 0.25, 0.040)):
        for one in at_s:
            near = slice(*np.clip([round((one + lag_s - 0.2) * sfreq), round((one + lag_s + 0.2) * sfreq)], 0, n))
            found[near] += size * np.exp(-0.5 * ((time_s[near] - one - lag_s) / sd_s) ** 2)
    return found
