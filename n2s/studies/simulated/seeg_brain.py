"""What the simulated contacts do: high-gamma activity whose variance has known shares from what is said.

==========  ====  ====================================================================================================
driver      dims  what it is, 100 times a second
==========  ====  ====================================================================================================
envelope    1     root of the sound's amplitude
phones      6     numbers that a phone's identity draws, at its middle
words       32    a word's embedding, at its middle: four numbers with a deviation of 2, that contacts answer to, and 28 of 0.5, that
                  none does, turned so that each column mixes all. As in a language model's, a few directions have most of the
                  variance, whatever the scale of columns, and all together tell the word.
own         1     a number for each word that nothing else tells: to learn it by heart, the same word must be in training
==========  ====  ====================================================================================================

A contact mixes the dimensions of a driver in its own way, answers each with a latency and a kernel, and is averaged over windows of 50
ms. Its courses of envelope, phones, words and own are made orthogonal in this order and of unit variance, so that shares add up:

    high-gamma = base (1 + depth (sum of sqrt(share) course + sqrt(1 - sum of shares) noise))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import scipy.ndimage
import scipy.signal
import scipy.stats
import soundfile

RATE_HZ = 100.0
DRIVERS = {"envelope": 1, "phones": 6, "words": 32, "own": 1}
#: Those of `n2s.studies.study.Study.features`: what models may know.
KNOWN = ("envelope", "phones", "words")
N_MEANINGS, MEANING_SD, OTHER_SD = 4, 2.0, 0.5  # of an embedding
#: (32, 32) orthogonal: the first rows are the directions of the meanings. Along the axes, z-scored columns would hide them.
TURN = scipy.stats.ortho_group.rvs(DRIVERS["words"], random_state=32)
#: Kind of contact -> shares of envelope, phones and words.
SHARES = {
    "auditory": (0.35, 0.03, 0.00),
    "phonetic": (0.12, 0.20, 0.03),
    "lexical": (0.05, 0.08, 0.17),
    "silent": (0.00, 0.00, 0.00),
}
KINDS = tuple(SHARES)
#: Of a contact behind the sound, s; negative: it leads, as in who speaks.
LATENCY_S = {"overt": (-0.05, 0.10), "listen": (0.02, 0.12)}
PHONE_SD_S, WORD_SD_S = 0.03, 0.05  # of the kernels, cut at two and a half and two deviations
NOISE_SD_S = 0.04
WINDOW = np.array([0.5, 1, 1, 1, 1, 0.5]) / 5  # mean of a course over the 50 ms after each frame, linear between frames
DEPTH = 0.15  # of modulation, at most; less where a course would reach 0
BASE_V, BASE_SD = 2e-5, 0.4  # amplitude of a contact, and deviation of its log
CONTACTS = 10  # of a shaft
STEP_MM = 3.5  # from one to the next
#: MNI, mm: where the tips of shafts lie, in the left hemisphere; shafts come from the side.
TIPS_MM = ((-36, -24, 8), (-36, -38, 12), (-32, -10, -18), (-34, -56, 10), (-32, 8, 4), (-30, 26, 14))


@dataclass(frozen=True)
class Contacts:
    """The contacts of one subject.

    ``places_mm (v, 3)`` MNI; ``shares (v, 4)`` of the variance, by `DRIVERS`; ``base_v (v,)`` mean amplitude; ``latency_frames (v,)``;
    ``mixtures``: driver -> (dims, v) how its dimensions are mixed.
    """

    names: list[str]
    kinds: list[str]
    places_mm: np.ndarray
    shares: np.ndarray
    base_v: np.ndarray
    latency_frames: np.ndarray
    mixtures: Mapping[str, np.ndarray]


def contacts(subject: int, n: int, *, task: str, share: float, own: float, seed: int) -> Contacts:
    """Draw the contacts of a subject: shafts of ten, from the tip outwards; the first half of each is of one kind, the rest is silent.

    ``share`` multiplies all shares, ``own`` is the share of the words' own numbers in contacts that answer to anything.
    """
    rng = np.random.default_rng([seed, subject, 11])
    number = np.arange(n)
    shaft, depth = number // CONTACTS, number % CONTACTS
    kinds = [KINDS[one % 3] if deep < (CONTACTS + 1) // 2 else "silent" for one, deep in zip(shaft, depth, strict=True)]
    sides = np.where(shaft % 2 == 0, 1, -1)
    tips = np.array(TIPS_MM)[shaft % len(TIPS_MM)] + rng.normal(0, 2, (shaft.max() + 1, 3))[shaft]
    places = (tips - np.outer(depth * STEP_MM, [1, 0, 0])) * np.column_stack([sides, np.ones((n, 2))])
    shares = np.array([(*SHARES[kind], own * (kind != "silent")) for kind in kinds]) * share
    return Contacts(
        names=[f"{'LR'[one % 2]}{chr(65 + one // 2)}{deep + 1}" for one, deep in zip(shaft, depth, strict=True)],
        kinds=kinds,
        places_mm=places,
        shares=shares,
        base_v=BASE_V * np.exp(rng.normal(0, BASE_SD, n)),
        latency_frames=np.rint(rng.uniform(*LATENCY_S[task], n) * RATE_HZ).astype(int),
        mixtures={
            "phones": rng.standard_normal((DRIVERS["phones"], n)),
            "words": TURN[:N_MEANINGS].T @ rng.standard_normal((N_MEANINGS, n)),
        },
    )


def drivers(audio: Path, events: pd.DataFrame) -> dict[str, np.ndarray]:
    """The drivers of a run, name -> (l, dims), frame i at ``i / RATE_HZ``."""
    samples, rate = soundfile.read(audio)
    hop = round(rate / RATE_HZ)
    n = len(samples) // hop
    power = np.square(samples[: n * hop]).reshape(n, hop).mean(1)
    smooth = (power + np.roll(power, 1)) / 2  # frame i is the mean of 10 ms before it and 10 ms after it
    smooth[0] = power[0]
    found = {"envelope": smooth[:, None] ** 0.25}
    for name, kind in (("phones", "phone"), ("words", "word"), ("own", "word")):
        rows = events[events.kind == kind]
        values = np.array([code(name, text) for text in rows.text.str.strip("ˈˌ")])
        found[name] = np.zeros((n, DRIVERS[name]))
        at = np.floor((rows.onset + rows.duration / 2) * RATE_HZ + 0.5).astype(int)
        np.add.at(found[name], at.to_numpy().clip(0, n - 1), values)
    return found


def code(driver: str, text: str) -> np.ndarray:
    """(dims,) The numbers that a phone or word draws, the same wherever it stands."""
    draws = np.random.default_rng(crc32(f"{driver} {text}".encode())).standard_normal(DRIVERS[driver])
    if driver == "words":
        draws = draws * np.where(np.arange(len(draws)) < N_MEANINGS, MEANING_SD, OTHER_SD) @ TURN
    return draws


def courses(values: Mapping[str, np.ndarray], who: Contacts) -> tuple[np.ndarray, np.ndarray]:
    """Each driver's course in each contact: (4, l, v) after windows, orthonormal over frames; and the same before windows.

    The course of a driver is 0 where the contact has no share of it, or where the drivers before it explain all of it.
    """
    fine = np.stack([_answered(values[name], who, name) for name in DRIVERS])
    fine -= fine.mean(1, keepdims=True)
    seen = _windowed(fine)
    for number in range(len(DRIVERS)):
        seen[number] -= (mean := seen[number].mean(0))
        fine[number] -= mean
        for before in range(number):
            part = (seen[number] * seen[before]).mean(0)
            seen[number] -= part * seen[before]
            fine[number] -= part * fine[before]
        deviation = seen[number].std(0)
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-9)
        seen[number] *= scale
        fine[number] *= scale
    return seen, fine


def noise(n: int, n_contacts: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(l, v) Gaussian noise of a unit variance after windows, and the same before windows."""
    reach = round(4 * NOISE_SD_S * RATE_HZ)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (NOISE_SD_S * RATE_HZ)) ** 2)
    kernel /= np.linalg.norm(np.convolve(kernel, WINDOW))
    white = rng.standard_normal((n + len(kernel) - 1 + len(WINDOW), n_contacts))
    fine = scipy.signal.oaconvolve(white, kernel[:, None], mode="valid", axes=0)
    return _windowed(fine)[:n], fine[:n]


def activity(
    shares: np.ndarray, parts: tuple[np.ndarray, np.ndarray], noises: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """(l, v) modulation after windows, and before: courses and noise, mixed by shares (v, 4), of unit variance."""
    own = np.sqrt(shares).T[:, None, :]
    rest = np.sqrt(1 - shares.sum(1))
    return tuple((own * part).sum(0) + rest * one for part, one in zip(parts, noises, strict=True))


def expected_r(values: Mapping[str, np.ndarray], who: Contacts, known: Sequence[str]) -> np.ndarray:
    """(v,) Correlation with a contact of the best linear prediction from its true courses of some drivers.

    Courses are those after the contact's kernel, before they were made orthogonal: one driver may tell of another.
    """
    seen, _ = courses(values, who)
    raw = _windowed(np.stack([_answered(values[name], who, name) for name in known]))
    raw -= raw.mean(1, keepdims=True)
    signal = (np.sqrt(who.shares).T[:, None, :] * seen).sum(0)
    found = np.zeros(len(who.names))
    for contact in np.flatnonzero(who.shares.sum(1) > 0):
        fitted = raw[:, :, contact].T @ np.linalg.lstsq(raw[:, :, contact].T, signal[:, contact], rcond=1e-9)[0]
        found[contact] = np.sqrt(
            np.square(fitted).mean() / (np.square(signal[:, contact]).mean() + 1 - who.shares[contact].sum())
        )
    return found


def _answered(values: np.ndarray, who: Contacts, name: str) -> np.ndarray:
    """(l, dims) -> (l, v): mixed, smoothed by the kernel, late by the latency."""
    if name == "envelope":
        mixed = np.repeat(values, len(who.names), 1)
        mixed = mixed - mixed.mean(0)
    else:
        mixed = values @ who.mixtures[name] if name in who.mixtures else np.repeat(values, len(who.names), 1)
        sd, cut = (PHONE_SD_S, 2.5) if name == "phones" else (WORD_SD_S, 2.0)
        mixed = scipy.ndimage.gaussian_filter1d(mixed, sd * RATE_HZ, axis=0, truncate=cut, mode="constant")
    return _shifted(mixed, who.latency_frames)


def _shifted(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    found = np.zeros_like(values)
    for shift in np.unique(frames):
        own = frames == shift
        if shift >= 0:
            found[shift:, own] = values[: len(values) - shift, own]
        else:
            found[:shift, own] = values[-shift:, own]
    return found


def _windowed(values: np.ndarray) -> np.ndarray:
    """(..., l, v): frame i becomes the mean of the 50 ms after it."""
    padded = np.concatenate([values, np.repeat(values[..., -1:, :], len(WINDOW) - 1, -2)], -2)
    n = values.shape[-2]
    return sum(weight * padded[..., at : at + n, :] for at, weight in enumerate(WINDOW))
