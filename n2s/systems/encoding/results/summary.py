"""Scores by region: a measure for each region and kind of score, with intervals over subjects."""

from collections.abc import Mapping

import numpy as np

from n2s.metrics.intervals import t_interval
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.encoding.results.regions import WHOLE, Regions, shown_region

KIND = "mean over subjects, 95% t interval"
#: Ceiling column -> name of a score divided by it.
NORMALISED = {"ceiling:r": "R / ceiling", "ceiling:isc": "R / ISC"}
SAME = 1e-7  # values that differ by less are one: rounding
SHOWN_REGIONS = 2  # of the table of scores; the table of regions has all


def over_subjects(values: Mapping[str, float], bounds: tuple[float, float] = (-1.0, 1.0)) -> dict[str, Score]:
    """Subjects' values and their mean with an interval, with two subjects or more that differ: two have one inter-subject correlation."""
    own = {name: Score(value) for name, value in values.items()}
    if len(values) < 2 or np.ptp(list(values.values())) < SAME:
        return {ALL: Score(float(np.mean(list(values.values()))) if values else None)} | own
    return {ALL: Score.of(t_interval(np.array(list(values.values())), bounds=bounds), KIND)} | own


def scores(regions: Regions) -> Scores:
    """Every measure, by region: R, its gain over the level before, R by each ceiling, shares of the banded model."""
    known = {row.row: Row(row.label, row.role) for row in regions.rows.itertuples()}
    measures: dict[str, Measure] = {}
    values: dict[str, dict[str, dict[str, Score]]] = {}
    wide = (-np.inf, np.inf)

    def add(name: str, row: str, found: Mapping[str, float], bounds: tuple[float, float], why: str) -> None:
        if found:
            score, _, region = name.rpartition(", ")
            measures.setdefault(name, Measure(f"{score}, {shown_region(region)}", uncontrolled=why))
            values.setdefault(name, {})[row] = over_subjects(found, bounds)

    by_band = [name[6:] for name in regions.targets if name.startswith("share:")]
    known |= {f"share {name}": Row(f"{name}, share of R2", "model") for name in by_band}
    for region in regions.names:
        for row in regions.rows.row:
            add(f"R, {region}", row, regions.mean(f"r:{row}", region), (-1.0, 1.0), "no control was asked for")
    for region in regions.names:
        for row in regions.rows.row:
            if f"gain:{row}" in regions.targets:
                found = regions.mean(f"gain:{row}", region)
                add(f"gain, {region}", row, found, (-2.0, 2.0), "the level before is what a level is compared with")
        for ceiling in regions.ceilings:
            for row in regions.rows.row:
                found = regions.normalised(f"r:{row}", ceiling, region)
                name = f"{NORMALISED.get(ceiling)}, {region}"
                if ceiling in NORMALISED:
                    add(name, row, found, wide, "no control was asked for")
        for band in by_band:
            found = regions.mean(f"share:{band}", region)
            add(f"share of R2, {region}", f"share {band}", found, wide, "shares sum to R2 on held-out rows")
    return Scores(known, measures, values)


def shown_columns(regions: Regions, found: Scores) -> list[str]:
    """The measures of the first table: R, gain and normalised scores of the first regions."""
    first = [*regions.names[:-1][: SHOWN_REGIONS - 1], WHOLE]
    shown = {f"{measure}, {one}" for measure in ("R", "gain", *NORMALISED.values()) for one in first}
    return [name for name in found.measures if name in shown]
