"""SparrKULee's prepared arrays in miniature: two people, two stories of 12 s each and a part of a third."""

from pathlib import Path

import numpy as np

STORIES = {"audiobook_1_1": 12.0, "podcast_3": 12.0, "audiobook_2": 8.0}


def write_tree(root: Path, stories: dict[str, float] = STORIES, *, subjects: tuple[str, ...] = ("001", "027")) -> Path:
    eeg, stimuli = root / "derivatives" / "preprocessed_eeg", root / "derivatives" / "preprocessed_stimuli"
    stimuli.mkdir(parents=True, exist_ok=True)
    for number, (story, lasts_s) in enumerate(stories.items()):
        rng = np.random.default_rng(number)
        n = round(64 * lasts_s)
        np.save(stimuli / f"{story}_envelope.npy", rng.random((n, 1)))
        np.save(
            stimuli / f"{story}_mel.npy", rng.random((n - 3, 28), np.float32)
        )  # a spectrogram is some frames shorter
    for person, subject in enumerate(subjects):
        folder = eeg / f"sub-{subject}" / "ses-shortstories01"
        folder.mkdir(parents=True, exist_ok=True)
        for number, (story, lasts_s) in enumerate(stories.items(), 1):
            name = f"sub-{subject}_ses-shortstories01_task-listeningActive_run-{number:02d}_desc-preproc-audio-{story}_eeg.npy"
            rng = np.random.default_rng(100 * person + number)
            np.save(folder / name, 5 * rng.standard_normal((64, round(64 * (lasts_s + 1.5)))))
    return root
