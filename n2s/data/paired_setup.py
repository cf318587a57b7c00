"""How pairs come to be: both modalities are read, one split is dealt for both, and segments are placed in what each person heard."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.data.bold_courses import BoldCourses
from n2s.data.bold_preparation import BoldPreparation, BoldRun, tell_copies
from n2s.data.content import Heard
from n2s.data.gaps import empty_split, lost_to_gaps
from n2s.data.heard_windows import heard_windows, indexed
from n2s.data.paired_alike import Piece, alike_sounds
from n2s.data.paired_bold import PairedBold, tell_outside
from n2s.data.paired_moved import moved_stimuli, on_meg_clock
from n2s.data.paired_people import partners
from n2s.data.paired_reach import moved_by, tell_moved
from n2s.data.paired_rows import MODALITIES, PartOfWindows, pairs_of
from n2s.data.paired_sounds import check_shared_stimuli, conditions_of, one_telling
from n2s.data.placements import Placement
from n2s.data.priority import SPLITS
from n2s.data.recordings import prepare
from n2s.data.same_words import sentences_of, tell_same_words
from n2s.data.sensor_data import SensorDataModule
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.splits import joined
from n2s.data.stimuli import check_shared_audio, collect_stimuli
from n2s.data.talkers import attended
from n2s.data.targets import Targets
from n2s.data.training_parts import heard_in, told_training
from n2s.data.windows import Windows
from n2s.data.without_windows import tell_without_windows
from n2s.data.word_windows import check_words
from n2s.errors import UserError, first_of
from n2s.features.feature import Feature
from n2s.findings import tell
from n2s.studies.fmri import FMRIStudy
from n2s.studies.study import Stimulus

CALLED = {"meg": "MEG", "fmri": "fMRI"}


class PairedSetUp(SensorDataModule):
    """A part of `n2s.data.PairedDataModule`: what its set-up does."""

    target: Feature
    per_dimension: bool
    modalities: Sequence[str]
    placements: Mapping[str, Placement]
    bold_options: PairedBold
    fmri_subjects: list[str]
    people: str | Mapping[str | int, str | int]
    persons: Mapping[str, str]
    pairs: dict[str, pd.DataFrame]
    moved: Mapping[str, Piece]  # sounds of fMRI that are read as the MEG's, by their name in `stimuli`

    @property
    def fmri_studies(self) -> dict[str, FMRIStudy]:
        """Those of fMRI, by name."""
        return {name: one for name, one in self.studies.items() if isinstance(one, FMRIStudy)}

    def preparations(self) -> dict[str, SensorPreparation | BoldPreparation]:
        """By study: steps that learn are told what is training, which depends on both modalities."""
        every = {name: (study, study.recordings()) for name, study in self.studies.items()}
        told = told_training(self.preprocessing, every, self._dealt_on_one_clock)
        return told | {name: BoldPreparation(study.cleaning) for name, study in self.fmri_studies.items()}

    def set_up(self) -> None:
        """Read, deal, place and pair; see `n2s.data.PairedDataModule`."""
        self.recordings, self.runs = {}, dict[str, BoldRun]()
        self.stimuli: dict[str, Stimulus] = {}
        self._subject_of, self._courses, self._readers = dict[str, str](), dict[str, BoldCourses](), {}
        heard, told = {}, self.preparations()
        for name, study in self.studies.items():
            found = {f"{name}/{one.recording.name}": one for one in prepare(study, told[name], n_jobs=self.n_jobs)}
            is_bold = name in self.fmri_studies
            own = {key: study.events(one.recording) if is_bold else one.events for key, one in found.items()}
            stimuli = collect_stimuli(study, own)
            heard[name] = heard_in(study, own, stimuli, {key: one.recording.subject for key, one in found.items()})
            self.stimuli |= {f"{name}/{stimulus}": value for stimulus, value in stimuli.items()}
            (self.runs if is_bold else self.recordings).update(found)
            self._subject_of |= {key: f"{name}/{one.recording.subject}" for key, one in found.items()}
        tell_copies(self.runs)
        pieces, links = alike_sounds(self.stimuli, set(self.fmri_studies))
        heard, self.moved = on_meg_clock(heard, pieces, links), {one.name: one for one in pieces}
        self.stimuli = one_telling(moved_stimuli(self.stimuli, pieces), set(self.fmri_studies))
        for name, one in heard.items():
            check_words(name, _of_study(self.stimuli, name), one.events, self.placements)
        check_shared_stimuli(heard, set(self.fmri_studies), set(self.moved), links)
        self._index = {key: index for index, key in enumerate([*self.recordings, *self.runs])}
        self.bold_options.check(self.runs)
        dealt = self.split.intervals(heard)
        reach = {key: one.reach for key, one in self.recordings.items()} | dict.fromkeys(
            self.runs, self.bold_options.reach
        )
        intervals = self._indexed(joined(dealt, gap_s=reach))
        without_gap = self._indexed(joined(dealt, gap_s={key: replace(one, gap_s=0.0) for key, one in reach.items()}))
        self.notes = check_shared_audio(intervals, self.stimuli)
        tell_same_words(sentences_of(heard), [intervals])
        intervals, without_gap = attended(intervals), attended(without_gap)
        windows = {split: self._lay(split, intervals) for split in SPLITS}
        tell_without_windows(without_gap, windows.values(), self.shape.window_s)
        metas = {key: one.meta for key, one in self.recordings.items()} | dict.fromkeys(
            self.runs, self.bold_options.meta
        )
        self.lost = lost_to_gaps(without_gap, intervals, metas, lambda rows: len(self._lay("train", rows)))
        for split in SPLITS:
            if not len(windows[split]) and (split != "val" or self.split.validates):
                options = {"would_be": len(self._lay(split, without_gap)), "lost": self.lost}
                raise empty_split(split, intervals, **options, window_s=self.shape.window_s)
        self.windows = windows
        self.events = {key: table for one in heard.values() for key, table in one.events.items()}
        self._pair(heard, dealt)
        self.targets = Targets(self.target, self.stimuli, self.windows, self.shape, per_dimension=self.per_dimension)
        self.meg_windows, self._place_of = {}, {}
        for split in SPLITS:
            rows = np.flatnonzero(self._modality[split] == "meg")
            self.meg_windows[split] = PartOfWindows.of(windows[split], rows)
            self._place_of[split] = np.full(len(windows[split]), -1)
            self._place_of[split][rows] = np.arange(len(rows))
        self.scale(studies_apart=True, windows=self.meg_windows)

    def check_words(self, events: Mapping[str, Mapping[str, pd.DataFrame]]) -> None:
        """Check what words and splits need before anything is prepared.

        Parameters
        ----------
        events
            Study -> recording -> its events.
        """
        fmri = set(self.fmri_studies)
        stimuli = {f"{name}/{one}": value for name, own in events.items()
                   for one, value in collect_stimuli(self.studies[name], own).items()}  # fmt: skip
        if any(
            placement.needs_words for placement in self.placements.values()
        ):  # those of a sound are in one modality, often
            stimuli = one_telling(moved_stimuli(stimuli, alike_sounds(stimuli, fmri).pieces), fmri)
        for name, own in events.items():
            check_words(name, _of_study(stimuli, name), own, self.placements)
            for table in own.values():
                self.split.rows(table)

    def _dealt_on_one_clock(self, heard: Mapping[str, Heard]) -> pd.DataFrame:
        stimuli = {
            f"{name}/{stimulus}": value
            for name, one in heard.items()
            for stimulus, value in collect_stimuli(self.studies[name], one.events).items()
        }
        return self.split.intervals(on_meg_clock(heard, *alike_sounds(stimuli, set(self.fmri_studies))))

    def _pair(self, heard: Mapping[str, Heard], dealt: pd.DataFrame) -> None:
        self._modality: dict[str, np.ndarray] = {}
        events = {key: table for one in heard.values() for key, table in one.events.items()}
        outside = moved = n_rows = 0
        for split, windows in self.windows.items():
            is_bold = np.isin(windows.of_interval("study"), list(self.fmri_studies))
            rows = np.flatnonzero(is_bold)
            inside = self.bold_options.inside(windows, rows, self.runs)
            unmoved = self.bold_options.unmoved(windows, rows, moved_by(heard, dealt, split))
            outside += int((~inside).sum())
            moved, n_rows = moved + int((inside & ~unmoved).sum()), n_rows + len(rows) * (split != "test")
            modality = np.where(is_bold, "fmri", "meg")
            modality[rows[~(inside & unmoved)]] = ""
            self._modality[split] = modality
        tell_outside(outside)
        tell_moved(moved, n_rows, self.bold_options.response_s)
        if self.people == "strangers":
            self.persons = partners(self.subjects, self.fmri_subjects, self._shared())
        for split, windows in self.windows.items():
            modality = self._modality[split]
            used = np.where(np.isin(modality, self.modalities), modality, "")
            condition = conditions_of(windows, events)
            self.pairs[split] = pairs_of(windows, self.persons, used, condition)
            if not len(self.pairs[split]) and (split != "val" or self.split.validates) and len(windows):
                raise UserError(
                    f"the {split} split has no pair: no segment of it was heard in {' or '.join(self.modalities)}."
                )
        self._check_pairs()
        self._check_scanned()

    @property
    def scanned(self) -> list[str]:
        """Who has a row with fMRI in some split."""
        rows = [
            windows.of_interval("subject")[self._modality[split] == "fmri"] for split, windows in self.windows.items()
        ]
        return [one for one in self.fmri_subjects if one in set(np.concatenate(rows))]

    def _check_scanned(self) -> None:
        """Voxels are scaled by training volumes: who has none is refused before a fit, as in the MEG."""
        trained = set(self.windows["train"].of_interval("subject")[self._modality["train"] == "fmri"])
        lacks = [one for one in self.scanned if one not in trained]
        if lacks and "fmri" in self.modalities:
            raise UserError(
                f"{first_of(lacks)}: no training segment in fMRI, so nothing says how to scale their voxels. Give a training story, leave them out, or "
                f"look at data.response_s ({self.bold_options.response_s:g} s): volumes that held-out sound moves are not trained on."
            )

    def _shared(self) -> np.ndarray:
        """(meg, fmri) How many test segments each two people both have; of training segments, less than one in all."""
        found = np.zeros((len(self.subjects), len(self.fmri_subjects)))
        for split, weight in (("test", 1.0), ("train", None)):
            windows = self.windows[split]
            subject, n = windows.of_interval("subject"), windows.segment.max(initial=0) + 1
            has = [np.zeros((len(own), n)) for own in (self.subjects, self.fmri_subjects)]
            for own, part, modality in zip((self.subjects, self.fmri_subjects), has, MODALITIES, strict=True):
                used = self._modality[split] == modality
                row = pd.Series(subject[used]).map({name: i for i, name in enumerate(own)}).to_numpy(int)
                part[row, windows.segment[used]] = 1
            found += (weight or 0.5 / n) * (has[0] @ has[1].T)
        return found

    def _check_pairs(self) -> None:
        if set(self.modalities) != set(MODALITIES):
            return
        look = (
            "Look at the sounds that both heard, at data.people, at data.segment_s (a segment needs its volumes inside the run) and at data.response_s "
            "(volumes that held-out sound moves are left out)."
        )
        for split in ("train", "test"):
            has = self.pairs[split][list(MODALITIES)] >= 0
            lacks = [name for name in MODALITIES if not has[name].any()]
            if lacks:
                raise UserError(
                    f"the {split} split has {len(has)} rows, and none has {' or '.join(map(CALLED.get, lacks))}. {look}"
                )
            if not has.all(axis=1).any():
                text = f"the {split} split has {len(has)} rows, and none has both MEG and fMRI: nobody heard one segment in both. {look}"
                if split == "test":
                    raise UserError(text)
                tell("odd", "data", text)

    def _fmri_rows(self, split: str) -> np.ndarray:
        return np.flatnonzero(self._modality[split] == "fmri")

    def _indexed(self, table: pd.DataFrame) -> pd.DataFrame:
        subject = table.recording.map(self._subject_of)
        numbers = {name: index for own in (self.subjects, self.fmri_subjects) for index, name in enumerate(own)}
        return indexed(table, subject, numbers, self._index, self.stimuli)

    def _lay(self, split: str, intervals: pd.DataFrame) -> Windows:
        spans = {key: one.meta["bad_spans"] for key, one in self.recordings.items()} | {key: [] for key in self.runs}
        return heard_windows(split, intervals, self.placements[split], self.shape, self.stimuli, spans)


def _of_study(stimuli: Mapping[str, Stimulus], study: str) -> dict[str, Stimulus]:
    return {name.split("/", 1)[1]: one for name, one in stimuli.items() if name.startswith(f"{study}/")}
