"""The "Podcast" data set: nine people with electrodes on the cortex listen to half an hour of a radio story (Zada et al. 2025, ds005574)."""

import re
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.readers.contacts import channel_types, line_hz, place, read_places
from n2s.studies.readers.event_columns import complete
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.participants import participants_of
from n2s.studies.readers.people_files import people_files
from n2s.studies.readers.raw_files import open_raw
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import read_table
from n2s.studies.study import Recording

STORY, LANGUAGE = "podcast", "en"
PREPARED = "derivatives/ecogprep"
FRAMES = {"MNI152NLin2009aSym": "mni_tal", "Other": "mri"}
VOLTS = 0.05  # no envelope of the cortex is as large: such values are standardised, and have no unit


class Zada2025(FolderStudy):
    """The raw ECoG (EDF, 512 Hz), or the high-gamma envelope that the authors publish beside it.

    The data set has no events: recordings were cut so that their first sample is the first of ``stimuli/podcast.wav``. Words come
    from a transcript, in which a row is a token: the tokens of a word share its number and its times.

    Parameters
    ----------
    root
        The BIDS folder.
    high_gamma
        Read ``derivatives/ecogprep`` (common average, 70 to 200 Hz, envelope) in place of the EDF files.
    space
        Whose electrodes.tsv gives the places: ``MNI152NLin2009aSym``, or ``Other`` (each person's own).
    transcript
        The folder in ``stimuli`` whose transcript.tsv gives the words. That of ``gpt2-xl`` and ``syntactic`` has all 5136.
    subjects
        Keep only these: ``01`` to ``09``.
    sentence_pause_s
        A pause this long ends a sentence, beside punctuation.

    Raises
    ------
    UserError
        No such folder, nothing of it fetched, an unknown subject or space, or no transcript.

    Examples
    --------
    >>> from n2s.studies import Zada2025
    >>> Zada2025.card.title, Zada2025.expected
    ('Podcast (ECoG)', {'subjects': 9, 'recordings': 9})
    >>> study = Zada2025("folder/of/the/data", high_gamma=True)  # doctest: +SKIP
    """

    name = "zada2025"
    card = Card(
        title="Podcast (ECoG)",
        modality="iEEG (ECoG grids, strips and depth electrodes, 512 Hz; high-gamma beside it)",
        language="en",
        n_subjects=9,
        hours=0.5,
        licence="CC0",
        source=OpenNeuro("ds005574"),
        citation="Zada et al. 2025, Sci. Data, doi:10.1038/s41597-025-05462-2",
        layout="""sub-01/ieeg/sub-01_task-podcast_{ieeg.edf,channels.tsv}, sub-01_space-MNI152NLin2009aSym_electrodes.tsv ...
derivatives/ecogprep/sub-01/ieeg/sub-01_task-podcast_desc-highgamma_ieeg.fif ...
stimuli/podcast.wav
stimuli/gpt2-xl/{transcript.tsv,features.hdf5} ...""",
        notes="One story, heard once: split it by time. The embeddings in stimuli/*/features.hdf5 are read by n2s.features.ReadyWords. "
        "1330 electrodes in all; the authors' marks of bad ones are kept.",
    )
    expected = {"subjects": 9, "recordings": 9}

    def __init__(
        self,
        root: str,
        *,
        high_gamma: bool = False,
        space: str = "MNI152NLin2009aSym",
        transcript: str = "gpt2-xl",
        subjects: list[str | int] | None = None,
        sentence_pause_s: float = 0.4,
    ):
        self.root = data_folder(root)
        if space not in FRAMES:
            raise UserError(f"zada2025: space is '{space}'; expected one of {', '.join(FRAMES)}.")
        self.high_gamma, self.space = high_gamma, space
        self.stimuli = StimulusFolder(self.root / "stimuli", sentence_pause_s=sentence_pause_s)
        self.transcript = self.root / "stimuli" / transcript / "transcript.tsv"
        if not self.transcript.is_file():
            there = sorted(path.parent.name for path in (self.root / "stimuli").glob("*/transcript.tsv"))
            raise UserError(
                f"no words at {self.transcript}. transcript names a folder in {self.root / 'stimuli'}; those with a transcript.tsv are "
                f"{', '.join(there) or 'none: download stimuli of ds005574'}."
            )
        self._paths = self._found(subjects)

    def recordings(self) -> list[Recording]:
        """One a person."""
        return list(self._paths)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Open it without reading its samples: types and bad channels of channels.tsv, places of the chosen space."""
        path = self._paths[recording]
        raw = open_raw(path)
        kinds, bads = channel_types(self._side(recording, "task-podcast_channels.tsv"), raw.ch_names)
        raw.set_channel_types({name: kinds[name] for name in raw.ch_names}, on_unit_change="ignore", verbose="ERROR")
        raw.info["bads"] = sorted({*raw.info["bads"], *(name for name in bads if name in raw.ch_names)})
        with raw.info._unlock():
            raw.info["line_freq"] = line_hz(
                self.root / f"sub-{recording.subject}/ieeg/sub-{recording.subject}_task-podcast_ieeg.json"
            )
        electrodes = self._side(recording, f"space-{self.space}_electrodes.tsv")
        place(raw, read_places(electrodes), electrodes, frame=FRAMES[self.space])
        return _in_volts(raw, path) if self.high_gamma else raw

    def events(self, recording: Recording) -> pd.DataFrame:
        """The story from the first sample on, its words, and sentences by punctuation."""
        raw = open_raw(self._paths[recording])
        duration_s = raw.n_times / raw.info["sfreq"]
        stimulus = self.stimuli.id(STORY, where=f"{self.root}: the sound that everybody heard")
        length_s = min(self.stimuli.length_s(stimulus), duration_s)
        words = read_words(self.transcript)
        late = words.onset + words.duration > length_s
        if late.any():
            tell(
                "left out",
                self.transcript,
                f"{late.sum()} words end after the sound or the recording ({length_s:.2f} s).",
            )
        words = words[~late].assign(kind="word", stimulus=stimulus, stimulus_onset=words.onset)
        sound = {"kind": "sound", "onset": 0.0, "duration": length_s, "stimulus": stimulus, "stimulus_onset": 0.0}
        rows = pd.concat([pd.DataFrame([sound]), words], ignore_index=True)
        filled = ("text", "sequence", "story", "language", "condition", "speaker")
        rows = rows.reindex(columns=["onset", "duration", "kind", "stimulus", "stimulus_onset", *filled])
        rows = rows.fillna(dict.fromkeys(filled, "")).assign(line=np.arange(len(rows)))
        return complete(rows, self.stimuli, where=str(self.transcript), duration_s=duration_s, language=LANGUAGE)

    def sources(self, recording: Recording) -> list[Path]:
        """The recording, its side files, the sound and the transcript."""
        side = (
            self._side(recording, name) for name in ("task-podcast_channels.tsv", f"space-{self.space}_electrodes.tsv")
        )
        return [self._paths[recording], *side, self.stimuli.path(STORY), self.transcript]

    def settings(self) -> dict:
        """What changes the results beside the files."""
        return {"high_gamma": self.high_gamma, "space": self.space, "sentence_pause_s": self.stimuli.sentence_pause_s}

    def participants(self) -> pd.DataFrame | None:
        """See `Study.participants`; the table gives nothing but another name of each."""
        return participants_of(self.root, {one.subject for one in self._paths})

    def _side(self, recording: Recording, name: str) -> Path:
        path = self.root / f"sub-{recording.subject}" / "ieeg" / f"sub-{recording.subject}_{name}"
        if not path.is_file():
            raise UserError(f"no {path}. Download the small files of sub-{recording.subject} too.")
        return path

    def _found(self, subjects: list[str | int] | None) -> dict[Recording, Path]:
        folder, name = (self.root / PREPARED, "desc-highgamma_ieeg.fif") if self.high_gamma else (self.root, "ieeg.edf")
        every = {
            re.match(r"sub-([^_]+)_", path.name)[1]: path
            for path in folder.glob(f"sub-*/ieeg/sub-*_task-podcast_{name}")
        }
        if not every:
            raise UserError(
                f"{self.root}: no {folder / 'sub-01' / 'ieeg' / f'sub-01_task-podcast_{name}'} ... Set root to the folder of ds005574"
                f"{', or high_gamma to false' if self.high_gamma else ''}."
            )
        found = people_files(every, subjects, study=self.name, root=self.root)
        return {Recording(one, task=STORY, modality="ieeg"): path for one, path in found.items()}


def read_words(path: Path) -> pd.DataFrame:
    """``word_idx``, ``text``, ``onset``, ``duration`` (s) of each word of a transcript of tokens, by onset; those without times are told."""
    table = read_table(path, numbers=("word_idx", "start", "end"))
    missing = [name for name in ("word_idx", "word", "start", "end") if name not in table]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
    words = table.groupby("word_idx", sort=True).agg({"word": "first", "start": "min", "end": "max"}).reset_index()
    untimed = words[["start", "end"]].isna().any(axis=1) | (words.end < words.start)
    if untimed.any():
        tell("left out", path, f"{untimed.sum()} of {len(words)} words have no times.")
    words = words[~untimed].sort_values("start", kind="stable", ignore_index=True)
    found = {"word_idx": words.word_idx.astype(int), "text": words.word.str.strip(), "onset": words.start}
    return pd.DataFrame(found | {"duration": words.end - words.start})


def _in_volts(raw: mne.io.BaseRaw, path: Path) -> mne.io.BaseRaw:
    """An envelope that was standardised is of about 1: taken for uV, so that its size is that of a brain."""
    start = min(raw.n_times // 2, raw.n_times - 1)
    picks = mne.pick_types(raw.info, ecog=True, seeg=True, exclude="bads")
    some = raw.get_data(picks, start=start, stop=min(raw.n_times, start + int(10 * raw.info["sfreq"])))
    if np.median(np.abs(some)) < VOLTS:
        return raw
    tell("corrected", path, "its values are too large for volts: they are standardised, or in uV, and read as uV.")
    raw.load_data(verbose="ERROR")
    return raw.apply_function(lambda one: 1e-6 * one, picks=picks, channel_wise=False, verbose="ERROR")
