"""Brennan & Hale 2019: 33 people listen to the first chapter of Alice in Wonderland, in EEG."""

import re
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError, nearest
from n2s.paths import data_folder
from n2s.studies.card import Card, Wall
from n2s.studies.readers.event_columns import complete
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.matlab import positive, read_mat, real_numbers
from n2s.studies.readers.sentences import sequences
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import as_numbers, natural, read_table, whole
from n2s.studies.study import Recording

WORDS, AUDIO = "AliceChapterOne-EEG.csv", "DownTheRabbitHoleFinal_SoundFile{}.wav"
N_WORDS = 2129
NO_EEG = ("VEOG", "AUD", "Aux5", "29")


class Brennan2019(FolderStudy):
    """Alice, chapter one, in twelve audio files. Version 1 of the data: FieldTrip structures in MATLAB files.

    A word's onset is in ``proc.trl``: the first sample of the epoch around it, less the epoch's offset (0.3 s before the
    word). Rows are joined with the table of words by ``Order``.

    Parameters
    ----------
    root
        Holds ``S01.mat`` ..., ``proc``, ``audio`` and the table of words.
    subjects
        Keep only these: ``S01``.

    Raises
    ------
    UserError
        No such folder, no ``S*.mat`` in it that has a ``proc/S*.mat``, or an unknown subject.

    Examples
    --------
    >>> from n2s.studies import Brennan2019
    >>> Brennan2019.card.title, Brennan2019.expected
    ('Alice (EEG)', {'subjects': 33, 'recordings': 33})
    >>> study = Brennan2019("folder/of/the/data", subjects=["S01", "S03"])  # doctest: +SKIP
    """

    name = "brennan2019"
    card = Card(
        title="Alice (EEG)",
        modality="EEG (easycap, 60 electrodes, 500 Hz)",
        language="en",
        n_subjects=33,
        hours=0.2,
        licence="CC-BY 4.0",
        source=Wall(
            (
                "make a free account at globus.org",
                "open the data set bg257f92t at deepblue.lib.umich.edu/data, 'Transfer files using Globus'",
                "transfer the folder v1, and unpack audio.zip and proc.zip in it",
            )
        ),
        citation="Brennan & Hale 2019, PLoS ONE 14:e0207741, doi:10.1371/journal.pone.0207741",
        layout="""S01.mat ... S49.mat      proc/S01.mat ...
AliceChapterOne-EEG.csv
audio/DownTheRabbitHoleFinal_SoundFile1.wav ... SoundFile12.wav""",
        left_out={"16 of 49": "no proc file: the authors excluded them (low comprehension scores, or noise)"},
        notes="The first sound may begin before the recording: it is cut there. Published decoders (Défossez 2023) take the "
        "first sample of the epoch for the word's onset, 0.3 s too early where the epoch's offset is -150 samples.",
    )
    expected = {"subjects": 33, "recordings": 33}

    def __init__(self, root: str, *, subjects: list[str] | None = None):
        self.root = data_folder(root)
        self.stimuli = StimulusFolder(self.root / "audio")
        found = {
            path.stem: path for path in sorted(self.root.glob("S*.mat")) if (self.root / "proc" / path.name).is_file()
        }
        if not found:
            raise UserError(
                f"{self.root}: no S*.mat that has a proc/S*.mat. Set root to the folder v1 of the data set, with proc.zip "
                "and audio.zip unpacked."
            )
        for one in subjects or []:
            if one not in found:
                raise UserError(
                    f"{self.root}: no subject '{one}'; there are {', '.join(found)}.{nearest(one, list(found))}"
                )
        kept = sorted(subjects or found, key=natural)
        self._paths = {Recording(one, task="alice", modality="eeg"): found[one] for one in kept}

    def recordings(self) -> list[Recording]:
        """One a person."""
        return list(self._paths)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """The EEG, in volts, with the places of the easycap M10 (no electrode 29)."""
        path = self._paths[recording]
        raw = read_mat(path, "raw", ("trial", "label", "fsample"))
        data = np.atleast_2d(real_numbers(raw, "trial", path))
        labels = [str(label) for label in np.atleast_1d(raw["label"])]
        if data.ndim != 2 or len(data) != len(labels):
            raise UserError(f"{path}: data of shape {data.shape} and {len(labels)} labels; expected a label a row.")
        kept = [index for index, label in enumerate(labels) if label not in NO_EEG]
        info = mne.create_info([labels[index] for index in kept], positive(raw, "fsample", path), "eeg")
        found = mne.io.RawArray(1e-6 * data[kept], info, verbose="error")
        try:
            return found.set_montage("easycap-M10", verbose="error")
        except ValueError as error:
            raise UserError(f"{path}: its labels are not those of the easycap M10, 1 to 61: {error}") from None

    def events(self, recording: Recording) -> pd.DataFrame:
        """Words at their onset in the EEG, sentences, and the stretch of each audio file."""
        path = self._paths[recording]
        words = self._words(recording)
        raw = read_mat(path, "raw", ("trial", "fsample"))
        duration_s = np.atleast_2d(real_numbers(raw, "trial", path)).shape[1] / positive(raw, "fsample", path)
        rows = []
        for segment, part in words.groupby("segment"):
            stimulus = self.stimuli.id(AUDIO.format(segment), where=str(path))
            start = float((part.onset - part.stimulus_onset).median())
            cut = max(-start, 0.0)
            length_s = min(self.stimuli.length_s(stimulus), duration_s - start) - cut
            rows.append(
                {
                    "onset": start + cut,
                    "duration": length_s,
                    "kind": "sound",
                    "stimulus": stimulus,
                    "stimulus_onset": cut,
                }
            )
            inside = part[(part.onset >= start + cut) & (part.onset + part.duration <= start + cut + length_s)]
            rows += inside.assign(kind="word", stimulus="").drop(columns="segment").to_dict("records")
        filled = ("text", "sequence", "story", "language", "condition", "speaker")
        table = pd.DataFrame(rows).reindex(columns=["onset", "duration", "kind", "stimulus", "stimulus_onset", *filled])
        table = table.fillna(dict.fromkeys(filled, "")).assign(line=np.arange(len(rows)))
        return complete(table, self.stimuli, where=str(path), duration_s=duration_s, language="en")

    def sources(self, recording: Recording) -> list[Path]:
        """The recording, its words, and the audio."""
        path = self._paths[recording]
        return [path, self.root / "proc" / path.name, self.root / WORDS, *sorted((self.root / "audio").glob("*.wav"))]

    def _words(self, recording: Recording) -> pd.DataFrame:
        """``text``, ``onset`` (s in the EEG), ``stimulus_onset``, ``duration``, ``segment``, ``sequence``."""
        path = self.root / "proc" / self._paths[recording].name
        proc = read_mat(path, "proc", ("trl", "varnames"))
        trials = np.atleast_2d(real_numbers(proc, "trl", path))
        columns = ["start", "stop", "offset", *(str(name) for name in np.atleast_1d(proc["varnames"]))]
        if trials.ndim != 2 or trials.shape[1] != len(columns) or columns.count("Order") != 1:
            raise UserError(
                f"{path}: trl is {trials.shape}; expected the columns start, stop, offset, segment, tmin and Order."
            )
        if not np.isfinite(trials).all():
            raise UserError(f"{path}: trl holds values that are not finite.")
        trials = pd.DataFrame(trials, columns=columns)[["start", "offset", "Order"]]
        trials["Order"] = whole(trials.Order, path)
        story = self._story
        lost = sorted(set(trials.Order) - set(story.Order))
        if lost or trials.Order.duplicated().any():
            raise UserError(f"{path}: words {lost[:5]} of trl are not in {WORDS}, or one is there twice.")
        sfreq = positive(read_mat(self._paths[recording], "raw", ("fsample",)), "fsample", self._paths[recording])
        words = trials.merge(story, on="Order").sort_values("start", kind="stable", ignore_index=True)
        words = pd.DataFrame(
            {
                "text": words.Word,
                "onset": (words.start - 1 - words.offset_x) / sfreq,  # MATLAB counts from 1
                "stimulus_onset": words.onset,
                "duration": words.offset_y - words.onset,
                "segment": words.Segment,
                "number": words.Sentence,
            }
        )
        return words.assign(sequence=sequences(words, words.number).reindex(words.index).fillna("")).drop(
            columns="number"
        )

    @property
    def _story(self) -> pd.DataFrame:
        path = self.root / WORDS
        if not path.is_file():
            raise UserError(f"no {path}: it holds the words, their times in the audio, and their sentences.")
        table = read_table(path, numbers=(), separator=",")
        table.columns = [re.sub(r"\W", "", name) for name in table.columns]
        wanted = ["Word", "Segment", "onset", "offset", "Order", "Sentence"]
        absent = [name for name in wanted if list(table).count(name) != 1]
        if absent:
            raise UserError(f"{path}: expected one column {', '.join(absent)}; there are {', '.join(table.columns)}.")
        table = table[wanted].copy()
        for name in ("onset", "offset", "Order", "Segment"):
            table[name] = as_numbers(table[name], path)
        unsaid = table[["onset", "offset"]].isna().any(axis=1)
        if unsaid.any():
            raise UserError(f"{path}, line {int(unsaid.argmax()) + 2}: a word without its times in the audio.")
        return table.assign(Order=whole(table.Order, path), Segment=whole(table.Segment, path))
