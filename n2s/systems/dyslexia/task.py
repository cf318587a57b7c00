"""The system that tells people with and without dyslexia apart by how their brains track speech."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.data.options import check_number
from n2s.errors import UserError, first_of
from n2s.systems.dyslexia.classifiers import Classifier, CovariatesOnly
from n2s.systems.dyslexia.groups import (
    check_sizes,
    covariates_of,
    grouped,
    people_table,
    refuse_copies,
    tell_nuisances,
)
from n2s.systems.dyslexia.kept import Arrays, once
from n2s.systems.dyslexia.measured import Common, covariances_of, measures_of, stretches_of, windows_of
from n2s.systems.dyslexia.outcome import COVARIATES
from n2s.systems.dyslexia.people import People
from n2s.systems.dyslexia.result import DyslexiaResult
from n2s.systems.dyslexia.validation import permuted, repeated
from n2s.systems.system import System
from n2s.systems.tracking.measures import MeasureOptions

#: Key of a checkpoint.
KEPT = "n2s_dyslexia"


class Dyslexia(System):
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
    """

    takes = (EncodingDataModule,)
    recipe = "configs/dyslexia.yaml"

    def __init__(
        self,
        classifiers: dict[str, Classifier],
        *,
        envelope: str = "envelope",
        groups: tuple[str, str] = ("control", "dyslexia"),
        participants: str | None = None,
        covariates: list[str] | None = None,
        measures: MeasureOptions | None = None,
        length_s: float | None = None,
        n_folds: int = 5,
        n_repeats: int = 10,
        n_permutations: int = 1000,
        n_jobs: int = 1,
        seed: int = 0,
    ):
        super().__init__()
        self.automatic_optimization = False
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
        self.n_folds, self.n_repeats, self.n_permutations = n_folds, n_repeats, n_permutations
        self.n_jobs, self.seed = n_jobs, seed
        self._nothing = nn.Parameter(torch.zeros(()))
        self._kept: dict = {}

    @property
    def folder(self) -> Path:
        """The run's."""
        return Path(self.trainer.default_root_dir)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """An optimizer without effect: Lightning counts its steps, and saves no checkpoint before the first."""
        return torch.optim.SGD([self._nothing], lr=0.0)

    def setup(self, stage: str) -> None:
        """Check who is compared before anything is measured."""
        data = self.data
        if self.trainer.world_size > 1:
            raise UserError(
                f"Dyslexia is fitted by one process; {self.trainer.world_size} were started. Set trainer.devices to 1."
            )
        if data.n_folds != 0:
            raise UserError("Dyslexia holds out whole people, so no part of what they heard: set data.n_folds to 0.")
        if self.envelope not in data.spaces:
            raise UserError(
                f"model.envelope is '{self.envelope}', and the features are {', '.join(data.spaces)} (data.features)."
            )
        table = people_table(data.studies, data.subjects, self.participants)
        self.people = grouped(table, self.groups)
        self._known = covariates_of(self.people, self.covariates)
        self._warned = tell_nuisances(self.people)
        fewest = check_sizes(self.people.positive.to_numpy(), self.groups, self.n_folds)
        for one in self._every().values():
            one.check(fewest)
        refuse_copies(data.data_hashes(), list(self.people.index))
        self._common = Common.of(data, list(self.people.index), self.length_s)

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Measure one person. What an interrupted run has measured is taken."""
        if self.current_epoch:
            raise UserError("people are measured in one epoch: set trainer.max_epochs to 1.")
        if batch.subject in self.people.index:
            self._measured(batch.subject)
        self.optimizers().step()

    def on_train_epoch_end(self) -> None:
        """All are measured: score each person with classifiers that have not seen the person."""
        with torch.enable_grad():
            people, positive = self._people(windows=True), self.people.positive.to_numpy()
            found = {}
            for name, classifier in self._every().items():
                own = []
                for repeat in range(self.n_repeats):
                    make = lambda c=classifier, r=repeat: self._repeat(c, people, positive, r)  # noqa: E731
                    own.append(self._once(f"scores_{name}_{repeat}", make)["scores"])
                found[name] = torch.from_numpy(np.array(own))
        self._kept = {
            "scores": found,
            "measures": torch.from_numpy(people.measures),
            "names": self._names,
            "covariances": None if people.covariances is None else torch.from_numpy(people.covariances),
            "made": self._made(),
        }

    def on_fit_end(self) -> None:
        """The checkpoint has all: what was kept person by person is removed."""
        shutil.rmtree(self.folder / "people", ignore_errors=True)

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
        kept, own = json.loads(self._kept["made"]), json.loads(self._made())
        wrong = [name for name in own if kept.get(name) != own[name]]
        if wrong:
            raise UserError(
                f"the run was fitted with other {', '.join(wrong)}: take the run's own config.yaml and data, or fit again."
            )

    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Nothing: people were scored when they were held out."""

    def results(self, seed: int) -> Mapping[str, DyslexiaResult]:
        """See `System`."""
        wanted = {name: self._n_permutations(one) for name, one in self._every().items()}
        windows = any(wanted[name] and "windows" in one.needs for name, one in self._every().items())
        people, positive = self._people(windows=windows, kept=True), self.people.positive.to_numpy()
        null = np.full((len(wanted), max(wanted.values()), 2), np.nan)
        for row, (name, classifier) in zip(null, self._every().items(), strict=True):
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
        best = [one.best_auc(covariates=bool(len(self._known.columns))) for one in self.data.studies.values()]
        shown = self.people.drop(columns=[name for name in self.people if not self.people[name].notna().any()])
        return {
            "test": DyslexiaResult(
                shown,
                pd.DataFrame(people.measures, self.people.index, self._kept["names"]),
                list(wanted),
                np.stack([self._kept["scores"][name].numpy() for name in wanted]),
                null,
                self.groups,
                list(self._known.columns),
                self._warned,
                best[0] if len(best) == 1 else None,
                {
                    "n_folds": self.n_folds,
                    "length_s": self._common.n_rows / self._common.sfreq,
                    "n_sensors": len(self._common.sensors),
                    "sfreq": self._common.sfreq,
                },
            )
        }

    # -- how ----------------------------------------------------------------------------------------------------------

    def _every(self) -> dict[str, Classifier]:
        """The classifiers, and the baseline if anything is known of people."""
        return self.classifiers | ({COVARIATES: CovariatesOnly(n_folds=2)} if len(self._known.columns) else {})

    def _n_permutations(self, classifier: Classifier) -> int:
        own = classifier.n_permutations
        return self.n_permutations if own is None else min(own, self.n_permutations)

    def _needs(self, what: str) -> bool:
        return any(what in one.needs for one in self.classifiers.values())

    def _repeat(
        self, classifier: Classifier, people: People, positive: np.ndarray, repeat: int
    ) -> dict[str, np.ndarray]:
        seed, options = self.seed + repeat, {"n_folds": self.n_folds, "n_repeats": 1, "device": self.device}
        return {"scores": repeated(classifier, people, positive, seed=seed, **options)[0]}

    def _people(self, *, windows: bool, kept: bool = False) -> People:
        """All people; measures and covariances as the run kept them, or made here."""
        names, covariances = list(self.people.index), None
        if kept:
            measures, covariances = self._kept["measures"].numpy(), self._kept["covariances"]
            covariances = None if covariances is None else covariances.numpy()
        else:
            found = [self._measured(name) for name in names]
            self._names = [str(one) for one in found[0]["names"]]
            measures = np.stack([one["values"] for one in found])
            if self._needs("covariances"):
                covariances = np.stack([one["covariances"] for one in found])
        seen = None
        if windows and self._needs("windows"):
            (window_s, *others) = {one.window_s for one in self.classifiers.values() if "windows" in one.needs}
            if others:
                raise UserError("classifiers on windows of several lengths: set one window_s.")
            seen = [windows_of(self._stretches(name), self._common, window_s) for name in names]
        return People(np.array(names), measures, self._known.to_numpy(), covariances, seen)

    def _stretches(self, subject: str) -> list:
        return stretches_of(self.data, subject, self.envelope, self._common)

    def _measured(self, subject: str) -> dict[str, np.ndarray]:
        """Measures, and covariances if a classifier needs them, of one person; kept in the run's folder until the fit ends."""

        def make() -> dict[str, np.ndarray]:
            stretches = self._stretches(subject)
            measures = measures_of(stretches, self._common, self.measures)
            found = {"names": np.array(list(measures)), "values": np.array(list(measures.values()), np.float64)}
            if self._needs("covariances"):
                found["covariances"] = covariances_of(stretches, self._common, self.measures)
            return found

        return self._once(subject.replace("/", "_"), make)

    def _once(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        key = hashlib.sha256(self._made().encode()).hexdigest()
        return once(self.folder / "people" / f"{name}.npz", key, make)

    def _made(self) -> str:
        """All that scores depend on, as JSON."""
        people = self.people[["positive"]].join(self._known, rsuffix="_known")
        seen = len(self._common.sensors), self._common.sfreq
        found = {
            "data": self.data.data_hashes(),
            "people": json.loads(people.to_json(orient="index")),
            "measures": asdict(self.measures),
            "classifiers": {name: one.settings(*seen) for name, one in self.classifiers.items()},
            "folds, repetitions, seed": [self.n_folds, self.n_repeats, self.seed],
            "sensors, rate, length": [self._common.sensors.tolist(), self._common.sfreq, self._common.n_rows],
        }
        return json.dumps(found, sort_keys=True)
