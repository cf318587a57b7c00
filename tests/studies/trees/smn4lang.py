"""SMN4Lang in miniature: two people, two runs of 20 s; the starting trigger of sub-02 run 2 is missing."""

from pathlib import Path

import numpy as np
from builders import bids_from_raw, helmet_raw, write_audio
from scipy.io import savemat

from n2s.studies.public.smn4lang_words import FMRI_LEAD_S

SOUND_ONSET, SOUND_S = 3.7, 14.0
WORDS = (("今天", 0.2, 0.5), ("天气", 0.6, 1.0), ("很好", 2.0, 2.4))  # text, start, end in the sound
BOM = "\ufeff"  # the published files begin with one


def write_tree(root: Path, *, subjects: tuple[str, ...] = ("01", "02"), runs: tuple[str, ...] = ("1", "2")) -> Path:
    for subject in subjects:
        for run in runs:
            raw = helmet_raw(duration_s=20.0, seed=int(subject) * 10 + int(run))
            path = bids_from_raw(raw, root, subject=subject, run=run, task="RDR")
            rows = [(SOUND_ONSET, "Beg", 1), (SOUND_ONSET + SOUND_S, "End", 2)]
            lines = [f"{onset:.3f}\t0.0\t{kind}\t{value}\t{round(100 * onset)}" for onset, kind, value in rows]
            if (subject, run) == ("02", "2"):
                lines = lines[1:]
            text = "\n".join([f"{BOM}onset\tduration\ttrial_type\tvalue\tsample", *lines])
            path.copy().update(suffix="events", extension=".tsv").fpath.write_text(text + "\n", "utf-8")
    folder = root / "derivatives" / "annotations" / "time_align" / "word-level"
    folder.mkdir(parents=True)
    for run in runs:
        write_audio(root / "stimuli" / "audio" / f"story_{run}.wav", SOUND_S, rate_hz=16000, seed=int(run))
        text, start, stop = zip(*WORDS, strict=True)
        times = {"start": [np.add(start, FMRI_LEAD_S)], "end": [np.add(stop, FMRI_LEAD_S)]}
        savemat(folder / f"story_{run}_word_time.mat", {**times, "word": np.array(text)})
    return root
