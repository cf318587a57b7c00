"""The Podcast set in miniature: two people, 24 s; one contact without a place, tokens that share a word, words out of order."""

import json
from pathlib import Path

import h5py
import mne
import numpy as np
import pandas as pd
from builders import write_audio, write_tsv
from scipy import signal

SFREQ, LENGTH_S, SOUND_S = 512.0, 24.0, 23.5
CHANNELS = [*((f"G{i}", "ECOG", "good") for i in range(1, 7)), ("G7", "ECOG", "bad"), ("EKG1", "ECG", "good"), ("DC1", "MISC", "good")]  # fmt: skip
#: word_idx, word, start, end, and its tokens' rows.
WORDS = [(i, word, 0.8 + 0.7 * i, 1.1 + 0.7 * i) for i, word in enumerate(
    ["Act", "one,", "monkey", "in", "the", "middle.", "There", "is", "some", "place", "where", "your", "wildest", "dreams", "come", "true.", "It", "happened", "to", "me,", "once", "upon", "a", "time,", "in", "Spain."]
)]  # fmt: skip
N_FEATURES = 5


def tokens(words: list = WORDS) -> list[dict]:
    """Two rows for a word with a comma or a full stop, and two neighbours in the other order."""
    rows = []
    for number, word, start, end in words:
        parts = [word[:-1], word[-1]] if word[-1] in ",." else [word]
        rows += [{"word_idx": number, "word": word, "start": start, "end": end, "token": part} for part in parts]
    rows[2], rows[3] = rows[3], rows[2]
    return rows


def embeddings(rows: list[dict], n_features: int = N_FEATURES, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((len(rows), n_features)).astype(np.float32)


def write_recording(
    path: Path,
    seed: int,
    *,
    scale: float = 30e-6,
    fif: bool = False,
    length_s: float = LENGTH_S,
    loudness: np.ndarray | None = None,
) -> None:
    """White noise; with ``loudness`` (t,), noise of 75 to 165 Hz, which in the first two contacts is as loud as it says."""
    names = [name for name, kind, _ in CHANNELS if not fif or kind == "ECOG"]
    data = np.random.default_rng(seed).standard_normal((len(names), round(length_s * SFREQ)))
    if loudness is not None:
        data = signal.sosfiltfilt(signal.butter(4, [75, 165], "bandpass", output="sos", fs=SFREQ), data)
        data[:2] *= loudness
    raw = mne.io.RawArray(scale * data, mne.create_info(names, SFREQ, "ecog" if fif else "eeg"), verbose="ERROR")
    path.parent.mkdir(parents=True, exist_ok=True)
    if fif:
        raw.save(path, verbose="ERROR", overwrite=True)
    else:
        mne.export.export_raw(path, raw, fmt="edf", verbose="ERROR", overwrite=True)


def loudness_of(words: list, length_s: float) -> np.ndarray:
    """(t,) That follows one direction of the words' vectors (means over tokens), 0.2 s after the middle of each word."""
    rows = tokens(words)
    vectors = pd.DataFrame(embeddings(rows)).groupby([row["word_idx"] for row in rows]).mean().to_numpy()
    drive = np.zeros(round(length_s * SFREQ))
    for (*_, start, stop), value in zip(words, vectors @ np.ones(N_FEATURES) / N_FEATURES**0.5, strict=True):
        drive[round(((start + stop) / 2 + 0.2) * SFREQ)] += value
    pulse = np.exp(-0.5 * (np.arange(-256, 257) / (0.08 * SFREQ)) ** 2)
    return np.exp(0.7 * np.convolve(drive, pulse, mode="same"))


def write_tree(root: Path, *, words: list = WORDS, sound_s: float = SOUND_S, driven: bool = False) -> Path:
    """``driven``: the raw recordings follow the words' vectors."""
    length_s = sound_s + LENGTH_S - SOUND_S
    for number, subject in enumerate(("01", "02")):
        folder = root / f"sub-{subject}" / "ieeg"
        loudness = loudness_of(words, length_s) if driven else None
        write_recording(folder / f"sub-{subject}_task-podcast_ieeg.edf", number, length_s=length_s, loudness=loudness)
        (folder / f"sub-{subject}_task-podcast_ieeg.json").write_text(json.dumps({"PowerLineFrequency": 60}))
        file = f"derivatives/ecogprep/sub-{subject}/ieeg/sub-{subject}_task-podcast_desc-highgamma_ieeg.fif"
        write_recording(root / file, 10 + number, scale=1.0, fif=True, length_s=length_s)
        marks = [{"name": n, "type": k, "units": "uV", "status": s, "status_description": None} for n, k, s in CHANNELS]
        write_tsv(folder / f"sub-{subject}_task-podcast_channels.tsv", marks)
        for space, unit in (("MNI152NLin2009aSym", "mm"), ("Other", "n/a")):
            places = [{"name": f"G{i}", "x": -50.0 + 3 * i, "y": 10.0 - 4 * i, "z": 5.0 * i, "size": 4.15, "group": "G"} for i in range(1, 6)]  # fmt: skip
            write_tsv(folder / f"sub-{subject}_space-{space}_electrodes.tsv", places)  # G6 is good, and in neither
            said = {"iEEGCoordinateSystem": space, "iEEGCoordinateUnits": unit}
            (folder / f"sub-{subject}_space-{space}_coordsystem.json").write_text(json.dumps(said))
    write_tsv(root / "participants.tsv", [{"participant_id": f"sub-0{i}", "nyu_id": 660 + i} for i in (1, 2)])
    write_audio(root / "stimuli" / "podcast.wav", sound_s, rate_hz=16000)
    rows = tokens(words)
    for name, key in (("gpt2-xl", "layer-24"), ("phonetic", "vectors")):
        write_tsv(root / "stimuli" / name / "transcript.tsv", rows)
        text = (root / "stimuli" / name / "transcript.tsv").read_text().splitlines()
        numbered = [f"\t{text[0]}", *(f"{i}\t{line}" for i, line in enumerate(text[1:]))]  # pandas' index has no name
        (root / "stimuli" / name / "transcript.tsv").write_text("\n".join(numbered) + "\n")
        with h5py.File(root / "stimuli" / name / "features.hdf5", "w") as file:
            file[key] = embeddings(rows)
            if name == "gpt2-xl":
                file["layer-0"] = embeddings(rows, seed=4)
    return root
