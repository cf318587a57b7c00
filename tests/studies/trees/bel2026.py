"""Le Petit Prince in miniature: two people, two runs of 40 s, recordings that begin at sample 5000; sub-21 has run 8."""

from pathlib import Path

import mne
import numpy as np
from builders import bids_from_raw, helmet_raw, write_audio

SFREQ, START_S, STOP_S = 200.0, 4.0, 36.0
WORDS = ["Lorsque", "j'avais", "six", "ans", " ", "j'ai", "vu", "une", "image"] * 3
SENTENCES = [1, 1, 1, 1, None, 2, 2, 2, 2] * 3
LATE_S = 0.004  # the triggers fall this long after the published onsets, plus a millisecond or so
RUNS = (("01", "01"), ("01", "02"), ("21", "02"), ("21", "08"))


def onsets() -> np.ndarray:
    return START_S + 1 + np.cumsum(np.random.default_rng(3).uniform(0.4, 1.4, len(WORDS)))


def write_events(path: Path, *, shift_s: float = 0.0) -> None:
    lines = ["onset\tduration\ttrial_type\tstimulus", "0.0\t1.5\tBAD_ACQ_SKIP\tn/a"]
    for onset, word in zip(onsets() + shift_s, WORDS, strict=True):
        lines.append(f"{onset:.3f}\t0.2\tWord\t{word}")
    path.write_text("\n".join(lines) + "\n")


def recording(seed: int, *, lost: tuple[int, ...] = (2,), sounds: int = 2) -> mne.io.RawArray:
    """Noise, and the two trigger channels; the triggers of some words are lost."""
    raw = helmet_raw(6, sfreq=SFREQ, duration_s=40.0, seed=seed)
    stim = np.zeros((2, len(raw.times)))
    for time_s in (START_S, STOP_S)[:sounds]:
        stim[0, round(time_s * SFREQ) : round(time_s * SFREQ) + 10] = 5
    stim[0, round(2.0 * SFREQ) : round(2.0 * SFREQ) + 5] = 3  # another code
    for index, onset in enumerate(onsets()):
        if WORDS[index].strip() and index not in lost:
            stop = round((onset + LATE_S) * SFREQ)
            stim[1, stop - 10 : stop] = 8
    info = mne.create_info(["STI001", "STI008"], SFREQ, "stim")
    info = mne._fiff.meas_info._merge_info([raw.info, info])
    return mne.io.RawArray(np.vstack([raw.get_data(), stim]), info, first_samp=5000, verbose="ERROR")


def write_tree(
    root: Path,
    *,
    runs: tuple[tuple[str, str], ...] = RUNS,
    chapters: tuple[str, ...] = ("ch1-3", "ch4-6", "ch10-12"),  # in the order of numbers, not of letters
) -> Path:
    for number, (subject, run) in enumerate(runs):
        path = bids_from_raw(recording(number), root, subject=subject, session="01", run=run, task="listen")
        write_events(path.copy().update(suffix="events", extension=".tsv").fpath)
    for run in sorted({run for _, run in runs}):
        rows = [f"{word},{number},0,False,NOUN" for word, number in zip(WORDS, SENTENCES, strict=True) if word.strip()]
        path = root / "sourcedata" / f"task-listen_run-{run}_extra_info.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(["word,sequence_id,n_closing,is_last_word,pos", *rows]) + "\n")
    for number, name in enumerate(chapters):
        write_audio(root / "sourcedata" / "stimuli" / "audio" / f"{name}.wav", 32.5, rate_hz=16000, seed=number)
    return root
