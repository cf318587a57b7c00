"""ds003020 in miniature: three subjects of 4 to 6 voxels, of which UTS04 lacks a story; short stories of five words."""

import json
from pathlib import Path

import h5py
import nibabel
import numpy as np
from builders import write_audio

STORIES = {"adollshouse": 45, "hangtime": 40, "legacy": 42, "life": 36, "wheretheressmoke": 41}
N_VOXELS = {"UTS01": 6, "UTS02": 5, "UTS04": 4}
RATE_HZ = 100  # of the audio: its length is what counts
WORDS = (("{SENTENCE_START}", 0.0, 0.2), ("I", 0.2, 0.4), ("{LG}", 0.4, 1.0), ("Reached", 1.0, 1.5), ("over", 1.5, 1.8), ("sp", 1.8, 12.0),
         ("{AND}", 12.0, 12.3), ("secretly", 12.3, 13.0), ("br", 13.0, 13.5))  # fmt: skip
PHONES = (("AY1", 0.2, 0.4), ("sp", 0.4, 1.0), ("R", 1.0, 1.1), ("IY0", 1.05, 1.5))  # the last two overlap


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
    for i, story in enumerate(STORIES):
        write_words(root, story, chronological=i % 2 == 1, names=("phone", "word") if i < 2 else ("first", "second"))
    return root


def write_words(
    root: Path, story: str, *, chronological: bool = False, names: tuple[str, str] = ("phone", "word")
) -> Path:
    """The grid of a story: phones before words, in one of Praat's two forms."""
    tiers, stop_s = (PHONES, WORDS), (STORIES[story] - 10) * 2.0
    if chronological:
        lines = ['"Praat chronological TextGrid text file"', f"0 {stop_s} ! Time domain.", "2 ! Number of tiers."]
        lines += [f'"IntervalTier" "{name}" 0 {stop_s}' for name in names]
        every = sorted((start, i, stop, text) for i, tier in enumerate(tiers, 1) for text, start, stop in tier)
        lines += [f'\n! {names[i - 1]}:\n{i} {start} {stop}\n"{text}"' for start, i, stop, text in every]
    else:
        lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', f"0\n{stop_s}\n<exists>\n2"]
        for name, tier in zip(names, tiers, strict=True):
            lines.append(f'"IntervalTier"\n"{name}"\n0\n{stop_s}\n{len(tier)}')
            lines += [f'{start}\n{stop}\n"{text}"' for text, start, stop in tier]
    path = root / "derivative" / "TextGrids" / f"{story}.TextGrid"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_mask(root: Path, subject: str, inside: np.ndarray, affine: np.ndarray) -> Path:
    """A mask of pycortex's database."""
    path = root / "derivative" / "pycortex-db" / subject / "transforms" / f"{subject}_auto" / "mask_thick.nii.gz"
    path.parent.mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(inside.astype(np.uint8), affine), path)
    return path


def write_meta(
    root: Path, n_tr: dict[str, int], stories: tuple[str, ...] | None = None, *, rate_hz: int = RATE_HZ
) -> None:
    """The numbers of volumes, and audio of the true length."""
    (root / "derivative").mkdir(parents=True, exist_ok=True)
    (root / "derivative" / "respdict.json").write_text(json.dumps(n_tr))
    for seed, story in enumerate(stories or n_tr):
        write_audio(root / "stimuli" / f"{story}.wav", (n_tr[story] - 10) * 2.0, rate_hz=rate_hz, seed=seed)
