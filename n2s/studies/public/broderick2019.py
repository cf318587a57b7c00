"""Broderick et al. 2019: 19 people listen to an hour of an audiobook in EEG (natural speech)."""

import json
import math
import re
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError, nearest
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.card import Card, Wall
from n2s.studies.readers.event_columns import complete
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.matlab import positive, read_mat, real_numbers
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import natural
from n2s.studies.study import Recording

EEG = "Natural Speech/EEG"
ASK = (
    "The audio and its alignment are not part of the published data set: ask its authors, and put audio1.wav ... audio20.wav "
    "and align1.json ... align20.json (of the aligner Gentle) into one folder, which `stimuli` names."
)


class Broderick2019(FolderStudy):
    """Twenty runs of about three minutes of The Old Man and the Sea; run N plays ``audioN``, from the EEG's first sample.

    Parameters
    ----------
    root
        The folder that holds ``Natural Speech``.
    stimuli
        Folder with ``audioN.wav`` and Gentle's ``alignN.json``, relative to ``root``.
    subjects, runs
        Keep only these: 1 to 19; 1 to 20.
    sentence_pause_s
        The aligned words come without punctuation: a pause this long ends a sentence.

    Raises
    ------
    UserError
        No such folder, no EEG in it, no audio, or an unknown subject or run.

    Examples
    --------
    >>> from n2s.studies import Broderick2019
    >>> Broderick2019.card.title, Broderick2019.expected
    ('Natural speech (EEG)', {'subjects': 19, 'recordings': 380})
    >>> study = Broderick2019("folder/of/the/data", subjects=[1, 2])  # doctest: +SKIP
    """

    name = "broderick2019"
    card = Card(
        title="Natural speech (EEG)",
        modality="EEG (BioSemi, 128 electrodes, 128 Hz)",
        language="en",
        n_subjects=19,
        hours=1.0,
        licence="CC0",
        source=Wall(
            (
                "download 'Natural Speech.zip' from Dryad, doi:10.5061/dryad.070jc, and unpack it",
                ASK,
            ),
            access="by hand",
        ),
        citation="Broderick et al. 2018, Curr. Biol. 28:803, doi:10.1016/j.cub.2018.01.080",
        layout="""Natural Speech/EEG/Subject1/Subject1_Run1.mat ... Subject19/Subject19_Run20.mat
stimuli/audio1.wav, align1.json ... (not public)""",
        notes="Filtered and sampled at 128 Hz before publication.",
    )
    expected = {"subjects": 19, "recordings": 380}

    def __init__(
        self,
        root: str,
        *,
        stimuli: str = "stimuli",
        subjects: list[str | int] | None = None,
        runs: list[str | int] | None = None,
        sentence_pause_s: float = 0.4,
    ):
        check_number("Broderick2019: sentence_pause_s", sentence_pause_s, low=0)
        self.root = data_folder(root)
        folder = self.root / stimuli
        if not folder.is_dir():
            raise UserError(f"no folder {folder}. {ASK}")
        self.stimuli = StimulusFolder(folder, sentence_pause_s=sentence_pause_s)
        found = {}
        for path in (self.root / EEG).glob("Subject*/Subject*_Run*.mat"):
            match = re.fullmatch(r"Subject(\d+)_Run(\d+)\.mat", path.name)
            if match:
                found[Recording(match[1], task="oldman", run=match[2], modality="eeg")] = path
        if not found:
            raise UserError(f"{self.root}: no {EEG}/Subject1/Subject1_Run1.mat ... Unpack 'Natural Speech.zip' there.")
        for what, wanted in (("subject", subjects), ("run", runs)):
            if wanted is not None:
                known = sorted({getattr(one, what) for one in found}, key=natural)
                for one in map(str, wanted):
                    if one not in known:
                        raise UserError(
                            f"{self.root}: no {what} '{one}'; there are {', '.join(known)}.{nearest(one, known)}"
                        )
                found = {one: path for one, path in found.items() if getattr(one, what) in map(str, wanted)}
        self._paths = {one: found[one] for one in sorted(found, key=lambda r: (natural(r.subject), natural(r.run)))}

    def recordings(self) -> list[Recording]:
        """Every run of every person."""
        return list(self._paths)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """The 128 electrodes, in volts, at BioSemi's places; the mastoids are left out."""
        data, sfreq = self._eeg(recording)
        montage = mne.channels.make_standard_montage("biosemi128")
        raw = mne.io.RawArray(1e-6 * data, mne.create_info(montage.ch_names, sfreq, "eeg"), verbose="error")
        return raw.set_montage(montage, verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """The sound, the words and phones that Gentle found in it, and sentences."""
        path = self._paths[recording]
        data, sfreq = self._eeg(recording)
        duration_s = data.shape[1] / sfreq
        stimulus = self.stimuli.id(f"audio{recording.run}", where=str(path))
        length_s = min(self.stimuli.length_s(stimulus), duration_s)
        sound = {"onset": 0.0, "duration": length_s, "kind": "sound", "stimulus": stimulus, "stimulus_onset": 0.0}
        rows = [
            sound,
            *(row for row in gentle_rows(self._alignment(recording)) if row["onset"] + row["duration"] <= length_s),
        ]
        filled = ("text", "sequence", "story", "language", "condition", "speaker")
        table = pd.DataFrame(rows).reindex(columns=["onset", "duration", "kind", "stimulus", "stimulus_onset", *filled])
        table = table.fillna(dict.fromkeys(("stimulus", *filled), "")).assign(line=np.arange(len(rows)))
        return complete(table, self.stimuli, where=str(path), duration_s=duration_s, language="en")

    def sources(self, recording: Recording) -> list[Path]:
        """The EEG, the audio, its alignment."""
        return [self._paths[recording], self.stimuli.path(f"audio{recording.run}"), self._alignment(recording)]

    def _eeg(self, recording: Recording) -> tuple[np.ndarray, float]:
        """(electrode, sample) uV, and the sampling rate."""
        path = self._paths[recording]
        found = read_mat(path, "", ("eegData", "fs"))
        data = real_numbers(found, "eegData", path)
        if data.ndim != 2 or 128 not in data.shape:
            raise UserError(f"{path}: eegData is {data.shape}; expected samples by 128 electrodes.")
        return data if data.shape[0] == 128 else data.T, positive(found, "fs", path)

    def _alignment(self, recording: Recording) -> Path:
        path = self.stimuli.folder / f"align{recording.run}.json"
        if not path.is_file():
            raise UserError(f"no {path}. {ASK}")
        return path


def gentle_rows(path: Path) -> list[dict]:
    """Words and phones of an alignment by Gentle, s in the audio; words that it did not find are left out.

    Raises
    ------
    UserError
        It is no JSON of Gentle's form, or a time is none in the audio.
    """
    try:
        words = json.loads(path.read_text("utf-8"))["words"]
        rows = [row for word in words if word.get("case") == "success" for row in _spoken(word)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise UserError(
            f"{path}: expected Gentle's JSON with a list 'words' of word, start, end and phones, times in s "
            f"({type(error).__name__}: {error})."
        ) from None
    for row in rows:
        if not (0 <= row["onset"] < math.inf and 0 <= row["duration"] < math.inf):
            raise UserError(
                f"{path}: the {row['kind']} '{row['text'][:40]}' is at {row['onset']:g} s for {row['duration']:g} s; expected "
                "times from 0."
            )
    return rows


def _spoken(word: dict) -> list[dict]:
    """A word and its phones, which follow each other from the word's start."""
    start = _seconds(word["start"])
    rows = [{"kind": "word", "text": word["word"].strip(), "onset": start, "duration": _seconds(word["end"]) - start}]
    for phone in word.get("phones", []):
        duration = _seconds(phone["duration"])
        rows.append(
            {"kind": "phone", "text": re.sub("_[BIES]$", "", phone["phone"]), "onset": start, "duration": duration}
        )
        start += duration
    return [row | {"stimulus_onset": row["onset"]} for row in rows]


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is no time")
    return float(value)
