"""The Japanese set in miniature: three days of two people; the sound files begin at other moments than the EEG."""

import json
from pathlib import Path

import mne
import numpy as np
import soundfile
from builders import write_tsv

SFREQ, AUDIO_HZ, SAID_S = 256.0, 8000, 2.5
N_EEG = 8
CHANNELS = [*((f"EEG{i:03d}", "EEG") for i in range(1, N_EEG + 1)), ("MIC", "MISC"), ("EOG", "EOG"), ("EMG1", "EMG"), ("EMG2", "EMG"), ("STIM", "TRIG")]  # fmt: skip
#: subject, session, task, run, trial types in turn, start of the sound file on the EEG's clock (s).
RUNS = [
    ("01", "20230829", "speechopen", "01", ("overt",), -8.25), ("01", "20230829", "speechopen", "02", ("overt",), 0.1),
    ("01", "20240402", "listeningcovert", "04", ("listening", "covert"), -0.075), ("02", "20241126", "listening", "06", ("listening",), 0.294),
]  # fmt: skip


def sentence(number: int) -> str:
    return f"これは{number}番目の文です"


def onsets(n: int) -> np.ndarray:
    """When each sentence begins, s on the EEG's clock."""
    return 2.0 + 3.5 * np.arange(n)


def write_run(
    root: Path, subject, session, task, run, kinds, start_s, *, n: int = 6, numbers=None, seed: int = 0
) -> None:
    base = f"sub-{subject}_ses-{session}_task-{task}_acq-pangolin_run-{run}"
    folder, rng = root / f"sub-{subject}" / f"ses-{session}" / "eeg", np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    length_s = int(onsets(n)[-1] + 5)
    data = 20e-6 * rng.standard_normal((len(CHANNELS), round(length_s * SFREQ)))
    raw = mne.io.RawArray(data, mne.create_info([name for name, _ in CHANNELS], SFREQ, "eeg"), verbose="ERROR")
    mne.export.export_raw(folder / f"{base}_eeg.edf", raw, fmt="edf", overwrite=True, verbose="ERROR")
    (folder / f"{base}_eeg.json").write_text(json.dumps({"PowerLineFrequency": 50, "SamplingFrequency": SFREQ}))
    write_tsv(
        folder / f"{base}_channels.tsv", [{"name": a, "type": b, "units": "uV", "status": "good"} for a, b in CHANNELS]
    )
    angle = np.linspace(0, np.pi, N_EEG)
    places = [{"name": f"EEG{i + 1:03d}", "x": round(80 * float(np.cos(a)), 3), "y": 10.0 * (i % 3), "z": round(80 * float(np.sin(a)), 3)} for i, a in enumerate(angle)]  # fmt: skip
    write_tsv(folder / f"sub-{subject}_ses-{session}_acq-pangolin_space-CapTrak_electrodes.tsv", places)
    system = {"EEGCoordinateSystem": "CapTrak", "EEGCoordinateUnits": "mm"}
    (folder / f"sub-{subject}_ses-{session}_acq-pangolin_space-CapTrak_coordsystem.json").write_text(json.dumps(system))
    rows, clock = [], start_s
    sound = 0.002 * rng.standard_normal(round((length_s + 10) * AUDIO_HZ))
    for i, onset in enumerate(onsets(n)):
        kind = kinds[i % len(kinds)]
        heard_at = onset - clock
        text = sentence((numbers or range(n))[i])
        rows.append({"onset": onset, "duration": SAID_S, "trial_type": kind, "wav_onset": None if kind == "covert" else round(heard_at, 4),
                     "sample": round(onset * SFREQ), "value": text})  # fmt: skip
        if kind != "covert":
            at = slice(round(heard_at * AUDIO_HZ), round((heard_at + SAID_S) * AUDIO_HZ))
            sound[at] += 0.2 * rng.standard_normal(at.stop - at.start)
    write_tsv(folder / f"{base}_events.tsv", rows)
    beside = folder.parent / "beh"
    beside.mkdir(exist_ok=True)
    label = "vocal" if task == "speechopen" else "audio"
    soundfile.write(beside / f"{base}_recording-{label}_beh.wav", sound, AUDIO_HZ)


def write_tree(root: Path, *, runs=tuple(RUNS), n: int = 6) -> Path:
    for i, run in enumerate(runs):
        write_run(root, *run, n=n, numbers=range(n * i, n * (i + 1)), seed=i)
    write_tsv(
        root / "participants.tsv",
        [{"participant_id": f"sub-{i}", "sex": "M"} for i in sorted({one[0] for one in runs})],
    )
    return root
