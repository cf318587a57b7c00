"""Armeni et al. 2022: three people listen to ten hours of Sherlock Holmes each, in a CTF scanner."""

import logging
import re
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.studies.card import Card, Wall
from n2s.studies.own.bids import BIDSStudy
from n2s.studies.readers.tsv import read_cells

logger = logging.getLogger(__name__)
ROW = re.compile(r"(word|phoneme|wav)_onset_(\d+)")  # the number is that of the audio file in its session
SILENCE = ("sp", "sil")


class Armeni2022(BIDSStudy):
    """Ten sessions of an audiobook a person; several audio files a session.

    In an events.tsv the column ``type`` says ``word_onset_03``: the third audio file of the session, ``<session>_3.wav``. Words
    that lie before the recording are left out and counted in the log; a sound that begins before it is cut there.

    Parameters
    ----------
    root
        The BIDS folder, with ``stimuli``.
    subjects, sessions
        Keep only these.
    sentence_pause_s
        The words come without punctuation: a pause this long ends a sentence.

    Examples
    --------
    >>> from n2s.studies import Armeni2022
    >>> Armeni2022.card.title, Armeni2022.expected
    ('10-hour within-participant MEG', {'subjects': 3, 'recordings': 30})
    >>> study = Armeni2022("folder/of/the/data", subjects=["001"])  # doctest: +SKIP
    """

    card = Card(
        title="10-hour within-participant MEG",
        modality="MEG (CTF, 275 sensors, 1.2 kHz)",
        language="en",
        n_subjects=3,
        hours=10.0,
        licence="RU-DI-HD-1.0 (data use agreement)",
        source=Wall(
            (
                "make an account at the Radboud Data Repository (data.ru.nl)",
                "accept the agreement of DSC_3011085.05_995",
                "download by WebDAV with the password that the repository shows",
            )
        ),
        citation="Armeni et al. 2022, Sci. Data 9:278, doi:10.1038/s41597-022-01382-7",
        layout="""sub-001/ses-001/meg/sub-001_ses-001_task-compr_{meg.ds,events.tsv}
stimuli/<session>_<number>.wav""",
        notes="About 8 GB a session. Some onsets are negative.",
    )
    expected = {"subjects": 3, "recordings": 30}

    def __init__(
        self,
        root: str,
        *,
        subjects: list[str | int] | None = None,
        sessions: list[str | int] | None = None,
        sentence_pause_s: float = 0.4,
    ):
        super().__init__(
            root,
            name="armeni2022",
            subjects=subjects,
            sessions=sessions,
            task="compr",
            language="en",
            sentence_pause_s=sentence_pause_s,
        )

    def read_rows(self, path: Path) -> pd.DataFrame:
        """See `BIDSStudy.read_rows`."""
        cells = read_cells(path)
        absent = [name for name in ("type", "value") if name not in cells]
        if absent:
            raise UserError(f"{path}: no column {' and '.join(absent)}; there are {', '.join(cells)}.")
        matches = [ROW.fullmatch(text) for text in cells.type]
        cells = cells.assign(
            kind=[match[1] if match else "" for match in matches],
            number=[int(match[2]) if match else -1 for match in matches],
        )
        session = int(re.search(r"_ses-(\d+)_", path.name)[1])
        rows = []
        for number, part in cells[cells.number >= 0].groupby("number"):
            start = part.onset[part.kind == "wav"]
            if len(start) != 1:
                raise UserError(f"{path}: {len(start)} rows wav_onset_{number:02d}; expected one for each audio file.")
            rows += self._of_one_sound(part, float(start.iloc[0]), self._stimulus(session, number, path))
        if not rows:
            seen = ", ".join(sorted(set(cells.type))[:8])
            raise UserError(f"{path}: no row of type word_onset_01, phoneme_onset_01 or wav_onset_01. Found: {seen}.")
        lost = sum(row["onset"] < 0 for row in rows)
        if lost:
            logger.warning("%s: %d words and phones lie before the recording and are left out.", path, lost)
        kept = pd.DataFrame([row for row in rows if row["onset"] >= 0])
        return kept.assign(**dict.fromkeys(("story", "sequence", "language", "condition", "speaker"), ""))

    def _of_one_sound(self, part: pd.DataFrame, start: float, stimulus: str) -> list[dict]:
        cut = max(-start, 0.0)
        length_s = self.stimuli.length_s(stimulus)
        if cut >= length_s:
            return []
        line = int(part.line.iloc[0])
        sound = {"onset": start + cut, "duration": length_s - cut, "kind": "sound", "text": "", "stimulus": stimulus}
        rows = [sound | {"stimulus_onset": cut, "line": line}]
        spoken = part[part.kind.isin(["word", "phoneme"]) & ~part.value.str.lower().isin(SILENCE)]
        for row in spoken.itertuples():
            kind = "word" if row.kind == "word" else "phone"
            event = {"onset": row.onset, "duration": row.duration, "kind": kind, "text": row.value, "stimulus": ""}
            rows.append(event | {"stimulus_onset": max(row.onset - start, 0.0), "line": row.line})
        return rows

    def _stimulus(self, session: int, number: int, path: Path) -> str:
        """``1_3`` and ``001_03`` are one."""
        found = []
        for file in sorted(self.stimuli.folder.rglob("*.wav")):
            name = re.fullmatch(r"(\d+)_(\d+)", file.stem)
            if name and (int(name[1]), int(name[2])) == (session, number):
                found.append(file)
        if len(found) != 1:
            raise UserError(
                f"{path}: {len(found)} audio files {session}_{number}.wav in {self.stimuli.folder} (zeros before the numbers do "
                "not matter); expected one."
            )
        return self.stimuli.id(found[0].relative_to(self.stimuli.folder).as_posix(), where=str(path))
