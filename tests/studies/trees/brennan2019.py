"""Alice in miniature: two people with EEG of 24 s, one of whom was excluded; two audio files, the first begins early."""

from pathlib import Path

import numpy as np
import pandas as pd
from builders import write_audio
from scipy.io import savemat

SFREQ, OFFSET = 500.0, -150  # an epoch begins 0.3 s before its word
STEP_S = 12.8  # from one audio file to the next
START_S = {1: -0.8, 2: 12.0}  # of each audio file on the EEG's clock
LABELS = [*(str(n) for n in range(1, 62) if n != 29), "VEOG", "AUD"]


def story(n_segments: int = 2, n_words: int = 12, per_sentence: int = 4) -> pd.DataFrame:
    """Twelve words a file, four a sentence."""
    rows = []
    for segment in range(1, n_segments + 1):
        for k in range(n_words):
            onset = 0.3 + 0.8 * k
            row = {"Word": f"word{segment}{k}", "Segment": segment, "onset": onset, "offset": onset + 0.4}
            sentence = n_words // per_sentence * (segment - 1) + k // per_sentence + 1
            rows.append(row | {"Order": len(rows) + 1, "Sentence": sentence, "Position": k % per_sentence + 1})
    return pd.DataFrame(rows)


def write_proc(path: Path, table: pd.DataFrame, *, step_s: float = STEP_S) -> None:
    start_s = START_S[1] + step_s * (table.Segment - 1)
    onset = np.round((table.onset + start_s) * SFREQ) + 1
    trl = np.stack(
        [onset + OFFSET, onset + 500, np.full(len(table), OFFSET), table.Segment, table.onset, table.Order], 1
    ).astype(float)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = np.array(["segment", "tmin", "Order"], object)
    savemat(path, {"proc": {"trl": trl, "varnames": names}})


def write_tree(root: Path, *, n_segments: int = 2, n_words: int = 12, per_sentence: int = 4) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    words, step_s = story(n_segments, n_words, per_sentence), 0.8 * n_words + 3.2
    for number, subject in enumerate(("S01", "S02", "S03")):
        data = 20 * np.random.default_rng(number).standard_normal(
            (len(LABELS), round((step_s * n_segments - 1.6) * SFREQ))
        )
        savemat(root / f"{subject}.mat", {"raw": {"trial": data, "label": np.array(LABELS, object), "fsample": SFREQ}})
    words.to_csv(root / "AliceChapterOne-EEG.csv", index=False)
    write_proc(root / "proc" / "S01.mat", words, step_s=step_s)
    write_proc(root / "proc" / "S03.mat", words.drop(index=[5, 6]), step_s=step_s)  # two words were rejected
    for segment in range(1, n_segments + 1):
        path = root / "audio" / f"DownTheRabbitHoleFinal_SoundFile{segment}.wav"
        write_audio(path, step_s - 2.3, rate_hz=16000, seed=segment)
    return root
