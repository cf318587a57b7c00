"""The scores of an fMRI test as one table, for console and report."""

from rich.console import Console
from rich.table import Table

ROWS = {
    "model": "model",
    "shuffled": "shuffled brain",
    "fine_only": "fine only",
    "mean_prediction": "mean of the training clips",
    "ceiling": "ceiling: true feature",
    "ideal_observer": "ceiling: ideal observer",
}


def clip_scores(summary: dict) -> dict[str, dict]:
    """Name -> rows of one score: ``correlation``, ``identification@N``, ``label``, ``mel_pcc``, ``mel_psnr``; those there are."""
    found = {"correlation": summary["correlation"], "label": summary["semantic"]}
    found |= {f"identification@{n_way}": rows for n_way, rows in summary["identification"].items()}
    found |= {name: summary.get(name) for name in ("mel_pcc", "mel_psnr")}
    return {name: rows for name, rows in found.items() if rows}


def clip_columns(summary: dict) -> dict[str, tuple[dict, float]]:
    """Heading -> (rows of one score, what to multiply by)."""
    columns = {"correlation (median dimension)": (summary["correlation"], 1.0)}
    k = str(summary["n_candidates"])
    for n in dict.fromkeys(("2", "10", k)):
        if n in summary["identification"]:
            columns[f"{n}-way (%)"] = (summary["identification"][n], 100.0)
    if summary["semantic"]:
        columns["label (%)"] = (summary["semantic"], 100.0)
    for name, heading in (("mel_pcc", "mel PCC"), ("mel_psnr", "mel PSNR (dB)")):
        if name in summary:
            columns[heading] = (summary[name], 1.0)
    return columns


def clip_table_rows(summary: dict) -> list[list[str]]:
    """A label and a cell a column; the last row is chance."""
    columns = clip_columns(summary)
    rows = []
    for row, label in ROWS.items():
        if any(row in scores for scores, _ in columns.values()):
            rows.append([label, *(_cell(scores.get(row), scale) for scores, scale in columns.values())])
    chance = [_cell({"mean": s["chance"]} if "chance" in s else None, scale) for s, scale in columns.values()]
    return [*rows, ["chance", *chance]]


def clip_notes(summary: dict) -> list[str]:
    """What the intervals are, what was left out, and the counts."""
    k = str(summary["n_candidates"])
    scores = summary["identification"][k]
    notes = [
        f"model: mean over subjects, {scores['model']['interval']}",
        f"shuffled brain: {scores['shuffled']['interval']}",
        f"{summary['n_clips']} decoded clips of {summary['n_candidates']} unique ones, {summary['n_subjects']} subjects",
    ]
    if summary["semantic"]:
        notes += semantic_notes(summary["semantic"])
    notes += [f"{name.replace('_', ' ')}: {what}" for name, what in summary["ceilings"].items() if what]
    if summary.get("semantic_left_out"):
        notes.append(f"no semantic classification: {summary['semantic_left_out']}")
    return notes


def semantic_notes(semantic: dict) -> list[str]:
    """What the classification of labels is, and how far coarse to fine is ahead in it."""
    folds = semantic.get("folds", "stimuli")  # of older runs always
    notes = [f"label: linear support vector machine, 5 folds of {folds}"]
    if folds != "stimuli":
        notes[0] += (
            ", as a label has fewer than 5 of them: whatever tells recordings apart counts as their label; and where the "
            "mean of each run was taken away, a label that is the same in all of a run falls to chance or below"
        )
    if "ahead_of_fine_only" in semantic:
        gap = semantic["ahead_of_fine_only"]
        mean, low, high = (f"{100 * gap[end]:+.1f}" for end in ("mean", "low", "high"))
        notes.append(f"label, coarse to fine ahead of fine only: {mean} points ({low} to {high}, {gap['interval']})")
    return notes


def print_clip_table(summary: dict, console: Console) -> None:
    """Print the scores beside their controls, then what they are."""
    table = Table("", *clip_columns(summary), caption="\n".join(clip_notes(summary)))
    for row in clip_table_rows(summary):
        table.add_row(*(cell.replace(" (", "\n(") for cell in row), style="bold" if row[0] == ROWS["model"] else None)
    console.print(table)


def _cell(score: dict | None, scale: float) -> str:
    if score is None or score["mean"] is None:
        return "-"
    digits = 1 if scale > 1 or abs(score["mean"]) > 5 else 3
    mean = f"{scale * score['mean']:.{digits}f}"
    if score.get("low") is None:
        return mean
    return f"{mean} ({scale * score['low']:.{digits}f} to {scale * score['high']:.{digits}f})"
