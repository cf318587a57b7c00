"""Means of brain scores over the targets of a region, for each subject."""

from functools import cached_property

import numpy as np
import pandas as pd

from n2s.metrics.ceilings import noise_ceiling

#: The region of all targets.
WHOLE = "whole"
#: A ceiling (a correlation) below it cannot divide a score: there is no ratio near 0.
LEAST_CEILING = 0.1


def shown_region(region: str) -> str:
    """How a region is called in tables and figures."""
    return "all targets" if region == WHOLE else region


def inside(targets: pd.DataFrame, region: str) -> np.ndarray:
    """(targets,) bool: which lie in a region."""
    if region == WHOLE:
        return np.ones(len(targets), bool)
    return targets[f"roi:{region}"].fillna(False).to_numpy(bool)


def region_ceiling(targets: pd.DataFrame, kind: str) -> float:
    """The ceiling of one subject's targets together, a correlation; NaN where it is not known.

    ``isc``: their mean. ``r``: what a perfect model reaches where the *mean* explainable variance is theirs. The root of one target's
    estimate is no such thing: those that happen to be negative have none, and the mean of the others is far from 0 where
    nothing is explained.
    """
    if kind != "r":
        return float(targets[f"ceiling:{kind}"].mean())
    n = targets["n_presentations"].iloc[0] if len(targets) else 1.0
    return float(noise_ceiling(targets["ceiling:ev_corrected"].mean(), n))


def region_ratio(targets: pd.DataFrame, column: str, kind: str) -> float:
    """Mean score of one subject's targets by their `region_ceiling`, over those that have both; NaN below `LEAST_CEILING`."""
    part = targets.dropna(subset=[_source(f"ceiling:{kind}"), column])
    highest = region_ceiling(part, kind)
    return float(part[column].mean() / highest) if highest >= LEAST_CEILING else np.nan


def _source(ceiling: str) -> str:
    return "ceiling:ev_corrected" if ceiling == "ceiling:r" else ceiling


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
        """Subject -> mean over its targets with a value; a subject without any is absent. Of ``ceiling:r`` see `region_ceiling`."""
        if column == "ceiling:r":
            return self.highest(column, region)
        part = self.targets.loc[inside(self.targets, region), ["subject", column]].dropna()
        return {name: float(value) for name, value in part.groupby("subject", sort=False)[column].mean().items()}

    def best(self, column: str, region: str) -> dict[str, float]:
        """Subject -> the highest value."""
        part = self.targets.loc[inside(self.targets, region), ["subject", column]].dropna()
        return {name: float(value) for name, value in part.groupby("subject", sort=False)[column].max().items()}

    def normalised(self, column: str, ceiling: str, region: str) -> dict[str, float]:
        """Subject -> mean score by the region's ceiling, over targets that have both.

        A ratio of single targets would have no bound where the ceiling is near 0. Absent if the ceiling of some subject is below
        `LEAST_CEILING`: the ratio would be noise.
        """
        highest = self.highest(ceiling, region, column)
        if any(value < LEAST_CEILING for value in highest.values()):
            return {}
        part = self.targets.loc[inside(self.targets, region)].dropna(subset=[_source(ceiling), column])
        scores = part.groupby("subject", sort=False)[column].mean()
        return {name: float(scores[name] / value) for name, value in highest.items()}

    def highest(self, column: str, region: str, *known: str) -> dict[str, float]:
        """Subject -> `region_ceiling`, of targets that have values in some other columns.

        Absent if some subject's is unknown though it has repeats: the mean of the others is too high.
        """
        part = self.targets.loc[inside(self.targets, region)].dropna(subset=[_source(column), *known])
        found = {name: region_ceiling(own, column[8:]) for name, own in part.groupby("subject", sort=False)}
        return {} if np.isnan(list(found.values())).any() else found

    @cached_property
    def ceilings(self) -> list[str]:
        """The ceiling columns that hold a value."""
        known = [name for name in self.targets if name.startswith("ceiling:")]
        return [name for name in known if self.targets[name].notna().any()]
