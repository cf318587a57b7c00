"""A folder for MyStudy: two people, four sounds of half a minute, and EEG that follows their loudness."""

from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

RATE = 16_000  # of sounds, Hz
SFREQ = 100.0  # of the brain, Hz

rng = np.random.default_rng(0)
folder = Path("my_folder")
folder.mkdir(exist_ok=True)
for story in ("tale", "song", "news", "poem"):
    slow = np.repeat(rng.uniform(0.05, 1.0, 120), RATE // 4)  # a loudness for each quarter of a second
    soundfile.write(folder / f"{story}.wav", 0.1 * slow * rng.standard_normal(len(slow)), RATE)
    heard = scipy.signal.resample_poly(slow, 1, round(RATE / SFREQ))
    for subject in ("01", "02"):
        brain = rng.standard_normal((8, len(heard))) + np.outer(rng.standard_normal(8), heard)
        np.save(folder / f"sub-{subject}_{story}.npy", 1e-5 * brain)
