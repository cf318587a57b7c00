"""The holdouts of the competitions of LibriBrain in miniature, as they are published: a recording, averages of phones, words in NumPy archives."""

from pathlib import Path

import numpy as np
import torch
from trees.libribrain import PROC, write_meg

FOLDER = Path("COMPETITION_HOLDOUT")
SFREQ = 250


def serialised(root: Path, run: int, ending: str) -> Path:
    """The path of a run of 2025."""
    name = f"sub-0_ses-2025_task-COMPETITION_HOLDOUT_run-{run}_{PROC}_meg.{ending}"
    return root / FOLDER / "derivatives" / "serialised" / name


def write_speech(root: Path, *, n_channels: int = 12, duration_s: float = 8.0) -> Path:
    """A recording without events."""
    path = serialised(root, 1, "h5")
    write_meg(path, seed=7, n_channels=n_channels, duration_s=duration_s)
    return path


def write_phones(root: Path, *, n_channels: int = 12, n_rows: int = 30, as_list: bool = False) -> np.ndarray:
    """(n, c, 125) averages of z-scores; gives them back."""
    path = serialised(root, 2, "pt")
    path.parent.mkdir(parents=True, exist_ok=True)
    found = 0.1 * torch.randn(n_rows, n_channels, 125, generator=torch.Generator().manual_seed(0))
    torch.save(list(found) if as_list else found, path)
    return found.numpy()


def write_words(root: Path, subject: int = 0, *, n_channels: int = 12, n_words: int = 3) -> dict[str, np.ndarray]:
    """Two sentences of two and three words, padded, and words alone; gives the arrays of the sentences, and ``alone``."""
    rng = np.random.default_rng(subject)
    n_times = np.array([700, 900])
    sentences = {
        "meg": np.zeros((2, n_channels, 900), np.float32),
        "sentence_n_times": n_times,
        "sentence_sample_mask": np.arange(900) < n_times[:, None],
        "word_onsets_s": np.array([[0.2, 1.1004, np.nan], [0.0, 1.3, 2.5]]),
        "word_mask": np.array([[True, True, False], [True, True, True]]),
        "sfreq": np.float64(SFREQ),
        "sentence_extra_end_s": np.float64(1.0),
    }
    for number, n in enumerate(n_times):
        sentences["meg"][number, :, :n] = 1e-13 * rng.standard_normal((n_channels, n))
    alone = (1e-13 * rng.standard_normal((n_words, n_channels, SFREQ))).astype(np.float32)
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"subj{subject:02d}_holdout01_sentence.npz", **sentences)
    np.savez_compressed(folder / f"subj{subject:02d}_holdout2_word.npz", meg=alone, sfreq=250.0, tmin=0.0, tmax=1.0)
    return sentences | {"alone": alone}
