"""The table of scores: every cell of every feature space, and the cells at other times."""

import numpy as np
import pandas as pd

from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.metrics.verdict import Claim
from n2s.systems.cross_language.cells import HELD_OUT
from n2s.systems.cross_language.identification import RANK, TOP1, TOPK
from n2s.systems.cross_language.scoring import EVERY, R

MOST_REGIONS = 6  # columns of r
SHIFTED = "shifted"
SHIFTED_KIND = "mean over moves, 2.5 to 97.5% of all moves"


def regions_shown(cells: pd.DataFrame) -> list[str]:
    """The regions that have a column: all voxels, and the first others."""
    return list(dict.fromkeys(cells[cells.measure == R].region))[:MOST_REGIONS]


def row_key(space: str, cell: str) -> str:
    """The row of a cell."""
    return f"{space}: {cell}"


def shifted_key(space: str, cell: str) -> str:
    """The row of a cell whose alignment is moved."""
    return f"{row_key(space, cell)}, {SHIFTED}"


def scores(cells: pd.DataFrame, top_k: int) -> Scores:
    """Rows: main cells, content-matched cells, controls, main cells at other times. Columns: r in each region, identification."""
    shown = regions_shown(cells)
    kept = cells[(cells.measure != R) | cells.region.isin(shown)]
    order = kept.drop_duplicates(["space", "cell"])
    order = order.assign(last=(order.design != HELD_OUT).astype(int), control=(order.role == "control").astype(int))
    order = order.sort_values(["control", "last"], kind="stable")
    rows = {row_key(one.space, one.cell): Row(f"{one.space}: {one.label}", one.role) for one in order.itertuples()}
    main = order[(order.role == "model") & (order.design == HELD_OUT)]
    rows |= {
        shifted_key(one.space, one.cell): Row(f"{one.space}: {one.label}, alignment shifted", "control")
        for one in main.itertuples()
    }
    labels = {RANK: Measure("percentile rank (%)", scale=100, digits=1), TOP1: Measure("top-1 (%)", scale=100, digits=1), TOPK: Measure(f"top-{top_k} (%)", scale=100, digits=1)}  # fmt: skip
    measures, values = {}, {}
    for (measure, region), part in kept.groupby(["measure", "region"], sort=False):
        name = f"{measure}, {region}" if region else measure
        measures[name] = labels.get(measure) or Measure("r" if region == EVERY else f"r, {region}")
        values[name] = {}
        for (space, cell), own in part.groupby(["space", "cell"], sort=False):
            values[name][row_key(space, cell)] = {
                one.subject: Score.of((one.value, _none(one.low), _none(one.high)), one.interval)
                for one in own.itertuples()
            }
            moved = own[own.chance_low.notna()]
            if shifted_key(space, cell) in rows and len(moved):
                values[name][shifted_key(space, cell)] = {
                    one.subject: Score.of((one.chance, one.chance_low, one.chance_high), SHIFTED_KIND)
                    for one in moved.itertuples()
                }
    alone = "no feature space is a control, and model.n_shifts is 0"
    controls = {row for row, one in rows.items() if one.role == "control"}
    for name in measures:
        if not controls & set(values[name]):
            measures[name] = Measure(**{**measures[name].__dict__, "uncontrolled": alone})
    return Scores(rows, measures, values)


def claim(cells: pd.DataFrame) -> Claim:
    """The verdict is of identification from one language to another: beside other features in the same cell, and the moved alignment."""
    cross = cells[
        (cells.subject == ALL) & (cells.kind == "cross") & (cells.design == HELD_OUT) & (cells.measure == RANK)
    ]
    main = cross[cross.role == "model"]
    if main.empty:
        return Claim()
    first = main.iloc[0]
    others = cross[(cross.role == "control") & (cross.cell == first.cell)]
    controls = [shifted_key(first.space, first.cell), *(row_key(one.space, one.cell) for one in others.itertuples())]
    return Claim(RANK, row_key(first.space, first.cell), controls)


def _none(value: float) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
