"""Means of brain scores over the targets of a region, for each subject."""

from functools import cached_property

import numpy as np
import pandas as pd

#: The region of all targets.
WHOLE = "whole"
#: A ceiling (a correlation) below it cannot divide a score: there is no ratio near 0.
LEAST_CEILING = 0.1


def inside(targets: pd.DataFrame, region: str) -> np.ndarray:
    """(targets,) bool: which lie in a region."""
    if region == WHOLE:
        return np.ones(len(targets), bool)
    return targets[f"roi:{region}"].fillna(False).to_numpy(bool)


class Regions:
    """Means of each subject over the targets of a region.

    Parameters
    ----------
    targets, rows
        See `n2s.systems.encoding.results.scored.BrainScores`.
    """

    def __init__(self, targets: pd.DataFrame, rows: pd.DataFrame):
        self.targets, self.rows = targets, rows

    @cached_property
    def names(self) -> list[str]:
        """The regions, small ones first as the study has them, `WHOLE` last."""
        found = [name[4:] for name in self.targets if name.startswith("roi:")]
        return [name for name in found if name != WHOLE] + [WHOLE]

    def mean(self, column: str, region: str) -> dict[str, float]:
        """Subject -> mean over its targets with a value; a subject without any is absent."""
        part = self.targets.loc[inside(self.targets, region), ["subject", column]].dropna()
        return {name: float(value) for name, value in part.groupby("subject", sort=False)[column].mean().items()}

    def best(self, column: str, region: str) -> dict[str, float]:
        """Subject -> the highest value."""
        part = self.targets.loc[inside(self.targets, region), ["subject", column]].dropna()
        return {name: float(value) for name, value in part.groupby("subject", sort=False)[column].max().items()}

    def normalised(self, column: str, ceiling: str, region: str) -> dict[str, float]:
        """Subject -> mean score by mean ceiling, over targets that have both.

        A ratio of single targets would have no bound where the ceiling is near 0. Absent if the mean ceiling of some subject is below
        `LEAST_CEILING`: the ratio would be noise.
        """
        part = self.targets.loc[inside(self.targets, region), ["subject", column, ceiling]].dropna()
        means = part.groupby("subject", sort=False).mean()
        if (means[ceiling] < LEAST_CEILING).any():
            return {}
        return {name: float(row[column] / row[ceiling]) for name, row in means.iterrows()}

    @cached_property
    def ceilings(self) -> list[str]:
        """The ceiling columns that hold a value."""
        known = [name for name in self.targets if name.startswith("ceiling:")]
        return [name for name in known if self.targets[name].notna().any()]
