"""The system that tells people with and without dyslexia apart by how their brains track speech."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.errors import UserError, first_of
from n2s.options import check_number, check_options
from n2s.systems.closed_form import ClosedForm
from n2s.systems.dyslexia.classifiers import Classifier, CovariatesOnly
from n2s.systems.dyslexia.gathered import Gathered, check_places
from n2s.systems.dyslexia.groups import (
    check_sizes,
    covariates_of,
    grouped,
    people_table,
    refuse_copies,
    tell_nuisances,
    with_sounds,
)
from n2s.systems.dyslexia.kept import Arrays
from n2s.systems.dyslexia.measured import Common
from n2s.systems.dyslexia.outcome import COVARIATES
from n2s.systems.dyslexia.people import People
from n2s.systems.dyslexia.result import DyslexiaResult
from n2s.systems.dyslexia.validation import permuted, repeated
from n2s.systems.tracking.measures import MeasureOptions

#: Key of a checkpoint.
KEPT = "n2s_dyslexia"


class Dyslexia(ClosedForm):
    """Two groups told apart by repeated stratified cross-validation by person. Research use only.

    ``n2s fit`` measures each person and scores each with classifiers that have seen nothing of that person; ``n2s test`` repeats all of it
    with permuted labels, and compares. People are the unit everywhere: there is no option that divides segments.

    Parameters
    ----------
    classifiers
        By names of your choice.
    envelope
        The feature space (data.features) that tracking is measured of: its first column.
    groups
        Names of both groups in the column ``group`` of the participants; scores are high for the second.
    participants
        A table of all people (participants.tsv: participant_id, group, age, ...), in place of what the studies say.
    covariates
        Columns that are regressed out of features, and that the baseline knows; null: age, sex and motion, where the table has them.
    measures
        Bands and kinds of measures of tracking.
    sides
        Whether each measure is also of the left and of the right sensors, with its laterality: four times as many, which few people cannot
        bear.
    length_s
        Seconds of each person; null: as many as the person with the fewest has.
    n_folds
        Each holds out people of both groups.
    n_repeats
        How often people are dealt to folds anew.
    n_permutations
        Of the labels, for the null of each classifier: the whole cross-validation each time. 1000 or more for a publication.
    n_jobs
        Processes that permute.
    seed
        Of folds and permutations.

    Examples
    --------
    >>> from n2s.systems import Dyslexia
    >>> from n2s.systems.dyslexia.classifiers import Logistic
    >>> system = Dyslexia({"logistic": Logistic()}, n_repeats=2, n_permutations=100)
    >>> system.recipe
    'configs/dyslexia.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("dyslexia")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EncodingDataModule,)
    recipe = "configs/dyslexia.yaml"
    instead = "it tells groups of people apart, by many minutes of each. Put the person into the study and its participants.tsv, and run n2s test."

    def __init__(
        self,
        classifiers: dict[str, Classifier],
        *,
        envelope: str = "envelope",
        groups: tuple[str, str] = ("control", "dyslexia"),
        participants: str | None = None,
        covariates: list[str] | None = None,
        measures: MeasureOptions | None = None,
        sides: bool = False,
        length_s: float | None = None,
        n_folds: int = 5,
        n_repeats: int = 10,
        n_permutations: int = 1000,
        n_jobs: int = 1,
        seed: int = 0,
    ):
        check_options("model.", low=1, whole=True, n_jobs=n_jobs)
        check_options("model.", low=0, whole=True, seed=seed)
        super().__init__()
        self.save_hyperparameters()
        check_number("model.n_folds", n_folds, low=2, whole=True)
        check_number("model.n_repeats", n_repeats, low=1, whole=True)
        check_number("model.n_permutations", n_permutations, low=0, whole=True)
        check_number("model.length_s", length_s, above=0)
        if not classifiers or COVARIATES in classifiers:
            raise UserError(
                f"model.classifiers has {first_of(classifiers) or 'none'}; expected one or more, none called '{COVARIATES}'."
            )
        self.classifiers, self.envelope, self.groups = dict(classifiers), envelope, list(groups)
        self.participants = None if participants is None else Path(participants).expanduser()
        self.covariates, self.measures, self.length_s = covariates, measures or MeasureOptions(), length_s
        self.sides = sides
        self.n_folds, self.n_repeats, self.n_permutations = n_folds, n_repeats, n_permutations
        self.n_jobs, self.seed = n_jobs, seed
        self._kept: dict = {}

    def setup(self, stage: str) -> None:
        """Check who is compared before anything is measured."""
        data = self.data
        self.check_alone("")
        if data.n_folds != 0:
            raise UserError("Dyslexia holds out whole people, so no part of what they heard: set data.n_folds to 0.")
        if self.envelope not in data.spaces:
            raise UserError(
                f"model.envelope is '{self.envelope}', and the features are {', '.join(data.spaces)} (data.features)."
            )
        self.measures.check_frames(data.frames_hz(self.envelope), self.envelope)
        table = people_table(data.studies, data.subjects, self.participants)
        people = grouped(table, self.groups)
        known = covariates_of(people, self.covariates)
        fewest = check_sizes(people.positive.to_numpy(), self.groups, self.n_folds)
        every = self.classifiers | ({COVARIATES: CovariatesOnly(n_folds=2)} if len(known.columns) else {})
        for one in every.values():
            one.check(fewest)
        names = list(people.index)
        refuse_copies(data.data_hashes(), names)
        check_places(data, names, every)
        common = Common.of(data, names, self.length_s, sides=self.sides)
        people = with_sounds(people, data, common.n_rows)
        self._warned = tell_nuisances(people)
        drawn = self.n_folds, self.n_repeats, self.seed
        self._gathered = Gathered(data, people, known, every, common, self.envelope, self.measures, drawn)

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Measure one person. What an interrupted run has measured is taken."""
        self.check_epoch("people are measured")
        if batch.subject in self._gathered.people.index:
            self._gathered.measured(batch.subject, self._parts)
        self.optimizers().step()

    def on_train_epoch_end(self) -> None:
        """All are measured: score each person with classifiers that have not seen the person."""
        gathered = self._gathered
        with torch.enable_grad():
            people, names = gathered.everybody(self._parts)
            found = {name: self._scores(name, one, people) for name, one in gathered.classifiers.items()}
        self._kept = {
            "scores": found,
            "measures": torch.from_numpy(people.measures),
            "names": names,
            "covariances": None if people.covariances is None else torch.from_numpy(people.covariances),
            "made": gathered.made,
        }

    def on_fit_end(self) -> None:
        """The checkpoint has all: what was kept person by person is removed."""
        shutil.rmtree(self._parts, ignore_errors=True)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Scores, measures, and by what a test knows the data."""
        checkpoint[KEPT] = self._kept

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if not checkpoint.get(KEPT):
            raise UserError(
                "the checkpoint is not from a finished fit of Dyslexia: it holds no scores. Run `n2s fit` again."
            )
        self._kept = checkpoint[KEPT]

    def on_test_start(self) -> None:
        """The run must be of these people, data and options."""
        kept, own = json.loads(self._kept["made"]), json.loads(self._gathered.made)
        wrong = [name for name in own if kept.get(name) != own[name]]
        if wrong:
            raise UserError(
                f"the run was fitted with other {', '.join(wrong)}: take the run's own config.yaml and data, or fit again."
            )

    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Nothing: people were scored when they were held out."""

    def results(self, seed: int) -> Mapping[str, DyslexiaResult]:
        """See `System`."""
        gathered, positive = self._gathered, self._gathered.positive
        wanted = {name: self._n_permutations(one) for name, one in gathered.classifiers.items()}
        windows = any(n and "windows" in gathered.classifiers[name].needs for name, n in wanted.items())
        covariances = self._kept["covariances"]
        covariances = None if covariances is None else covariances.numpy()
        people = gathered.seen(self._kept["measures"].numpy(), covariances, windows=windows)
        null = np.full((len(wanted), max(wanted.values()), 2), np.nan)
        for row, (name, classifier) in zip(null, gathered.classifiers.items(), strict=True):
            row[: wanted[name]] = permuted(
                classifier,
                people,
                positive,
                wanted[name],
                n_folds=self.n_folds,
                n_repeats=self.n_repeats,
                seed=self.seed,
                n_jobs=1 if "windows" in classifier.needs else self.n_jobs,
                device=self.device,
            )
        best = [one.best_auc(covariates=bool(len(gathered.known.columns))) for one in self.data.studies.values()]
        table, common = gathered.people, gathered.common
        return {
            "test": DyslexiaResult(
                table.loc[:, table.notna().any()],
                pd.DataFrame(people.measures, table.index, self._kept["names"]),
                list(wanted),
                np.stack([self._kept["scores"][name].numpy() for name in wanted]),
                null,
                self.groups,
                list(gathered.known.columns),
                self._warned,
                best[0] if len(best) == 1 else None,
                {
                    "n_folds": self.n_folds,
                    "length_s": common.n_rows / common.sfreq,
                    "n_sensors": len(common.sensors),
                    "sfreq": common.sfreq,
                },
            )
        }

    # -- how ----------------------------------------------------------------------------------------------------------

    @property
    def _parts(self) -> Path:
        """Where a fit keeps what it has, until it ends."""
        return self.folder / "people"

    def _n_permutations(self, classifier: Classifier) -> int:
        own = classifier.n_permutations
        return self.n_permutations if own is None else min(own, self.n_permutations)

    def _scores(self, name: str, classifier: Classifier, people: People) -> torch.Tensor:
        """(repeats, n) Held-out scores; each repetition is kept."""
        options = {"n_folds": self.n_folds, "n_repeats": 1, "device": self.device}
        found = []
        for number in range(self.n_repeats):

            def make(seed: int = self.seed + number) -> Arrays:
                scores = repeated(classifier, people, self._gathered.positive, seed=seed, **options)
                return {"scores": scores[0]}

            found.append(self._gathered.kept(f"scores_{name}_{number}", self._parts, make)["scores"])
        return torch.from_numpy(np.array(found))
