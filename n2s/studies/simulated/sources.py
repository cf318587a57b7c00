"""What the simulated listeners' auditory cortices do: from a stimulus to source activity, purely linear in features.

Six sources: M50-, M100- and M200-like responses in the left and the right hemisphere. Each answers its own part of the
spectrum, with its own delay and width, from its own place in the superior temporal lobe, so that the spatial patterns
carry different spectral information. Listeners differ in place, direction, gain and lag.
"""

from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import scipy.signal
import soundfile
import torch
import torchaudio

from n2s.errors import UserError
from n2s.studies.simulated.noise import spatial_covariance
from n2s.studies.simulated.sensors import HEAD_CENTRE_M, helmet, lead_field

AUDIO_HZ = 16000
N_BANDS = 16
N_FEATURES = 2 * N_BANDS + 2  # level and onset of each band, word onsets, phone onsets
LEVEL_SD, RISE_SD = 0.85, 0.35  # typical of one band's level and rise in speech, as `stimulus_features` measures them
RISE_S = 0.02  # the rise compares with the level this much earlier
MEMORY_S = 0.4  # no response starts before the sound, or lasts longer than this


@dataclass(frozen=True)
class Response:
    """One component of the evoked response, given for the left hemisphere; the right one mirrors its place."""

    latency_s: float
    width_s: float  # standard deviation of a Gaussian deflection
    moment_am: float  # for one standard deviation of band level, A m; the sign is along `direction`
    place_m: tuple[float, float, float]  # head coordinates
    direction: tuple[float, float, float]
    left_hz: float  # the middle of the bands that the left source prefers
    right_hz: float
    word: float = 0.0  # answer to one onset, relative to one standard deviation of level
    phone: float = 0.0


RESPONSES = (
    Response(0.050, 0.014, 2e-9, (-0.046, 0.012, 0.062), (0.0, 0.3, 0.95), left_hz=2500, right_hz=400),
    Response(0.100, 0.020, -3.2e-9, (-0.050, -0.004, 0.060), (0.0, 0.5, 0.87), left_hz=900, right_hz=4000, phone=0.5),
    Response(0.200, 0.035, 2.4e-9, (-0.050, 0.026, 0.050), (0.0, -0.5, 0.87), left_hz=5500, right_hz=1500, word=1.0),
)
N_SOURCES = 2 * len(RESPONSES)


def stimulus_features(audio: Path, events: pd.DataFrame, sfreq: float) -> np.ndarray:
    """(l, N_FEATURES) The features that the sources respond to, frame i at ``i / sfreq`` s of the audio.

    Level of 16 mel bands from 80 to 8000 Hz in log units, its half-wave rectified rise over 20 ms, and an impulse at
    each word and phone onset. Every stimulus is played equally loud, whatever the file's scale.
    """
    if AUDIO_HZ % sfreq:
        raise UserError(f"simulated_meg: sfreq is {sfreq:g} Hz; it must divide {AUDIO_HZ}: 125, 250, 500 or 1000, say.")
    samples, rate = soundfile.read(audio, dtype="float32")
    if rate != AUDIO_HZ or samples.ndim != 1:
        raise UserError(f"{audio}: found {rate} Hz and shape {samples.shape}; expected one channel at {AUDIO_HZ} Hz.")
    samples = torch.from_numpy(samples / np.sqrt(np.mean(samples**2)))
    samples = torch.cat([samples[:1], samples[1:] - 0.95 * samples[:-1]])  # evens out the spectrum of speech
    hop = round(AUDIO_HZ / sfreq)
    mel = torchaudio.transforms.MelSpectrogram(
        AUDIO_HZ, n_fft=512, hop_length=hop, f_min=80, f_max=8000, n_mels=N_BANDS, norm="slaney", center=False
    )
    padded = torch.nn.functional.pad(samples, (256, 256))  # frame i is centred at i * hop
    starts = range(0, len(samples) // hop + 1, 2048)  # in pieces: memory
    power = torch.cat([mel(padded[start * hop : (start + 2047) * hop + 512]) for start in starts], dim=1)
    level = torch.log10(1 + 100 * power).numpy().T
    rise = np.zeros_like(level)
    step = max(1, round(RISE_S * sfreq))
    rise[step:] = np.maximum(level[step:] - level[:-step], 0)
    impulses = np.zeros((len(level), 2), np.float32)
    for column, kind in enumerate(("word", "phone")):
        onsets = events.loc[events.kind == kind, "onset"].to_numpy()
        np.add.at(impulses[:, column], np.minimum(np.rint(onsets * sfreq).astype(int), len(level) - 1), 1)
    return np.concatenate([level, rise, impulses], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Listener:
    """One subject: a head in the helmet, its sources, and its background noise.

    ``patterns (c, j)``: field of a unit source at each sensor, T/(A m) or T/(m A m). ``weights (j, f)``: A m per unit
    of each feature. ``deflections (j, lag)``: each source's response over time, of unit area. ``noise (c, c)``:
    spatial covariance at the white floor, T^2/Hz or (T/m)^2/Hz. ``info['bads']`` holds the bad channels.
    """

    info: mne.Info
    patterns: np.ndarray
    weights: np.ndarray
    deflections: np.ndarray
    noise: np.ndarray

    def drive(self, features: np.ndarray) -> np.ndarray:
        """Weighted features, (..., l, f) -> (..., j, l), A m: the input of each source, before its delay."""
        return np.einsum("...lf,jf->...jl", features, self.weights, optimize=True)

    def activity(self, drive: np.ndarray) -> np.ndarray:
        """Source activity, (..., j, l) -> (..., j, l), A m; before the first sample there was nothing."""
        deflections = np.broadcast_to(self.deflections, (*drive.shape[:-1], self.deflections.shape[-1]))
        return scipy.signal.oaconvolve(drive, deflections, axes=-1)[..., : drive.shape[-1]]


def listener(subject: int, sfreq: float, seed: int, system: str = "vectorview") -> Listener:
    """Draw a subject: the same numbers, the same listener, whatever else is simulated."""
    rng = np.random.default_rng([seed, subject])
    info = helmet(sfreq, rng.normal(0, 0.003, 3), system=system)
    info["bads"] = sorted(rng.choice(info.ch_names, 3, replace=False).tolist())
    gain = np.exp(rng.normal(0, 0.08))
    lag_s = np.clip(rng.normal(0, 0.006), -0.012, 0.012)
    places, directions, weights, deflections = [], [], [], []
    lags_s = np.arange(round(MEMORY_S * sfreq) + 1) / sfreq
    for response in RESPONSES:
        for side, preferred_hz in ((1, response.left_hz), (-1, response.right_hz)):
            place = np.array(response.place_m) * [side, 1, 1] + rng.normal(0, 0.003, 3)
            places.append(place)
            directions.append(tangential(place, np.array(response.direction) + rng.normal(0, 0.15, 3)))
            own = response.moment_am * gain * np.exp(rng.normal(0, 0.08))
            time_s = (lags_s - response.latency_s - lag_s) / response.width_s
            shape = np.exp(-0.5 * time_s**2)
            bands = _preference(preferred_hz)
            impulses = shape.sum() * np.array([response.word, response.phone])  # so that an onset gives a peak of 1
            weights.append(own * np.concatenate([bands / LEVEL_SD, bands / RISE_SD, impulses]))
            deflections.append(shape / shape.sum())
    field = lead_field(info, np.array(places))
    return Listener(
        info=info,
        patterns=np.einsum("cjd,jd->cj", field, np.array(directions)),
        weights=np.array(weights),
        deflections=np.array(deflections),
        noise=spatial_covariance(info, rng),
    )


def _preference(hz: float) -> np.ndarray:
    """(N_BANDS,) Weights that sum to one: a bump of one and a half bands around ``hz`` on the mel scale."""
    mel = lambda f: 2595 * np.log10(1 + np.asarray(f) / 700)  # noqa: E731
    edges = np.linspace(mel(80), mel(8000), N_BANDS + 2)
    bump = np.exp(-0.5 * ((edges[1:-1] - mel(hz)) / (1.5 * (edges[1] - edges[0]))) ** 2)
    return bump / bump.sum()


def tangential(place: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The direction without its part along the radius (which no magnetometer sees), of unit length."""
    radius = place - HEAD_CENTRE_M
    direction = direction - radius * (direction @ radius) / (radius @ radius)
    return direction / np.linalg.norm(direction)
