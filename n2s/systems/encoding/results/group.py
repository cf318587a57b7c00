"""Tests over subjects for each target that all of them share, and counts of significant targets by region."""

from functools import cached_property

import numpy as np
import pandas as pd

from n2s.metrics.group_tests import OverSubjects, benjamini_hochberg, effect_size
from n2s.systems.encoding.ceilings import NOWHERE
from n2s.systems.encoding.results.regions import inside

#: False discovery rate, and the error rate of p.
Q = 0.05


class Group:
    """Scores of subjects on shared targets.

    Parameters
    ----------
    targets
        See `n2s.systems.encoding.results.scored.BrainScores`.
    images
        Subject -> what its targets lie on.
    """

    def __init__(self, targets: pd.DataFrame, images: dict):
        self.targets, self.images = targets, images
        self.subjects = list(dict.fromkeys(targets.subject))
        self.rule = OverSubjects(len(self.subjects))

    @cached_property
    def columns(self) -> list[str]:
        """The scores that can be tested: ``r:<row>`` and ``gain:<row>``."""
        return [name for name in self.targets if name.startswith(("r:", "gain:"))]

    @cached_property
    def shared(self) -> pd.Index | None:
        """Identity of the targets that all subjects have; None if subjects have no target in common, or there are too few."""
        if not self.rule.possible or not self.one_space:
            return None
        key = self._key
        own = self.targets[self.targets["index"] != NOWHERE] if key == "index" else self.targets
        counts = own.groupby(key, sort=False).subject.nunique()
        found = counts.index[counts == len(self.subjects)]
        return found if len(found) else None

    def scores(self, column: str) -> np.ndarray:
        """(s, v) of the shared targets."""
        own = self.targets[self.targets[self._key].isin(self.shared)]
        table = own.pivot(index="subject", columns=self._key, values=column)
        return table.loc[self.subjects, self.shared].to_numpy(float)

    def test(self, column: str) -> pd.DataFrame | None:
        """A row per shared target; None if targets are not shared.

        ``index`` or ``name``, ``mean`` over the subjects with a score, ``q`` and ``measure`` (false discovery rate or corrected p: see
        `n2s.metrics.group_tests.OverSubjects`; above 0), ``d`` (Cohen's), ``n_subjects`` and ``test``. NaN where there is none.
        """
        if self.shared is None:
            return None
        scores = self.scores(column)
        found = pd.DataFrame({self._key: self.shared, "mean": pd.DataFrame(scores).mean().to_numpy()})
        found = found.assign(q=self.rule.q(scores), d=effect_size(scores), measure=self.rule.measure)
        return found.assign(n_subjects=self.rule.n_subjects, test=str(self.rule))

    @cached_property
    def tested(self) -> dict[str, pd.DataFrame]:
        """`test` of every column; empty if targets are not shared."""
        return {} if self.shared is None else {column: self.test(column) for column in self.columns}

    def counts(self, regions: list[str]) -> dict[str, dict[str, dict[str, float]]]:
        """Column -> region -> ``n`` tested targets, how many are ``significant`` (q < .05), and the mean effect size; see `test`.

        Regions may differ by subject (localisers): a shared target is in a region if it is for every subject.
        """
        found: dict[str, dict[str, dict[str, float]]] = {}
        within = {} if self.shared is None else {region: self._of_all(region) for region in regions}
        for column, table in self.tested.items():
            for region, here in within.items():
                part = table[here & table.q.notna().to_numpy()]
                if len(part):
                    found.setdefault(column, {})[region] = {
                        "n": len(part),
                        "significant": int((part.q < Q).sum()),
                        "effect_size": None if part.d.isna().all() else float(part.d.mean()),
                    }
        return found

    @cached_property
    def one_name(self) -> bool:
        """Whether a name is one target in all subjects: names of voxels are their numbers in the subject's own mask."""
        if len(self.subjects) < 2:
            return True
        same = self._key == "name" or self.targets.groupby("name")["index"].nunique().max() == 1
        return self.one_space and same

    def _of_all(self, region: str) -> np.ndarray:
        """(v,) bool: which shared targets lie in a region for every subject."""
        return (
            pd.Series(inside(self.targets, region))
            .groupby(self.targets[self._key].to_numpy())
            .all()[self.shared]
            .to_numpy()
        )

    @property
    def _key(self) -> str:
        kinds = {one.get("kind") for one in self.images.values()}
        return "name" if kinds == {"sensor"} else "index"

    @cached_property
    def one_space(self) -> bool:
        """Whether a place (of sensors: a name) is the same in all subjects. Not in native images, nor for contacts inside the head."""
        own = [self.images.get(name, {}) for name in self.subjects]
        if any(
            one.get("own_names")
            if one.get("kind") == "sensor"
            else not any(one.get(key) for key in ("mesh", "template", "grayordinates"))
            for one in own
        ):
            return False
        places = [
            [one.get(key) for key in ("kind", "mesh", "template", "shape", "affine", "grayordinates")] for one in own
        ]
        return all(one == places[0] for one in places)


def within(targets: pd.DataFrame, regions: list[str]) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """Row -> region -> subject -> ``n``, ``significant`` (q < .05 over the subject's targets), from p within subjects."""
    found: dict = {}
    for column in [name for name in targets if name.startswith("p:")]:
        for subject, own in targets.groupby("subject", sort=False):
            q = benjamini_hochberg(own[column].to_numpy())
            for region in regions:
                here = inside(own, region) & np.isfinite(q)
                if here.any():
                    one = {"n": int(here.sum()), "significant": int((q[here] < Q).sum())}
                    found.setdefault(column[2:], {}).setdefault(region, {})[subject] = one
    return found
