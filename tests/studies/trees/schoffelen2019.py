"""MOUS in miniature: two listeners (and one who is left out), eight sounds of 2 s; FIF in place of CTF, which MNE cannot write."""

from pathlib import Path

import mne
import numpy as np
from builders import bids_from_raw, helmet_raw, write_audio

SFREQ, SHIFT_S, DRIFT = 300.0, 7.5, 1e-4  # the recording's clock is the log's times 1 + DRIFT, plus SHIFT_S
SPEECH_S = 0.046  # where the speaker begins in a file
FILES = (186, 12, 13, 14, 15, 16, 17, 18)


def said(number: int) -> str:
    return f"het meisje ziet {number} bomen"


TEXTS = {number: said(number) for number in FILES}


def log_rows(files: tuple[int, ...] = FILES, sound_s: float = 2.0) -> list[tuple[str, str, float]]:
    """Event type, code, s on the log's clock."""
    rows, time_s = [("Picture", "10 ZINNEN", 1.0)], 3.0
    rng = np.random.default_rng(0)
    for index, number in enumerate(files):
        if index == len(files) // 2:
            rows.append(("Picture", "10 WOORDEN", time_s))
            time_s += 1.3
        rows.append(("Picture", "20 FIX", time_s))
        time_s += rng.uniform(0.5, 1.0)
        rows += [("Sound", f"14 Start File {number}.wav", time_s), ("Nothing", "1 Audio onset", time_s + SPEECH_S)]
        rows += [("Nothing", "15 End of file", time_s + sound_s)]
        rows.append(("Picture", "ISI", time_s + sound_s + 0.1))
        time_s += sound_s + 0.1 + rng.uniform(0.3, 1.5)
    return rows


def write_log(path: Path, *, subject: str, twice: bool = False, rows: list | None = None) -> None:
    lines = ["Scenario -\tMEG-MOUS-Aud", "Logfile written - 01/01/2010 10:00:00", ""]
    lines += ["Subject\tTrial\tEvent Type\tCode\tTime\tTTime\tUncertainty\tDuration", ""]
    lines.append(f"{subject}\t1\tPicture\tbefore\t-120\t0\t1\tnext")
    for trial, (kind, code, time_s) in enumerate(rows or log_rows()):
        lines.append(f"{subject}\t{trial}\t{kind}\t{code}\t{round(time_s / 1e-4)}\t0\t1\tnext")
    lines += [f"{subject}\t99\tPicture\tno time\t\t\t\t", "", "", "Event Type\tCode\tType\tResponse", "Sound\tx\ty\tz"]
    text = "\n".join(lines) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + text if twice else text)


def recording(
    seed: int, *, lost: tuple[int, ...] = (), swapped: bool = False, rows: list | None = None
) -> mne.io.RawArray:
    rows = rows or log_rows()
    raw = helmet_raw(6, sfreq=SFREQ, duration_s=max(60.0, rows[-1][2] + SHIFT_S + 5), seed=seed)
    stim = np.zeros((1, len(raw.times)))
    marks = [(code, time_s) for _, code, time_s in rows if code.startswith(("10 ", "20 "))]
    for index, (code, time_s) in enumerate(marks):
        at = round((time_s * (1 + DRIFT) + SHIFT_S) * SFREQ)
        if index not in lost:
            stim[0, at : at + 6] = 30 - int(code[:2]) if swapped else int(code[:2])
    info = mne._fiff.meas_info._merge_info([raw.info, mne.create_info(["UPPT001"], SFREQ, "stim")])
    return mne.io.RawArray(np.vstack([raw.get_data(), stim]), info, verbose="ERROR")


def write_tree(root: Path, *, files: tuple[int, ...] = FILES, sound_s: float = 2.0) -> Path:
    rows = log_rows(files, sound_s)
    for number, subject in enumerate(("A2002", "A2003", "A2011")):
        events = [{"onset": 1.0, "duration": 0.0, "type": "UPPT001", "value": 20}]
        bids_from_raw(recording(number, rows=rows), root, subject=subject, task="auditory", events=events)
        write_log(root / "sourcedata" / "meg_task" / f"01-{subject}-MEG-MOUS-Aud.log", subject=subject, rows=rows)
    bids_from_raw(helmet_raw(6), root, subject="A2002", task="rest")
    for number in files:
        path = root / "stimuli" / "audio_files" / f"EQ_Ramp_Int2_Int1LPF{number:03d}.wav"
        write_audio(path, sound_s, rate_hz=16000, seed=number)
    (root / "stimuli" / "stimuli.txt").write_text("".join(f"{number} {said(number)}\n" for number in files))
    return root
