"""MOUS: 204 people hear or read Dutch sentences and word lists in a CTF scanner (Schoffelen et al. 2019); the listeners."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.card import Card, Wall
from n2s.studies.own.bids import BIDSStudy
from n2s.studies.own.bids_side_files import events_file
from n2s.studies.readers.align import match_times, on_recording_clock
from n2s.studies.readers.presentation import read_log
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.study import Recording

TRIGGERS, FIXATION, CONTEXT = "UPPT001", 20, 10
ANCHORS = (("FIX", FIXATION), ("ZINNEN", CONTEXT), ("WOORDEN", CONTEXT))
START = re.compile(r"Start File ([0-9]{1,9})\.wav")
ALIGNMENTS = "derivatives/phonemes"
SOUND = "EQ_Ramp_Int2_Int1LPF{:03d}"
LEFT_OUT = ("A2011", "A2036", "A2062", "A2063", "A2076", "A2084")


class Schoffelen2019(BIDSStudy):
    """The 96 listeners of MOUS that the literature uses: one recording each, a sound a sentence or word list.

    When a sound was played stands in Presentation's log, on another clock: it is matched to the recording by the triggers
    of fixations and of the announcements of blocks. Its first sample is at "Start File". "Audio onset" is no second start: the
    scenario sets that row to where the speaker begins in the file (its column "speaking onset time"), some 50 ms later.
    Brainmagick (Défossez 2023) takes that row for the first sample, so its words come later than they were heard. Words and phones come from TextGrids, which are not in the data set:
    ``n2s align ROOT/stimuli/audio_files --transcripts ROOT/stimuli/stimuli.txt --language nl`` makes them beside the sounds.

    Parameters
    ----------
    root
        The BIDS folder, with ``sourcedata/meg_task`` and ``stimuli``.
    subjects
        Keep only these: ``A2002``.
    alignments
        Folder of ``EQ_Ramp_Int2_Int1LPF001.TextGrid`` ..., relative to ``root``. By default ``derivatives/phonemes`` if it
        is there, else those beside the sounds; without any there are sentences only, and windows at words cannot be laid.
    tolerance_s, max_missing
        How far a trigger may lie from its row of the log, and how many rows may be without one.

    Examples
    --------
    >>> from n2s.studies import Schoffelen2019
    >>> Schoffelen2019.card.title, Schoffelen2019.expected
    ('MOUS (auditory)', {'subjects': 96, 'recordings': 96})
    >>> study = Schoffelen2019("folder/of/the/data", subjects=["A2002"])  # doctest: +SKIP
    """

    card = Card(
        title="MOUS (auditory)",
        modality="MEG (CTF, 275 sensors, 1.2 kHz)",
        language="nl",
        n_subjects=96,
        hours=0.8,
        licence="RU-DI-HD-1.0 (data use agreement)",
        source=Wall(
            (
                "make an account at the Radboud Data Repository (data.ru.nl)",
                "accept the agreement of DSC_3011020.09_236",
                "download by WebDAV (webdav.data.ru.nl) with the password that the repository shows",
            )
        ),
        citation="Schoffelen et al. 2019, Sci. Data 6:17, doi:10.1038/s41597-019-0020-y",
        layout="""sub-A2002/meg/sub-A2002_task-auditory_{meg.ds,events.tsv}
sourcedata/meg_task/*A2002*MEG-MOUS-Aud*.log
stimuli/audio_files/EQ_Ramp_Int2_Int1LPF001.wav     stimuli/stimuli.txt
derivatives/phonemes/EQ_Ramp_Int2_Int1LPF001.TextGrid, or beside the sounds   (not in the data set: n2s align)""",
        left_out=dict.fromkeys(
            LEFT_OUT, "two runs, values that are not numbers, or an incomplete recording (Défossez 2023)"
        ),
        notes="Word lists are the words of sentences in random order. Readers (V1001 and on) heard nothing.",
    )
    expected = {"subjects": 96, "recordings": 96}

    def __init__(
        self,
        root: str,
        *,
        subjects: list[str | int] | None = None,
        alignments: str | None = None,
        tolerance_s: float = 0.005,
        max_missing: int = 5,
    ):
        check_number("Schoffelen2019: tolerance_s", tolerance_s, low=0)
        check_number("Schoffelen2019: max_missing", max_missing, low=0, whole=True)
        if alignments is None and (data_folder(root) / ALIGNMENTS).is_dir():
            alignments = ALIGNMENTS
        super().__init__(
            root,
            name="schoffelen2019",
            task="auditory",
            subjects=subjects,
            stimuli="stimuli/audio_files",
            alignments=alignments,
            language="nl",
        )
        self.tolerance_s, self.max_missing = tolerance_s, max_missing
        self._paths = {one: path for one, path in self._paths.items() if one.subject not in LEFT_OUT}
        self._rows: dict[Path, pd.DataFrame] = {}

    def settings(self) -> dict:
        """The options that change the events."""
        aligned = None if self.stimuli.alignments is None else str(self.stimuli.alignments)
        return super().settings() | {
            "tolerance_s": self.tolerance_s,
            "max_missing": self.max_missing,
            "aligned": aligned,
        }

    def sources(self, recording: Recording) -> list[Path]:
        """Also the log and the sentences."""
        return sorted({*super().sources(recording), self._log(recording), self.root / "stimuli" / "stimuli.txt"})

    def read_rows(self, path: Path) -> pd.DataFrame:
        """See `BIDSStudy.read_rows`; the log is read, not this file, which tells the triggers alone."""
        if path not in self._rows:  # the triggers are read from the whole recording
            self._rows[path] = self._aligned(next(one for one in self._paths if events_file(self._paths[one]) == path))
        return self._rows[path]

    def _aligned(self, recording: Recording) -> pd.DataFrame:
        path = self._log(recording)
        log = read_log(path)
        code_of = pd.Series(0, log.index)
        for word, code in ANCHORS:
            code_of[log.code.str.contains(rf"\b{word}\b") & (log.kind == "Picture")] = code
        anchors = log[code_of > 0]
        trigger_s, trigger = self._triggers(recording)
        matched = match_times(
            anchors.time_s, trigger_s, tolerance_s=self.tolerance_s, max_missing=self.max_missing, where=str(path)
        )
        known = np.isfinite(matched)
        found = trigger[np.searchsorted(trigger_s, matched[known])]
        wrong = int((found != code_of[anchors.index][known]).sum())
        if wrong:
            raise UserError(
                f"{path}: {wrong} fixations or announcements of blocks meet a trigger of the other kind ({FIXATION}, {CONTEXT}). "
                "Are log and recording of the same person?"
            )
        rows, texts = [], sentence_texts(self.root)
        for number, start_s, stop_s in sounds(log, path):
            onset, stop = on_recording_clock([start_s, stop_s], anchors.time_s, matched)
            stimulus = self.stimuli.id(SOUND.format(number), where=str(path))
            length_s = min(stop - onset, self.stimuli.length_s(stimulus))
            shared = {"onset": onset, "duration": length_s, "stimulus": stimulus, "stimulus_onset": 0.0, "line": number}
            text = texts.get(number, "")
            rows.append(shared | {"kind": "sound", "text": "", "sequence": ""})
            if text:
                rows.append(shared | {"kind": "sentence", "text": text, "sequence": sentence_id(text)})
        table = pd.DataFrame(rows)
        return table.assign(**dict.fromkeys(("story", "language", "condition", "speaker"), ""))

    def _log(self, recording: Recording) -> Path:
        folder = self.root / "sourcedata" / "meg_task"
        found = sorted(file for file in folder.glob(f"*{recording.subject}*") if "MEG-MOUS-Aud" in file.name)
        if len(found) != 1:
            raise UserError(f"{folder}: {len(found)} logs *{recording.subject}*MEG-MOUS-Aud*; expected one.")
        return found[0]

    def _triggers(self, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """Times (s) and codes of the fixations and announcements."""
        raw = self.load(recording)
        if TRIGGERS not in raw.ch_names:
            raise UserError(f"{self._path(recording).fpath}: no channel {TRIGGERS}.")
        level = np.rint(raw.get_data(picks=[TRIGGERS])[0]).astype(int)
        rises = np.flatnonzero((np.diff(level, prepend=0) != 0) & np.isin(level, [FIXATION, CONTEXT]))
        return rises / raw.info["sfreq"], level[rises]


def sentence_texts(root: Path) -> dict[int, str]:
    """The sentence of each sound, by the number of its file."""
    path = root / "stimuli" / "stimuli.txt"
    if not path.is_file():
        raise UserError(f"no {path}: it holds the sentences, one a line, each behind its number.")
    lines = [line.strip().split(maxsplit=1) for line in path.read_text("utf-8", errors="replace").splitlines()]
    return {int(line[0]): line[1] for line in lines if len(line) == 2 and re.fullmatch("[0-9]{1,9}", line[0])}


def sounds(log: pd.DataFrame, path: Path) -> list[tuple[int, float, float]]:
    """(number of the file, start, end) of each sound that a log tells: from ``Start File`` to ``End of file``, s.

    The row ``Audio onset`` between them is the first word, not the first sample.
    """
    found: list[tuple[int, float, float]] = []
    begun: tuple[int, float] | None = None
    for row in log.itertuples():
        file = START.search(row.code)
        if file:
            begun = int(file[1]), row.time_s
        elif "End of file" in row.code and begun is not None:
            found.append((*begun, row.time_s))
            begun = None
    if not found:
        raise UserError(f"{path}: no sound ('Start File 186.wav', then 'End of file').")
    return found
