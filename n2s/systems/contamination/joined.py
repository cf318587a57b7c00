"""Links between side signals and sensors: over the views of a group, over people, and corrected for the number of groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from n2s.errors import first_of
from n2s.metrics.controls import holm

ALPHA = 0.05
FAST = ("waveform", "loudness", "spectrum")  # views of what is fast: one of them tells
LEAST_P = 1e-6  # of a person: no draws can say less


def by_group(links: pd.DataFrame) -> pd.DataFrame:
    """One row a group: ``p`` over its views (Bonferroni), and what was found most clearly; p is NaN where no view could be tested.

    ``unseen``: why something of the group could not be looked for: nothing fast, or nothing slow of a group that is looked for so.
    """
    rows = []
    for group, own in links.groupby("group", sort=False):
        known = own[own.p.notna()]
        if known.empty:
            row = own.iloc[0].to_dict() | {"group": group}
        else:
            best = known.iloc[int(known.p.to_numpy().argmin())].to_dict()
            row = best | {"p": min(1.0, float(known.p.min()) * len(known))}
        rows.append(row | {"unseen": _unseen(own)})
    return pd.DataFrame(rows, columns=[*links.columns, "unseen"])


def over_people(links: pd.DataFrame, subjects: Sequence[str]) -> pd.DataFrame:
    """Group -> ``p`` over people (Fisher), ``p_holm`` over groups, NaN where nothing could be tested.

    ``own_holm``: the same of those people alone whose link has no other reason (``but``); 1 where nobody's has none. ``unseen``: whose could not be
    looked for, and why, of the first.

    Parameters
    ----------
    links
        Rows of `by_group`.
    subjects
        Whose: one, or several.
    """
    rows, links = {}, links[links.subject.isin(list(subjects))]
    for group, own in links.groupby("group", sort=False):
        known = own[own.p.notna()]
        hidden = own[own.unseen != ""]
        whose = f"{first_of(hidden.subject)}: " if len(subjects) > 1 else ""
        alone = _fisher(known.p[known.but == ""])
        unseen = f"{whose}{hidden.unseen.iloc[0]}" if len(hidden) else ""
        rows[group] = (_fisher(known.p), 1.0 if len(known) and np.isnan(alone) else alone, unseen)
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["p", "own", "unseen"])
    for name, of in (("p_holm", "p"), ("own_holm", "own")):
        found[name] = np.nan
        tested = found[of].notna().to_numpy()
        if tested.any():
            found.loc[tested, name] = holm(found[of][tested].to_numpy())
    plain = ~found.index.isin(links.group[links.but != ""])  # not corrected anew for what others have
    found.loc[plain, "own_holm"] = found.p_holm[plain]
    return found.drop(columns="own")


def _fisher(p: pd.Series) -> float:
    p = p.clip(lower=LEAST_P)
    return np.nan if p.empty else float(p.iloc[0]) if len(p) == 1 else float(stats.combine_pvalues(p).pvalue)


def reaching(links: pd.DataFrame, subject: str) -> list[str]:
    """The groups that are found in a person's sensors, corrected for their number, without another reason for it."""
    own, found = links[links.subject == subject].set_index("group"), over_people(links, [subject])
    return [group for group in found.index[found.p_holm < ALPHA] if not own.but[group]]


def _unseen(own: pd.DataFrame) -> str:
    """Why a group could not be looked for in fast or in slow signals; "" if it could."""
    for part in (own[own["view"].isin(FAST)], own[~own["view"].isin(FAST)]):
        if len(part) and part.p.isna().all():
            return part.why.iloc[0]
    return ""
