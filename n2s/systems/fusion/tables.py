"""Tables of a fusion test beside its scores: differences, and methods side by side."""

from collections.abc import Sequence

from n2s.metrics.retrieval_rows import MEASURES
from n2s.metrics.score import Score
from n2s.systems.fusion.compared import Compared
from n2s.systems.fusion.differences import COMPARED, DIFFERENCES
from n2s.systems.fusion.summarized import SummarizedPairs
from n2s.systems.fusion.summary import ROWS

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
#: Measure -> what its differences are called.
UNITS = {"top1": "top-1 (points)", "top5": "top-5 (points)", "mrr": "mean reciprocal rank"}


def measures(result: SummarizedPairs) -> list[str]:
    """The scores whose differences are shown: without those that every pair reaches."""
    fewest = min(result.n_candidates)
    return [name for name in COMPARED if name in ("top1", "mrr") or int(name[3:]) < fewest]


def differences_table(result: SummarizedPairs) -> dict[str, Table]:
    """What each modality adds and costs; empty with one modality."""
    known = any("best" if one.best else "" for found in result.differences.values() for one in found.values())
    headings = ["", "score", "difference (over segments)", "difference (over subjects)"]
    headings += ["of the best possible", "share of the best possible's"] if known else []
    rows = []
    for key, (_, _, label) in DIFFERENCES.items():
        for name in measures(result):
            one = result.differences.get(name, {}).get(key)
            if one is None:
                continue
            cells = [label, UNITS[name], told(one.segments, name), told(one.people, name)]
            rows.append(cells + ([told(one.best, name), told(one.ratio, None)] if known else []))
    return {"What each modality adds, and what a response to another segment costs": (headings, rows)} if rows else {}


def compared_tables(found: Compared) -> dict[str, Table]:
    """Methods side by side, and their paired differences; empty without any."""
    names = list(COMPARED)
    scores = [
        [ROWS[part].label, name, *(told(own[one], one, signed=False) for one in names)]
        for part, results in found.scores.items()
        for name, own in results.items()
    ]
    leads = [
        [ROWS[part].label, f"{one} - {other}", *(_both(own[name], name) for name in names)]
        for part, by_pair in found.leads.items()
        for (one, other), own in by_pair.items()
    ]
    tables = {
        "Compared on the same pairs": (["", "result", *(MEASURES[name].heading for name in names)], scores),
        "Differences on the same pairs (intervals over segments; over subjects)": (
            ["", "difference", *(UNITS[name] for name in names)],
            leads,
        ),
    }
    return {title: table for title, table in tables.items() if table[1]}


def told(score: Score | None, name: str | None, *, signed: bool = True) -> str:
    """``+12.3 (10.1 to 14.0)``; None: ``-``. ``name``: the score, None for a share."""
    if score is None or score.mean is None:
        return "-"
    scale, digits = (1, 2) if name is None else (MEASURES[name].scale, MEASURES[name].digits)
    sign = "+" if signed and name is not None else ""
    mean, low, high = (None if one is None else f"{scale * one:{sign}.{digits}f}" for one in score[:3])
    return mean if low is None else f"{mean} ({low} to {high})"


def _both(scores: tuple[Score, Score], name: str) -> str:
    segments, people = scores
    if people.low is None:
        return told(segments, name)
    return f"{told(segments, name)}; {told(people, name).split(' ', 1)[1]}"
