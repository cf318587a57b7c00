"""A fusion test in sentences: what was ranked, whether both modalities find more than one, and whether both are used."""

from collections.abc import Collection

import numpy as np

from n2s.metrics.cross_fitted import AS_WIDELY
from n2s.metrics.retrieval_rows import TOP
from n2s.metrics.score import Score
from n2s.systems.fusion.differences import Difference
from n2s.systems.fusion.summarized import SummarizedPairs
from n2s.systems.fusion.summary import ROWS

CLAIM = 0.001  # a corrected p below it is reported as outside chance
UNCORRECTED = "95% intervals over segments, not corrected for the number of comparisons"
NAMES = {"both": "both", "meg": "MEG", "fmri": "fMRI"}
MISLEADS = "the response to another segment points to a wrong candidate: with it, accuracy may fall below that of the other modality alone"
NO_TURN = "nothing is shown for MEG or fMRI of another segment: no person has enough segments that are far enough apart to share no response"
NO_BRAIN = {
    "above": "timing alone says something about what was heard: a decoder must do better",
    "below": "what timing predicted in training stories is wrong for these",
}


def headline(result: SummarizedPairs) -> list[str]:
    """The sentences above the table."""
    sentences = [what(result), candidates_sentence(result), found_sentence(result), chance_sentence(result)]
    if result.differences and min(result.n_candidates) > 1:
        sentences += [worth_sentence(result), used_sentence(result)]
    if len(result.summary.subjects) == 1:
        sentences.append("This is one person: nothing is shown of others.")
    return [text for text in (*sentences, best_sentence(result)) if text]


def columns(result: SummarizedPairs) -> tuple[str, ...]:
    """The scores of the table, without those that every pair reaches since it has too few candidates."""
    fewest = min(result.n_candidates)
    return tuple(f"top{k}" for k in TOP if k == 1 or k < fewest) + ("median_rank", "mrr")


def counts(result: SummarizedPairs) -> dict[str, int]:
    """How many candidates, pairs and subjects."""
    return {
        "n_candidates": len(result.candidates),
        "n_windows": len(result.windows),
        "n_subjects": len(result.summary.subjects),
    }


def notes(result: SummarizedPairs) -> list[str]:
    """The sentences below the table."""
    lines = []
    if result.weights:
        lines.append(f"weights of the scores: {_plain(result.weights)}")
    if result.main == "both":
        lines.append(MISLEADS if result.summary.n_turns else NO_TURN)
    if "meg_to_fmri" in result.ranks or "fmri_to_meg" in result.ranks:
        lines.append(
            "fMRI found from MEG, and MEG found from fMRI: for each response in one scanner, we search this person's responses in the other scanner"
        )
    lines += _control_notes(result)
    unknown = int(np.isnan(result.score[np.arange(len(result.target)), result.target]).sum())
    if unknown:
        lines.append(
            f"{unknown} of {len(result.target)} pairs have scores that are not numbers: they count as not found"
        )
    lines.append(_tests_line(result))
    if result.fold is not None:
        lines.append(
            f"the {result.n_folds} models share most of their training data: the intervals hold for these models; we let chance "
            f"spread {AS_WIDELY} as over independent folds"
        )
    return lines + result.said


def what(result: SummarizedPairs) -> str:
    """Which pairs and candidates were compared."""
    seconds, n = result.candidates.duration_s, counts(result)
    lengths = f"{seconds.min():.1f} s" if np.ptp(seconds) < 0.05 else f"{seconds.min():.1f} to {seconds.max():.1f} s"
    studies = ", ".join(sorted(set(result.windows.study.astype(str)) - {""}))
    responses = {"both": "pairs of MEG and fMRI", "meg": "MEG windows", "fmri": "fMRI responses"}[result.main]
    stories = result.candidates.story.nunique()
    return (
        f"For each of {n['n_windows']} {responses} of {_count(n['n_subjects'], 'subject')}{f' ({studies})' if studies else ''}, "
        f"{n['n_candidates']} unique segments of {lengths} from {_count(stories, 'held-out story', 'held-out stories')} were ranked by how "
        f"well they match (method: {result.method})."
    )


def candidates_sentence(result: SummarizedPairs) -> str:
    """Which candidates a pair is ranked among."""
    if result.fold is not None:
        return (
            f"Every part of the data was held out once, in {result.n_folds} folds: a response is ranked by the model of the other folds, among "
            f"the segments of its own fold ({_range(result.n_candidates)})."
        )
    if result.candidate_sets is None:
        return "All candidates are the same for everybody."
    return f"The candidates of a response are segments that its own subject heard: {_range(result.n_candidates)}."


def found_sentence(result: SummarizedPairs) -> str:
    """How often the true segment comes first."""
    scores, k = result.scores(), result.told_k
    found = {row: scores.get("top1", row) for row in NAMES if scores.get("top1", row)}
    first = found.pop(result.main)
    with_what = {"both": "both modalities", "meg": "MEG", "fmri": "fMRI"}[result.main]
    text = f"With {with_what}, the segment that was heard came first in {_percent(first)}"
    text += "".join(f", with {NAMES[row]} alone in {_percent(one)}" for row, one in found.items())
    if k > 1:
        text += f"; among the first {k}, with {with_what}, in {_percent(scores.get(f'top{k}', result.main))}"
    return f"{text} ({first.kind})." if first.kind else f"{text}."


def verdict(result: SummarizedPairs, row: str, k: int) -> str:
    """``above``, ``below`` or ``inside`` chance, corrected for all tests shown; ``unknown`` with too few pairs."""
    test = result.tests[row][f"top{k}"]
    if test.p is None:
        return "unknown"
    if test.p_corrected >= CLAIM:
        return "inside"
    chance = f"chance_{row}" if f"chance_{row}" in result.scores().rows else "chance"
    own, level = (result.scores().get(f"top{k}", name).mean for name in (row, chance))
    return "above" if own > level else "below"


def tested_k(result: SummarizedPairs) -> int:
    """The k whose accuracy is furthest from chance: all are tested and corrected for, and a high one may be full."""
    found = {k: result.tests[result.main][f"top{k}"].p for k in TOP}
    known = {k: p for k, p in found.items() if p is not None}
    return min(known, key=known.get) if known else 1


def chance_sentence(result: SummarizedPairs) -> str:
    """Whether the result is above chance."""
    k = tested_k(result)
    found, test = verdict(result, result.main, k), result.tests[result.main][f"top{k}"]
    if found == "unknown":
        return "There are too few independent segments to say whether this is above chance."
    if found == "inside":
        claim = "there is no evidence that this is above chance"
    else:
        claim = {"above": "this is above chance", "below": "this is below chance, which points to an error"}[found]
    level = result.scores().get(f"top{k}", "chance").mean
    return (
        f"Chance in top-{k} is {100 * level:.1f}%, and ranges from {100 * test.low:.1f} to {100 * test.high:.1f}% (99.9%, for segments that depend on "
        f"each other as these do): {claim} (p = {test.p_corrected:.2g}, corrected for {_count(result.n_tests, 'test')} on this page)."
    )


def worth_sentence(result: SummarizedPairs) -> str:
    """Whether both modalities find more than either alone."""
    over = {row: result.differences["top1"][f"over_{row}"] for row in ("meg", "fmri")}
    told = "; ".join(f"both minus {NAMES[row]} alone, {points(one.segments)}" for row, one in over.items())
    told = f"(top-1: {told}; {UNCORRECTED})"
    if all(one.positive for one in over.values()):
        people = [one.people.low for one in over.values()]
        if None in people:
            also = ""
        elif min(people) > 0:
            also = " The intervals over subjects say the same."
        else:
            also = " This is shown for these people only: the intervals over subjects reach 0. With more people it could be shown for people in general."
        return f"Do both find more than the better one alone? Yes {told}.{also}"
    for row, one in over.items():
        if one.segments.high is not None and one.segments.high < 0:
            return f"Do both find more than the better one alone? No: {NAMES[row]} alone finds more than both {told}."
    return f"Do both find more than the better one alone? That is not shown {told}."


def used_sentence(result: SummarizedPairs) -> str:
    """Whether both modalities are used: both shuffles must cost."""
    found = result.differences["top1"]
    cost = {row: found[f"cost_{row}"] for row in ("meg", "fmri") if f"cost_{row}" in found}
    if len(cost) < 2:
        return ""
    told = ". ".join(
        f"With {NAMES[row]} of another segment, top-1 changes by {points(_minus(one.segments))}{_theory(one)}"
        for row, one in cost.items()
    )
    used = [NAMES[row] for row, one in cost.items() if one.positive]
    claim = {0: "That is not shown", 1: f"Only {' and '.join(used)} is shown to be used", 2: "Yes"}[len(used)]
    return f"Are both used? {claim}. {told} ({UNCORRECTED})."


def best_sentence(result: SummarizedPairs) -> str:
    """The share of the best possible, of a result above chance."""
    share, ceiling = (
        result.reached.get("top1"),
        result.scores().get("top1", "ceiling" if result.main == "both" else f"ceiling_{result.main}"),
    )
    if ceiling is None:
        return "No best possible decoder is known for these data."
    text = f"The best possible decoder of these data scores {100 * ceiling.mean:.1f}% in top-1"
    if share is None or verdict(result, result.main, tested_k(result)) != "above":
        return f"{text}."
    ends = "" if share.low is None else f" ({100 * share.low:.0f} to {100 * share.high:.0f}%)"
    return f"{text}; {100 * share.mean:.0f}%{ends} of that is reached."


def points(score: Score) -> str:
    """``+12.3 percentage points (10.0 to 14.1)``."""
    ends = "" if score.low is None else f" ({100 * score.low:+.1f} to {100 * score.high:+.1f})"
    return f"{100 * score.mean:+.1f} percentage points{ends}"


def _minus(score: Score) -> Score:
    ends = (None, None) if score.low is None else (0.0 - score.high, 0.0 - score.low)
    return Score(0.0 - score.mean, *ends, score.kind)  # type: ignore[call-arg]


def _theory(one: Difference) -> str:
    return (
        ""
        if one.best is None
        else f"; for the best possible decoder it changes by {0.0 - 100 * one.best.mean:+.1f} points"
    )


def _control_notes(result: SummarizedPairs) -> list[str]:
    if "no_brain" not in result.tests:
        return []
    found = {k: verdict(result, "no_brain", k) for k in TOP}
    k = next((k for k, one in found.items() if one in NO_BRAIN), None)
    if k is None:
        return []
    share = 100 * result.scores().get(f"top{k}", "no_brain").mean
    return [f"{ROWS['no_brain'].label} is {found[k]} chance in top-{k} ({share:.1f}%): {NO_BRAIN[found[k]]}"]


def _tests_line(result: SummarizedPairs) -> str:
    shown = [result.scores().get(name, row) for name in columns(result) for row in ROWS]
    n = sum(score is not None and score.low is not None for score in shown)
    n_blocks = len(np.unique(result.block))
    return (
        f"the table has {_count(n, 'interval')}, each at 95% on its own (chance: 99.9%); the p-values of "
        f"{_count(result.n_tests, 'comparison')} with chance are corrected for that number (Holm); neighbouring segments depend on each other: "
        f"intervals over segments resample {_count(n_blocks, 'block')} of segments"
    )


def _plain(weights: dict) -> str:
    parts = []
    for name, value in weights.items():
        if isinstance(value, dict):
            parts.append(f"{name} ({_plain(value)})")
        else:
            parts.append(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(parts)


def _percent(score: Score) -> str:
    if score.low is None:
        return f"{100 * score.mean:.1f}%"
    return f"{100 * score.mean:.1f}% ({100 * score.low:.1f} to {100 * score.high:.1f}%)"


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _range(numbers: Collection[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if min(numbers) != max(numbers) else str(max(numbers))
