"""Tests over subjects for each target that all of them share, and counts of significant targets by region."""

from functools import cached_property

import numpy as np
import pandas as pd

from n2s.metrics.group_tests import benjamini_hochberg, effect_size, sign_flip_max, wilcoxon
from n2s.systems.encoding.ceilings import NOWHERE
from n2s.systems.encoding.results.regions import inside

#: False discovery rate, and the error rate of p.
Q = 0.05
#: With fewer subjects no order of signs has p < .05.
FEWEST_SUBJECTS = 5
N_FLIPS = 10_000


class Group:
    """Scores of subjects on shared targets.

    Parameters
    ----------
    targets
        See `n2s.systems.encoding.results.scored.BrainScores`.
    images
        Subject -> what its targets lie on.
    seed
        Of sign flips.
    """

    def __init__(self, targets: pd.DataFrame, images: dict, seed: int = 0):
        self.targets, self.images, self.seed = targets, images, seed
        self.subjects = list(dict.fromkeys(targets.subject))

    @cached_property
    def columns(self) -> list[str]:
        """The scores that can be tested: ``r:<row>`` and ``gain:<row>``."""
        return [name for name in self.targets if name.startswith(("r:", "gain:"))]

    @cached_property
    def shared(self) -> pd.Index | None:
        """Identity of the targets that all subjects have; None if subjects have no target in common, or there are too few."""
        if len(self.subjects) < FEWEST_SUBJECTS or not self._one_space():
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

        ``index`` or ``name``, ``mean``, ``p`` and ``q`` (Wilcoxon signed-rank above 0; Benjamini-Hochberg over targets), ``t`` and
        ``p_max`` (sign flips, corrected by the largest t), ``d`` (Cohen's). NaN where a subject has no score.
        """
        if self.shared is None:
            return None
        scores = self.scores(column)
        whole = np.isfinite(scores).all(0)
        found = pd.DataFrame(
            {self._key: self.shared, "mean": np.nan, "p": np.nan, "t": np.nan, "p_max": np.nan, "d": np.nan}
        )
        if whole.any():
            t, p_max = sign_flip_max(scores[:, whole], n_permutations=N_FLIPS, seed=self.seed)
            made = {"mean": scores[:, whole].mean(0), "p": wilcoxon(scores[:, whole]), "t": t, "p_max": p_max}
            for name, values in (made | {"d": effect_size(scores[:, whole])}).items():
                found.loc[whole, name] = values
        return found.assign(q=benjamini_hochberg(found.p.to_numpy()))

    @cached_property
    def tested(self) -> dict[str, pd.DataFrame]:
        """`test` of every column; empty if targets are not shared."""
        return {} if self.shared is None else {column: self.test(column) for column in self.columns}

    def counts(self, regions: list[str]) -> dict[str, dict[str, dict[str, float]]]:
        """Column -> region -> ``n``, ``wilcoxon`` (q < .05), ``max_t`` (p < .05) and the mean effect size; see `test`."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for column, table in self.tested.items():
            first = self.targets[self.targets.subject == self.subjects[0]].set_index(self._key).loc[self.shared]
            for region in regions:
                here = inside(first, region)
                part = table[here & table.p.notna().to_numpy()]
                if len(part):
                    found.setdefault(column, {})[region] = {
                        "n": len(part),
                        "wilcoxon": int((part.q < Q).sum()),
                        "max_t": int((part.p_max < Q).sum()),
                        "effect_size": None if part.d.isna().all() else float(part.d.mean()),
                    }
        return found

    @property
    def _key(self) -> str:
        kinds = {one.get("kind") for one in self.images.values()}
        return "name" if kinds == {"sensor"} else "index"

    def _one_space(self) -> bool:
        own = [self.images.get(name, {}) for name in self.subjects]
        if any(one.get("kind") != "sensor" and not (one.get("mesh") or one.get("template")) for one in own):
            return False
        places = [[one.get(key) for key in ("kind", "mesh", "template", "shape", "affine")] for one in own]
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
