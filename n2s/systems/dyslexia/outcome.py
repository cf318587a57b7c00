"""Scores of each person by each classifier, and what follows from them: AUCs, nulls, tests."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.metrics.auc import auc, auc_difference, auc_interval, balanced_accuracy_interval, newcombe_interval
from n2s.metrics.controls import holm
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.dyslexia.validation import p_value

#: The row of the baseline.
COVARIATES = "covariates"
OVER_PEOPLE = "95% interval over people (DeLong for AUC, Wilson for balanced accuracy)"
OVER_PERMUTATIONS = "mean and 2.5 to 97.5% of permutations of the labels"
FROM_GENERATOR = "of the simulation's generator, for new people"
MEASURES = {"auc": Measure("AUC"), "balanced": Measure("balanced accuracy")}


@dataclass(eq=False)
class Outcome:
    """Of one cross-validation.

    Parameters
    ----------
    people
        One row a person: ``group``, ``positive``, covariates; indexed by ``study/id``.
    measures
        One row a person: measures of tracking.
    names
        (k) Classifiers, in the order of the recipe; last `COVARIATES`, if there are any.
    held_out
        (k, repeats, n) The score of each person by a classifier that has not seen the person.
    permuted
        (k, permutations, 2) AUC and balanced accuracy with permuted labels; NaN where there are fewer.
    groups
        Names of both groups, the positive one second.
    covariates
        Names of what was taken out of features, and is known to the baseline.
    warned
        What is odd about the groups.
    best
        The best possible AUC, of simulated people; None: not known.
    options
        ``n_folds``, ``length_s``, ``n_sensors``, ``sfreq``.
    """

    people: pd.DataFrame
    measures: pd.DataFrame
    names: list[str]
    held_out: np.ndarray
    permuted: np.ndarray
    groups: list[str]
    covariates: list[str]
    warned: list[str] = field(default_factory=list)
    best: float | None = None
    options: dict[str, float] = field(default_factory=dict)

    @property
    def positive(self) -> np.ndarray:
        """(n,) bool."""
        return self.people.positive.to_numpy(bool)

    def mean_scores(self, name: str) -> np.ndarray:
        """(n,) Of each person, over repetitions."""
        return self.held_out[self.names.index(name)].mean(0)

    def null(self, name: str) -> np.ndarray:
        """(permutations, 2) AUC and balanced accuracy with permuted labels."""
        found = self.permuted[self.names.index(name)]
        return found[np.isfinite(found).all(1)]

    def scores(self) -> Scores:
        """See `n2s.metrics.result.Result`."""
        rows: dict[str, Row] = {}
        values: dict[str, dict] = {"auc": {}, "balanced": {}}
        for name in self.names:
            label = "covariates only" if name == COVARIATES else name
            rows[name] = Row(label, "control" if name == COVARIATES else "model")
            own = self.mean_scores(name)
            found = auc_interval(own, self.positive), balanced_accuracy_interval(own > 0, self.positive)
            for key, one in zip(values, found, strict=True):
                values[key][name] = {ALL: Score.of(one, OVER_PEOPLE)}
        for name in self.names:
            if len(null := self.null(name)):
                key = f"{name}_permuted"
                rows[key] = Row(f"{rows[name].label}, labels permuted", "control")
                for at, score in enumerate(values):
                    interval = null[:, at].mean(), *np.quantile(null[:, at], [0.025, 0.975])
                    values[score][key] = {ALL: Score.of(interval, OVER_PERMUTATIONS)}
        rows["chance"] = Row("chance", "control")
        for one in values.values():
            one["chance"] = {ALL: Score(0.5)}
        if self.best is not None:
            rows["best"] = Row("best possible", "ceiling")
            values["auc"]["best"] = {ALL: Score(self.best, None, None, FROM_GENERATOR)}
        return Scores(rows, MEASURES, values)

    def tests(self) -> pd.DataFrame:
        """One row a classifier: ``auc``, ``p`` (permutation), ``p_holm`` (over classifiers), and ``difference``, ``low``, ``high``,
        ``p_difference`` of its AUC and that of the covariates alone (DeLong).
        """
        found = []
        for name in self.names:
            if name == COVARIATES:
                continue
            own = self.mean_scores(name)
            row = {"name": name, "auc": auc(own, self.positive), "n_permutations": len(self.null(name))}
            row["p"] = p_value(row["auc"], self.null(name)[:, 0])
            if COVARIATES in self.names:
                other = auc_difference(own, self.mean_scores(COVARIATES), self.positive)
                if other is not None:
                    row |= {
                        "difference": other.difference,
                        "low": other.low,
                        "high": other.high,
                        "p_difference": other.p,
                    }
            found.append(row)
        table = pd.DataFrame(
            found, columns=["name", "auc", "n_permutations", "p", "difference", "low", "high", "p_difference"]
        )
        table["p"] = table.p.astype(float)
        known = table.p.notna()
        table["p_holm"] = np.nan
        table.loc[known, "p_holm"] = holm(table.p[known].to_numpy())
        return table

    def facts(self) -> dict:
        """See `n2s.metrics.result.Result`."""
        plain = [
            {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
            for row in self.tests().to_dict("records")
        ]
        sizes = self.people.group.value_counts().to_dict()
        by_repeat = {
            name: [float(auc_interval(one, self.positive).mean) for one in self.held_out[at]]
            for at, name in enumerate(self.names)
        }
        return {
            "n_subjects": len(self.people),
            "groups": {name: int(n) for name, n in sizes.items()},
            "tests": plain,
            "auc_by_repeat": by_repeat,
            "interval_that_so_many_people_allow": list(self.allowed()),
            "best_auc": self.best,
            "warned": self.warned,
        }

    def allowed(self) -> tuple[float, float]:
        """The interval of an AUC of .75 of groups of these sizes, whatever the classifier."""
        positive = int(self.positive.sum())
        return tuple(float(one) for one in newcombe_interval(0.75, positive, len(self.people) - positive)[1:])

    def per_person(self) -> pd.DataFrame:
        """One row a person: group, covariates, measures, and the mean held-out score of each classifier."""
        scores = {f"held_out_{name}": self.mean_scores(name) for name in self.names}
        return self.people.join(self.measures, rsuffix="_measured").assign(**scores)
