"""What maps and bars show: the score of a row, or its difference to another, by subject, with its test over subjects."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats

from n2s.metrics.group_tests import OverSubjects, benjamini_hochberg
from n2s.systems.encoding.cortex.surfaces import brought, largest, not_drawn, onto_cortex
from n2s.systems.encoding.results.regions import LEAST_CEILING, WHOLE
from n2s.systems.encoding.results.scored import BrainScores

#: False discovery rate of maps, and error rate of bars.
Q = 0.05


class Contrast(NamedTuple):
    """A row's score, or its score minus that of another row.

    Parameters
    ----------
    title
        For headings: ``R, mel`` or ``gain over mel``.
    row, minus
        Keys of rows; ``minus`` is "" for a score.
    two_sided
        Whether a difference below 0 is tested, too.
    """

    title: str
    row: str
    minus: str = ""
    two_sided: bool = False

    def of(self, table: pd.DataFrame) -> np.ndarray:
        """(targets,) NaN where one of the two is not known."""
        values = table[f"r:{self.row}"].to_numpy(np.float64)
        return values - table[f"r:{self.minus}"].to_numpy(np.float64) if self.minus else values

    def p(self, table: pd.DataFrame) -> np.ndarray | None:
        """(targets,) p within the subject; None for a difference, or if there are none."""
        column = f"p:{self.row}"
        if self.minus or column not in table or table[column].isna().all():
            return None
        return table[column].to_numpy(np.float64)


class Tested(NamedTuple):
    """Mean over subjects of each target, its q or corrected p, and the test in words; ``q`` is None if there can be no test."""

    mean: np.ndarray
    q: np.ndarray | None
    test: str
    measure: str = "q"

    @property
    def shown(self) -> np.ndarray:
        """(v,) bool: has a value, and is significant if that was tested."""
        known = np.isfinite(self.mean)
        return known if self.q is None else known & (np.nan_to_num(self.q, nan=1.0) < Q)


def over_subjects(values: np.ndarray, p: np.ndarray | None, *, two_sided: bool = False) -> Tested:
    """Test every target over subjects: `OverSubjects`.

    With fewer than it takes: p within these subjects, combined by Fisher's method, with Benjamini-Hochberg over targets. It says that
    at least one of them has an effect, and nothing of other people.

    Parameters
    ----------
    values
        (s, v) NaN where a subject has no value.
    p
        (s, v) p within each subject; None if there is none.
    two_sided
        Whether values below 0 count.
    """
    n, known, rule = len(values), np.isfinite(values), OverSubjects(len(values), two_sided)
    with np.errstate(invalid="ignore"):
        mean = np.where(known.any(0), np.where(known, values, 0).sum(0) / known.sum(0), np.nan)
    if rule.possible:
        return Tested(mean, rule.q(values), str(rule), rule.measure)
    if p is None:
        return Tested(mean, None, "")
    every = np.where(np.isfinite(p) & known, np.clip(p, 1e-300, 1.0), 1.0)
    degrees = 2 * (np.isfinite(p) & known).sum(0)
    combined = np.full(mean.shape, np.nan)
    some = degrees > 0
    combined[some] = scipy.stats.chi2.sf(-2 * np.log(every[:, some]).sum(0), degrees[some])
    how = (
        "permutation test within the subject"
        if n == 1
        else f"permutation tests within {n} subjects, combined by Fisher's method"
    )
    return Tested(mean, benjamini_hochberg(combined), f"{how}, Benjamini-Hochberg")


class OnCortex:
    """Scores of subjects on fsaverage5.

    Attributes
    ----------
    weights
        Subject -> (20484, v): see `n2s.systems.encoding.cortex.surfaces.onto_cortex`.
    left_out
        Why subjects are not drawn -> who.
    from_volumes
        Whether any subject's values are those of voxels.
    """

    def __init__(self, result: BrainScores):
        self.tables = {str(name): table for name, table in result.targets.groupby("subject", sort=False)}
        self.weights, self.left_out, self.from_volumes = {}, {}, False
        self._tested: dict[tuple, Tested] = {}
        same: dict[tuple, object] = {}
        for name, table in self.tables.items():
            image = result.images.get(name, {})
            why = not_drawn(image, table)
            if why is not None:
                self.left_out.setdefault(why, []).append(name)
                continue
            key = (
                str(sorted(image.items())),
                table["index"].to_numpy().tobytes(),
                table[["x", "y", "z"]].to_numpy().tobytes(),
            )
            if key not in same:
                same[key] = onto_cortex(table, image, name)
            self.weights[name] = same[key]
            self.from_volumes |= not image.get("mesh")

    def subject(self, name: str, values: np.ndarray) -> np.ndarray:
        """(targets,) values of a subject -> (20484,)."""
        return brought(self.weights[name], values)

    def tested(self, contrast: Contrast) -> Tested:
        """Mean and q (20484,) over all subjects that can be drawn; computed once."""
        key = contrast[1:]
        if key not in self._tested:
            self._tested[key] = self._over_subjects(contrast)
        return self._tested[key]

    def _over_subjects(self, contrast: Contrast) -> Tested:
        names = list(self.weights)
        values = np.stack([self.subject(name, contrast.of(self.tables[name])) for name in names])
        p = None
        if not OverSubjects(len(names), contrast.two_sided).possible:
            own = {name: contrast.p(self.tables[name]) for name in names}
            if all(one is not None for one in own.values()):
                p = np.stack([largest(self.weights[name], one) for name, one in own.items()])
        return over_subjects(values, p, two_sided=contrast.two_sided)


@dataclass(frozen=True)
class Network:
    """A network's rows, from its first space to all of them.

    ``title``: its name, or the label of its only row; ``rows``: keys by level; ``layers``: the space that each adds; ``control``:
    whether the recipe calls it one.
    """

    name: str
    title: str
    rows: tuple[str, ...]
    layers: tuple[str, ...]
    control: bool

    @property
    def top(self) -> str:
        """The row with all its spaces."""
        return self.rows[-1]

    @property
    def gains(self) -> list[Contrast]:
        """Each level minus the level before."""
        pairs = zip(self.rows, self.rows[1:], self.layers[1:], strict=False)
        return [Contrast(f"+ {layer}", row, before) for before, row, layer in pairs]


class Networks:
    """The networks of a result, and the one that the others are compared with."""

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows

    @cached_property
    def all(self) -> list[Network]:
        """In the order of the table."""
        found = []
        for name, own in self.rows[self.rows.network != ""].groupby("network", sort=False):
            own = own.sort_values("level")
            layers = [spaces.split(" + ")[-1].removeprefix(f"{name}.") for spaces in own.spaces]
            title = str(name) if len(own) > 1 else str(own.label.iloc[0])
            found.append(Network(str(name), title, tuple(own.row), tuple(layers), bool((own.role == "control").all())))
        return found

    @property
    def nested(self) -> list[Network]:
        """Those with more than one level."""
        return [one for one in self.all if len(one.rows) > 1]

    @property
    def reference(self) -> Network | None:
        """The control network, such as ``untrained``, that the others are compared with; None if there is none."""
        return next((one for one in self.nested if one.control), None)

    @property
    def trained(self) -> list[Network]:
        """Networks to compare with `reference`."""
        return [one for one in self.nested if not one.control]

    def label(self, row: str) -> str:
        """Of a row."""
        return str(self.rows.set_index("row").label[row])


def region_names(targets: pd.DataFrame) -> list[str]:
    """Names of the regions with targets; not `WHOLE`, which is all of them."""
    names = [name[4:] for name in targets if name.startswith("roi:") and name[4:] != WHOLE]
    return [name for name in names if targets[f"roi:{name}"].fillna(False).any()]


def subject_means(targets: pd.DataFrame, values: np.ndarray, region: str = "") -> dict[str, float]:
    """Subject -> mean of its values (targets,) in a region, or everywhere; a subject without any is absent."""
    inside = targets[f"roi:{region}"].fillna(False).to_numpy(bool) if region else np.ones(len(targets), bool)
    own = pd.Series(np.where(inside, values, np.nan), index=targets.subject.to_numpy()).dropna()
    return {str(name): float(value) for name, value in own.groupby(level=0, sort=False).mean().items()}


def mean_and_sem(values: Mapping[str, float]) -> tuple[float, float]:
    """Mean over subjects and its standard error; NaN where it has none."""
    own = np.array(list(values.values()))
    mean = own.mean() if len(own) else np.nan
    return float(mean), float(own.std(ddof=1) / len(own) ** 0.5) if len(own) > 1 else np.nan


def main_contrasts(rows: pd.DataFrame) -> list[Contrast]:
    """What is most worth looking at: R of each network and its gain over the first level, what training adds, controls, single spaces."""
    networks = Networks(rows)
    found = [Contrast(f"R, {one.title}", one.top) for one in networks.all]
    found += [Contrast(f"ΔR, {one.name} over {one.layers[0]}", one.top, one.rows[0]) for one in networks.nested]
    if networks.reference is not None:
        base = networks.reference
        found += [Contrast(f"ΔR, {one.name} − {base.name}", one.top, base.top, True) for one in networks.trained]
    found += [Contrast(f"R, {row.label}", row.row) for row in rows[rows.network == ""].itertuples()]
    return found


def normalised(table: pd.DataFrame, row: str) -> dict[str, np.ndarray]:
    """Ceiling -> (targets,) R divided by it: by what a perfect model reaches (``r``), or by the inter-subject correlation (``isc``).

    NaN where the ceiling is below `LEAST_CEILING`: a ratio has no bound near 0.
    """
    found = {}
    for kind in ("r", "isc"):
        if f"ceiling:{kind}" not in table or table[f"ceiling:{kind}"].isna().all():
            continue
        highest = table[f"ceiling:{kind}"].to_numpy(np.float64)
        r = table[f"r:{row}"].to_numpy(np.float64)
        found[kind] = np.divide(r, highest, out=np.full(len(r), np.nan), where=highest >= LEAST_CEILING)
    return found
