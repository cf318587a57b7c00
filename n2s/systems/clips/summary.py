"""The scores of an fMRI test as one table and in sentences, for console and report."""

from rich.console import Console
from rich.table import Table

ROWS = {
    "model": "model",
    "shuffled": "shuffled brain",
    "fine_only": "fine only",
    "subject_only": "only who listens",
    "mean_prediction": "mean of the training clips",
    "ceiling": "ceiling: true feature",
    "ideal_observer": "ceiling: ideal observer",
}
WHAT = {"label": "label", "mel_pcc": "mel PCC", "mel_psnr": "mel PSNR"}


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
            rows.append([label, *(score_cell(scores.get(row), scale) for scores, scale in columns.values())])
    chance = [score_cell({"mean": s["chance"]} if "chance" in s else None, scale) for s, scale in columns.values()]
    return [*rows, ["chance", *chance]]


def clip_headline(summary: dict) -> list[str]:
    """Sentences: how often the clip was found, and what the model is ahead of after the correction for many tests."""
    n, k = summary["n_subjects"], summary["n_candidates"]
    whose = "1 subject" if n == 1 else f"{n} subjects"
    found = []
    if str(k) in summary["identification"]:
        top = summary["identification"][str(k)]
        told = f"all {k} test clips" if not summary["own_candidates"] else f"{k} test clips of the same subject"
        found.append(
            f"From the responses of {whose}, the clip that was heard was the most alike of {told} in "
            f"{_with_interval(top['model'], 100.0, '%')} of cases; chance is {100 * top['chance']:.1f}%, and with the "
            f"responses exchanged it was {100 * top['shuffled']['mean']:.1f}%."
        )
    return found + claims_text(summary["claims"])


def claims_text(claims: dict[str, dict]) -> list[str]:
    """What `n2s.metrics.claims.claimed` allows to be said of a model, and what it does not."""
    known = {name: one for name, one in claims.items() if one["p"] is not None}
    if not known:
        return ["There are too few independent clips to test whether the model is ahead of chance."]
    tests = "one test" if len(known) == 1 else f"Holm's correction for {len(known)} tests"
    said = [_claim(name, one) for name, one in known.items() if one["ahead"]]
    not_said = [score_name(name) for name, one in known.items() if not one["ahead"]]
    text = [f"After {tests} the model is {'; '.join(said)}."] if said else []
    if not_said:
        text.append(
            f"{'It' if said else f'After {tests} the model'} is not reliably ahead of chance or of exchanged responses in "
            f"{', '.join(not_said)}."
        )
    for name, one in known.items():
        own = [subject["low"] for subject in one["per_subject"].values() if subject["low"] is not None]
        if not one["ahead"] and len(own) > 1 and (n := sum(low > 0 for low in own)):
            text.append(
                f"Few subjects say little about others, but in {score_name(name)} {n} of {len(own)} are ahead by their own 95% "
                "intervals, not corrected."
            )
    return text


def score_name(name: str) -> str:
    """Of a score of clips, in words."""
    kind, _, n_way = name.partition("@")
    return f"{n_way}-way identification" if kind == "identification" else WHAT.get(name, name)


def clip_notes(summary: dict) -> list[str]:
    """What the intervals are, what was left out, and the counts."""
    several, words = summary["n_subjects"] > 1, summary["units"]["words"]
    n_units = sorted(summary["units"]["n"].values())
    notes = [
        f"model: {'mean over subjects, ' if several else ''}{summary['correlation']['model']['interval']}",
        f"intervals of one subject: over its {_span(n_units)} {words}, since clips of one stimulus are not independent",
    ]
    if words != "stimuli":
        notes[-1] += "; they say nothing of other stimuli, as too few were heard"
    if same := _same_rows(summary):
        notes.append(
            f"{', '.join(ROWS[row] for row in same)}: the same for every subject, so without an interval over subjects"
        )
    notes.append(f"shuffled brain: responses exchanged between {words}, {_exchanges(summary)}")
    notes += _outside(summary)
    notes.append(
        f"{summary['n_clips']} decoded clips of {_span(sorted(summary['candidates'].values()))} different ones"
        f"{' a subject' if several else ''}, {summary['n_subjects']} subject{'s' if several else ''}"
    )
    if summary["own_candidates"]:
        notes.append(
            "subjects heard different clips: each clip is told from those of the same subject, for among all clips knowing "
            "who listens would already help"
        )
    if summary["semantic"]:
        notes += semantic_notes(summary["semantic"])
    notes += [f"{name.replace('_', ' ')}: {what}" for name, what in summary["ceilings"].items() if what]
    if summary.get("semantic_left_out"):
        notes.append(f"no semantic classification: {summary['semantic_left_out']}")
    n = sum(rows.get("model", {}).get("low") is not None for rows, _ in clip_columns(summary).values())
    notes.append(
        f"the model's row has {n} intervals of 95%, each for itself: one in twenty misses its true value. What is said "
        "above the table to be ahead is corrected for the number of tests"
    )
    return notes


def semantic_notes(semantic: dict) -> list[str]:
    """What the classification of labels is, and how far coarse to fine is ahead in it."""
    folds = semantic["folds"]
    notes = [f"label: linear support vector machine, 5 folds of {folds}; chance is the commonest label, always"]
    if folds != "stimuli":
        notes[0] += (
            ". A label has fewer than 5 stimuli, so that whatever tells two recordings apart counts as their label. Where "
            "the mean of each run was taken away, a label that is the same in all of a run is lost with it, and the score "
            "falls to chance or below"
        )
    if "ahead_of_fine_only" in semantic:
        gap = semantic["ahead_of_fine_only"]
        notes.append(f"label, coarse to fine ahead of fine only: {_points(gap)} ({gap['interval']})")
    return notes


def print_clip_table(summary: dict, console: Console) -> None:
    """Print the scores beside their controls, then what they are."""
    table = Table("", *clip_columns(summary), caption="\n".join(clip_notes(summary)))
    for row in clip_table_rows(summary):
        table.add_row(*(cell.replace(" (", "\n(") for cell in row), style="bold" if row[0] == ROWS["model"] else None)
    console.print(table)
    for sentence in clip_headline(summary):
        console.print(sentence, highlight=False)


def score_cell(score: dict | None, scale: float) -> str:
    """A mean, in brackets its interval where it has one."""
    if score is None or score["mean"] is None:
        return "-"
    digits = 1 if scale > 1 or abs(score["mean"]) > 5 else 3
    mean = f"{scale * score['mean']:.{digits}f}"
    if score.get("low") is None:
        return mean
    return f"{mean} ({scale * score['low']:.{digits}f} to {scale * score['high']:.{digits}f})"


def _with_interval(score: dict, scale: float, unit: str) -> str:
    mean = f"{scale * score['mean']:.1f}{unit}"
    if score["low"] is None:
        return mean
    return f"{mean} (95% interval {scale * score['low']:.1f} to {scale * score['high']:.1f})"


def _claim(name: str, one: dict) -> str:
    of = "chance" if one["of"] == "chance" else "exchanged responses"
    return f"ahead of {of} in {score_name(name)} by {_points(one) if of == 'chance' else _plain(one)}"


def _points(gap: dict) -> str:
    if gap["low"] is None:
        return f"{100 * gap['mean']:+.1f} points"
    return f"{100 * gap['mean']:+.1f} points ({100 * gap['low']:+.1f} to {100 * gap['high']:+.1f})"


def _plain(gap: dict) -> str:
    return f"{gap['mean']:.3f}" + ("" if gap["low"] is None else f" ({gap['low']:.3f} to {gap['high']:.3f})")


def _span(numbers: list[int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]}"


def _exchanges(summary: dict) -> str:
    kinds = dict.fromkeys(
        rows["shuffled"]["interval"] for rows in clip_scores(summary).values() if rows["shuffled"]["low"] is not None
    )
    return " or ".join(kinds)


def _same_rows(summary: dict) -> list[str]:
    """Rows of which no score has an interval over subjects, because they are the same for all."""
    kinds: dict[str, list[str]] = {}
    for rows in clip_scores(summary).values():
        for row in ROWS:
            if "interval" in rows.get(row, {}):
                kinds.setdefault(row, []).append(rows[row]["interval"])
    return [row for row, found in kinds.items() if any(kind.startswith("the same") for kind in found)]


def _outside(summary: dict) -> list[str]:
    """Where a control does not hold chance: why that is so."""
    names = [
        score_name(name)
        for name, rows in clip_scores(summary).items()
        if "chance" in rows
        and rows["shuffled"]["low"] is not None
        and not rows["shuffled"]["low"] - 1e-9 <= rows["chance"] <= rows["shuffled"]["high"] + 1e-9
    ]
    if not names:
        return []
    return [
        f"the shuffled brain's range does not hold chance in {', '.join(names)}: a clip never gets a response to its own "
        "stimulus, so that a decoder that knows the stimulus is wrong here more often than a guess; and labels or clips "
        "that are not equally frequent favour some answers"
    ]
