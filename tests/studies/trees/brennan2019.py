"""Alice in miniature: two people with EEG of 24 s, one of whom was excluded; two audio files, the first begins early."""

from pathlib import Path

import numpy as np
import pandas as pd
from builders import write_audio
from scipy.io import savemat

SFREQ, OFFSET = 500.0, -150  # an epoch begins 0.3 s before its word
START_S = {1: -0.8, 2: 12.0}  # of each audio file on the EEG's clock
LABELS = [*(str(n) for n in range(1, 62) if n != 29), "VEOG", "AUD"]


def story() -> pd.DataFrame:
    """Twelve words a file, four a sentence."""
    rows = []
    for segment in (1, 2):
        for k in range(12):
            onset = 0.3 + 0.8 * k
            row = {"Word": f"word{segment}{k}", "Segment": segment, "onset": onset, "offset": onset + 0.4}
            rows.append(
                row | {"Order": len(rows) + 1, "Sentence": 3 * (segment - 1) + k // 4 + 1, "Position": k % 4 + 1}
            )
    return pd.DataFrame(rows)


def write_proc(path: Path, table: pd.DataFrame) -> None:
    onset = np.array([round((row.onset + START_S[row.Segment]) * SFREQ) + 1 for row in table.itertuples()])
    trl = np.stack(
        [onset + OFFSET, onset + 500, np.full(len(table), OFFSET), table.Segment, table.onset, table.Order], 1
    ).astype(float)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = np.array(["segment", "tmin", "Order"], object)
    savemat(path, {"proc": {"trl": trl, "varnames": names}})


def write_tree(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number, subject in enumerate(("S01", "S02", "S03")):
        data = 20 * np.random.default_rng(number).standard_normal((len(LABELS), round(24 * SFREQ)))
        savemat(root / f"{subject}.mat", {"raw": {"trial": data, "label": np.array(LABELS, object), "fsample": SFREQ}})
    story().to_csv(root / "AliceChapterOne-EEG.csv", index=False)
    write_proc(root / "proc" / "S01.mat", story())
    write_proc(root / "proc" / "S03.mat", story().drop(index=[5, 6]))  # two words were rejected
    for segment in START_S:
        write_audio(
            root / "audio" / f"DownTheRabbitHoleFinal_SoundFile{segment}.wav", 10.5, rate_hz=16000, seed=segment
        )
    return root
