"""LibriBrain in miniature: three chapters of subject 0, one of them heard by subject 1 too; 20 s each, noise."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import h5py
import mne
import numpy as np
from builders import write_audio

SFREQ, DURATION_S = 250.0, 20.0
CHAPTERS = (("0", "1", "1"), ("0", "11", "2"), ("0", "12", "2"), ("1", "11", "2"))  # subject, session, run
SENTENCES = (("he", "said"), ("nothing",), ("the", "door", "opened"))
PHONES = ("hh_B", "iy_E")  # of every word
START_S = 1.5  # of the chapter in the recording
PAUSE_S = 4.0  # between sentences
PROC = "proc-bads+headpos+sss+notch+bp+ds"


def write_events(
    path: Path,
    *,
    chapter: str,
    shift_s: float = START_S,
    sentences: Sequence[Sequence[str]] = SENTENCES,
    phones: Sequence[str] = PHONES,
    pause_s: float = PAUSE_S,
) -> None:
    """As published: times in the recording and in the chapter; two phones a word, with positions; silence."""
    names = "idx wavfile kind segment sentenceidx wordidx phonemeidx timemeg timeds timechapter timesentence duration"
    lines, time_s, n, spoken = ["\t".join(names.split())], 0.5, 0, cycle(phones)

    def add(kind, segment, sentence, at, duration):
        cells = [
            len(lines) - 1,
            f"{chapter}.wav",
            kind,
            segment,
            sentence,
            n,
            0,
            f"{at + shift_s:.3f}",
            0,
            f"{at:.3f}",
            0,
        ]
        lines.append("\t".join(map(str, [*cells, duration])))

    for index, words in enumerate(sentences):
        for word in words:
            add("word", word, index, time_s, 0.6)
            for k in range(2):
                add("phoneme", next(spoken), index, time_s + 0.3 * k, 0.3)
            time_s, n = time_s + 0.7, n + 1
        add("silence", "", index, time_s, 0.5)
        add("phoneme", "sil", index, time_s, 0.5)
        add("phoneme", "oov_S", index, time_s, 0.1)
        time_s += pause_s
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_meg(path: Path, *, seed: int, n_channels: int, duration_s: float) -> None:
    """The first ``n_channels`` of the helmet, noise."""
    coils = mne.channels.read_meg_canonical_info("neuromag", verbose="error")
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file["data"] = 1e-13 * rng.standard_normal((n_channels, round(SFREQ * duration_s))).astype(np.float32)
        file["times"] = np.arange(round(SFREQ * duration_s)) / SFREQ
        file.attrs["sample_frequency"] = SFREQ
        file.attrs["channel_names"] = ", ".join(coils.ch_names[:n_channels])
        file.attrs["channel_types"] = ", ".join(coils.get_channel_types()[:n_channels])


def write_tree(
    root: Path,
    *,
    n_channels: int = 12,
    duration_s: float = DURATION_S,
    sound_s: float = 17.0,
    chapters: Sequence[tuple[str, str, str]] = CHAPTERS,
    sentences: Sequence[Sequence[str]] = SENTENCES,
    phones: Sequence[str] = PHONES,
    pause_s: float = PAUSE_S,
    more_tasks: Sequence[str] = (),
) -> Path:
    """An HDF5 file and an event table a recording, and the audio beside them; of ``more_tasks`` a chapter each."""
    every = [("Sherlock1", *one) for one in chapters] + [(task, "0", "1", "1") for task in more_tasks]
    for number, (task, subject, session, run) in enumerate(every):
        folder = root / task / "derivatives"
        name = f"sub-{subject}_ses-{session}_task-{task}_run-{run}"
        path = folder / "serialised" / f"{name}_{PROC}_meg.h5"
        write_meg(path, seed=number, n_channels=n_channels, duration_s=duration_s)
        said = {"sentences": sentences, "phones": phones, "pause_s": pause_s}
        write_events(folder / "events" / f"{name}_events.tsv", chapter=_sound(task, session), **said)
        write_audio(root / "audio" / f"{_sound(task, session)}.wav", sound_s, seed=int(session))
    return root


def _sound(task: str, session: str) -> str:
    return f"sherlock_{session}" if task == "Sherlock1" else f"{task}_{session}"
