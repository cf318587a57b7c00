"""Armeni 2022 in miniature: a real CTF recording of half a second; two audio files in a session, one begins before it."""

from pathlib import Path

import mne
from builders import bids_from_raw, write_audio

EVENTS = [  # onset, duration, type, value: in the order and with the quotes of the data set
    (-0.100, 0.0, "wav_onset_01", '""'),
    (-0.050, 0.10, "word_onset_01", '"TO"'),
    (0.050, 0.10, "word_onset_01", '"SHERLOCK"'),
    (0.050, 0.04, "phoneme_onset_01", '"SH"'),
    (0.090, 0.06, "phoneme_onset_01", '"sp"'),
    (0.250, 0.0, "wav_onset_02", '""'),
    (0.260, 0.05, "word_onset_02", '"HOLMES"'),
    (0.300, 0.01, "trigger", '"12"'),
]


def write_events(path: Path, events=EVENTS) -> None:
    lines = ["onset\tduration\tsample\ttype\tvalue"]
    lines += [f"{onset}\t{duration}\t{round(1200 * onset)}\t{kind}\t{value}" for onset, duration, kind, value in events]
    path.write_text("\n".join(lines) + "\n")


def write_tree(root: Path, real_data: Path) -> Path:
    raw = mne.io.read_raw_ctf(real_data / "meg_formats" / "ctf" / "somMDYO-18av.ds", verbose="ERROR")
    for session in ("001", "002"):
        path = bids_from_raw(raw, root, subject="001", session=session, task="compr")
        write_events(path.copy().update(suffix="events", extension=".tsv").fpath)
    for session in (1, 2):
        write_audio(root / "stimuli" / f"{session}_1.wav", 0.3, seed=1)
        write_audio(root / "stimuli" / f"0{session}_02.wav", 0.2, seed=2)
    return root
