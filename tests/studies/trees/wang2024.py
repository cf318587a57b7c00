"""The Brain Treebank in miniature: two people and two movies of 14 s; one pauses; marks in labels; a dataset without a label."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

SFREQ, LENGTH_S = 2048.0, 18.0
LABELS = {"1": ["F1a*1", "F1a2", "#F1a3", "T2b1", "DC4", "TRIG1"], "2": ["O1aIb4", "O1aIb5*", "O1aIb6", "DC1"]}
CORRUPTED = {"1": ["#F1a3"], "2": ["O1aIb5"]}  # with and without the mark of the label
SENTENCES = (
    ("Where", "is", "the", "ant"),
    ("It", "did", "n't", "come", "home"),
    ("We", "wait", "here"),
    ("They", "sing", "songs", "at", "night"),
)
#: Trial -> movie, its first moment in the recording (s), and pauses (movie time, s; how long).
TRIALS = {
    ("1", "000"): ("ant-man", 1.0, ()),
    ("1", "001"): ("cars-2", 1.5, ()),
    ("2", "000"): ("ant-man", 2.0, ((7.0, 1.5),)),
}


def words() -> list[dict]:
    """``n't`` has no times; the words of `SENTENCES` are 0.6 s apart, sentences 0.9 s more."""
    rows, at = [], 0.5
    for sentence in SENTENCES:
        for number, text in enumerate(sentence):
            told = text != "n't"
            rows.append({
                "text": text, "start": round(at, 3) if told else None, "end": round(at + 0.4, 3) if told else None, "is_onset": number == 0,
                "rms": 0.02 + 0.001 * len(rows), "pitch": None if text == "ant" else 180.0 + len(rows), "gpt2_surprisal": 3.5,
            })  # fmt: skip
            at += 0.6 if told else 0.0
        at += 0.9
    return rows


def timings(first_s: float, pauses: tuple) -> list[dict]:
    """A trigger each second; around a pause the movie's time is told twice, 0.03 s earlier the second time."""
    rows, later_s, left = [], first_s, list(pauses)
    for movie_s in np.arange(0.0, 14.01, 1.0):
        if left and movie_s == left[0][0]:
            rows.append({"type": "pause", "movie_time": movie_s, "index": round((movie_s + later_s) * SFREQ)})
            later_s += left[0][1]
            left.pop(0)
            back_s = movie_s - 0.03
            rows.append({"type": "unpause", "movie_time": back_s, "index": round((movie_s + later_s) * SFREQ)})
            later_s += 0.03
            continue
        rows.append({"type": "trigger", "movie_time": movie_s, "index": round((movie_s + later_s) * SFREQ)})
    return rows


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_csv(path: Path, rows: list[dict], *, index: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=index)


def write_tree(root: Path) -> Path:
    for seed, ((subject, trial), (movie, first_s, pauses)) in enumerate(TRIALS.items()):
        rng, n = np.random.default_rng(seed), round(LENGTH_S * SFREQ)
        root.mkdir(parents=True, exist_ok=True)
        with h5py.File(root / f"sub_{subject}_trial{trial}.h5", "w") as file:
            for i in range(len(LABELS[subject]) + (subject == "1")):
                file[f"data/electrode_{i}"] = (50 * rng.standard_normal(n)).astype(np.float32)
        write_csv(root / "subject_timings" / f"sub_{subject}_trial{trial}_timings.csv", timings(first_s, pauses))
        write_json(
            root / "subject_metadata" / f"sub_{subject}_trial{trial}_metadata.json",
            {"title": movie.title(), "filename": movie},
        )
        shift = 0.11 if movie == "cars-2" else 0.0
        told = [row | {key: row[key] and row[key] + shift for key in ("start", "end")} for row in words()]
        told = [row | {"text": f"{row['text']}s"} for row in told] if shift else told
        write_csv(root / "transcripts" / movie / "features.csv", told, index=True)
    for subject, labels in LABELS.items():
        write_json(root / "electrode_labels" / f"sub_{subject}" / "electrode_labels.json", labels)
        places = [{"ID": i, "Electrode": label.replace("*", ""), "L": 160 + i, "I": 120 - 2 * i, "P": 110 + i, "DesikanKilliany": "n/a"} for i, label in enumerate(labels) if label[0] in "FTO#"]  # fmt: skip
        write_csv(root / "localization" / f"sub_{subject}" / "depth-wm.csv", places)
    write_json(root / "corrupted_elec.json", {f"sub_{subject}": labels for subject, labels in CORRUPTED.items()})
    return root
