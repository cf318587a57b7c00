"""ds003020 in miniature: three subjects of 4 to 6 voxels, of which UTS04 lacks a story; short stories."""

import json
from pathlib import Path

import h5py
import numpy as np
from builders import write_audio

STORIES = {"adollshouse": 45, "hangtime": 40, "legacy": 42, "life": 36, "wheretheressmoke": 41}
N_VOXELS = {"UTS01": 6, "UTS02": 5, "UTS04": 4}
RATE_HZ = 100  # of the audio: its length is what counts


def write_story(root: Path, subject: str, story: str, n_tr: int, n_voxels: int, *, n_repeats: int = 10) -> np.ndarray:
    """Row i holds i in its first voxel; the second has a NaN; the rest is noise."""
    folder = root / "derivative" / "preprocessed_data" / subject
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(n_tr)
    data = rng.standard_normal((n_tr - 20, n_voxels))
    data[:, 0] = np.arange(len(data))
    data[3, 1] = np.nan
    with h5py.File(folder / f"{story}.hf5", "w") as file:
        file["data"] = data
        if story == "wheretheressmoke":
            file["individual_repeats"] = data + np.arange(n_repeats)[:, None, None]
    return data


def write_tree(root: Path, *, rate_hz: int = RATE_HZ) -> Path:
    for subject, n_voxels in N_VOXELS.items():
        for story, n_tr in STORIES.items():
            if (subject, story) != ("UTS04", "life"):
                write_story(root, subject, story, n_tr, n_voxels)
    write_meta(root, STORIES, rate_hz=rate_hz)
    return root


def write_meta(
    root: Path, n_tr: dict[str, int], stories: tuple[str, ...] | None = None, *, rate_hz: int = RATE_HZ
) -> None:
    """The numbers of volumes, and audio of the true length."""
    (root / "derivative").mkdir(parents=True, exist_ok=True)
    (root / "derivative" / "respdict.json").write_text(json.dumps(n_tr))
    for seed, story in enumerate(stories or n_tr):
        write_audio(root / "stimuli" / f"{story}.wav", (n_tr[story] - 10) * 2.0, rate_hz=rate_hz, seed=seed)
