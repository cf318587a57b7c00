"""What `n2s compare` shows: a part for each test set, then the runs, their settings and their data."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from n2s.errors import reading
from n2s.metrics.result import Shown
from n2s.metrics.score import Measure
from n2s.metrics.verdict import Verdict, plain_label
from n2s.report.comparison import curves_of_runs, scores_of_runs
from n2s.report.page import shown_parts, write_parts
from n2s.report.table import table_html
from n2s.training.compared_runs import Gain, Tested, data_table, gains, settings_table, shared_sets, side_by_side

NOTE = (
    "Differences are of the models, so that more is better, in the score's unit; each interval is a 95% interval for itself: of 20 such differences "
    "between equal runs, one is outside by chance. Runs of one seed each do not tell how much another seed changes."
)


def comparison(runs: Sequence[Tested]) -> list[Shown]:
    """A part for each test set: the verdict, all scores, the differences, and a figure.

    Raises
    ------
    UserError
        The runs share no test set or no score.
    """
    parts, sets, letters = [], shared_sets(runs), [one.letter for one in runs]
    for name, results in sets.items():
        scores = side_by_side(letters, [one.scores() for one in results])
        first = results[0].shown()[0]
        names = [one for one in first.columns or scores.measures if one in scores.measures] or list(scores.measures)
        main = first.claim.score if first.claim is not None and first.claim.score in names else names[0]
        found, notes = gains(runs, results, names)
        kinds = list(dict.fromkeys(type(one).__name__ for one in results))
        if len(kinds) > 1:
            notes.append(
                f"These are results of different systems ({', '.join(kinds)}): only scores of one name and unit are shown, and one name may stand for other tests."
            )
        rows = [
            [
                f"{one.one} minus {one.other}",
                scores.measures[one.score].heading,
                _gain(one, scores.measures[one.score]),
                one.paired,
            ]
            for one in found
        ]
        parts.append(
            Shown(
                name=name if len(sets) > 1 else "",
                headline=[f"{one.name}: {_told(one)}." for one in runs],
                scores=scores,
                columns=names,
                notes=[*notes, NOTE],
                tables={"Differences": (["runs", "score", "better by", "paired by"], rows)} if rows else {},
                drawings=[scores_of_runs(scores, main, letters)],
                verdict=_verdict(found, scores.measures, [main, *names]),
            )
        )
    return parts


def write_comparison(path: Path, runs: Sequence[Tested], parts: Sequence[Shown]) -> Path:
    """The page: the parts, then learning curves, settings and data."""
    more: list = []
    curves = curves_of_runs({one.letter: _log(one.run.folder) for one in runs})
    if curves is not None:
        more.append((curves.title, curves))
    settings, letters = settings_table(runs), [one.letter for one in runs]
    same = "<p>No setting that decides the numbers differs: seeds, data and model are the same.</p>"
    more.append(("Settings that differ", table_html(["setting", *letters], settings) if settings else same))
    headings = ["run", "recordings and features", "other content than in the first run", "in one of the two alone"]
    more.append(
        (
            "Data",
            table_html(headings, data_table(runs))
            + '<p class="note">By the hashes that each fit has left in run.json.</p>',
        )
    )
    links = "".join(
        f"<li>{escape(one.letter)}: <code>{escape(str(one.run.folder.resolve()))}</code></li>" for one in runs
    )
    more.append(("Runs", f"<ul>{links}</ul>"))
    return write_parts(path, f"comparison of {len(runs)} runs", [*shown_parts(parts), *more])


def _told(one: Tested) -> str:
    record = one.run.read()
    return f"{record.get('status', 'unknown')}, begun {str(record.get('started', ''))[:16].replace('T', ' ')}, seed {record.get('seed', 'unknown')}"


def _verdict(found: Sequence[Gain], measures: Mapping[str, Measure], names: Sequence[str]) -> Verdict:
    """A sentence a run on the first of the scores that was compared."""
    first = next((name for name in names if any(one.score == name for one in found)), None)
    own = [one for one in found if one.score == first]
    if not own:
        return Verdict("unknown", ["Nothing can be compared: no model has a score in both runs."])
    told, certain = [], False
    for one in own:
        label, text = plain_label(measures[one.score]), _gain(one, measures[one.score])
        if one.low is not None and one.high is not None and (one.low > 0 or one.high < 0):
            certain = True
            better, than = (one.one, one.other) if one.mean > 0 else (one.other, one.one)
            told.append(f"{better} is better than {than} in {label}: {one.one} minus {one.other} is {text}.")
        elif one.low is not None:
            told.append(
                f"{one.one} and {one.other} are not shown to differ in {label}: {one.one} minus {one.other} is {text}."
            )
        elif abs(one.mean) < 1e-12 and not one.paired.startswith("not paired"):
            told.append(f"{one.one} and {one.other} have the same {label}: {one.paired}.")
        else:
            told.append(f"Whether {one.one} and {one.other} differ in {label} is not decided ({text}): {one.paired}.")
    return Verdict("above" if certain else "not shown", told)


def _gain(one: Gain, measure: Measure) -> str:
    digits, scale = measure.digits, measure.scale
    unit = " points" if scale == 100 else ""
    text = f"{scale * one.mean:+.{digits}f}{unit}"
    return (
        text
        if one.low is None or one.high is None
        else f"{text} ({scale * one.low:+.{digits}f} to {scale * one.high:+.{digits}f})"
    )


def _log(folder: Path) -> pd.DataFrame:
    file = folder / "metrics.csv"
    if not file.is_file():
        return pd.DataFrame()
    with reading(file, "what `n2s fit` logs", "Fit again."):
        return pd.read_csv(file)
