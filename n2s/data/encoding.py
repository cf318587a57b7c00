"""The datamodule of encoding models: whole runs of the brain as time series, beside features of what was heard."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from n2s.data.bad_channels import check_bads
from n2s.data.bold_preparation import tell_copies
from n2s.data.clip_splits import check_subjects, chosen
from n2s.data.clip_targets import tracked
from n2s.data.cross_validated import check_heard_folds
from n2s.data.datamodule import REMEDY, NeuralDataModule
from n2s.data.encoding_data import Fold, Measured, Stream
from n2s.data.encoding_designs import Designs, spaces_of, standardised
from n2s.data.encoding_front import EncodingFront
from n2s.data.encoding_heard import heard_of, part_of, told_folds
from n2s.data.encoding_people import Dealt, Person, check_fits
from n2s.data.encoding_responses import Responses
from n2s.data.encoding_sides import features_of
from n2s.data.heard_languages import languages_of
from n2s.data.preprocessing import Preprocessing
from n2s.data.recordings import PreparedRecording, Shard, listed, prepare
from n2s.data.response_model import ResponseModel
from n2s.data.row_stretches import row_stretches
from n2s.data.runs import measured
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.splits import Split
from n2s.data.stimuli import collect_stimuli
from n2s.data.story_split import SplitByStory
from n2s.data.subject_folds import SubjectFold, SubjectFolds
from n2s.errors import UserError, counted
from n2s.features.feature import FrameFeature, ImpulseFeature
from n2s.features.layers import Layers
from n2s.options import check_choice, check_number, check_options, check_pair, named_studies
from n2s.studies.fmri import FMRIStudy
from n2s.studies.study import Recording, Stimulus, Study


class EncodingDataModule(EncodingFront, NeuralDataModule):
    """Runs of BOLD, MEG, EEG or iEEG as time series, beside any number of features of what was heard (`n2s.data.encoding_data`).

    Of two sounds at once the attended one is what was heard; the other is the ``unattended`` stream, held out together with it.
    Nothing that is held out is in training. A story, sentence or second of sound is on one side for every listener (`n2s.data.splits`).
    A training row is left out (purged) if the response model lets it see held-out sound, or if it is so near to a test row that both depend on
    one moment of sound or, through filters, on one recorded sample. Contextual features are computed on each side of a border alone. Scales
    and trends are of training rows. Rows of silence belong to the sound before them as long as its response lasts, then to nothing.

    Parameters
    ----------
    studies
        The data sets, by a name of your choice; subjects are ``name/subject``.
    features
        Feature spaces by name, in the order in which models take them; `n2s.features.layers.Layers` become one space a layer.
    response
        `Glover` or `FIR` for BOLD, `Lags` for sensors.
    preprocessing
        `Preprocessing` of MEG, EEG and iEEG, or `HighGamma` of iEEG; steps learn from training stories. BOLD is cleaned as its study says.
    split
        What is held out. A study's official split overrides it.
    n_folds
        None: the test stories are held out. Else every unit of the split (a story, or a block of sentences) is held out once, units
        dealt to this many folds by their content, the same for all subjects. 0: nothing is held out, for systems that compare people.
    each_alone
        Deal what each subject heard without regard to the others: their models are fitted apart. For studies that draw the order of sentences for
        each listener, so that blocks of all hang together (Millet & King 2021). A split must then hold for each subject.
    subjects
        Keep only these, as ``01`` or ``name/01``; None: all.
    roi
        The region of BOLD to use, by its name in the study; None: all voxels.
    trim_s
        Seconds off the start and the end of each run.
    detrend
        Remove the best line from each response: of a ``run`` (one through its training rows, another through its held-out rows), or of each
        ``block`` that is held out whole (Millet & King 2021). Cosines or other drifts among the confounds make it needless.
    clean_features
        Take out of the features of a run what is taken out of its responses: mean, confounds, drifts, lines. Else weights are too small
        (Frisch-Waugh-Lovell theorem). Training rows of a run with others are cleaned by themselves, so that they have no trace of what is
        held out. False: only responses are cleaned, and as whole runs, as most publications have it.
    clamp
        Responses beyond this many deviations are clipped; None: none.
    average_repeats
        Test on the mean response to all presentations of a stimulus; training has each.
    train_on_val
        Validation stories are trained on, too: closed-form models choose their penalties within training. False: they are left out.
    seed
        Of the order in which units are dealt to folds.
    n_jobs
        Processes that prepare runs.

    Examples
    --------
    >>> from n2s.data import EncodingDataModule, Glover
    >>> from n2s.features import Mel
    >>> from n2s.studies import SimulatedAreas
    >>> data = EncodingDataModule({"areas": SimulatedAreas(n_subjects=2, root=folder)}, {"mel": Mel(n_mels=40)}, Glover())
    >>> data.n_features
    40
    """

    def __init__(
        self,
        studies: dict[str, Study],
        features: dict[str, FrameFeature | ImpulseFeature | Layers],
        response: ResponseModel,
        *,
        preprocessing: SensorPreparation | None = None,
        split: Split | None = None,
        n_folds: int | None = None,
        each_alone: bool = False,
        subjects: list[str] | None = None,
        roi: str | None = None,
        trim_s: tuple[float, float] = (0.0, 0.0),
        detrend: Literal["run", "block"] | None = None,
        clean_features: bool = True,
        clamp: float | None = 20.0,
        average_repeats: bool = True,
        train_on_val: bool = True,
        seed: int = 0,
        n_jobs: int = 1,
    ):
        super().__init__()
        check_choice("data.detrend", detrend, (None, "run", "block"))
        if n_folds != 0 or isinstance(n_folds, bool):  # 0: everything is training
            check_number("data.n_folds", n_folds, low=2, whole=True)
        check_number("data.clamp", clamp, above=0)
        check_options("data.", low=0, whole=True, seed=seed)
        check_options("data.", low=1, whole=True, n_jobs=n_jobs)
        self.studies, self.features, self.response = named_studies(studies), features, response
        self.preprocessing, self.split = preprocessing or Preprocessing(), split or SplitByStory()
        self.n_folds, self.each_alone, self.chosen, self.roi = n_folds, each_alone, subjects, roi
        self.trim_s = check_pair("data.trim_s", trim_s, low=0)
        self.detrend, self.clean_features, self.clamp = detrend, clean_features, clamp
        self.average_repeats = average_repeats
        self.train_on_val, self.seed, self.n_jobs = train_on_val, seed, n_jobs
        if roi is not None and not any(isinstance(study, FMRIStudy) for study in self.studies.values()):
            raise UserError(f"data.roi is '{roi}', but no study is of BOLD. Leave it out.")
        self._spaces = spaces_of(features)
        self.spaces = {name: len(seeds) for name, seeds in self._spaces.items()}
        self.subjects = check_subjects(self.studies, subjects)
        self.n_subjects = len(self.subjects)
        self.n_features = sum(seeds[0].n_features for seeds in self._spaces.values())
        self.rate_hz, self.stimuli = dict[str, float](), dict[str, Stimulus]()
        self.languages, self.notes, self._people = dict[str, str](), list[str](), dict[str, Person]()
        self._measured, self._told = dict[str, Measured](), set[tuple[str, str, str, str]]()

    @property
    def validates(self) -> bool:
        """See `NeuralDataModule`: nothing is chosen on validation stories."""
        return False

    @classmethod
    def folded(cls, options: Mapping, n_folds: int, *, validation: bool) -> list[dict]:
        """See `NeuralDataModule`: one run has all folds."""
        check_heard_folds(options, n_folds)
        return [dict(options) | {"n_folds": n_folds}]

    # -- Lightning ---------------------------------------------------------------------------------------------------

    def prepare_data(self) -> None:
        """Fill the caches: runs, features. One process does it, the others wait."""
        self.prepare()

    def prepare(self, shard: Shard | None = None) -> None:
        """See `NeuralDataModule`; a shard is a part of the runs. Features are computed by the job that finds all runs there.

        Events and audio are checked first, so that mistakes show before hours of preparing.
        """
        if self._people and shard is None:
            return  # a test after the fit, in one process
        for _, study, runs in self._recordings():
            events = {run.name: study.events(run) for run in runs}
            collect_stimuli(study, events)
            for table in events.values():
                self.split.rows(table)
        if self.preprocessing.bads and not all(one.ready for _, found in self._prepared(listed) for one in found):
            check_bads(self.preprocessing.bads, self.studies)
        if shard is not None:
            list(self._prepared(prepare, n_jobs=self.n_jobs, shard=shard))
            if shard.leaves(one for _, found in self._prepared(listed) for one in found):
                return
        self.setup("prepare")
        for subject in tracked(self.subjects, "checking responses", len(self.subjects)):
            self.measured(subject)
        self._designs.fill({name: one.runs for name, one in self._people.items()})

    def setup(self, stage: str) -> None:
        """Deal what was heard to the sides of each fold, and check everything before the first fit."""
        if self._people:
            return
        heard, runs, self.stimuli = {}, {}, {}
        for name, found in self._prepared(prepare, n_jobs=self.n_jobs):
            heard[name], own, stimuli = heard_of(name, self.studies[name], found, official=self.n_folds is None)
            runs |= own
            self.stimuli |= stimuli
        tell_copies({key: run.prepared for key, run in runs.items() if run.is_bold})
        self.languages = languages_of(heard)
        people, cuts_s, self.notes = {}, {}, []
        for group in [[one] for one in self.subjects] if self.each_alone else [self.subjects]:
            own, listened = part_of(heard, runs, group)
            dealt = Dealt(self.split.intervals(listened), own, self.n_folds, self.seed, train_on_val=self.train_on_val)
            self.notes += [note for note in dealt.check(self.stimuli, listened) if note not in self.notes]
            for subject in group:
                cuts_s[subject] = dealt.cuts_s
                people[subject] = dealt.person(
                    subject, self.response, self.trim_s, average_repeats=self.average_repeats, clean=self.clean_features
                )
        check_fits(people)
        self._designs, self._people = Designs(self._spaces, self.response, self.stimuli, cuts_s), people
        self._heard = Designs(self._spaces, self.response.undelayed(), self.stimuli, cuts_s)
        self.rate_hz = {subject: 1 / one.runs[0].step_s for subject, one in self._people.items()}

    def train_dataloader(self) -> SubjectFolds:
        """One batch for each subject and fold: the fits of a closed-form model."""
        self.setup("fit")
        return SubjectFolds(
            [SubjectFold(name, index) for name, one in self._people.items() for index in range(len(one.folds))]
        )

    def test_dataloader(self) -> SubjectFolds:
        """The same batches as for training: each is tested on its held-out rows."""
        return self.train_dataloader()

    def predict_dataloader(self) -> SubjectFolds:
        """See `test_dataloader`."""
        return self.train_dataloader()

    def transfer_batch_to_device(self, batch: SubjectFold, device: object, dataloader_idx: int) -> SubjectFold:
        """Batches are names."""
        return batch

    # -- what systems ask for: see `n2s.data.encoding_data.EncodingData` ---------------------------------------------

    def rows(self, subject: str) -> pd.DataFrame:
        """See `EncodingData`. With ``n_folds``, ``split`` is ``test`` for every row that is held out once."""
        return self._person_of(subject).rows.drop(columns=["sound", "clock_s"])

    def folds(self, subject: str) -> Sequence[Fold]:
        """See `EncodingData`. A subject who heard nothing of a fold does not have it."""
        if self.n_folds == 0:
            raise UserError("data.n_folds is 0: nothing is held out. Leave it out, or set 2 or more.")
        return self._person_of(subject).folds

    def measured(self, subject: str) -> Measured:
        """See `EncodingData`. Voxels and sensors that never change are left out; all values are checked once."""
        if subject not in self._measured:
            runs = self._person_of(subject).runs
            self._measured[subject] = measured(runs, self.studies[subject.split("/", 1)[0]], self.roi)
        return self._measured[subject]

    def responses(self, subject: str, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """See `EncodingData`. Test responses of repeated stimuli are means of their presentations, if ``average_repeats``."""
        return self._scaling(subject).both(fold)

    def recorded(self, subject: str, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """See `EncodingData`. Averaged as `responses` are."""
        return self._scaling(subject).recorded(fold)

    def design(
        self, subject: str, fold: Fold, space: str, seed: int = 0, stream: Stream = "attended"
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `EncodingData` and `standardised`."""
        person = self._person_of(subject)
        columns = self._designs.columns(subject, person.runs, space, seed, stream=stream)
        found = standardised(*features_of(person, fold, columns, detrend=self.detrend, clean=self.clean_features))
        if (subject, fold.name, space, stream) not in self._told:
            self._told.add((subject, fold.name, space, stream))
            found.tell(space, f"{subject}, {fold.name}")
        return found.train, found.test

    def heard(
        self, subject: str, fold: Fold, space: str, seed: int = 0, stream: Stream = "attended"
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `EncodingData`."""
        person = self._person_of(subject)
        columns = self._heard.columns(subject, person.runs, space, seed, stream=stream)
        return features_of(person, fold, columns, detrend=None, clean=False)[:2]

    def columns(self, subject: str, feature: FrameFeature | ImpulseFeature) -> np.ndarray:
        """See `EncodingData`."""
        return self._designs.columns_of(feature, subject, self._person_of(subject).runs)

    def listened(self, subject: str, space: str, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
        """See `EncodingData`."""
        person, numbers = self._person_of(subject), self._listened_rows(subject)
        brain, heard = self._scaling(subject).whole(), self._heard.columns(subject, person.runs, space, seed)
        return [(brain[numbers[one]], heard[numbers[one]]) for one in row_stretches(person.rows, numbers)]

    def heard_s(self, subject: str) -> float:
        """See `EncodingData`."""
        return len(self._listened_rows(subject)) / self.rate_hz[subject]

    def delays(self, space: str, subject: str) -> tuple[np.ndarray, int]:
        """See `EncodingData`."""
        return self.response.delays_s(1 / self.rate_hz[subject]), self._designs.feature(space, 0).n_features

    def frames_hz(self, space: str) -> float:
        """See `EncodingData`: of the feature, or of the study's arrays that it passes on."""
        feature = self._designs.feature(space, 0)
        if isinstance(feature, ImpulseFeature):
            return np.inf
        own = getattr(feature, "rate_hz", None)
        ready = [one.ready.rate_hz for one in self.stimuli.values() if one.ready is not None]
        return float(own or min(ready, default=np.inf))

    def repeats(self, subject: str) -> Mapping[str, np.ndarray]:
        """See `EncodingData`: held-out stimuli that were heard more than once, at the moments that all presentations have."""
        return self._scaling(subject).repeats()

    def __str__(self) -> str:
        """A summary of the prepared data."""
        if not self._people:
            return "nothing is prepared yet"
        spaces = ", ".join(f"{name} ({seeds[0].n_features})" for name, seeds in self._spaces.items())
        people = [f"{name}: {one.told()}" for name, one in self._people.items()]
        return "\n".join([f"{counted(len(self.subjects), 'subject')}; features: {spaces}", *people])

    # -- how ----------------------------------------------------------------------------------------------------------

    def _recordings(self) -> Iterator[tuple[str, Study, list[Recording]]]:
        for name, study in self.studies.items():
            if found := chosen(name, study, self.chosen):
                yield name, study, found

    def _prepared(self, make: Callable[..., list], **options: object) -> Iterator[tuple[str, list[PreparedRecording]]]:
        """What `prepare` or `listed` gives of each study's chosen recordings."""
        every = {name: (study, runs) for name, study, runs in self._recordings()}
        folds = {"n_folds": self.n_folds, "each_alone": self.each_alone, "train_on_val": self.train_on_val}
        told = told_folds(self.preprocessing, every, self.split, **folds)
        for name, (study, runs) in every.items():
            yield name, make(study, told[name], runs, **options)

    def _listened_rows(self, subject: str) -> np.ndarray:
        """(n,) Row numbers in which something was heard, without those that are trimmed."""
        person = self._person_of(subject)
        usable = np.concatenate([run.usable(self.trim_s) for run in person.runs])
        return np.flatnonzero(usable & person.rows.stimulus_s.notna().to_numpy())

    def _person_of(self, subject: str) -> Person:
        if subject not in self._people:
            if not self._people:
                raise UserError(f"the data of '{subject}' are not there: they are not set up. {REMEDY}")
            raise UserError(f"no subject '{subject}' in the data. There are: {', '.join(self._people)}.")
        return self._people[subject]

    def _scaling(self, subject: str) -> Responses:
        person, what = self._person_of(subject), self.measured(subject)
        return Responses(person, what, self.detrend, self.clean_features, self.clamp, subject)
