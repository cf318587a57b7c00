"""A lab's own folder in BIDS: MEG or EEG of people who hear or speak, with their stimuli."""

from dataclasses import asdict
from functools import cached_property
from itertools import chain
from pathlib import Path

import mne
import pandas as pd
from mne_bids import BIDSPath

from n2s.errors import UserError, nearest
from n2s.findings import kept, tell
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.own.bids_contacts import contact_sources, place_contacts
from n2s.studies.own.bids_derivatives import cleaned_recordings, read_cleaned
from n2s.studies.own.bids_files import choose, named, nothing, one_format, usable, with_events
from n2s.studies.own.bids_scan import data_files, scan
from n2s.studies.own.bids_side_files import check_side_files, events_file, side_files, tell_channels
from n2s.studies.own.bids_sound import recorded_sound, sound_files
from n2s.studies.own.bids_tables import tell_tables
from n2s.studies.readers.conditions import PRODUCED, TrialNames, default_of
from n2s.studies.readers.event_columns import EventColumns, complete, read_rows
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.head_positions import position_files
from n2s.studies.readers.holes import Hole, noted_holes, refuse_sounds_across
from n2s.studies.readers.kit import kit_side_files
from n2s.studies.readers.marks import mark_again
from n2s.studies.readers.participants import read_people
from n2s.studies.readers.raw_files import EXTENSIONS, open_raw
from n2s.studies.readers.sound_findings import heard
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.study import Frames, RecordedSound, Recording


class BIDSStudy(FolderStudy):
    """MEG, EEG or iEEG recordings in a BIDS folder, read with MNE-BIDS.

    MEG: FIF (split files and MaxShield too), CTF, KIT with its markers, 4D. EEG: BrainVision, EDF, BDF, EEGLAB; Neuroscan and EGI
    too. iEEG: BrainVision, EDF, EEGLAB, NWB. CTF and KIT reference channels stay in the recording, as type ``ref_meg``: pick
    sensors with ``ref_meg=False``. See `n2s.studies.readers.raw_files.open_raw` for annotations and holes.

    The rows of ``*_events.tsv`` either have our kinds (sound, story, sentence, word, phone, in ``trial_type``), or only
    name the stimulus that starts (``stim_file``); then words and phones come from TextGrids. See
    `n2s.studies.readers.event_columns.complete` and `n2s.studies.readers.sentences.with_sentences` for the values that are filled in.

    Rows may also be trials in which somebody speaks, mouths or imagines: their ``trial_type`` or ``condition`` says so, and no sound has to be named. See
    `n2s.studies.readers.conditions` for the words that are known. A sound file recorded beside a recording (`n2s.studies.own.bids_sound`) is what was said
    there: it is the stimulus of the rows that are spoken aloud.

    Parameters
    ----------
    root
        The BIDS folder. A relative path that does not exist here is searched in the folder ``N2S_DATA``.
    name
        The name of the study; by default the folder's name.
    datatype
        "meg", "eeg" or "ieeg".
    task, subjects, sessions, runs, acquisition, processing
        Keep only these, each a list of labels as in the file names (``"01"``, ``sub-01`` or 1). By default all
        except empty-room recordings.
    derivative
        A pipeline's folder below ``root``, such as ``derivatives/mne-bids-pipeline``: its continuous recordings
        (``*_raw.fif``; ``processing: [clean]`` names their ``proc-`` or ``desc-``) are read in place of the raw
        ones, with the raw folder's events.
    stimuli
        Folder of the audio (wav, flac, ogg, mp3), relative to ``root``.
    features
        Folder of ready features instead of audio, relative to ``root``: ``<stimulus>.npy`` and ``<stimulus>.json``,
        see `n2s.studies.readers.arrays.read_frames`.
    alignments
        Folder of ``<stimulus>.TextGrid``, relative to ``root``, for every stimulus. By default those beside
        the audio.
    columns
        The columns of events.tsv to read.
    word_tier, phone_tier, sentence_tier
        Names of the TextGrids' tiers, if they are not the usual ones.
    sentence_pause_s
        If nothing marks sentences, a pause of this length ends one.
    language
        BCP 47 tag of events that have none in the table.
    content
        Stories or stimuli with equal content, as ``{prince_en: prince, prince_es: prince}``; see `n2s.studies.study.Study.content`.
    default_condition
        Condition of events that have none: listen, overt, silent, imagined or rest. None: listen; but where no row of a recording has one, and
        its task names one (``task-imagined``), that of rows without a sound.
    conditions
        Your names of conditions, as ``{produced: overt, playback: listen}``.
    kinds
        What rows of your ``trial_type`` are, as ``{overt: sentence, go: word, cue: ""}``; "" leaves them out. Trials are words by default.
    montage
        A standard montage of MNE (such as ``biosemi64``), for EEG without an electrodes.tsv.
    space
        Of iEEG: which ``*_space-<space>_electrodes.tsv`` to take. None: MNI's if there is one, else the only one.

    Raises
    ------
    UserError
        The folder does not exist, no recording matches, a label is unknown, none of its recordings can be used (not fetched,
        without events.tsv, in another format), or two recordings have one name.

    Examples
    --------
    >>> from n2s.studies import BIDSStudy
    >>> from n2s.studies.simulated.example import write_example
    >>> lab = write_example(folder / "lab", n_subjects=1)  # `n2s studies example lab` writes it, too
    >>> study = BIDSStudy(lab, datatype="eeg", language="en")
    >>> [one.name for one in study.recordings()]
    ['sub-01_task-listen_run-1', 'sub-01_task-listen_run-2']
    >>> study.events(study.recordings()[0])[["onset", "kind", "text"]].head(3).values.tolist()
    [[1.0, 'sound', ''], [1.013, 'sentence', 'The lighthouse at Cape Morrow had been empty for eleven years when Clara Venn rowed out to it'], [1.013, 'word', 'The']]
    """

    def __init__(
        self,
        root: str,
        *,
        name: str | None = None,
        datatype: str = "meg",
        task: list[str] | str | None = None,
        subjects: list[str | int] | None = None,
        sessions: list[str | int] | None = None,
        runs: list[str | int] | None = None,
        acquisition: list[str | int] | None = None,
        processing: list[str | int] | None = None,
        derivative: str | None = None,
        stimuli: str = "stimuli",
        features: str | None = None,
        alignments: str | None = None,
        columns: EventColumns | None = None,
        word_tier: str | None = None,
        phone_tier: str | None = None,
        sentence_tier: str | None = None,
        sentence_pause_s: float = 0.4,
        language: str = "",
        content: dict[str, str] | None = None,
        default_condition: str | None = None,
        conditions: dict[str, str] | None = None,
        kinds: dict[str, str] | None = None,
        montage: str | None = None,
        space: str | None = None,
    ):
        check_number("sentence_pause_s", sentence_pause_s, low=0)
        self.root = data_folder(root)
        self.name = name or self.root.name
        if datatype not in EXTENSIONS:
            raise UserError(f"datatype is '{datatype}'; expected one of {', '.join(EXTENSIONS)}.")
        self.datatype, self.columns = datatype, columns or EventColumns()
        self.language, self.default_condition = language, default_condition
        self.names = TrialNames(conditions or {}, kinds or {})
        if space is not None and datatype != "ieeg":
            raise UserError(
                f"space is '{space}', but datatype is {datatype}: only contacts of iEEG have places in several spaces."
            )
        self.content, self.montage, self.space = content, montage, space
        self.stimuli = StimulusFolder(
            self.root / (features or stimuli),
            ready=features is not None,
            alignments=None if alignments is None else self.root / alignments,
            word_tier=word_tier,
            phone_tier=phone_tier,
            sentence_tier=sentence_tier,
            sentence_pause_s=sentence_pause_s,
        )
        wanted = {
            "subjects": subjects,
            "sessions": sessions,
            "task": task,
            "runs": runs,
            "acquisition": acquisition,
            "processing": processing,
        }
        found = one_format(scan(self.root, datatype, EXTENSIONS[datatype], (datatype,)))
        if not found and derivative is None:
            raise nothing(self.root, datatype, EXTENSIONS)
        raw = {one: one.path for one in found}
        if derivative is not None:
            raw = cleaned_recordings(self.root, derivative, datatype, found)
        found = with_events(choose(self.root, list(raw), wanted, datatype), raw)
        found = usable(self.root, found, wanted, datatype)
        tell_tables(self.root, found, subjects is None, datatype)
        chosen = named(self.root, found, datatype)
        self._paths = {one: raw[item] for one, item in chosen.items()}
        self._cleaned = {} if derivative is None else {one: item.path for one, item in chosen.items()}
        self._derivative = derivative
        self._clocks: dict[Recording, tuple[float, list[Hole]]] = {}  # how long it is, and where it was interrupted

    def recordings(self) -> list[Recording]:
        """Every recording, by subject, session, task and run."""
        return list(self._paths)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Open a recording without reading its samples, with its annotations.

        Bad channels come from channels.tsv. EEG sensors have positions from electrodes.tsv, or else from
        ``montage``; without either this is said.
        """
        path, cleaned = self._path(recording), self._cleaned.get(recording)
        try:
            events = events_file(path)
        except UserError:  # `events` says so, to whom needs them
            events = None
        if cleaned is None:
            check_side_files(path)
            raw = open_raw(path, events=events, kind=self.columns.kind)
            tell_channels(path, raw.ch_names)
        else:
            raw = read_cleaned(cleaned, path)
            mark_again(raw, events, self.columns.kind)
        if self.datatype == "ieeg" and (cleaned is None or raw.get_montage() is None):
            place_contacts(raw, path, self.space)
        if self.datatype == "eeg":
            self._place_electrodes(raw, (cleaned or path).fpath)
        self._clocks[recording] = raw.duration, noted_holes(raw)  # `events` need not open it again
        return raw

    def events(self, recording: Recording) -> pd.DataFrame:
        """Its events, complete and checked against its length and the stimuli's."""
        path = events_file(self._path(recording))
        rows = self.read_rows(path)
        if recording not in self._clocks:
            self.load(recording)
        duration_s, holes = self._clocks[recording]
        table = complete(
            rows,
            self.stimuli,
            where=str(path),
            duration_s=duration_s,
            language=self.language,
            default_condition=default_of(rows, recording.task, self.names, self.default_condition, path),
            sound_condition=self.default_condition or "listen",
        )
        refuse_sounds_across(holes, table, path)
        return self._said(table, recording)

    def read_rows(self, path: Path) -> pd.DataFrame:
        """The rows of an events.tsv, as `n2s.studies.readers.event_columns.read_rows` gives them; a data set may override this."""
        return read_rows(path, self.columns, self.stimuli, self.names)

    def sources(self, recording: Recording) -> list[Path]:
        """Its data files, BIDS side files, and the stimuli and TextGrids that its events use."""
        path = self._path(recording)
        events = events_file(self._path(recording))
        data = self._cleaned.get(recording, path)
        found = {*data_files(data.fpath, (self.datatype, data.suffix)), *chain(*kit_side_files(path).values()), events}
        found.update(side_files(path))
        for file in sound_files(path):
            found.update(one for one in (file, file.with_suffix(".json")) if one.is_file())
        found.update(position_files(data.fpath))
        found.update(contact_sources(path) if self.datatype == "ieeg" else [])
        with kept():  # what is left out is told by `events`
            rows = self.read_rows(events)
        for name in rows.stimulus.unique():
            if name:
                found.update(self.stimuli.sources(self.stimuli.id(name, where=str(events))))
        return sorted(found)

    def settings(self) -> dict:
        """The options that change the results of `load` and `events`."""
        return {
            "columns": asdict(self.columns),
            "tiers": self.stimuli.tiers,
            "sentence_pause_s": self.stimuli.sentence_pause_s,
            "language": self.language,
            "default_condition": self.default_condition,
            "montage": self.montage,
            **({} if self.names == TrialNames() else {"names": asdict(self.names)}),
            **({"task_conditions": 1} if self._tells_by_task else {}),
            **({} if self._derivative is None else {"derivative": self._derivative}),
            **({} if self.space is None else {"space": self.space}),
        }

    @property
    def _tells_by_task(self) -> bool:
        """Whether a task's name is that of a condition without a sound."""
        return any(one.task and self.names.condition(one.task) in PRODUCED for one in self._paths)

    def recorded_sound(self, recording: Recording) -> RecordedSound | None:
        """See `n2s.studies.own.bids_sound.recorded_sound`."""
        return recorded_sound(self._path(recording))

    def audio(self, stimulus: str) -> Path | None:
        """The audio file; of what was said, the file recorded beside its recording. None if the study provides features."""
        return self._recorded.get(stimulus) or super().audio(stimulus)

    def features(self, stimulus: str) -> Frames | None:
        """The ready features; None if the study provides audio, and for what was said."""
        return None if stimulus in self._recorded else super().features(stimulus)

    def participants(self) -> pd.DataFrame | None:
        """The rows of participants.tsv; None if there is no such table."""
        path = self.root / "participants.tsv"
        return read_people(path) if path.is_file() else None

    def _path(self, recording: Recording) -> BIDSPath:
        if recording not in self._paths:
            names = [one.name for one in self._paths]
            raise UserError(f"{self.root}: no recording {recording.name}.{nearest(recording.name, names)}")
        return self._paths[recording]

    @cached_property
    def _recorded(self) -> dict[str, Path]:
        """Sounds recorded beside recordings, by their names without extension."""
        return {file.stem: file for path in self._paths.values() for file in sound_files(path)}

    def _said(self, table: pd.DataFrame, recording: Recording) -> pd.DataFrame:
        """The events; what is spoken aloud and names no sound is in the sound recorded beside the recording, where that lasts so long."""
        rows = (table.condition == "overt") & (table.stimulus == "")
        sound = self.recorded_sound(recording) if rows.any() else None
        if sound is None:
            return table
        at, length_s = table.onset - sound.start_s, heard(sound.path).length_s
        inside = rows & (at >= 0) & (at + table.duration <= length_s)
        lost = int((rows & ~inside).sum())
        if lost:
            text = f"rows that are spoken aloud before or after the sound file beside the recording ({length_s:.1f} s from {sound.start_s:.1f} s on)."
            tell("odd", f"{sound.path} ({lost} of {rows.sum()} rows)", text)
        name = sound.path.stem
        table = table.assign(
            stimulus=table.stimulus.where(~inside, name), stimulus_onset=table.stimulus_onset.where(~inside, at)
        )
        return table.assign(story=table.story.where(~(inside & (table.story == "")), name))

    def _place_electrodes(self, raw: mne.io.BaseRaw, path: Path) -> None:
        if raw.get_montage() is not None:
            return
        if self.montage is None:
            tell(
                "odd",
                path,
                "the electrodes have no positions (no electrodes.tsv with coordsystem.json). Set montage to the cap's name in MNE, "
                "such as biosemi64 or standard_1020.",
            )
            return
        try:
            raw.set_montage(self.montage, match_case=False, verbose="ERROR")
        except ValueError as error:
            raise UserError(f"{path}: montage '{self.montage}' does not fit: {error}") from None
