"""A retrieval test in sentences: what was ranked, the headline score, its controls, and whether it is above chance."""

from collections.abc import Collection

import numpy as np

from n2s.metrics.cross_fitted import AS_WIDELY
from n2s.metrics.retrieval_rows import TOP
from n2s.metrics.score import Score
from n2s.metrics.verdict import Claim, State
from n2s.systems.contrastive import worth
from n2s.systems.contrastive.figures import span_map
from n2s.systems.contrastive.summarized import SummarizedWindows
from n2s.systems.contrastive.summary import ROWS

COLUMNS = (*(f"top{k}" for k in TOP), "median_rank")  # scores of the table
CLAIM = 0.001  # a corrected p below it is reported as outside chance
CONTROLS = {
    "chance": "Chance in top-{k} is",
    "shuffled": "the same model with brain and speech exchanged scores",
    "no_brain": "timing and duration without a brain score",
    "subject_only": "who listens, without a brain, scores",
    "linear": "a linear decoder of each listener scores",
    "encoding": "an encoding model of each listener, turned into a decoder, scores",
}
REASONS = {
    "no_brain": {
        "above": "timing predicts in part what was heard (a word's length, the place in the story): a decoder must beat it",
        "below": "what timing predicts on training stories is misleading on these",
    },
    "subject_only": {
        "above": "who listens predicts in part what was heard: a decoder must beat it",
        "below": "what a person heard in training is unlike what the same person heard here",
    },
}


def headline(result: SummarizedWindows) -> list[str]:
    """The sentences above the table."""
    k = result.told_k
    found, top1 = (result.scores().get(f"top{n}", "model") for n in (k, 1))
    no_more = ", which is not shown to be more than chance" if verdict(result, "model", k) == "inside" else ""
    where = f"among the first {k} in {_percent(found)} of windows and " if k > 1 else ""
    first = f"the very first in {_percent(top1)}{' of windows' if k == 1 else ''}"
    return [
        what(result),
        candidates_sentence(result),
        f"The segment that was heard was {where}{first} ({found.kind}){no_more}.",
        controls(result, k),
        chance_sentence(result, k),
    ]


def claim(result: SummarizedWindows) -> Claim:
    """The verdict is that of the test against chance, corrected for all tests on the page; then the network beside the linear decoder."""
    k = result.told_k
    states: dict[str, State] = {"inside": "not shown", "above": "above", "below": "below", "unknown": "unknown"}
    return Claim(f"top{k}", "model", state=states[verdict(result, "model", k)], worth=worth_sentence(result))


def worth_sentence(result: SummarizedWindows) -> str:
    """The network beside the linear decoder, paired over people or windows; empty without one."""
    if "linear" not in result.tests:
        return ""
    verdicts = {name: verdict(result, row, result.told_k) for name, row in (("network", "model"), ("linear", "linear"))}
    return worth.sentence(result, result.told_k, **verdicts)


def columns(result: SummarizedWindows) -> tuple[str, ...]:
    """The scores of the table, without those that every window reaches since it has too few candidates."""
    fewest = min(result.n_candidates)
    return tuple(name for name in COLUMNS if name == "top1" or not name.startswith("top") or int(name[3:]) < fewest)


def notes(result: SummarizedWindows) -> list[str]:
    """The sentences below the table."""
    lines = [counts_line(result), *control_notes(result), tests_line(result)]
    if result.fold is not None:
        lines.append(
            f"the {result.n_folds} models share most of their training data: intervals are of these models, and do not show how much scores "
            f"would change with other training data; chance is taken to spread {AS_WIDELY} as over independent folds"
        )
    if result.scaled_by:
        lines.append(f"brain scaled by: {', '.join(result.scaled_by)}")
    if result.attention is not None and not span_map(result.sensor_positions):
        lines.append("no map of the spatial attention: the sensors have fewer than four places, or all lie on a line")
    return lines + result.gaps + result.sounds


def counts(result: SummarizedWindows) -> dict[str, int]:
    """How many candidates, windows and subjects."""
    return {
        "n_candidates": len(result.candidates),
        "n_windows": len(result.windows),
        "n_subjects": len(result.summary.subjects),
    }


def count(n: int, one: str, many: str | None = None) -> str:
    """``1 subject``, ``2 subjects``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def what(result: SummarizedWindows) -> str:
    """Which windows and candidates were compared."""
    seconds, n = result.candidates.duration_s, counts(result)
    lengths = f"{seconds.min():.1f} s" if np.ptp(seconds) < 0.05 else f"{seconds.min():.1f} to {seconds.max():.1f} s"
    studies = ", ".join(sorted(set(result.windows.study)))
    n_stories = result.candidates.story.nunique()
    return (
        f"For each of {n['n_windows']} brain windows of {count(n['n_subjects'], 'subject')} ({studies}), the model ranked "
        f"{n['n_candidates']} unique segments of {lengths} from "
        f"{count(n_stories, 'held-out story', 'held-out stories')} by how well they match."
    )


def candidates_sentence(result: SummarizedWindows) -> str:
    """Which candidates a window is ranked among."""
    if result.fold is not None:
        return (
            f"Every part of the data was held out once, in {result.n_folds} folds: a window is ranked by the model that was trained on "
            f"the other folds, among the segments of its own fold that its subject heard ({_range(result.n_candidates)})."
        )
    if result.candidate_sets is None:
        return "All subjects heard the same segments, and each window is ranked among all of them."
    return (
        "Subjects heard different segments. The candidates of a window are the test segments that its own subject heard, "
        f"in any recording: {_range(result.summary.candidates.values())} a subject."
    )


def _range(numbers: Collection[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if min(numbers) != max(numbers) else str(max(numbers))


def controls(result: SummarizedWindows, k: int = 10) -> str:
    """What the controls score in top-k. The ratio to the ceiling is given only for a model that is above chance."""
    scores = result.scores()
    found = {row: scores.get(f"top{k}", row) for row in ROWS}
    parts = [f"{text.format(k=k)} {100 * found[row].mean:.1f}%" for row, text in CONTROLS.items() if found[row]]
    if found["ceiling"] is None:
        return "; ".join([*parts, "no ceiling is known for these scores."])
    text = "; ".join([*parts, f"the ideal observer of these data scores {100 * found['ceiling'].mean:.1f}%."])
    reached = ratio_text(result, k)
    return f"{text} The model reaches {reached} of the ideal observer, on average over subjects." if reached else text


def verdict(result: SummarizedWindows, row: str, k: int) -> str:
    """``above``, ``below`` or ``inside`` chance, corrected for all tests shown; ``unknown`` with too few windows."""
    test = result.tests[row][f"top{k}"]
    if test.p is None:
        return "unknown"
    if test.p_corrected >= CLAIM:
        return "inside"
    own, chance = (result.scores().get(f"top{k}", name).mean for name in (row, "chance"))
    return "above" if own > chance else "below"


def chance_sentence(result: SummarizedWindows, k: int = 10) -> str:
    """Whether the model does better than chance."""
    found, test = verdict(result, "model", k), result.tests["model"][f"top{k}"]
    if found == "unknown":
        return "There are too few independent windows to decide whether the model is above chance."
    if found == "inside":
        inside = test.low <= result.scores().get(f"top{k}", "model").mean <= test.high
        where = "inside" if inside else "at the edge of"
        weak = f"that is too weak to call it above chance, which n2s does below p = {CLAIM:g}"
        claim = weak if test.p_corrected < 0.05 else "there is no evidence that it is above chance"
    else:
        where = "outside"
        claim = {"above": "it is above chance", "below": "it is below chance, which points to an error"}[found]
    return (
        f"The model's score is {where} the range of chance, {100 * test.low:.1f} to {100 * test.high:.1f}% (99.9%, for "
        f"windows that overlap and share stimuli as these do): {claim} (p = {test.p_corrected:.2g}, corrected for "
        f"{count(result.n_tests, 'test')} on this page)."
    )


def ratio_text(result: SummarizedWindows, k: int) -> str:
    """Model / ceiling with its interval; empty without a ceiling, and for a model that is not above chance."""
    ratio = result.summary.ratio.get(f"top{k}")
    if ratio is None or verdict(result, "model", k) != "above":
        return ""
    mean, low, high, _ = next(iter(ratio.values()))
    if mean is None:
        return ""
    return f"{mean:.2f}" if low is None else f"{mean:.2f} ({low:.2f} to {high:.2f})"


def counts_line(result: SummarizedWindows) -> str:
    """Candidates, windows and subjects, and the ratio to the ceiling where there is one and the model is above chance."""
    line = ", ".join(count(n, name[2:-1]) for name, n in counts(result).items())
    if result.fold is not None:
        line += f"; {_range(result.n_candidates)} candidates a window"
    ratios = [f"{text} in top-{k}" for k in (1, 10) if (text := ratio_text(result, k))]
    return line + (f"; model / ceiling: {', '.join(ratios)}" if ratios else "")


def control_notes(result: SummarizedWindows) -> list[str]:
    """Controls that differ from chance, and why they may; and why there is no ceiling."""
    lines = []
    for row in REASONS:
        verdicts = {k: verdict(result, row, k) for k in TOP} if row in result.tests else {}
        k = next((k for k, found in verdicts.items() if found in ("above", "below")), None)
        if k is not None:
            share = 100 * result.scores().get(f"top{k}", row).mean
            found = verdicts[k]
            lines.append(f"{ROWS[row].label} is {found} chance in top-{k} ({share:.1f}%): {REASONS[row][found]}")
    return lines + ([f"no ceiling: {result.no_ceiling}"] if result.no_ceiling else [])


def tests_line(result: SummarizedWindows) -> str:
    """How many intervals and tests are shown."""
    shown = [result.scores().get(name, row) for name in columns(result) for row in ROWS]
    n = sum(score is not None and score.low is not None for score in shown)
    return (
        f"the table has {count(n, 'interval')}, each for itself at 95% (chance: 99.9%); "
        f"{count(result.n_tests, 'comparison')} with chance, with p-values corrected for that number (Holm)"
    )


def _percent(score: Score) -> str:
    if score.low is None:
        return f"{100 * score.mean:.1f}%"
    return f"{100 * score.mean:.1f}% ({100 * score.low:.1f} to {100 * score.high:.1f}%)"
