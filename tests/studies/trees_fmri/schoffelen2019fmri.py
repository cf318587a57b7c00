"""MOUS' fMRI in miniature: two listeners, three blocks of five sentences and two of word lists; the second has only a log of Presentation."""

from pathlib import Path

import numpy as np
from builders import write_audio, write_tsv
from trees_fmri.fmriprep import N_VERTICES, confounds, write_surface

TR_S, SOUND_S, N_TR = 2.0, 1.5, 40
HEARD = (12, 186, 3, 44, 5, 6, 7, 28, 9, 10, 11, 2, 13, 14, 15)
SENTENCES = {"A2002": HEARD, "A2003": HEARD[2:] + HEARD[:2]}  # each in another order, so that blocks differ
LISTS = tuple(range(701, 711))
FIRST_PULSE_S, SPEECH_S = 31.7, 0.046  # on the log's clock; where speech begins in a file


def said(number: int) -> str:
    return f"het kind {number} ziet een boom"


def told(subject: str) -> list[tuple[str, str, float]]:
    """Type, code and s after the first pulse: three pulses of waiting, then blocks in turn, sentences first."""
    rows, time_s = [], 6.4
    sentences, lists = list(SENTENCES[subject]), list(LISTS)
    for title in ("ZINNEN", "WOORDEN", "ZINNEN", "WOORDEN", "ZINNEN"):
        rows.append(("Picture", title, time_s))
        for _ in range(5):
            number = (sentences if title == "ZINNEN" else lists).pop(0)
            rows.append(("Picture", "FIX 3200", time_s + 0.1))
            time_s += 0.7
            rows += [("Sound", f"14 Start File {number}.wav", time_s), ("Nothing", "1 Audio onset", time_s + SPEECH_S)]
            rows += [("Nothing", "2 Target", time_s + 0.4), ("Nothing", "15 End of file", time_s + SOUND_S)]
            time_s += SOUND_S
        time_s += 0.6
    return rows


def write_log(path: Path, subject: str, *, step_s: float = TR_S) -> Path:
    """A log of Presentation with the scanner's pulses, on a clock of its own."""
    rows = [(kind, code, time_s + FIRST_PULSE_S) for kind, code, time_s in told(subject)]
    rows += [("Pulse", "50", FIRST_PULSE_S + step_s * i) for i in range(N_TR)]
    lines = ["Scenario -\t6-fMRI-MOUS-Aud", "Logfile written - 01/01/2010 10:00:00", ""]
    lines += ["Subject\tTrial\tEvent Type\tCode\tTime\tTTime\tUncertainty\tDuration", ""]
    lines += [
        f"{subject}\t1\t{kind}\t{code}\t{round(s / 1e-4)}\t0\t1\tnext"
        for kind, code, s in sorted(rows, key=lambda row: row[2])
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_tree(root: Path) -> Path:
    for seed, subject in enumerate(SENTENCES):
        stem, rng = f"sub-{subject}_task-auditory", np.random.default_rng(seed)
        func = root / "derivatives" / "fmriprep" / f"sub-{subject}" / "func"
        for side in "LR":
            data = rng.standard_normal((N_TR, N_VERTICES))
            write_surface(func / f"{stem}_hemi-{side}_space-fsaverage5_bold.func.gii", data, tr_s=TR_S)
        write_tsv(func / f"{stem}_desc-confounds_timeseries.tsv", confounds(N_TR, seed=seed))
        rows = [{"onset": s, "duration": 0, "type": kind, "value": code} for kind, code, s in told(subject)]
        if subject == "A2003":  # as a converter writes it without the log: volumes alone
            rows = [{"onset": TR_S * i, "duration": 0, "type": "Pulse", "value": "50"} for i in range(N_TR)]
        write_tsv(root / f"sub-{subject}" / "func" / f"{stem}_events.tsv", rows)
    write_log(root / "sourcedata" / "mri_task" / "A2003-2-fMRI-MOUS-Aud.log", "A2003")
    for number in (*SENTENCES["A2002"], *LISTS):
        write_audio(
            root / "stimuli" / "audio_files" / f"EQ_Ramp_Int2_Int1LPF{number:03d}.wav",
            SOUND_S,
            rate_hz=4000,
            seed=number,
        )
    (root / "stimuli" / "stimuli.txt").write_text(
        "".join(f"{number} {said(number)}\n" for number in SENTENCES["A2002"])
    )
    return root
