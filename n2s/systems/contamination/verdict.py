"""Clean, doubtful or contaminated: what the numbers say, in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.data.side_channels import GROUPS
from n2s.errors import first_of
from n2s.metrics.controls import holm
from n2s.systems.contamination.joined import ALPHA, over_people
from n2s.systems.contamination.sources import LABELS, REMOVED

SHARE = 0.9  # of the brain's score above chance: a control that reaches it says as much as the brain
CLEAN, DOUBTFUL, CONTAMINATED = "clean", "doubtful", "contaminated"
CONTROLS = (*GROUPS, "reaching")
UNKNOWN = {"p": np.nan, "p_holm": np.nan, "own_holm": np.nan, "unseen": ""}  # of a control that nobody looked for
MOVING = ("emg", "eog", "head")
#: Without these, nothing is cleared: what is said moves muscles, and what is said aloud or heard is a sound.
NEEDED = {"overt": ("audio", "emg"), "silent": ("emg",), "imagined": ("emg",), "listen": ("audio",)}


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
        One row a group and subject: see `n2s.systems.contamination.joined.by_group`.
    subjects
        One, or `ALL` first and then all of them: their links are joined (Fisher).

    Returns
    -------
    ``source``, ``value``, ``excess`` over chance, ``share`` of the brain's excess in the same subjects and windows, ``p``, ``p_holm`` over
    controls, ``above`` chance, ``enough`` (`SHARE` or more of the brain's), ``reach_p``, ``reach_holm`` over groups, ``reaches``: 1, 0, or NaN
    if it could not be looked for; ``own_holm``: by links without another reason; ``unseen``: of whom it could not be, and why. All that reaches the sensors counts over all where everybody has it.
    """
    name, people = subjects[0], list(subjects[1:] or subjects)
    own = scores[scores.subject == name].set_index("source")
    each = scores[scores.subject.isin(people) & scores.p.notna()]
    reach = over_people(links, people)
    rows = []
    for source in CONTROLS:
        if source not in own.index or not np.isfinite(own.p[source]):
            continue
        mine = each[each.source == source].set_index("subject")
        if source == "reaching" and len(mine) < len(people):
            continue
        brain = each[each.source == "brain"].set_index("subject").reindex(mine.index)
        of_brain = float(mine.of_brain.where(mine.of_brain.notna(), brain.value - brain.chance).mean())
        excess = own.value[source] - own.chance[source]
        looked = dict(reach.loc[source]) if source in reach.index else UNKNOWN
        never = [one for one in mine.index if not ((links.group == source) & (links.subject == one)).any()]
        if never and source != "reaching" and not looked["unseen"]:
            looked = looked | {"unseen": f"not there in the recordings of {first_of(never)} that were looked at"}
        rows.append(
            {
                "source": source, "value": own.value[source], "low": own.low[source], "high": own.high[source], "excess": excess,
                "share": excess / of_brain if of_brain > 0 else np.inf if excess > 0 else 0.0, "p": own.p[source],
                "reach_p": looked["p"], "reach_holm": looked["p_holm"], "own_holm": looked["own_holm"], "unseen": looked["unseen"],
            }
        )  # fmt: skip
    columns = ["source", "value", "low", "high", "excess", "share", "p", "reach_p", "reach_holm", "own_holm", "unseen"]
    table = pd.DataFrame(rows, columns=columns)
    table["p_holm"] = holm(table.p.to_numpy()) if len(table) else np.zeros(0)
    table["above"] = (table.p_holm < ALPHA) & (table.excess > 0)
    table["enough"] = table.above & (table.share >= SHARE)
    table["reaches"] = np.where(table.reach_holm.notna(), (table.reach_holm < ALPHA).astype(float), np.nan)
    table.loc[table.source == "reaching", "reaches"] = 1.0  # it is what reaches the sensors
    return table


def judged(scores: pd.DataFrame, links: pd.DataFrame, subjects: Sequence[str], condition: str = "overt") -> Verdict:
    """The verdict of one person, or of all.

    Contaminated: the brain is above chance, and a control is, too (corrected for the number of controls), by `SHARE` or more of the brain's
    excess over chance; and that signal is found in the sensors, where the brain has no reason to follow it.

    Doubtful: nothing is decoded; or a control of `NEEDED` is not there, or not all of it could be looked for in the sensors; or a control
    above chance is found in the sensors, though it says less than the brain, or may be found for another reason; or it could not be looked
    for in somebody; or only sensors at the edge tell classes; or what ICA and SSP took out tells as much as the brain, and
    no muscle, eye or head that is gone from the sensors tells as much.

    Clean: none of it. A microphone or an electrode on the lips always tells what is said aloud: that alone is no contamination.

    Parameters
    ----------
    scores, links, subjects
        See `controls_of`.
    condition
        What people do in these windows.
    """
    people = list(subjects[1:] or subjects)
    own = scores[scores.subject == subjects[0]].set_index("source")
    brain = own.loc["brain"]
    controls = controls_of(scores, links, subjects)
    reasons, doubts, notes = [], [], []
    decodes = bool(np.isfinite(brain.p) and brain.p < ALPHA and brain.value > brain.chance)
    if not decodes:
        told = (
            f"{_percent(brain.value)}, chance {_percent(brain.chance)}, p = {brain.p:.2g}"
            if np.isfinite(brain.p)
            else brain.why
        )
        doubts.append(f"The brain is not above chance ({told}): there is no score that anything could explain.")
    for one in controls.itertuples():
        kind, text = _judged_one(one, links, people)
        if kind == "reason" and not decodes:
            kind = "doubt"
        if kind:
            {"reason": reasons, "doubt": doubts, "note": notes}[kind].append(text)
    doubts += _lacking(scores, controls, people, condition)
    if decodes:
        doubts += _by_place(own, scores, people)
    kind, text = _taken_out(own, scores, people, controls, decodes=decodes)
    if kind:
        {"doubt": doubts, "note": notes}[kind].append(text)
    if reasons:
        return Verdict(CONTAMINATED, reasons + doubts, notes, controls)
    return Verdict(DOUBTFUL if doubts else CLEAN, doubts, notes, controls)


def _judged_one(one: object, links: pd.DataFrame, people: Sequence[str]) -> tuple[str, str]:
    """What a control gives (a reason, a doubt, a note, or nothing), and the sentence."""
    label, said = _label(one.source), f"{_percent(one.value)}, {_share(one.share)} of what the brain has above chance"
    if not one.above:
        if one.reaches == 1 and one.source != "reaching":
            return "note", f"{label} is found in the sensors, and does not tell classes apart ({_percent(one.value)}, corrected p = {one.p_holm:.2g})."  # fmt: skip
        return "", ""
    tells = "alone tells the classes as well" if one.enough else "tells classes apart"
    if one.reaches == 1:
        other = _other_reason(one, links, people)
        text = f"{label} {tells} ({said}) and is found in the sensors{_seen(one.source, links, people, shared=bool(other))}{other}."
        return "reason" if one.enough and not other else "doubt", text
    if np.isnan(one.reaches):
        why = f" ({one.unseen})" if one.unseen else ""
        return "doubt", f"{label} {tells} ({said}), and whether it is in the sensors could not be seen{why}."
    if one.unseen:
        return "doubt", f"{label} {tells} ({said}), is not found in the sensors where it could be looked for (p = {one.reach_p:.2g}), and could not be everywhere ({one.unseen})."  # fmt: skip
    return "note", f"{label} tells classes apart ({said}) and is not found in the sensors (p = {one.reach_p:.2g})."


def _lacking(scores: pd.DataFrame, controls: pd.DataFrame, people: Sequence[str], condition: str) -> list[str]:
    """Doubts: controls that a condition needs, and that are not there, or of which something could not be looked for."""
    found = []
    if controls.empty:
        found.append(
            "There is no side signal to compare the brain with: neither sound, EMG, EOG, ECG nor head position."
        )
    known = scores[scores.p.notna()]
    seen = controls.set_index("source")
    for source in NEEDED.get(condition, ()):
        without = [one for one in people if not ((known.subject == one) & (known.source == source)).any()]
        if without:
            whose = "" if len(people) == 1 else f" of {first_of(without)}"
            what = "sound is not" if source == "audio" else "muscles are not"
            found.append(f"There is no {LABELS[source]}{whose}: {what} told from a brain without it.")
        elif source in seen.index and seen.above[source] and seen.reaches[source] != 1:
            continue  # said of the control itself
        elif source in seen.index and seen.unseen[source] and not np.isnan(seen.reaches[source]):
            found.append(
                f"{_label(source)} could not be looked for in all ways in the sensors ({seen.unseen[source]})."
            )
        elif source in seen.index and np.isnan(seen.reaches[source]):
            why = f" ({seen.unseen[source]})" if seen.unseen[source] else ""
            found.append(f"Whether {LABELS[source]} is in the sensors could not be seen{why}.")
    return found


def _lead(scores: pd.DataFrame, source: str, people: Sequence[str]) -> float:
    """Of a source above chance, mean over some people; NaN if one of them lacks it."""
    own = scores[(scores.source == source) & scores.subject.isin(list(people)) & scores.p.notna()]
    return float((own.value - own.chance).mean()) if len(own) == len(people) else np.nan


def _having(scores: pd.DataFrame, source: str, people: Sequence[str]) -> list[str]:
    known = set(scores.subject[(scores.source == source) & scores.p.notna()])
    return [one for one in people if one in known]


def _by_place(own: pd.DataFrame, scores: pd.DataFrame, people: Sequence[str]) -> list[str]:
    """A doubt where sensors at the edge tell classes, and those in the middle do not."""
    if not {"edge", "inner"} <= set(own.index) or not np.isfinite(own.p[["edge", "inner"]].astype(float)).all():
        return []
    edge, inner = own.loc["edge"], own.loc["inner"]
    of_brain = _lead(scores, "brain", _having(scores, "edge", people))
    if edge.p < ALPHA and edge.value - edge.chance >= SHARE * of_brain and inner.p >= ALPHA:
        return [
            f"Sensors at the edge alone tell the classes as well as all ({_percent(edge.value)}), and those in the middle do not ({_percent(inner.value)}, "
            f"p = {inner.p:.2g}): muscles are nearest to the edge."
        ]
    return []


def _taken_out(
    own: pd.DataFrame, scores: pd.DataFrame, people: Sequence[str], controls: pd.DataFrame, *, decodes: bool
) -> tuple[str, str]:
    """What the components that the cleaning took out say: a doubt, a note, or nothing.

    Muscles, eyes or the head that tell as much (`SHARE`) in the same people are why they may; of these the rest is looked for in the sensors as they
    were left.
    """
    if REMOVED not in own.index or not np.isfinite(own.p[REMOVED]):
        return "", ""
    one, those = own.loc[REMOVED], _having(scores, REMOVED, people)
    excess, of_brain = one.value - one.chance, _lead(scores, "brain", those)
    if one.p >= ALPHA or excess <= 0:
        return (
            "note",
            f"What ICA and SSP took out does not tell classes apart ({_percent(one.value)}, p = {one.p:.2g}).",
        )
    if decodes and excess >= SHARE * of_brain:
        said = f"What ICA and SSP took out tells the classes as well as what it left ({_percent(one.value)})"
        known = controls[controls.source.isin(MOVING) & controls.above]
        telling = [name for name in known.source if _lead(scores, name, those) >= SHARE * excess]
        if telling and ((known.reaches == 0) & (known.unseen == "")).all():
            names = ", ".join(LABELS[name] for name in telling)
            return "note", f"{said}, as {names} would; of that nothing is found in what it left."
        return (
            "doubt",
            f"{said}: artifacts follow the classes, or the brain was taken out with them. What stays of them cannot be seen.",
        )
    return "note", f"What ICA and SSP took out tells classes apart ({_percent(one.value)}), less than what it left."


def _label(source: str) -> str:
    return LABELS[source][0].upper() + LABELS[source][1:]


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%" if np.isfinite(value) else "-"


def _share(share: float) -> str:
    return f"{100 * share:.0f}%" if np.isfinite(share) else "more than all"


HOW = {
    "waveform": "with the same course above 40 Hz",
    "loudness": "by how strong both are above 60 Hz",
    "spectrum": "at the same frequencies",
    "slow": "with the same course below 8 Hz while nobody speaks",
}


def _seen(source: str, links: pd.DataFrame, people: Sequence[str], *, shared: bool) -> str:
    """Where it is seen most; ``shared``: links that have another reason count, too."""
    own = _of(source, links, people)
    own = own if shared else own[own.but == ""]
    if own.empty:
        return ""
    best = own.iloc[int(own.p.to_numpy().argmin())]
    also = ", as with muscles too" if source == "audio" and best["view"] == "loudness" else ""
    return f" {HOW[best['view']]}{also} (most in {best.sensor}, r = {best.r:.2f}, p = {best.p:.2g})"


def _other_reason(one: object, links: pd.DataFrame, people: Sequence[str]) -> str:
    """Why a signal may be found in sensors that it does not reach; "" where it is found by links without such a reason alone."""
    own = _of(one.source, links, people)
    own = own[own.but != ""].sort_values("p", kind="stable")
    return "" if own.empty or one.own_holm < ALPHA else f"; but {own.but.iloc[0]}"


def _of(source: str, links: pd.DataFrame, people: Sequence[str]) -> pd.DataFrame:
    return links[(links.group == source) & links.subject.isin(list(people)) & links.p.notna()]
