"""Recordings whose brain and artifacts are known apart: what a cleaning step removes of each can be measured."""

from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
from mne.io.constants import FIFF
from scipy.signal import butter, sosfiltfilt

from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

SFREQ = 250.0
N_EEG = 24


@dataclass
class World:
    """``raw`` is the sum of ``brain`` and the ``artifacts`` by name, (c, t) each, V; references are channels of ``raw``."""

    raw: mne.io.RawArray
    brain: np.ndarray
    artifacts: dict[str, np.ndarray]

    @property
    def artifact(self) -> np.ndarray:
        return sum(self.artifacts.values())


def band(noise: np.ndarray, low: float | None, high: float | None, sfreq: float = SFREQ) -> np.ndarray:
    edges = [edge for edge in (low, high) if edge]
    kind = "bandpass" if len(edges) == 2 else "lowpass" if high else "highpass"
    return sosfiltfilt(butter(2, edges, kind, fs=sfreq, output="sos"), noise)


def bursts(
    rng: np.random.Generator, n: int, *, every_s: float = 2.0, lasts_s: float = 0.6, sfreq: float = SFREQ
) -> np.ndarray:
    """A smooth gate, open now and then: when muscles are tense."""
    gate, at = np.zeros(n), 0
    while at < n:
        at += round(every_s * sfreq * rng.uniform(0.5, 1.5))
        gate[at : at + round(lasts_s * sfreq * rng.uniform(0.6, 1.4))] = rng.uniform(0.7, 1.3)
    return np.convolve(gate, np.hanning(25) / np.hanning(25).sum(), "same")


def world(
    seed: int = 0,
    *,
    person: int = 0,
    duration_s: float = 40.0,
    muscle: float = 3.0,
    blink: float = 3.0,
    jaw: float = 0.0,
    lag_s: float = 0.0,
    sfreq: float = SFREQ,
) -> World:
    """24 EEG channels: six sources with a falling spectrum, sensor noise, and artifacts as large as asked (of the brain's deviation).

    Channels beside them: EOG, EMG, the voice (AUDIO, ``lag_s`` later than the muscle) and the head's position (QUAT001 to 006).
    """
    rng, mixing = np.random.default_rng([seed, 7]), np.random.default_rng([person, 3])
    n = round(duration_s * sfreq)
    sources = np.stack([band(rng.standard_normal(n), 1, 12, sfreq) + 0.02 * rng.standard_normal(n) for _ in range(6)])
    sources *= 1 + 0.5 * np.abs(np.stack([band(rng.standard_normal(n), None, 0.5, sfreq) for _ in range(6)])) * 10
    brain = mixing.standard_normal((N_EEG, 6)) @ (sources / sources.std(1, keepdims=True))
    brain = 1e-5 * (brain / brain.std() + 0.1 * rng.standard_normal((N_EEG, n)))
    gate = bursts(rng, n, sfreq=sfreq)
    tense = gate * band(rng.standard_normal(n), 20, 0.45 * sfreq, sfreq)
    voice = np.roll(gate, round(lag_s * sfreq)) * band(rng.standard_normal(n), 30, 0.4 * sfreq, sfreq)
    eyes = np.convolve((np.arange(n) % round(3.1 * sfreq)) == round(sfreq), np.hanning(round(0.3 * sfreq)), "same")
    head = np.stack([np.cumsum(rng.standard_normal(n)) for _ in range(6)])
    head = band(head, 0.5, 3.0, sfreq) if jaw else 0.0 * head
    head /= max(head.std(), 1.0)
    scale = lambda x: x / max(x.std(), 1e-12)  # noqa: E731
    focus = np.zeros(N_EEG)
    focus[[0, 1, N_EEG - 1]] = 2.0, 1.5, 1.8
    patterns = {
        "muscle": focus + 0.1 * mixing.standard_normal(N_EEG),
        "blink": np.linspace(2, 0, N_EEG),
        "jaw": mixing.standard_normal(N_EEG),
    }
    courses = {
        "muscle": (muscle, scale(tense)),
        "blink": (blink, scale(eyes)),
        "jaw": (jaw, scale(head[4] + 0.35 * head[4] ** 2)),
    }
    artifacts = {
        name: 1e-5 * size * np.outer(patterns[name] / np.linalg.norm(patterns[name]), course)
        for name, (size, course) in courses.items()
        if size
    }
    montage = mne.channels.make_standard_montage("biosemi64")
    names = [*montage.ch_names[:N_EEG], "EOG", "EMG", "AUDIO", *[f"QUAT00{i}" for i in range(1, 7)]]
    kinds = ["eeg"] * N_EEG + ["eog", "emg", "misc"] + ["chpi"] * 6
    beside = np.stack(
        [1e-4 * eyes + 1e-6 * rng.standard_normal(n), 1e-4 * scale(tense) + 1e-6 * rng.standard_normal(n), voice]
    )
    data = np.concatenate([brain + sum(artifacts.values(), np.zeros_like(brain)), beside, 1e-2 * head])
    info = mne.create_info(names, sfreq, kinds)
    for i in range(1, 7):  # as MaxFilter writes them
        info["chs"][names.index(f"QUAT00{i}")]["kind"] = getattr(FIFF, f"FIFFV_QUAT_{i}")
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.set_montage(montage, on_missing="ignore", verbose="error")
    return World(raw, brain, artifacts)


class RunsStudy(Study):
    """One person (or more), whose recordings are given; nothing is heard in them but one sound, from start to end."""

    name = "runs"

    def __init__(self, root, raws: dict[Recording, mne.io.BaseRaw], events: list[dict] | None = None):
        self.root, self.raws, self.rows = Path(root), raws, events
        self.root.mkdir(parents=True, exist_ok=True)

    def recordings(self):
        return list(self.raws)

    def sources(self, recording):
        path = self.root / f"{recording.name}.txt"
        if not path.exists():
            path.write_text(recording.name)
        return [path]

    def load(self, recording):
        return self.raws[recording].copy()

    def events(self, recording):
        length = self.raws[recording].times[-1]
        row = {
            "onset": 0.0,
            "duration": length,
            "kind": "sound",
            "story": recording.name,
            "stimulus": recording.name,
            "stimulus_onset": 0.0,
        }
        return events_table([row] if self.rows is None else self.rows, where=recording.name)


def run(number: int, *, subject: str = "01", task: str = "speak", session: str = "") -> Recording:
    return Recording(subject, session=session, task=task, run=str(number), modality="eeg")
