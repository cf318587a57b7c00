"""SingleWordProductionDutch in miniature: two people, 16 s; two words come twice; large timestamps; the voice starts a little later."""

import json
from pathlib import Path

import h5py
import numpy as np
from builders import write_tsv

SFREQ, AUDIO_HZ = 1024.0, 16000.0
LENGTH_S = 16.5  # with `WORDS`
WORDS = ("brood", "water", "huis", "brood", "zeven", "water")  # 1.5 s each on the screen, then a cross for 1 s
VOICE_S = 0.4  # after the word appears
SAID_S = 0.5
LATER_S = 0.0625  # the audio starts after the sEEG
CLOCK_S = 86_412.25  # of the session
CHANNELS = [*((f"LA{i}", "SEEG", "good") for i in range(1, 5)), ("LB1", "SEEG", "bad"), ("MKR", "MISC", "good")]


def onsets(n: int = len(WORDS)) -> np.ndarray:
    """When each word appears, s on the sEEG's clock."""
    return 0.5 + 2.5 * np.arange(n)


def length_s(words: tuple[str, ...]) -> float:
    return LENGTH_S + 2.5 * (len(words) - len(WORDS))


def voice(seed: int, words: tuple[str, ...] = WORDS) -> np.ndarray:
    """Quiet noise, loud while somebody speaks; float, not scaled to 1."""
    rng = np.random.default_rng(seed)
    audio = 0.002 * rng.standard_normal(round(length_s(words) * AUDIO_HZ))
    for start_s in onsets(len(words)) + VOICE_S - LATER_S:
        at = slice(round(start_s * AUDIO_HZ), round((start_s + SAID_S) * AUDIO_HZ))
        audio[at] += 0.7 * rng.standard_normal(at.stop - at.start)
    return audio


def write_nwb(
    path: Path,
    seed: int,
    *,
    words: tuple[str, ...] = WORDS,
    audio: bool = True,
    audio_clock_s: float = CLOCK_S + LATER_S,
) -> None:
    n, rng = round(length_s(words) * SFREQ), np.random.default_rng(seed)
    marks = np.array([b"+"] * n, "S15")
    for text, start_s in zip(words, onsets(len(words)), strict=True):
        marks[round(start_s * SFREQ) : round((start_s + 1.5) * SFREQ)] = text.encode()
    streams = {
        "iEEG": (40 * rng.standard_normal((n, len(CHANNELS))), SFREQ, CLOCK_S, "ElectricalSeries"),
        "Stimulus": (marks, SFREQ, CLOCK_S, "TimeSeries"),
    }
    if audio:
        streams["Audio"] = (voice(seed, words), AUDIO_HZ, audio_clock_s, "TimeSeries")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, (data, rate_hz, start_s, kind) in streams.items():
            group = file.create_group(f"acquisition/{name}")
            group.attrs["neurodata_type"] = kind
            group["data"] = data
            group["timestamps"] = start_s + np.arange(len(data)) / rate_hz


def write_tree(root: Path, words: tuple[str, ...] = WORDS) -> Path:
    people = []
    for number, subject in enumerate(("01", "02")):
        stem = root / f"sub-{subject}" / "ieeg" / f"sub-{subject}_task-wordProduction"
        write_nwb(stem.with_name(f"{stem.name}_ieeg.nwb"), number, words=words)
        marks = [{"name": n, "type": k, "units": "microV", "status": s, "description": "n/a"} for n, k, s in CHANNELS]
        write_tsv(stem.with_name(f"{stem.name}_channels.tsv"), marks)
        stem.with_name(f"{stem.name}_ieeg.json").write_text(
            json.dumps({"PowerLineFrequency": 50, "SamplingFrequency": 1024})
        )
        places = [{"name": f"LA{i}", "x": -30.0 - 3.5 * i, "y": -10.0 + i, "z": 4.0 - i} for i in range(1, 5)]
        write_tsv(stem.with_name(f"sub-{subject}_space-ACPC_electrodes.tsv"), places)
        people.append({"participant_id": f"sub-{subject}", "age": 30 + number, "sex": "FM"[number]})
    write_tsv(root / "participants.tsv", people)
    return root
