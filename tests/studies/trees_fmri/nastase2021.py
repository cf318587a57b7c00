"""ds002345 in miniature: three people, runs of 24 volumes on fsaverage6 of which 5 vertices a side move, and one task in MNI."""

import json
from pathlib import Path

import numpy as np
from builders import write_audio, write_tsv
from trees_fmri.fmriprep import write_surface, write_volumes
from trees_fmri.generic import SHAPE

TR_S, N_TR, N_VERTICES = 1.5, 24, 40962
#: Task -> rows of its events: onset, duration, kind, sound. Music first, in the same file, as published.
EVENTS = {
    "pieman": ((0.0, 3.0, "music", "pieman"), (5.0, 20.0, "story", "pieman")),
    "piemanpni": ((12.0, 15.0, "story", "piemanpni"),),
    "milkyway": ((0.0, 3.0, "music", "milkywayvodka"), (4.0, 20.0, "story", "milkywayvodka")),
    "notthefallintact": ((4.5, 2.0, "music", "notthefall"), (8.5, 20.0, "story", "notthefall")),
    "slumlordreach": ((4.5, 2.0, "music", "slumlordreach"), (8.5, 8.0, "story", "slumlordreach"), (17.0, 1.0, "music", "slumlordreach"),
                      (19.5, 9.0, "story", "slumlordreach")),
    "schema": ((0.0, 9.0, "movie", None), (12.0, 9.0, "story", "santa")),
}  # fmt: skip
SOUNDS = {
    "pieman": 25.0,
    "piemanpni": 15.0,
    "milkywayvodka": 24.0,
    "notthefallintact": 24.0,
    "slumlordreach": 24.0,
    "santa": 9.0,
}
#: Subject -> tasks and runs.
HEARD = {
    "001": (("pieman", "1"), ("pieman", "2"), ("milkyway", "")),
    "053": (("pieman", ""), ("slumlordreach", ""), ("schema", "")),
    "201": (("piemanpni", ""), ("notthefallintact", "")),
}
EXCLUDED = {"lucy": {}, "pieman": {"sub-001": ["sub-001_task-pieman_run-2"], "sub-053": ["sub-053_task-pieman"]}}
#: Gentle's words, s in the sound: a line without a time is a word that it did not find.
WORDS = (
    ("I", "i", 5.25, 5.5),
    ("began", "began", 5.5, 6.0),
    ("Fordham", "<unk>", None, None),
    ("there", "there", 7.0, 7.4),
    ("smoke", "smoke", 16.0, 16.5),
)


def write_words(root: Path, name: str, rows: tuple = WORDS) -> Path:
    path = root / "stimuli" / "gentle" / name / "align.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(f"{word},{aligned},{'' if a is None else a},{'' if b is None else b}\n" for word, aligned, a, b in rows)
    )
    return path


def write_run(root: Path, subject: str, task: str, run: str, *, mni: bool = False) -> None:
    stem = f"sub-{subject}_task-{task}" + (f"_run-{run}" if run else "")
    func = root / "derivatives" / "afni-nosmooth" / f"sub-{subject}" / "func"
    rng = np.random.default_rng(sum(map(ord, stem)))
    for side in "LR":
        data = np.zeros((N_TR, N_VERTICES))
        data[:, :5] = rng.standard_normal((N_TR, 5))
        write_surface(func / f"{stem}_space-fsaverage6_hemi-{side}_desc-clean.func.gii", data, tr_s=TR_S)
    if mni:
        name = f"{stem}_space-MNI152NLin2009cAsym_res-native_desc-clean_bold.nii.gz"
        write_volumes(func / name, rng.standard_normal((*SHAPE, N_TR)), tr_s=TR_S)
    rows = [
        {"onset": a, "duration": b, "trial_type": kind, "stim_file": "n/a" if sound is None else f"{sound}_audio.wav"}
        for a, b, kind, sound in EVENTS[task]
    ]
    write_tsv(root / f"sub-{subject}" / "func" / f"{stem}_events.tsv", rows)


def write_tree(root: Path) -> Path:
    for subject, runs in HEARD.items():
        for task, run in runs:
            write_run(root, subject, task, run, mni=task == "piemanpni")
    for seed, (name, length_s) in enumerate(SOUNDS.items()):
        write_audio(root / "stimuli" / f"{name}_audio.wav", length_s, rate_hz=4000, seed=seed)
        write_words(root, name)
    (root / "code").mkdir()
    (root / "code" / "scan_exclude.json").write_text(json.dumps(EXCLUDED))
    return root
