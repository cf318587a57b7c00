"""The scores of decoded clips in a table and in sentences, for console, page and W&B."""

from collections.abc import Collection, Sequence

from n2s.metrics.cross_fitted import AS_WIDELY
from n2s.metrics.score import ALL, Measure, Row, Score, Scores, cell
from n2s.systems.clips.evaluation import ClipScores
from n2s.systems.clips.voxel_figures import has_places

ROWS = {
    "model": Row("model"),
    "shuffled": Row("shuffled brain", "control"),
    "fine_only": Row("fine only", "control"),
    "subject_only": Row("only who listens", "control"),
    "mean_prediction": Row("mean of the training clips", "control"),
    "ceiling": Row("ceiling: true feature", "ceiling"),
    "ideal_observer": Row("ceiling: ideal observer", "ceiling"),
    "chance": Row("chance", "control"),
}
MEASURES = {
    "correlation": Measure("correlation (median dimension)"),
    "label": Measure("label (%)", 100, 1),
    "mel_pcc": Measure("mel PCC"),
    "mel_psnr": Measure("mel PSNR (dB)", digits=2),
}
NAMES = {"label": "label", "mel_pcc": "mel PCC", "mel_psnr": "mel PSNR"}  # in sentences


def scores(found: ClipScores) -> Scores:
    """Every score with its controls."""
    ways = {f"identification@{n}": Measure(f"{n}-way (%)", 100, 1) for n in found.n_ways}
    measures = {name: (ways | MEASURES)[name] for name in found.rows}
    return Scores(ROWS, measures, found.rows)


def columns(found: ClipScores) -> list[str]:
    """The scores of the table."""
    ways = (f"identification@{n}" for n in sorted({2, 10, found.n_candidates}))
    return [name for name in ("correlation", *ways, "label", "mel_pcc", "mel_psnr") if name in found.rows]


def by_subject(found: ClipScores, scores: Scores, columns: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: the model's scores of each subject, with the subject's ceiling below."""
    measures, rows = {name: scores.measures[name] for name in columns}, []
    for subject, n in found.n_by_subject.items():
        own = {
            name: [scores.get(name, row, subject) for row in ("model", "ideal_observer", "ceiling")] for name in columns
        }
        rows.append([subject, str(n), "model", *(cell(own[name][0], one) for name, one in measures.items())])
        best = [_mean_alone(own[name][1] or own[name][2], one) for name, one in measures.items()]
        rows.append(["", "", "ceiling", *best])
    return ["subject", "clips", "score of", *(one.heading for one in measures.values())], rows


def counts(found: ClipScores) -> dict[str, int]:
    """Numbers of candidates, clips and subjects."""
    n = {"n_clips": len(found.result.target), "n_subjects": len(found.n_by_subject)}
    return {"n_candidates": found.n_candidates} | n


def headline(found: ClipScores) -> list[str]:
    """Share of identified clips, and the scores in which the model is ahead, corrected for the number of tests."""
    n, k, sentences = len(found.n_by_subject), found.n_candidates, []
    if (name := f"identification@{k}") in found.rows:
        rows = {row: by_subject[ALL] for row, by_subject in found.rows[name].items()}
        among = f"{k} test clips of the same subject" if found.own_candidates else f"all {k} test clips"
        if found.result.fold is not None:
            among = f"{k} clips of its fold that the same subject heard"
        sentences.append(
            f"From the responses of {_count(n, 'subject')}, the model identified the clip that was heard among {among} in "
            f"{_with_interval(rows['model'])} of cases. Chance is {100 * rows['chance'].mean:.1f}%; with exchanged responses "
            f"the model scored {100 * rows['shuffled'].mean:.1f}%."
        )
    if found.result.fold is not None:
        sentences.append(
            f"Every clip was held out once, in {found.result.n_folds} folds, and decoded by the model that was trained on the other "
            "folds."
        )
    return sentences + claims_text(found.claims)


def claims_text(claims: dict[str, dict]) -> list[str]:
    """The scores in which the model is ahead, and the others: see `n2s.metrics.claims.claimed`."""
    known = {name: one for name, one in claims.items() if one["p"] is not None}
    if not known:
        return ["There are too few independent clips to test whether the model is ahead of chance."]
    tests = "one test" if len(known) == 1 else f"Holm's correction for {len(known)} tests"
    ahead = [_claim(name, one) for name, one in known.items() if one["ahead"]]
    not_ahead = [score_name(name) for name, one in known.items() if not one["ahead"]]
    text = [f"After {tests} the model is {'; '.join(ahead)}."] if ahead else []
    if not_ahead:
        text.append(
            f"{'It' if ahead else f'After {tests} the model'} is not reliably ahead of chance or of exchanged responses in "
            f"{', '.join(not_ahead)}."
        )
    single = []
    for name, one in known.items():
        own = [subject["low"] for subject in one["per_subject"].values() if subject["low"] is not None]
        if not one["ahead"] and len(own) > 1 and (n := sum(low > 0 for low in own)):
            single.append(f"{n} of {len(own)} in {score_name(name)}")
    if single:
        text.append(
            "The mean over so few subjects is uncertain, but some subjects are ahead by their own 95% intervals (not "
            f"corrected): {', '.join(single)}."
        )
    return text


def score_name(name: str) -> str:
    """The name of a score in a sentence."""
    kind, _, n_way = name.partition("@")
    return f"{n_way}-way identification" if kind == "identification" else NAMES.get(name, name)


def notes(found: ClipScores) -> list[str]:
    """Notes on intervals, controls, counts and omissions."""
    several, words = len(found.n_by_subject) > 1, found.units.words
    lines = [
        f"intervals of one subject are over its {_span(found.n_units.values())} {words}: clips of one stimulus are not "
        "independent"
    ]
    if words != "stimuli":
        lines[-1] += "; they say nothing about other stimuli, because too few were heard"
    inside = "" if found.result.fold is None else " of a fold"
    lines.append(f"shuffled brain: responses exchanged between {found.exchanged_units.words}{inside}")
    lines += _outside(found)
    lines.append(
        f"{len(found.result.target)} decoded clips of {_count(len(found.n_by_subject), 'subject')}, "
        f"{_span(found.candidates.values())} different ones{' each' if several else ''}"
    )
    if inside:
        lines.append(
            f"candidates of a clip are of its fold, and correlations are of deviations from a fold's mean; the {found.result.n_folds} "
            "models share most of their training data: intervals do not show how much scores would change with other training data. Chance of a "
            f"single subject is taken to spread {AS_WIDELY} as over independent folds"
        )
    elif found.own_candidates:
        lines.append(
            "subjects heard different clips: each clip is identified among those of the same subject, because among all clips "
            "it would help to recognise the subject"
        )
    lines += _label_notes(found)
    lines += [f"{name.replace('_', ' ')}: {what}" for name, what in found.ceilings.items() if what]
    n = sum(found.rows[name]["model"][ALL].low is not None for name in columns(found))
    lines.append(
        f"the model's row has {n} intervals of 95%, not corrected: one in twenty misses its true value. The sentences above "
        "the table are corrected for the number of tests"
    )
    if found.result.voxels is not None and not has_places(found.result.voxels):
        lines.append("no map of the voxels: the study does not give their positions")
    return lines + found.result.sounds


def _label_notes(found: ClipScores) -> list[str]:
    """Notes on the classification of labels, and the lead of coarse to fine over fine only."""
    if isinstance(found.semantic, str):
        return [f"no classification of labels: {found.semantic}"]
    folds, lead = found.folds.words, found.ahead_of_fine_only
    lines = [f"label: linear support vector machine, 5 folds of {folds}; chance is the most frequent label, always"]
    if folds != "stimuli":
        lines[0] += (
            ". A label has fewer than 5 stimuli, so whatever separates two recordings can pass for their label. If the mean "
            "of each run was removed, so was a label that stays the same in all of a run: the score then falls to chance or "
            "below"
        )
    if lead is not None:
        lines.append(f"label, coarse to fine ahead of fine only: {_points(lead.all)} ({lead.all.kind})")
    return lines


def _outside(found: ClipScores) -> list[str]:
    """The reason why the shuffled brain's range does not include chance, if so."""
    names = []
    for name, rows in found.rows.items():
        shuffled = rows["shuffled"][ALL]
        if "chance" not in rows or shuffled.low is None:
            continue
        if not shuffled.low - 1e-9 <= rows["chance"][ALL].mean <= shuffled.high + 1e-9:
            names.append(score_name(name))
    if not names:
        return []
    return [
        f"the shuffled brain's range does not include chance in {', '.join(names)}: a clip never gets a response to its own "
        "stimulus, so a decoder that knows the stimulus is wrong here more often than a guess; and labels or clips that are "
        "not equally frequent favour some answers"
    ]


def _mean_alone(score: Score | None, measure: Measure) -> str:
    return cell(score and Score(score.mean), measure)


def _with_interval(score: Score) -> str:
    if score.low is None:
        return f"{100 * score.mean:.1f}%"
    return f"{100 * score.mean:.1f}% (95% interval {100 * score.low:.1f} to {100 * score.high:.1f})"


def _claim(name: str, one: dict) -> str:
    lead = Score(one["mean"], one["low"], one["high"])
    if one["of"] == "chance":
        return f"ahead of chance in {score_name(name)} by {_points(lead)}"
    return f"ahead of exchanged responses in {score_name(name)} by {cell(lead, Measure(name))}"


def _points(lead: Score) -> str:
    mean, low, high = (None if end is None else f"{100 * end:+.1f}" for end in lead[:3])
    return f"{mean} points" if low is None else f"{mean} points ({low} to {high})"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _span(numbers: Collection[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
