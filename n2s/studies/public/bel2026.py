"""Le Petit Prince: 58 people listen to the audiobook in a 306-channel MEG (Bel et al. 2026, ds007523)."""

import csv
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.options import check_number
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.own.bids import BIDSStudy
from n2s.studies.own.bids_side_files import events_file
from n2s.studies.readers.align import match_times, on_recording_clock
from n2s.studies.readers.sentences import sequences
from n2s.studies.readers.stimuli import AUDIO
from n2s.studies.readers.tsv import natural, read_cells
from n2s.studies.study import Recording

SOUND_CHANNEL, SOUND_CODE, WORD_CHANNEL = "STI001", 5, "STI008"
LEFT_OUT = {("21", 8), *(("23", run) for run in (1, 2, 3, 4))}


class Bel2026(BIDSStudy):
    """Listening to Le Petit Prince: nine runs of three chapters a person.

    The published word onsets come from the presentation; the triggers on STI008, which fall at each word, say when it
    was heard. The sound starts and stops at the two triggers 5 of STI001. Run N plays the Nth audio file.

    Parameters
    ----------
    root
        The BIDS folder, with ``sourcedata``.
    subjects, runs
        Keep only these.
    tolerance_s, max_missing
        A word's trigger lies at most this far from its published onset (once the clocks are matched); at most so many
        words of a run may have none: those are placed by their neighbours.

    Examples
    --------
    >>> from n2s.studies import Bel2026
    >>> Bel2026.card.title, Bel2026.expected
    ('Le Petit Prince (listening)', {'subjects': 58, 'recordings': 516})
    >>> study = Bel2026("folder/of/the/data", runs=[1, 2])  # doctest: +SKIP
    """

    card = Card(
        title="Le Petit Prince (listening)",
        modality="MEG (Elekta Triux, 306 sensors, 1 kHz)",
        language="fr",
        n_subjects=58,
        hours=1.7,
        size_gb=478,
        licence="CC0",
        source=OpenNeuro("ds007523"),
        citation="Bel et al. 2026, OpenNeuro ds007523",
        layout="""sub-01/ses-01/meg/sub-01_ses-01_task-listen_run-01_{meg.fif,events.tsv,channels.tsv,meg.json}
sourcedata/task-listen_run-01_extra_info.tsv      (commas)
sourcedata/stimuli/audio/ch1-3.wav ... ch26-27.wav""",
        left_out={
            f"sub-{subject} run-{run:02d}": "left out by the authors' own reader (neuralfetch)"
            for subject, run in sorted(LEFT_OUT)
        },
        notes="Recorded with internal active shielding (MaxShield): SSS belongs into the preprocessing.",
    )
    expected = {"subjects": 58, "recordings": 516}

    def __init__(
        self,
        root: str,
        *,
        subjects: list[str | int] | None = None,
        runs: list[str | int] | None = None,
        tolerance_s: float = 0.010,
        max_missing: int = 5,
    ):
        check_number("Bel2026: tolerance_s", tolerance_s, low=0)
        check_number("Bel2026: max_missing", max_missing, low=0, whole=True)
        super().__init__(
            root,
            name="bel2026",
            subjects=subjects,
            runs=runs,
            task="listen",
            stimuli="sourcedata/stimuli/audio",
            language="fr",
        )
        self.tolerance_s, self.max_missing = tolerance_s, max_missing
        self._paths = {
            recording: path
            for recording, path in self._paths.items()
            if (recording.subject, int(recording.run)) not in LEFT_OUT
        }
        self._rows: dict[Path, pd.DataFrame] = {}

    def settings(self) -> dict:
        """The options that change the events."""
        return super().settings() | {"tolerance_s": self.tolerance_s, "max_missing": self.max_missing}

    def sources(self, recording: Recording) -> list[Path]:
        """Also the sentences."""
        return sorted({*super().sources(recording), self._extra(recording)})

    def read_rows(self, path: Path) -> pd.DataFrame:
        """See `BIDSStudy.read_rows`."""
        if path not in self._rows:  # the triggers are read from the whole recording
            recording = next(one for one in self._paths if events_file(self._paths[one]) == path)
            self._rows[path] = self._aligned(recording, path)
        return self._rows[path]

    def _aligned(self, recording: Recording, path: Path) -> pd.DataFrame:
        cells = read_cells(path)
        column = next((name for name in ("stimulus", "word") if name in cells), None)
        if column is None or "trial_type" not in cells:
            raise UserError(f"{path}: expected columns trial_type, and stimulus or word; there are {', '.join(cells)}.")
        words = cells[(cells.trial_type == "Word") & (cells[column].str.strip() != "")].reset_index(drop=True)
        raw = self.load(recording)
        start, stop = self._sound(raw, path)
        triggers = _edges(raw, WORD_CHANNEL, path, falling=True)
        order = np.argsort(words.onset.to_numpy(), kind="stable")
        words = words.iloc[order].reset_index(drop=True)
        log = words.onset.to_numpy()
        matched = match_times(
            log, triggers, tolerance_s=self.tolerance_s, max_missing=self.max_missing, where=str(path)
        )
        onset = np.where(np.isfinite(matched), matched, on_recording_clock(log, log, matched))
        number = self._sentences(recording, words[column])
        rows = pd.DataFrame({"onset": onset, "duration": words.duration, "text": words[column], "line": words.line})
        rows = rows.assign(kind="word", sequence=sequences(rows, number), stimulus="", stimulus_onset=np.nan)
        sound = {"onset": start, "duration": stop - start, "kind": "sound", "text": "", "sequence": "", "line": 1}
        sound |= {"stimulus": self._stimulus(recording, path), "stimulus_onset": 0.0}
        found = pd.concat([pd.DataFrame([sound]), rows], ignore_index=True)
        return found.assign(**dict.fromkeys(("story", "language", "condition", "speaker"), ""))

    def _sound(self, raw: mne.io.BaseRaw, path: Path) -> tuple[float, float]:
        times = _edges(raw, SOUND_CHANNEL, path, code=SOUND_CODE)
        if len(times) != 2:
            raise UserError(
                f"{path}: {len(times)} triggers {SOUND_CODE} on {SOUND_CHANNEL}; expected two, where the sound starts and stops."
            )
        return float(times[0]), float(times[1])

    def _stimulus(self, recording: Recording, path: Path) -> str:
        files = sorted({file.stem for file in self.stimuli.folder.glob("*") if file.suffix in AUDIO}, key=natural)
        run = int(recording.run)
        if run > len(files):
            raise UserError(f"{path}: run {run}, but {self.stimuli.folder} holds {len(files)} audio files.")
        return self.stimuli.id(files[run - 1], where=str(path))

    def _extra(self, recording: Recording) -> Path:
        return self.root / "sourcedata" / f"task-listen_run-{recording.run}_extra_info.tsv"

    def _sentences(self, recording: Recording, texts: pd.Series) -> pd.Series:
        """The number of each word's sentence."""
        path = self._extra(recording)
        if not path.is_file():
            raise UserError(f"no {path}. Download sourcedata of ds007523 too.")
        rows = [
            row for row in csv.DictReader(path.read_text("utf-8-sig").splitlines()) if (row.get("word") or "").strip()
        ]
        if not rows or "sequence_id" not in rows[0]:
            raise UserError(f"{path}: expected comma-separated columns word, sequence_id, ...")
        if len(rows) != len(texts):
            raise UserError(f"{path}: {len(rows)} words, but the events of {recording.name} have {len(texts)}.")
        return pd.Series([row["sequence_id"].strip() for row in rows], index=texts.index)


def _edges(
    raw: mne.io.BaseRaw, channel: str, path: Path, *, code: int | None = None, falling: bool = False
) -> np.ndarray:
    """(n,) s from the recording's first sample (whatever ``first_samp``) where a trigger rises (to ``code``) or falls."""
    if channel not in raw.ch_names:
        raise UserError(f"{path}: the recording has no channel {channel}.")
    level = np.rint(raw.get_data(picks=[channel])[0]).astype(int)
    before = np.concatenate([[0], level[:-1]])
    if falling:
        at = (before > 0) & (level == 0)
    else:
        at = (level != before) & (level == code)
    return np.flatnonzero(at) / raw.info["sfreq"]
