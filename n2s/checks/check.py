"""`n2s studies check`: survey the studies, print what was found, and write the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from n2s.checks.bold_figures import bold_drawings
from n2s.checks.dealt import HEADINGS as SPLIT_HEADINGS
from n2s.checks.dealt import dealt
from n2s.checks.groups import KINDS, STOPS, grouped
from n2s.checks.page import write_check
from n2s.checks.seen import noted
from n2s.checks.sensor_figures import sensor_drawings
from n2s.checks.survey import Survey, survey
from n2s.checks.table import HEADINGS, by_person, overview
from n2s.data.datamodule import NeuralDataModule
from n2s.findings import Finding, kept
from n2s.metrics.result import Drawing
from n2s.report.table import print_table, wide_console
from n2s.studies.fmri import FMRIStudy
from n2s.studies.study import Study

MOST_PEOPLE = 30  # rows of the table in the console
MOST_SORTS = 20  # sorts of findings of a kind in the console


def check(
    studies: Mapping[str, Study | str],
    page: Path,
    *,
    title: str,
    data: NeuralDataModule | None = None,
    found: Sequence[Finding] = (),
    every: bool = False,
) -> int:
    """Print what is in some studies and write the page.

    Parameters
    ----------
    studies
        By name; in place of a study that cannot be listed, what is wrong with it.
    page
        The HTML file to write.
    title
        What is checked.
    data
        The data of a recipe: its preprocessing (of sensors; volumes are cleaned as their study says) and split are tried.
    found
        What was told while the studies were listed.
    every
        Read all samples of all recordings, not only of the first one of each person.

    Returns
    -------
    How many things stop n2s.
    """
    preparation = getattr(data, "preprocessing", None)
    surveys = [
        Survey(name, stops=[(name, one)])
        if isinstance(one, str)
        else survey(name, one, preparation=None if isinstance(one, FMRIStudy) else preparation, every=every)
        for name, one in studies.items()
    ]
    surveys[0].findings[:0] = found
    split = None
    if data is not None and not any(one.stops for one in surveys):
        split = dealt(data, surveys)
        surveys[0].findings += split.findings
        surveys[0].stops += [("data.split", text) for text in split.stops]
    for one in surveys:
        _print(one)
    if split is not None and split.rows:
        print_table(wide_console(), SPLIT_HEADINGS, split.rows, framed=False)
    drawings = [(one.name, drawing) for one in surveys for drawing in _drawings(one)]
    write_check(page, title, surveys, split, drawings)
    n_stops = sum(len(one.stops) for one in surveys)
    print(f"n2s stops: {n_stops} problems above." if n_stops else "Nothing stops n2s.")
    print(f"Page: {page}")
    return n_stops


def _drawings(one: Survey) -> list[Drawing]:
    """Figures of the first recording that nothing stops; none if its figures cannot be drawn."""
    good = next((seen for seen in one.seen if not seen.stops and seen.events is not None), None)
    found: list[Drawing] = []
    if one.study is None or good is None:
        return found
    draw = bold_drawings if isinstance(one.study, FMRIStudy) else sensor_drawings
    problems: list[str] = []
    with kept(), noted(problems):
        found = draw(one.study, good.recording)
    one.facts += [f"no figures of {good.name}: {text}" for text in problems]
    return found


def _print(one: Survey) -> None:
    print("\n".join([one.name, *(f"  {line}" for line in overview(one))]))
    rows = by_person(one)
    if rows:
        print_table(wide_console(), HEADINGS, rows[:MOST_PEOPLE], framed=False)
    if len(rows) > MOST_PEOPLE:
        print(f"... and {len(rows) - MOST_PEOPLE} more people on the page")
    groups = grouped(one)
    for kind, heading in KINDS.items():
        own = [group for group in groups if group.kind == kind]
        if not own:
            continue
        print(f"{heading} ({sum(len(group.each) for group in own)})")
        mark = "PROBLEM" if kind == STOPS else kind
        for group in own[:MOST_SORTS]:
            where, text = group.first
            print(f"  {mark} {where}{group.more}: {text}")
        if len(own) > MOST_SORTS:
            print(f"  ... and {len(own) - MOST_SORTS} more sorts on the page")
