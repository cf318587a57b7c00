"""Clean, doubtful or contaminated: what the numbers say, in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from n2s.data.side_channels import GROUPS
from n2s.metrics.controls import holm
from n2s.systems.contamination.sources import LABELS

SHARE = 0.9  # of the brain's score above chance: a control that reaches it says as much as the brain
ALPHA = 0.05
CLEAN, DOUBTFUL, CONTAMINATED = "clean", "doubtful", "contaminated"
CONTROLS = (*GROUPS, "reaching")


@dataclass(frozen=True)
class Verdict:
    """Of one person, or of all: the word, sentences with reasons, and ``controls``: a row each, with all numbers."""

    word: str
    reasons: list[str]
    notes: list[str] = field(default_factory=list)
    controls: pd.DataFrame = field(default_factory=pd.DataFrame)


def controls_of(scores: pd.DataFrame, links: pd.DataFrame, subjects: Sequence[str]) -> pd.DataFrame:
    """Each control beside the brain.

    Parameters
    ----------
    scores
        Rows of `n2s.systems.contamination.compared.table_of`.
    links
        One row a group and subject: see `n2s.systems.contamination.reach.by_group`.
    subjects
        One, or `ALL` first and then all of them: their links are joined (Fisher).

    Returns
    -------
    ``source``, ``value``, ``excess`` over chance, ``share`` of the brain's excess in the same subjects, ``p``, ``p_holm`` over controls,
    ``above`` chance, ``enough`` (`SHARE` or more of the brain's), ``reach_p``, ``reach_holm`` over groups, ``reaches``: 1, 0, or NaN if it could
    not be looked for.
    """
    name, people = subjects[0], list(subjects[1:] or subjects)
    own = scores[scores.subject == name].set_index("source")
    each = scores[scores.subject.isin(people)]
    rows = []
    for source in CONTROLS:
        if source not in own.index or not np.isfinite(own.p[source]):
            continue
        with_it = each[(each.source == source) & each.p.notna()].subject
        brain = each[(each.source == "brain") & each.subject.isin(with_it)]
        excess, of_brain = own.value[source] - own.chance[source], float((brain.value - brain.chance).mean())
        mine = links[(links.group == source) & links.subject.isin(people) & links.p.notna()]
        reach_p = np.nan
        if len(mine):
            reach_p = (
                float(mine.p.iloc[0])
                if len(mine) == 1
                else float(stats.combine_pvalues(mine.p.clip(lower=1e-6)).pvalue)
            )
        rows.append(
            {
                "source": source, "value": own.value[source], "low": own.low[source], "high": own.high[source], "excess": excess,
                "share": excess / of_brain if of_brain > 0 else np.inf if excess > 0 else 0.0, "p": own.p[source], "reach_p": reach_p,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=["source", "value", "low", "high", "excess", "share", "p", "reach_p"])
    table["p_holm"] = holm(table.p.to_numpy()) if len(table) else np.zeros(0)
    table["reach_holm"] = np.nan
    known = table.reach_p.notna().to_numpy()
    if known.any():
        table.loc[known, "reach_holm"] = holm(table.reach_p[known].to_numpy())
    table["above"] = (table.p_holm < ALPHA) & (table.excess > 0)
    table["enough"] = table.above & (table.share >= SHARE)
    table["reaches"] = np.where(table.reach_holm.notna(), (table.reach_holm < ALPHA).astype(float), np.nan)
    table.loc[table.source == "reaching", "reaches"] = 1.0  # it is what reaches the sensors
    return table


def judged(scores: pd.DataFrame, links: pd.DataFrame, subjects: Sequence[str]) -> Verdict:
    """The verdict of one person, or of all.

    Contaminated: the brain is above chance, and a control is, too (corrected for the number of controls), by `SHARE` or more of the brain's
    excess over chance; and that signal is found in the sensors, where the brain has no reason to follow it.

    Doubtful: nothing is decoded; or no control could be compared; or a control above chance is found in the sensors, though it says less than
    the brain; or it says as much, and could not be looked for; or only sensors at the edge tell classes.

    Clean: none of it. A microphone or an electrode on the lips always tells what is said aloud: that alone is no contamination.

    Parameters
    ----------
    scores, links, subjects
        See `controls_of`.
    """
    own = scores[scores.subject == subjects[0]].set_index("source")
    brain = own.loc["brain"]
    controls = controls_of(scores, links, subjects)
    by_source = controls.set_index("source")
    reasons, doubts, notes = [], [], []
    decodes = np.isfinite(brain.p) and brain.p < ALPHA and brain.value > brain.chance
    if not decodes:
        told = (
            f"{_percent(brain.value)}, chance {_percent(brain.chance)}, p = {brain.p:.2g}"
            if np.isfinite(brain.p)
            else brain.why
        )
        doubts.append(f"The brain is not above chance ({told}): there is no score that anything could explain.")
    for source, one in by_source.iterrows():
        label, said = _label(source), f"{_percent(one.value)}, {_share(one.share)} of what the brain has above chance"
        if not one.above:
            if one.reaches == 1 and source != "reaching":
                notes.append(f"{label} is found in the sensors, and does not tell classes apart ({_percent(one.value)}, corrected p = {one.p_holm:.2g}).")  # fmt: skip
            continue
        if one.enough and one.reaches == 1:
            (reasons if decodes else doubts).append(f"{label} alone tells the classes as well ({said}) and is found in the sensors{_seen(source, links, subjects)}.")  # fmt: skip
        elif one.reaches == 1:
            doubts.append(
                f"{label} tells classes apart ({said}) and is found in the sensors{_seen(source, links, subjects)}."
            )
        elif one.enough and np.isnan(one.reaches):
            doubts.append(f"{label} alone tells the classes as well ({said}), and whether it is in the sensors could not be seen{_why(source, links, subjects)}.")  # fmt: skip
        else:
            unseen = "is not found in the sensors" if one.reaches == 0 else f"could not be looked for in the sensors{_why(source, links, subjects)}"  # fmt: skip
            notes.append(f"{label} tells classes apart ({said}) and {unseen} (p = {one.reach_p:.2g})." if one.reaches == 0 else f"{label} tells classes apart ({said}) and {unseen}.")  # fmt: skip
    if controls.empty:
        doubts.append(
            "There is no side signal to compare the brain with: neither sound, EMG, EOG, ECG nor head position."
        )
    if {"edge", "inner"} <= set(own.index) and np.isfinite(own.p[["edge", "inner"]]).all() and decodes:
        edge, inner = own.loc["edge"], own.loc["inner"]
        if edge.p < ALPHA and edge.value - edge.chance >= SHARE * (brain.value - brain.chance) and inner.p >= ALPHA:
            doubts.append(
                f"Sensors at the edge alone tell the classes as well as all ({_percent(edge.value)}), and those in the middle do not ({_percent(inner.value)}, "
                f"p = {inner.p:.2g}): muscles are nearest to the edge."
            )
    if reasons:
        return Verdict(CONTAMINATED, reasons + doubts, notes, controls)
    return Verdict(DOUBTFUL if doubts else CLEAN, doubts, notes, controls)


def _label(source: str) -> str:
    return LABELS[source][0].upper() + LABELS[source][1:]


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%" if np.isfinite(value) else "-"


def _share(share: float) -> str:
    return f"{100 * share:.0f}%" if np.isfinite(share) else "more than all"


def _of(source: str, links: pd.DataFrame, subjects: Sequence[str]) -> pd.DataFrame:
    return links[(links.group == source) & links.subject.isin(list(subjects[1:] or subjects))]


HOW = {
    "waveform": "with the same course above 40 Hz",
    "loudness": "by how strong both are above 60 Hz",
    "spectrum": "at the same frequencies",
    "slow": "with the same course below 8 Hz while nobody speaks",
}


def _seen(source: str, links: pd.DataFrame, subjects: Sequence[str]) -> str:
    own = _of(source, links, subjects)
    own = own[own.p.notna()]
    if own.empty:
        return ""
    best = own.iloc[int(own.p.to_numpy().argmin())]
    also = ", as with muscles too" if source == "audio" and best["view"] == "loudness" else ""
    return f" {HOW[best['view']]}{also} (most in {best.sensor}, r = {best.r:.2f}, p = {best.p:.2g})"


def _why(source: str, links: pd.DataFrame, subjects: Sequence[str]) -> str:
    own = _of(source, links, subjects)
    told = [one for one in own.why if one]
    return f" ({told[0]})" if told else ""
