"""Sounds of synthetic scenes: each function draws one sound of its class, no two alike."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator
from scipy.signal import butter, sosfilt

SFREQ = 16000  # Hz


def band(random: Generator, n: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies."""
    sos = butter(4, [low_hz, high_hz], "bandpass", fs=SFREQ, output="sos")
    return sosfilt(sos, random.standard_normal(n))


def tone(phase: np.ndarray, n_harmonics: int, tilt: float) -> np.ndarray:
    """Harmonics of a phase (rad), each ``k ** -tilt`` as strong as the first; none above 7 kHz is heard."""
    f0 = np.gradient(phase) * SFREQ / (2 * np.pi)
    return sum((k * f0 < 7000) * np.sin(k * phase) / k**tilt for k in range(1, n_harmonics + 1))


def pulses(at: np.ndarray, n: int, one: Callable[[], np.ndarray]) -> np.ndarray:
    """A short sound at each of some samples."""
    heard = np.zeros(n)
    for start in at[(at >= 0) & (at < n)].astype(int):
        sound = one()[: n - start]
        heard[start : start + len(sound)] += sound
    return heard


def regular(random: Generator, n: int, rate_hz: float, jitter: float = 0.03) -> np.ndarray:
    """Samples about ``1 / rate_hz`` apart, from a random first."""
    steps = SFREQ / rate_hz * (1 + jitter * random.standard_normal(int(n * rate_hz / SFREQ) + 2))
    return np.cumsum(np.maximum(steps, 1)) - steps[0] * random.uniform()


def ring(random: Generator, freqs_hz: np.ndarray, decay_s: float, length_s: float) -> np.ndarray:
    """Partials that die away, the higher the sooner."""
    t = np.arange(int(length_s * SFREQ)) / SFREQ
    freqs_hz = freqs_hz[freqs_hz < 7500]
    return sum(
        random.uniform(0.4, 1) * np.exp(-t / decay_s * f / freqs_hz[0]) * np.sin(2 * np.pi * f * t) for f in freqs_hz
    )


def _phase(f_hz: np.ndarray) -> np.ndarray:
    return 2 * np.pi * np.cumsum(f_hz) / SFREQ


def _times(n: int) -> np.ndarray:
    return np.arange(n) / SFREQ


def hiss(random: Generator, n: int, low_hz: tuple[float, float], width: tuple[float, float]) -> np.ndarray:
    """Steady noise of a random band."""
    low = random.uniform(*low_hz)
    return band(random, n, low, min(low * random.uniform(*width), 7800))


def horn(random: Generator, n: int, vibrato: bool) -> np.ndarray:
    """A harmonic tone, steady or with vibrato."""
    f0 = random.uniform(110, 440)
    depth, rate = (random.uniform(0.03, 0.08), random.uniform(4, 8)) if vibrato else (0, 0)
    wobble = 1 + depth * np.sin(2 * np.pi * (rate * _times(n) + random.uniform()))
    return tone(_phase(f0 * wobble), int(random.integers(5, 15)), random.uniform(0.5, 1.5))


def chirps(random: Generator, n: int, up: bool) -> np.ndarray:
    """Short glides over an octave or two, again and again."""
    length = int(random.uniform(0.1, 0.35) * SFREQ)
    low, octaves = random.uniform(400, 1200), random.uniform(0.8, 2)
    glide = np.linspace(0, octaves, length)
    sound = np.sin(_phase(low * 2 ** (glide if up else octaves - glide))) * np.hanning(length)
    return pulses(regular(random, n, random.uniform(1.5, 2.8), 0.1), n, lambda: sound)


def clicks(random: Generator, n: int, rate_hz: tuple[float, float]) -> np.ndarray:
    """A train of clicks in a room."""
    decay = np.exp(-np.arange(400) / random.uniform(10, 60))
    return pulses(regular(random, n, random.uniform(*rate_hz)), n, lambda: random.standard_normal(400) * decay)


def throb(random: Generator, n: int, rate_hz: tuple[float, float]) -> np.ndarray:
    """Noise whose level goes up and down."""
    level = 0.5 + 0.5 * np.sin(2 * np.pi * (random.uniform(*rate_hz) * _times(n) + random.uniform()))
    return hiss(random, n, (200, 1500), (2, 4)) * level


def bell(random: Generator, n: int) -> np.ndarray:
    """Strokes of one bell: partials of a tuned church bell (hum, prime, tierce, quint, nominal, ..), detuned a little."""
    ratios = np.array([0.5, 1, 1.2, 1.5, 2, 2.6, 3, 4.1]) * random.normal(1, 0.01, 8)
    freqs, decay = np.sort(random.uniform(250, 900) * ratios), random.uniform(0.4, 1.2)
    return pulses(regular(random, n, random.uniform(0.7, 2), 0.1), n, lambda: ring(random, freqs, decay, 2.5))


def bubbles(random: Generator, n: int) -> np.ndarray:
    """Blips that rise in pitch as they die away, at random moments (van den Doel 2005)."""

    def one() -> np.ndarray:
        t = np.arange(int(random.uniform(0.02, 0.08) * SFREQ)) / SFREQ
        f = random.uniform(400, 2500) * (1 + random.uniform(3, 15) * t)
        return np.sin(_phase(f)) * np.exp(-t * random.uniform(40, 120))

    return pulses(random.uniform(0, n, random.poisson(random.uniform(8, 30) * n / SFREQ) + 1), n, one)


def engine(random: Generator, n: int) -> np.ndarray:
    """Low harmonics whose rate drifts, and the noise of each stroke."""
    drift = 1 + 0.08 * np.sin(2 * np.pi * (random.uniform(0.1, 0.4) * _times(n) + random.uniform()))
    phase = _phase(random.uniform(25, 70) * drift)
    return tone(phase, 25, random.uniform(0.3, 0.8)) + band(random, n, 300, 3000) * (
        1 + np.sin(phase)
    ) * random.uniform(0.5, 1)


def siren(random: Generator, n: int) -> np.ndarray:
    """A tone that goes up and down over an octave, slowly."""
    swing = np.sin(2 * np.pi * (random.uniform(0.4, 1.2) * _times(n) + random.uniform()))
    return tone(_phase(random.uniform(600, 1000) * 2 ** (0.5 * swing)), int(random.integers(2, 6)), 1.0)


def rain(random: Generator, n: int) -> np.ndarray:
    """Very many small drops, without a rhythm."""
    drops = (random.uniform(size=n) < random.uniform(100, 600) / SFREQ) * random.exponential(1, n)
    sos = butter(2, random.uniform(800, 2000), "highpass", fs=SFREQ, output="sos")
    return sosfilt(sos, np.convolve(drops, np.exp(-np.arange(200) / 25))[:n])


def wind(random: Generator, n: int) -> np.ndarray:
    """Low noise in gusts."""
    gusts = np.interp(np.arange(n), np.linspace(0, n, 2 + n // 8000), random.uniform(0.1, 1, 2 + n // 8000))
    return band(random, n, 80, random.uniform(300, 700)) * gusts


def steps(random: Generator, n: int) -> np.ndarray:
    """Thuds of a walk."""
    low = random.uniform(60, 140)

    def one() -> np.ndarray:
        t = np.arange(int(0.2 * SFREQ)) / SFREQ
        scrape = random.standard_normal(len(t)) * np.exp(-t * 80) * 0.4
        return np.sin(2 * np.pi * low * t) * np.exp(-t * 30) + scrape

    return pulses(regular(random, n, random.uniform(1.5, 2.6), 0.06), n, one)


def crickets(random: Generator, n: int) -> np.ndarray:
    """A high tone in bursts of short pulses."""
    burst = np.sin(2 * np.pi * random.uniform(30, 50) * _times(n)) > 0
    phrase = np.sin(2 * np.pi * (random.uniform(1.5, 4) * _times(n) + random.uniform())) > 0
    return np.sin(2 * np.pi * random.uniform(3800, 5500) * _times(n)) * burst * phrase


def beeps(random: Generator, n: int) -> np.ndarray:
    """A pure tone that goes on and off."""
    on = (_times(n) * random.uniform(2, 4) + random.uniform()) % 1 < random.uniform(0.3, 0.6)
    return np.sin(2 * np.pi * random.uniform(700, 2500) * _times(n)) * on


#: Class -> what draws one of its sounds: (random, samples) -> (n,). Neighbours in this order are unlike each other.
SOUNDS: dict[str, Callable[[Generator, int], np.ndarray]] = {
    "low noise": partial(hiss, low_hz=(80, 200), width=(3, 5)),
    "horn": partial(horn, vibrato=False),
    "rising chirps": partial(chirps, up=True),
    "slow clicks": partial(clicks, rate_hz=(3, 9)),
    "bell": bell,
    "slow throb": partial(throb, rate_hz=(2, 6)),
    "bubbles": bubbles,
    "engine": engine,
    "high noise": partial(hiss, low_hz=(2500, 4500), width=(1.4, 1.8)),
    "vibrato": partial(horn, vibrato=True),
    "falling chirps": partial(chirps, up=False),
    "rain": rain,
    "siren": siren,
    "fast clicks": partial(clicks, rate_hz=(18, 50)),
    "footsteps": steps,
    "crickets": crickets,
    "wind": wind,
    "beeps": beeps,
    "middle noise": partial(hiss, low_hz=(700, 1500), width=(1.8, 2.6)),
    "fast throb": partial(throb, rate_hz=(14, 35)),
}
