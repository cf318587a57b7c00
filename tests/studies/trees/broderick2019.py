"""Natural speech in miniature: two people, runs 1, 2 and 10 of 12 s, of which 10 s have sound."""

import json
from pathlib import Path

import numpy as np
from builders import write_audio
from scipy.io import savemat

WORDS = (("the", 0.5), ("old", 0.9), ("man", 1.3), ("[noise]", None), ("fished", 3.0), ("alone", 3.5), ("late", 11.0))


def write_alignment(path: Path, told: tuple[tuple[str, float | None], ...] = WORDS) -> None:
    words = []
    for text, start in told:
        if start is None:
            words.append({"case": "not-found-in-audio", "word": text})
            continue
        phones = [{"phone": "dh_B", "duration": 0.1}, {"phone": "ah_E", "duration": 0.2}]
        words.append({"case": "success", "word": text, "start": start, "end": start + 0.3, "phones": phones})
    path.write_text(json.dumps({"transcript": "", "words": words}))


def write_tree(root: Path, *, runs: tuple[int, ...] = (1, 2, 10), words: tuple = WORDS, sound_s: float = 10.0) -> Path:
    for subject in (1, 2):
        for run in runs:
            path = root / "Natural Speech" / "EEG" / f"Subject{subject}" / f"Subject{subject}_Run{run}.mat"
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng(100 * subject + run)
            data = {
                "eegData": 20 * rng.standard_normal((round((sound_s + 2) * 128), 128)),
                "mastoids": rng.standard_normal((round((sound_s + 2) * 128), 2)),
                "fs": 128,
            }
            savemat(path, data)
    for run in runs:
        write_audio(root / "stimuli" / f"audio{run}.wav", sound_s, rate_hz=16000, seed=run)
        write_alignment(root / "stimuli" / f"align{run}.json", words)
    return root
