"""Sentences and tables of the page."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from n2s.metrics.score import ALL, Score, Scores, cell
from n2s.systems.story_text.matches import CLOSE, WITHIN_S
from n2s.systems.story_text.rows import CEILING, METRICS, MODEL, ordered, row_of
from n2s.systems.story_text.rows import TOLD as ROWS_TOLD
from n2s.systems.story_text.scored import StoryTextScores
from n2s.systems.story_text.summary import (
    Q,
    main_metric,
    mean_of,
    measure_of,
    metrics_of,
    over,
    rows_of,
    short,
    with_blocks,
)

MOST = 30  # subjects or stories in a table


def headline(result: StoryTextScores) -> list[str]:
    """Who was decoded, how much, and what a score is."""
    stories, settings = result.stories, result.settings
    n, per = stories.subject.nunique(), stories.groupby("subject").size()
    minutes = (stories.stop_s - stories.start_s).groupby(stories.subject).sum() / 60
    told = [
        f"{n} {'subject' if n == 1 else 'subjects'}, {_range(per)} held-out {'story' if per.max() == 1 else 'stories'} "
        f"({_range(minutes.round(1))} minutes) each, {', '.join(dict.fromkeys(stories.language))}.",
        f"Scores are means over windows of {settings['window_s']:g} s, one every {settings['hop_s']:g} s, of the words whose time lies in the window. "
        "No decoder saw a word that was said in them.",
    ]
    return told + list(settings.get("told", ()))


def notes(result: StoryTextScores, scores: Scores) -> list[str]:
    """What the metrics are, what the rows are, how chance is found."""
    settings, told = result.settings, []
    told.append(
        "WER: edits per word that was said; a text that is all wrong has 1, one that is too long more. BLEU-1: the share of decoded words that were "
        "said, with brevity penalty. METEOR (exact, stem): recall and precision of words and their stems and how well order is kept, without "
        "synonyms: it is not comparable with a METEOR that has them."
    )
    encoder = settings["encoder"]
    match = f"Embedding match: cosine of the vectors of decoded and true words, by {encoder}."
    if settings["contextual"]:
        match += (
            f" BERTScore: recall of tokens with inverse document frequencies of the training stories, by {encoder}, no baseline subtracted; scores of "
            "another network are other numbers."
        )
    else:
        match += (
            " It knows which words keep company in the training stories, no order and no context: it is no BERTScore."
        )
    told.append(match)
    told.append(
        "Identification: the share of the story's windows that are less similar (by embedding match) to the decoded window than the true one is, "
        f"ties counting half; 50% is chance. Windows that overlap the true one are no candidates: they share its words. {_candidates(result)}"
    )
    told += [f"{scores.rows[row].label}: {ROWS_TOLD[row]}." for row in scores.rows if row in ROWS_TOLD]
    if {"word_rate", "no_brain"} & set(scores.rows):
        told.append(
            "Word rate only and no brain are the most probable text: its words are the commonest, and many of them were said. A text that follows a brain, or noise, has rarer words, "
            "and may match fewer, though it tells more. Fair controls are those whose words were chosen as the decoded ones were: random likelihoods and a permuted brain."
        )
    if settings["n_nulls"]:
        fewer = settings.get("n_encoder_nulls")
        less = f" (scores by the encoder: {fewer})" if fewer is not None else ""
        told.append(
            f"z = (score - mean of the null) / its standard deviation, over {settings['n_nulls']} texts of random likelihoods{less}; of WER with the sign "
            "turned. p = (1 + null texts that are as good) / (1 + all), one-sided. q: Benjamini-Hochberg over the windows of a story. A null text "
            "knows when words were said as the decoder of the row tells it, so z is about which words (no brain has a constant rate, and is compared with "
            "texts at the decoded word times). A language model that knows the topic of the training "
            "stories is above it, too: compare with a permuted brain."
        )
        told += _fewest(result)
    told.append(
        "p of identification: the decoded story is moved in time against the true one, forward and backward; neighbouring windows share words, and a "
        "move keeps that."
    )
    told.append(
        f"Words that match: a decoded word that was said within {WITHIN_S:g} s of it, as the same word, as another form of its stem, or as one whose "
        f"vector is closer than those of {100 * CLOSE:g}% of pairs of different words of the story."
    )
    return told


def _fewest(result: StoryTextScores) -> list[str]:
    """How many windows it takes at least."""
    own = result.by_story[(result.by_story.story != "") & (result.by_story.metric == main_metric(result))]
    draws = 1 + result.settings.get("n_encoder_nulls", result.settings["n_nulls"])
    least = math.ceil(int(own.n_scored.max()) / draws / Q - 1e-9) if len(own) else 0
    if least < 2:
        return []
    return [
        f"No p is below 1 / {draws}: in the longest story at least {least} windows have to reach it before any has q < {Q:g}."
    ]


def _candidates(result: StoryTextScores) -> str:
    own = result.identification[result.identification.story != ""]
    if not len(own):
        return "No story is long enough for that."
    return f"Candidates of a window: {_range(own.n_candidates.astype(int))} (median of a story)."


def tables(result: StoryTextScores) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Against the null, against each control, from null to ceiling, identification, words, subjects and stories."""
    found = {
        "Against the null: z (p)": _against_null(result),
        f"Windows above chance, q < {Q:g} (%)": _above(result),
        "Decoded less each other row": _against_controls(result),
        "From the null (0%) to the ceiling (100%)": _ways(result),
        "Identification of the true window": _identified(result),
        "Decoded words that were said (%)": _words(result),
        "Each subject": _each(result, "subject"),
        "Each story, mean over subjects": _each(result, "story"),
    }
    return {title: table for title, table in found.items() if table is not None}


Table = tuple[list[str], list[list[str]]] | None


def _against_null(result: StoryTextScores) -> Table:
    """Rows of one subject; of several subjects each one's decoders."""
    total, names = result.by_story[(result.by_story.story == "") & result.by_story.z.notna()], metrics_of(result)
    if not len(total):
        return None
    one = total.subject.nunique() == 1
    lines = []
    for (subject, row), own in total.groupby(["subject", "row"], sort=False):
        if not one and row_of(row).role != "model":
            continue
        by = own.set_index("metric")
        cells = [f"{by.z[name]:.2f} (p = {by.p[name]:.2g})" if name in by.index else "-" for name in names]
        label = row_of(row).label
        lines.append([label if one else subject if row == MODEL else f"{subject}, {label}", *cells])
    return (["", *map(short, names)], lines) if 0 < len(lines) <= MOST else None


def _above(result: StoryTextScores) -> Table:
    """Share of windows of each row and metric, mean over subjects."""
    total, names = (
        result.by_story[(result.by_story.story == "") & result.by_story.significant.notna()],
        metrics_of(result),
    )
    means = total.groupby(["row", "metric"]).significant.mean()
    lines = [
        [row_of(row).label, *(f"{100 * means[row, name]:.1f}" if (row, name) in means.index else "-" for name in names)]
        for row in ordered(list(total.row))
    ]
    return (["", *map(short, names)], lines) if lines else None


def _against_controls(result: StoryTextScores) -> Table:
    """Differences of windows, better is positive."""
    rows, names = rows_of(result), metrics_of(result)
    if MODEL not in rows or len(rows) < 2:
        return None
    windows, keys = with_blocks(result), ["subject", "story", "start_s"]
    lines = []
    for row in rows:
        if row == MODEL:
            continue
        cells = []
        for name in names:
            own = windows[windows.metric == name]
            both = own[own.row == MODEL].merge(own[own.row == row][[*keys, "value"]], on=keys, suffixes=("", "_less"))
            sign = 1 if METRICS[name] else -1
            both = both.assign(value=sign * (both.value - both.value_less))
            cells.append(cell(_over_all(both), measure_of(name, result)))
        lines.append([row_of(row).label, *cells])
    heads = [f"{short(name)}{'' if METRICS[name] else ' (control less decoded)'}" for name in names]
    return ["", *heads], lines


def _over_all(windows: pd.DataFrame) -> Score | None:
    if not len(windows):
        return None
    bounds = (-np.inf, np.inf)
    by_subject = {str(name): mean_of(own, bounds) for name, own in windows.groupby("subject", sort=False)}
    return over(by_subject, mean_of(windows, bounds), bounds)[ALL]


def _ways(result: StoryTextScores) -> Table:
    total = result.by_story[result.by_story.story == ""].set_index(["subject", "row", "metric"])
    names, rows = metrics_of(result), [row for row in rows_of(result) if row != CEILING]
    if CEILING not in set(total.index.get_level_values("row")) or not total.null_mean.notna().any():
        return None
    lines = []
    for row in rows:
        cells = []
        for name in names:
            shares = []
            for subject in dict.fromkeys(result.stories.subject):
                if (subject, row, name) in total.index and (subject, CEILING, name) in total.index:
                    own, best = total.loc[(subject, row, name)], total.loc[(subject, CEILING, name)]
                    room = best.value - own.null_mean
                    if (room if METRICS[name] else -room) > 1e-6:
                        shares.append((own.value - own.null_mean) / room)
            cells.append(f"{100 * np.mean(shares):.1f}%" if shares else "-")
        lines.append([row_of(row).label, *cells])
    return ["", *map(short, names)], lines


def _identified(result: StoryTextScores) -> Table:
    total = result.identification[result.identification.story == ""]
    if not len(total):
        return None
    several = total.subject.nunique() > 1
    lines = [
        [
            f"{one.subject}, {row_of(one.row).label}" if several else row_of(one.row).label,
            f"{100 * one.percentile:.1f}%",
            f"{100 * one.first:.1f}%",
            "-" if np.isnan(one.p) else f"{one.p:.2g}",
            f"{one.n_candidates:.0f}",
            str(one.n_windows),
        ]
        for one in total.itertuples()
        if not several or row_of(one.row).role == "model"
    ]
    return (
        (["", "percentile rank", "first of all", "p", "candidates", "windows"], lines) if len(lines) <= MOST else None
    )


def _words(result: StoryTextScores) -> Table:
    kinds = ["same", "stem", "close", "none"]
    means = result.matched.groupby("row", sort=False)[kinds].mean()
    lines = [
        [row_of(row).label, *("-" if np.isnan(one) else f"{100 * one:.1f}" for one in means.loc[row])]
        for row in ordered(list(means.index))
    ]
    return (["", "same word", "same stem", "close in the embedding", "not said"], lines) if lines else None


def _each(result: StoryTextScores, what: str) -> Table:
    """The first row of each subject over all stories, or of each story over all subjects."""
    row = rows_of(result)[0] if rows_of(result) else None
    own = result.by_story[result.by_story.row == row]
    own = own[(own.story == "") == (what == "subject")]
    if not 1 < own[what].nunique() <= MOST:
        return None
    names = metrics_of(result)
    lines = []
    for key, part in own.groupby(what, sort=False):
        by = part.groupby("metric")[["value", "significant"]].mean()
        cells = [
            cell(Score(by.value[name]), measure_of(name, result))
            if name in by.index and np.isfinite(by.value[name])
            else "-"
            for name in names
        ]
        share = by.significant.get(main_metric(result), np.nan)
        lines.append([str(key), *cells, "-" if np.isnan(share) else f"{100 * share:.1f}"])
    return ["", *map(short, names), f"windows above chance, {short(main_metric(result))} (%)"], lines


def _range(numbers: Sequence) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
