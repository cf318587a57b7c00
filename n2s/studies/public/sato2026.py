"""Sato et al. 2026 (ds007808): three people read Japanese aloud, hear and imagine it, in EEG with EMG, EOG and their voices."""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.events import events_table
from n2s.studies.own.bids import BIDSStudy
from n2s.studies.own.bids_side_files import events_file
from n2s.studies.own.bids_sound import sound_files
from n2s.studies.readers.fetched import missing_content
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.readers.sound_findings import heard
from n2s.studies.readers.tsv import as_numbers, read_cells
from n2s.studies.study import RecordedSound, Recording

CONDITIONS = {"overt": "overt", "listening": "listen", "covert": "imagined"}
JITTER_S = 0.05  # between the clocks of a recording and its sound file
END_S = 0.1  # a rounded end


class Sato2026(BIDSStudy):
    """Sentences that are read aloud (task ``speechopen``), heard (``listening``), or heard and then imagined (``listeningcovert``).

    A row of the events is a sentence, with its transcript; ``wav_onset`` is taken for its place in the sound file in ``beh`` (the voice, or what was played), whose clock differs
    by a constant. Sentences that are imagined have no sound. Without the sound file (it need not be downloaded) no sentence has one.

    Parameters
    ----------
    root
        The BIDS folder.
    task
        ``speechopen``, ``listening``, ``listeningcovert``, or a list; None: all.
    acquisition
        Devices: ``pangolin``, ``scarabeo``, ``eego``; None: all. Only g.Pangolin's electrodes have places.
    subjects, sessions, runs
        Keep only these; a session is a day, such as ``20230829``.

    Examples
    --------
    >>> from n2s.studies import Sato2026
    >>> Sato2026.card.title, Sato2026.expected
    ('Japanese speech production (EEG, EMG, audio)', {'subjects': 3, 'recordings': 1974})
    >>> study = Sato2026("folder/of/the/data", sessions=["20230829"])  # doctest: +SKIP
    """

    #: Every recording has its own sentences: nothing but equal words is equal.
    content: dict[str, str] | None = {}  # noqa: RUF012  (never changed)
    card = Card(
        title="Japanese speech production (EEG, EMG, audio)",
        modality="EEG (g.Pangolin 128, g.SCARABEO 64, eego sports 63 electrodes) with EMG, EOG, audio",
        language="ja",
        n_subjects=3,
        hours=177.0,
        heard="177 h of sentences on average, 530 h in all",
        size_gb=955,
        licence="CC0",
        source=OpenNeuro("ds007808"),
        citation="Sato et al. 2026, arXiv:2606.01264",
        layout="""participants.tsv
sub-01/ses-20230829/eeg/sub-01_ses-20230829_task-speechopen_acq-pangolin_run-01_{eeg.edf,eeg.json,channels.tsv,events.tsv}
sub-01/ses-20230829/eeg/sub-01_ses-20230829_..._{electrodes.tsv,coordsystem.json}     (g.Pangolin)
sub-01/ses-20230829/beh/sub-01_ses-20230829_task-speechopen_acq-pangolin_run-01_recording-vocal_beh.wav
sub-01/ses-20240402/beh/sub-01_ses-20240402_task-listeningcovert_acq-pangolin_run-04_recording-audio_beh.wav""",
        notes="1020 h are recorded (955 GB), 530 h of them sentences: take single days (--subjects, then sessions). Transcripts are automatic. Facial "
        "muscles and the voice itself are in the EEG: run `n2s contamination` before any claim. The reader was written from the data set's README and "
        "events tables, and not tried on its EEG.",
    )
    expected = {"subjects": 3, "recordings": 1974}

    def __init__(
        self,
        root: str,
        *,
        task: list[str] | str | None = None,
        acquisition: list[str] | None = None,
        subjects: list[str | int] | None = None,
        sessions: list[str | int] | None = None,
        runs: list[str | int] | None = None,
    ):
        super().__init__(
            root,
            name="sato2026",
            datatype="eeg",
            task=task,
            acquisition=acquisition,
            subjects=subjects,
            sessions=sessions,
            runs=runs,
            language="ja",
        )

    def events(self, recording: Recording) -> pd.DataFrame:
        """One row a sentence, and one for the sound around them where it plays throughout."""
        path = events_file(self._path(recording))
        if recording not in self._clocks:
            self.load(recording)
        duration_s, _ = self._clocks[recording]
        rows, sound = self._sentences(path), self.recorded_sound(recording)
        placed = rows.wav_onset.notna() & (rows.condition != "imagined")
        if sound is None:
            placed[:] = False
            tell("left out", path, "the sound file of this recording is not here: its sentences have no sound.")
        else:
            length_s = heard(sound.path).length_s
            beyond = placed & ((rows.wav_onset < 0) | (rows.wav_onset + rows.duration > length_s + END_S))
            if beyond.any():
                tell(
                    "odd",
                    f"{sound.path} ({beyond.sum()} of {len(rows)} sentences)",
                    "sentences before its start or after its end have no sound.",
                )
            placed &= ~beyond
        name = "" if sound is None else sound.path.stem
        said = rows.condition.isin(["overt", "imagined"])
        table = rows.drop(columns="wav_onset").assign(
            kind="sentence",
            sequence=rows.text.map(lambda text: sentence_id(text) if text else ""),
            stimulus=np.where(placed, name, ""),
            stimulus_onset=np.where(placed, rows.wav_onset, 0.0),
            story=recording.name,
            language="ja",
            speaker=np.where(said, f"sub-{recording.subject}", ""),
        )
        if placed.any() and rows.condition[placed].nunique() == 1 and not (rows.condition == "imagined").any():
            table = pd.concat([self._around(table[placed]), table], ignore_index=True)
        return events_table(table, where=str(path), duration_s=duration_s)

    def read_rows(self, path: Path) -> pd.DataFrame:
        """See `BIDSStudy.read_rows`; no row names a file of the folder of stimuli."""
        return self._sentences(path).assign(stimulus="")

    def recorded_sound(self, recording: Recording) -> RecordedSound | None:
        """The file in ``beh``, on the clock of the events.

        Raises
        ------
        UserError
            The distance of both clocks changes.
        """
        path = self._path(recording)
        files = [file for file in sound_files(path) if not missing_content(file)]
        if not files:
            return None
        events = events_file(path)
        rows = self._sentences(events).dropna(subset="wav_onset")
        apart = (rows.onset - rows.wav_onset).to_numpy()
        if not len(apart):
            tell("odd", events, "no wav_onset: the sound file is taken to begin with the recording.")
            return RecordedSound(files[0])
        start_s = float(np.median(apart))
        if np.abs(apart - start_s).max() > JITTER_S:
            raise UserError(
                f"{events}: onset and wav_onset are {apart.min():.3f} to {apart.max():.3f} s apart; expected one distance, as both clocks run alike."
            )
        return RecordedSound(files[0], start_s)

    def _sentences(self, path: Path) -> pd.DataFrame:
        """``onset``, ``duration``, ``condition``, ``text``, ``wav_onset`` (NaN for none) of each sentence."""
        cells = read_cells(path)
        absent = [name for name in ("trial_type", "value", "wav_onset") if name not in cells]
        if absent:
            raise UserError(f"{path}: no column {' and '.join(absent)}; there are {', '.join(cells)}.")
        wav_onset = as_numbers(cells.wav_onset, path)
        known = cells.trial_type.isin(CONDITIONS) & cells.duration.notna()
        if not known.any():
            raise UserError(
                f"{path}: no row of trial_type {', '.join(CONDITIONS)} with a duration; found {first_of(cells.trial_type.unique())}."
            )
        if not known.all():
            tell("left out", f"{path} ({(~known).sum()} of {len(cells)} rows)", "rows that are no sentence.")
        rows = cells[["onset", "duration"]].assign(
            condition=cells.trial_type.map(CONDITIONS), text=cells.value, wav_onset=wav_onset
        )
        return rows[known].reset_index(drop=True)

    def _around(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The sound from the first sentence to the last one."""
        first, stop = rows.onset.idxmin(), (rows.onset + rows.duration).max()
        whole = rows.loc[[first]].assign(kind="sound", text="", sequence="")
        return whole.assign(duration=stop - whole.onset)
