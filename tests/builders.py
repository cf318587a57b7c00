"""BIDS folders, made from arrays or from the real files, for any test that needs one."""

import json
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import soundfile
from mne_bids import BIDSPath, write_raw_bids

from n2s.studies.simulated.sensors import helmet

#: File name, and how long each lasts (s): what `bids_from_real_meg` makes subjects of.
REAL_MEG = {"triux": 10.0, "vectorview": 1.002, "ctf": 0.501, "kit": 2.0}


def simulated_raw(
    n_channels: int = 8, *, kind: str = "mag", sfreq: float = 100.0, duration_s: float = 20.0, seed: int = 0
) -> mne.io.RawArray:
    """White noise: 100 fT, or 10 uV with electrodes of a standard cap."""
    montage = mne.channels.make_standard_montage("biosemi64")
    names = montage.ch_names[:n_channels] if kind == "eeg" else [f"MEG{i:03d}" for i in range(n_channels)]
    info = mne.create_info(names, sfreq, kind)
    scale = 10e-6 if kind == "eeg" else 100e-15
    noise = np.random.default_rng(seed).standard_normal((n_channels, round(duration_s * sfreq)))
    raw = mne.io.RawArray(scale * noise, info, verbose="ERROR")
    if kind == "eeg":
        raw.set_montage(montage, on_missing="ignore", verbose="ERROR")
    return raw


def helmet_raw(
    n_channels: int = 8, *, sfreq: float = 100.0, duration_s: float = 20.0, seed: int = 0
) -> mne.io.RawArray:
    """White noise in the first channels of a Vectorview helmet: 100 fT, 1 pT/m."""
    info = mne.pick_info(helmet(sfreq), list(range(n_channels)))
    scale = np.where(np.array(info.get_channel_types()) == "mag", 100e-15, 1e-12)[:, None]
    noise = np.random.default_rng(seed).standard_normal((n_channels, round(duration_s * sfreq)))
    return mne.io.RawArray(scale * noise, info, verbose="ERROR")


def write_tsv(path: Path, rows: list[dict]) -> Path:
    """A table as BIDS has it: tabs, n/a where nothing is known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


def write_audio(path: Path, duration_s: float, *, rate_hz: int = 8000, seed: int = 0) -> Path:
    """Quiet noise, in the format that the extension names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.05 * np.random.default_rng(seed).standard_normal(round(duration_s * rate_hz))
    soundfile.write(path, noise, rate_hz)
    return path


def write_frames(folder: Path, stimulus: str, values: np.ndarray, *, rate_hz: float, start_s: float = 0.0) -> Path:
    """Ready features as `n2s.studies.readers.arrays.read_frames` takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{stimulus}.npy", values)
    (folder / f"{stimulus}.json").write_text(json.dumps({"rate_hz": rate_hz, "start_s": start_s}))
    return folder / f"{stimulus}.npy"


def bids_from_raw(
    raw: mne.io.BaseRaw,
    root: Path,
    *,
    events: list[dict] | None = None,
    subject: str = "01",
    session: str | None = None,
    task: str = "listen",
    run: str | None = None,
    acquisition: str | None = None,
    datatype: str = "meg",
    format: str = "auto",
) -> BIDSPath:
    """Write one recording, and its events.tsv where there are ``events``, into a BIDS folder.

    ``format``: "auto" (FIF for MEG; a file that MNE has read is copied as it is), "BrainVision", "EDF".
    """
    path = BIDSPath(
        root=root, subject=subject, session=session, task=task, run=run, acquisition=acquisition, datatype=datatype
    )
    raw = raw.copy()
    raw.info["line_freq"] = 50
    in_memory = not any(raw.filenames)
    if in_memory and format == "auto":
        format = "FIF"
    path = write_raw_bids(
        raw, path, format=format, allow_preload=in_memory, overwrite=True, readme=False, verbose="ERROR"
    )
    if events is not None:
        write_tsv(path.copy().update(suffix="events", extension=".tsv", split=None).fpath, events)
    return path


def story_events(stimulus: str, words: list[tuple[str, float, float]], *, onset: float = 0.0) -> list[dict]:
    """A sound row for ``stimulus`` from ``onset``, and its words: (text, onset in the audio, duration)."""
    rows = [{"onset": onset, "duration": None, "trial_type": "sound", "stim_file": stimulus, "text": None}]
    for text, start, duration in words:
        rows.append(
            {"onset": onset + start, "duration": duration, "trial_type": "word", "stim_file": None, "text": text}
        )
    return rows


def bids_from_real_meg(real_data: Path, root: Path) -> Path:
    """Four true MEG recordings as four subjects (`REAL_MEG`), each with a sound as long as it, and three words."""
    formats = real_data / "meg_formats"
    kit = formats / "kit"
    raws = {
        "triux": mne.io.read_raw_fif(formats / "141027_cropped_90Hz_raw.fif", verbose="ERROR"),
        "vectorview": mne.io.read_raw_fif(formats / "sample_audvis_trunc_raw_sss.fif", verbose="ERROR"),
        "ctf": mne.io.read_raw_ctf(formats / "ctf" / "somMDYO-18av.ds", verbose="ERROR"),
        "kit": mne.io.read_raw_kit(
            kit / "test.sqd", mrk=kit / "test_mrk.sqd", elp=kit / "test.elp", hsp=kit / "test.hsp", verbose="ERROR"
        ),
    }
    for i, (subject, raw) in enumerate(raws.items()):
        duration_s = 0.99 * raw.n_times / raw.info["sfreq"]
        step = duration_s / 3
        words = [(text, k * step, 0.8 * step) for k, text in enumerate(["one", "two", "three"])]
        bids_from_raw(raw, root, subject=subject, events=story_events(f"{subject}.wav", words))
        write_audio(root / "stimuli" / f"{subject}.wav", duration_s, seed=i)
    return root


def bids_from_real_eeg(real_data: Path, root: Path, *, format: str = "BrainVision") -> Path:
    """The EEG of SparrKULee's listener 027 (64 channels, 64 Hz, 122 s) with the envelope and mel that they heard.

    Ready features: ``envelope/audiobook_7_5.npy`` and ``mel/audiobook_7_5.npy`` (64 Hz, from sample 0 of the EEG).
    """
    folder = real_data / "eeg_speech" / "sparrkulee_sub-027"
    montage = mne.channels.make_standard_montage("biosemi64")
    info = mne.create_info(montage.ch_names, 64.0, "eeg")
    raw = mne.io.RawArray(1e-6 * np.load(folder / "eeg.npy"), info, verbose="ERROR")  # taken for uV
    raw.set_montage(montage, verbose="ERROR")
    # The table's row says 119.41 s; the features have 7642 (envelope) and 7639 (mel) frames.
    events = [{"onset": 0.0, "duration": None, "trial_type": "sound", "stim_file": "eeg/audiobook_7_5.npz.gz"}]
    bids_from_raw(raw, root, subject="027", run="08", datatype="eeg", format=format, events=events)
    for name in ("envelope", "mel"):
        write_frames(root / name, "audiobook_7_5", np.load(folder / f"{name}.npy"), rate_hz=64.0)
    return root
