"""A test's numbers in words: one table, what its intervals are, and what is claimed of chance; for console and page."""

from rich.console import Console
from rich.table import Table

from n2s.systems.contrastive.summary import ROWS, TESTED, TOP

TABLE = ("score of", *(f"top-{k} (%)" for k in TOP), "median rank (0 best)")  # headings of `table_rows`
CLAIM = 0.001  # a corrected p below it is told as "outside chance"


def table_rows(summary: dict) -> list[list[str]]:
    """The rows of the table, for console and report: a label, then top-1, top-5, top-10 (%) and the median rank."""
    rows = []
    for key, label in ROWS.items():
        row = summary.get(key)
        if row is None and key == "subject_only":
            continue
        cells = [_cell(row[f"top{k}"], 100) if row else "not known" for k in TOP]
        rows.append([label, *cells, _cell(row["median_rank"], 1) if row else "not known"])
    return rows


def _cell(score: dict, scale: float) -> str:
    mean = f"{scale * score['mean']:.1f}"
    if score["low"] is None:
        return mean
    return f"{mean} ({scale * score['low']:.1f}–{scale * score['high']:.1f})"


def interval_notes(summary: dict) -> list[str]:
    """What the intervals in each row of the table are."""
    kinds: dict[str, list[str]] = {}
    for key, label in ROWS.items():
        if summary.get(key):
            kinds.setdefault(summary[key]["interval"], []).append(label)
    return [f"{', '.join(labels)}: {kind}" for kind, labels in kinds.items()]


def count(n: int, one: str, many: str | None = None) -> str:
    """``1 subject``, ``2 subjects``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def counts_line(summary: dict) -> str:
    """Candidates, windows and subjects, and the ratio to the ceiling where there is one and the model is above chance."""
    line = ", ".join(count(summary[f"n_{name}s"], name) for name in ("candidate", "window", "subject"))
    told = [ratio_text(summary, k) for k in (1, 10)]
    told = [f"{text} in top-{k}" for text, k in zip(told, (1, 10), strict=True) if text]
    return line + (f"; model / ceiling: {', '.join(told)}" if told else "")


def ratio_text(summary: dict, k: int) -> str:
    """Model / ceiling with its interval; empty where it means nothing: no ceiling, or a model that is not above chance."""
    ratio = (summary["ratio_to_ceiling"] or {}).get(f"top{k}")
    if ratio is None or ratio["mean"] is None or verdict(summary, "model", k) != "above":
        return ""
    ends = f" ({ratio['low']:.2f} to {ratio['high']:.2f})" if ratio["low"] is not None else ""
    return f"{ratio['mean']:.2f}{ends}"


def verdict(summary: dict, row: str, k: int) -> str:
    """``above``, ``below``, ``inside`` what chance gives, corrected for all tests shown; ``unknown`` for too few windows."""
    test = summary["tests"][row][f"top{k}"]
    if test["p"] is None:
        return "unknown"
    if test["p_corrected"] >= CLAIM:
        return "inside"
    return "above" if summary[row][f"top{k}"]["mean"] > summary["chance"][f"top{k}"]["mean"] else "below"


def chance_sentence(summary: dict, k: int = 10) -> str:
    """Whether the model does better than chance."""
    found, test = verdict(summary, "model", k), summary["tests"]["model"][f"top{k}"]
    if found == "unknown":
        return "There are too few independent windows to tell whether the model is ahead of chance."
    where = {
        "above": "outside",
        "below": "outside",
        "inside": "inside" if test["low"] <= summary["model"][f"top{k}"]["mean"] <= test["high"] else "at the edge of",
    }[found]
    said = {
        "above": "it is ahead of chance",
        "below": "it is worse than chance, which points to an error",
        "inside": "nothing says that it is ahead of chance",
    }[found]
    return (
        f"The model's score is {where} the {100 * test['low']:.1f} to {100 * test['high']:.1f}% that chance gives over windows "
        f"that overlap and share stimuli as these do (99.9%): {said} (p = {test['p_corrected']:.2g}, corrected for "
        f"{count(summary['n_tests'], 'test')} on this page)."
    )


def control_notes(summary: dict) -> list[str]:
    """Controls that are not where chance is, and why that may be; and why there is no ceiling."""
    reasons = {
        "no_brain": {
            "above": "timing tells something of what was heard (a word's length, the place in the story): a decoder must beat it",
            "below": "what timing predicts on training stories is misleading on these",
        },
        "subject_only": {
            "above": "who listens tells something of what was heard: a decoder must beat it",
            "below": "what a person heard in training is unlike what the same person heard here",
        },
    }
    notes = []
    for row in TESTED[1:]:
        if row not in summary["tests"]:
            continue
        for k in TOP:
            found = verdict(summary, row, k)
            if found in ("above", "below"):
                notes.append(
                    f"{ROWS[row]} is {found} chance in top-{k} ({100 * summary[row][f'top{k}']['mean']:.1f}%): "
                    f"{reasons[row][found]}"
                )
                break
    if summary.get("no_ceiling"):
        notes.append(f"no ceiling: {summary['no_ceiling']}")
    return notes


def candidates_sentence(summary: dict) -> str:
    """What a window is ranked among."""
    if not summary["own_candidates"]:
        return "Everybody heard the same segments, and all of them are candidates of each window."
    numbers = summary["candidates"].values()
    range_ = f"{min(numbers)} to {max(numbers)}" if min(numbers) != max(numbers) else str(max(numbers))
    return (
        "People heard different segments. The candidates of a window are the test segments that its own subject heard, in "
        f"any recording: {range_} a subject."
    )


def tests_line(summary: dict) -> str:
    """How many intervals and tests are shown."""
    rows = [summary[key] for key in ROWS if summary.get(key)]
    n = sum(row[name]["low"] is not None for row in rows for name in (*(f"top{k}" for k in TOP), "median_rank"))
    return (
        f"{count(n, 'interval')} above, each right in 95% (99.9% where said) of tests on its own; "
        f"{count(summary['n_tests'], 'comparison')} with chance, p-values corrected for that number (Holm)"
    )


def print_table(summary: dict, console: Console) -> None:
    """Print the scores beside their controls, then what the intervals are, and the counts."""
    table = Table(
        "", *(f"top-{k} (%)" for k in TOP), "median rank (0 best)", caption="\n".join(interval_notes(summary))
    )
    for row in table_rows(summary):
        if console.width < 98:  # the table is wider: put the intervals below the means
            row = [row[0], *(cell.replace(" (", "\n(") for cell in row[1:])]
        table.add_row(*row, style="bold" if row[0] == ROWS["model"] else None)
    console.print(table)
    lines = [counts_line(summary), candidates_sentence(summary), chance_sentence(summary), *control_notes(summary)]
    for line in (*lines, tests_line(summary)):
        console.print(line, highlight=False)
