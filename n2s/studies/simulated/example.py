"""A small BIDS folder of MEG and EEG, to try `n2s` on before your own recordings are in that form."""

import datetime
import json
import warnings
import zlib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import mne
import mne_bids
import numpy as np
import pandas as pd
import soundfile
from scipy.signal import resample_poly

from n2s.errors import UserError
from n2s.paths import written_whole
from n2s.studies.simulated.noise import time_courses
from n2s.studies.simulated.sensors import helmet
from n2s.studies.simulated.speech import SFREQ as AUDIO_HZ
from n2s.studies.simulated.speech import Speech, synthesize
from n2s.studies.simulated.stories import Story, stories

RUNS = {"1": ("lighthouse.en", "beekeeper.en"), "2": ("mapmaker.en", "orchestra.en")}
SENTENCES = 3  # of each story: 15 to 20 s
SFREQ = 100.0
N_CHANNELS = {"meg": 26, "eeg": 32}
BEFORE_S, BETWEEN_S, AFTER_S = 1.0, 2.0, 1.0
LATENCY_S = 0.1  # from the sound to the simulated response
LEVEL = {"meg": 200e-15, "eeg": 10e-6}  # T and V, of the noise; the response is as large in the best sensor
FIDUCIALS_M = {"nasion": (0.0, 0.1, 0.0), "lpa": (-0.075, 0.0, 0.0), "rpa": (0.075, 0.0, 0.0)}
DATE = datetime.datetime(2020, 1, 1, 10, tzinfo=datetime.UTC)
COLUMNS = {
    "trial_type": "sound: an audio file starts. word: a word of it.",
    "stim_file": "The audio file, in stimuli/.",
    "text": "The word.",
}


def write_example(folder: Path, n_subjects: int = 3) -> Path:
    """Write people who hear four stories in two runs, with MEG and with EEG: 3 MB each, in seconds.

    Samples, tables and sounds are the same each time. The voice is eSpeak NG if it is installed (extra ``[sim]``), else a
    buzz with the rhythm of the words.

    Parameters
    ----------
    folder
        A new folder.
    n_subjects
        How many people: 01, 02, ...

    Raises
    ------
    UserError
        The folder exists, or pybv, which writes the EEG, is not installed.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already. Name a new folder.")
    if find_spec("pybv") is None:
        raise UserError('pybv, which writes EEG as BrainVision, is not installed: pip install "n2s[sim]".')
    table = {story.stimulus: story for story in stories()}
    speech = {name: _spoken(table[name]) for names in RUNS.values() for name in names}
    with written_whole(folder) as root:
        for name, one in speech.items():
            (root / "stimuli").mkdir(parents=True, exist_ok=True)
            soundfile.write(root / "stimuli" / f"{name}.wav", one.audio, one.sfreq, subtype="PCM_16")
        for number in range(n_subjects):
            for run, names in RUNS.items():
                for datatype in N_CHANNELS:
                    _write_run(root, f"{number + 1:02}", run, datatype, {name: speech[name] for name in names})
        mne_bids.make_dataset_description(
            path=root, name="n2s example", authors=["n2s"], data_license="CC0", overwrite=True, verbose="ERROR"
        )
        _write_readme(root)
    return folder


def _write_run(root: Path, subject: str, run: str, datatype: str, heard: dict[str, Speech]) -> None:
    rows, envelope = _events(heard)
    path = mne_bids.BIDSPath(root=root, subject=subject, task="listen", run=run, datatype=datatype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a unit that MNE-BIDS finds out by itself
        path = mne_bids.write_raw_bids(
            _raw(datatype, envelope, subject, run),
            path,
            format="FIF" if datatype == "meg" else "BrainVision",
            allow_preload=True,
            readme=False,
            verbose="ERROR",
        )
    events = path.copy().update(suffix="events", extension=".tsv", split=None).fpath
    rows.to_csv(events, sep="\t", index=False, na_rep="n/a", float_format="%.4f", lineterminator="\n")
    described = {name: {"Description": text} for name, text in COLUMNS.items()}
    events.with_suffix(".json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")


def _events(heard: dict[str, Speech]) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of events.tsv, and the loudness (t,) of what was heard, at the recording's rate."""
    rows, pieces, onset = [], [np.zeros(round(BEFORE_S * SFREQ))], BEFORE_S
    for name, speech in heard.items():
        length_s = len(speech.audio) / speech.sfreq
        sound = {"onset": onset, "duration": length_s, "trial_type": "sound", "stim_file": f"{name}.wav", "text": None}
        words = speech.words.assign(onset=speech.words.onset + onset, trial_type="word", stim_file=None)
        rows += [pd.DataFrame([sound]), words[list(sound)]]
        n = round((length_s + BETWEEN_S) * SFREQ)
        step = speech.sfreq // round(SFREQ)
        loud = np.abs(speech.audio[: len(speech.audio) // step * step]).reshape(-1, step).mean(1)
        pieces.append(np.pad(loud, (0, max(n - len(loud), 0)))[:n])
        onset += n / SFREQ
    pieces.append(np.zeros(round(AFTER_S * SFREQ)))
    return pd.concat(rows, ignore_index=True).astype({"stim_file": object}), np.concatenate(pieces)


def _raw(datatype: str, envelope: np.ndarray, subject: str, run: str) -> mne.io.BaseRaw:
    """Noise that neighbouring sensors share, and the loudness, 100 ms late, in those over the temporal lobes."""
    info = _meg() if datatype == "meg" else _eeg()
    info["line_freq"] = 50
    places = np.array([channel["loc"][:3] for channel in info["chs"]])
    places = places / np.linalg.norm(places - places.mean(0), axis=1).mean()
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    rng = np.random.default_rng(zlib.crc32(f"{datatype} {subject} {run}".encode()))
    noise = np.exp(-((apart / 0.5) ** 2)) @ time_courses(len(places), len(envelope), SFREQ, rng)
    noise = noise / noise.std(1, keepdims=True) + 0.3 * rng.standard_normal(noise.shape)
    temporal = np.exp(-((np.abs(places[:, 0]) - np.abs(places[:, 0]).max()) ** 2) / 0.1) * np.sign(places[:, 0])
    late = np.pad(envelope, (round(LATENCY_S * SFREQ), 0))[: len(envelope)]
    data = LEVEL[datatype] * (noise + temporal[:, None] * (late - late.mean()) / late.std())
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.set_meas_date(DATE)
    return raw


def _meg() -> mne.Info:
    """Every fourth magnetometer of a Vectorview, and where the head is in it."""
    whole = helmet(SFREQ)
    magnetometers = mne.pick_types(whole, meg="mag")
    info = mne.pick_info(whole, magnetometers[::4][: N_CHANNELS["meg"]])
    info.set_montage(mne.channels.make_dig_montage(**FIDUCIALS_M, coord_frame="head"), verbose="error")
    return info


def _eeg() -> mne.Info:
    """A cap of Biosemi."""
    montage = mne.channels.make_standard_montage("biosemi32")
    names = montage.ch_names[: N_CHANNELS["eeg"]]
    info = mne.create_info(names, SFREQ, "eeg", verbose="error")
    info.set_montage(montage, verbose="error")
    return info


def _spoken(story: Story) -> Speech:
    """The first sentences, at 16 kHz."""
    sentences, voice = story.sentences[:SENTENCES], story.speaker
    if find_spec("espeakng_loader") is None:
        return _buzz(sentences, seed=zlib.crc32(story.stimulus.encode()))
    speech = synthesize(sentences, voice=voice.voice, rate_wpm=voice.rate_wpm, pitch=voice.pitch)
    audio = resample_poly(speech.audio, AUDIO_HZ, speech.sfreq)
    return replace(speech, audio=0.9 * audio / np.abs(audio).max(), sfreq=AUDIO_HZ)


def _buzz(sentences: list[str], *, seed: int) -> Speech:
    """A harmonic tone for each word, as long as its letters need."""
    rng, pieces, words, at = np.random.default_rng(seed), [], [], 0
    for number, sentence in enumerate(sentences):
        for word in sentence.split():
            n = round(AUDIO_HZ * (0.1 + 0.05 * len(word)))
            phase = 2 * np.pi * rng.uniform(90, 220) * np.arange(n) / AUDIO_HZ
            tone = sum(rng.uniform() * np.sin(k * phase) for k in range(1, 20))
            words.append((word.strip(".,;:"), at / AUDIO_HZ, n / AUDIO_HZ, str(number)))
            pieces += [tone * np.hanning(n), np.zeros(round(0.03 * AUDIO_HZ))]
            at += n + len(pieces[-1])
        pieces.append(np.zeros(round(0.4 * AUDIO_HZ)))
        at += len(pieces[-1])
    audio = np.concatenate(pieces)
    table = pd.DataFrame(words, columns=["text", "onset", "duration", "sequence"])
    return Speech(0.9 * audio / np.abs(audio).max(), AUDIO_HZ, table, table[:0], table[:0])


def _write_readme(root: Path) -> None:
    (root / "README").write_text(
        "Simulated MEG and EEG of three people who hear four short stories, written by `n2s studies example`.\n",
        "utf-8",
    )
