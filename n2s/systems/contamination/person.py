"""One person: the decoder taught from each source, at the windows of the recipe and before the voice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from n2s.data.event_folds import EveryWindow, folds_of
from n2s.data.side_channels import GROUPS
from n2s.data.side_signals import SideRecording
from n2s.findings import tell
from n2s.models.window_classifiers import WindowClassifier
from n2s.systems.contamination.brain import Brain
from n2s.systems.contamination.compared import LEAST_WINDOWS, Rows, Scored, checked_rows, decoded, scored
from n2s.systems.contamination.early import early_scores
from n2s.systems.contamination.joined import by_group, reaching
from n2s.systems.contamination.reach import Reached
from n2s.systems.contamination.sources import LABELS, REMOVED, SideWindows, joined, separation, side_sources

MOST_WINDOWS = 20_000  # of a person: 306 sensors by 100 samples are 2.4 GB
OTHER, TRANSFER = "brain in ", "learned in {}, tested in "


@dataclass(frozen=True)
class Options:
    """Of a comparison: ``condition``, ``n_folds``, ``n_permutations``, ``seed``."""

    condition: str
    n_folds: int
    n_permutations: int
    seed: int


@dataclass(frozen=True)
class Person:
    """What was found in one person: scores of sources, ``early`` scores by (source, start, stop), ``sensors``: a row each."""

    scores: list[Scored]
    early: dict[tuple[str, float, float], Scored]
    sensors: pd.DataFrame


@dataclass(frozen=True)
class Windows:
    """A person's windows: ``table`` of all conditions, their ``rows`` with folds, and ``mine (n,)``: those that are compared."""

    subject: str
    table: pd.DataFrame
    rows: Rows
    mine: np.ndarray


def windows_of_person(every: EveryWindow, subject: str, options: Options) -> Windows:
    """The windows of a person that can be compared.

    Raises
    ------
    UserError
        See `n2s.systems.contamination.compared.checked_rows`.
    """
    table = _thinned(every.table[every.table.subject == subject], subject)
    shape, n_classes = every.data.shape, len(every.data.class_names)
    unit, folds = folds_of(table, every.recordings, n_folds=options.n_folds, window_s=shape.window_s)
    if every.data.preprocessing.learns and not set(unit) <= set(every.dealt.pieces.unit):
        tell(
            "odd",
            subject,
            "steps of the cleaning have learned from blocks of time that are tested, too: there is one run alone.",
        )
    rows = Rows.of(table, unit, folds, n_classes=n_classes, window_s=shape.window_s)
    main = table.condition.to_numpy(str) == options.condition
    mine = np.zeros(len(table), bool)
    mine[np.flatnonzero(main)] = checked_rows(rows.some(main), f"{subject}, condition {options.condition}")
    if mine.sum() < main.sum():
        tell("left out", f"{subject}, condition {options.condition}", f"{main.sum() - mine.sum()} windows of classes with too few to be learned and tested.")  # fmt: skip
    return Windows(subject, table, rows, mine)


def compare_person(
    every: EveryWindow,
    own: Windows,
    side: Mapping[str, SideRecording],
    found: Reached,
    classifier: WindowClassifier,
    options: Options,
) -> Person:
    """Score the decoder from each source in one person.

    Parameters
    ----------
    every, own
        The windows of all, and of this person.
    side
        Side signals by recording.
    found
        What of them reaches the sensors.
    classifier
        A copy of it is fitted to each source in each fold.
    options
        Of the comparison.
    """
    subject, table, rows, mine, shape = own.subject, own.table, own.rows, own.mine, every.data.shape
    drawn = {"n_permutations": options.n_permutations, "seed": options.seed}
    brain = Brain(every, subject, table, rows)
    part, first = rows.some(mine), table["first"].to_numpy()[mine]
    sources = side_sources(
        {key: side[key] for key in table.recording[mine].unique()}, table[mine], first=first, n_times=shape.n_window, n_baseline=shape.n_baseline
    )  # fmt: skip
    together = [group for group in reaching(by_group(found.links), subject) if group in sources]
    if len(together) > 1:
        sources["reaching"] = joined([sources[group] for group in together])
    scores = [scored("brain", subject, brain.decoded(mine, classifier), part, **drawn)]
    for name in (*GROUPS, "reaching"):
        if name in sources:
            scores.append(_beside(name, sources[name], brain, mine, classifier, drawn))
        elif name != "reaching":
            scores.append(Scored(name, subject, why=f"no {LABELS[name]} in this person's recordings"))
    places = brain.sensors.edge_and_middle()
    for name, at in zip(("edge", "inner"), places or (None, None), strict=True):
        if at is None:
            scores.append(Scored(name, subject, why="too few sensors with places, or contacts in the brain"))
        else:
            scores.append(scored(name, subject, brain.decoded(mine, classifier, at), part, **drawn))
    logs = brain.taken_out(mine, classifier)
    if logs is not None:
        scores.append(scored(REMOVED, subject, logs, part, **drawn))
    conditions = table.condition.to_numpy(str)
    scores += _other_conditions(brain, rows, conditions, mine, subject, classifier, options)
    early = early_scores(
        every, subject, side, brain, rows, mine, table, classifier, condition=options.condition, **drawn
    )
    x = brain.windows(mine, rows.folds[0].units)
    sensors = pd.DataFrame(
        {
            "subject": subject, "name": brain.sensors.names, "kind": brain.sensors.kinds, "x": brain.sensors.places[:, 0],
            "y": brain.sensors.places[:, 1], "separation": separation(x, rows.label[mine]),
        }
        | {f"reach_{group}": one.reindex(brain.sensors.names).to_numpy() for group, one in found.by_sensor.items()}
    )  # fmt: skip
    return Person(scores, early, sensors)


def _beside(
    name: str,
    source: SideWindows,
    brain: Brain,
    mine: np.ndarray,
    classifier: WindowClassifier,
    drawn: Mapping[str, int],
) -> Scored:
    """A side signal, at the windows that have it; and the brain at the same windows, where others lack it."""
    part = brain.rows.some(mine)
    if source.kept.all():
        return scored(name, brain.subject, decoded(source.x, part, classifier), part, **drawn)
    kept = source.kept.copy()
    kept[source.kept] = part.some(source.kept).testable()
    own = part.some(kept)
    why = f"{LABELS[name]} is there in {kept.sum()} of {len(kept)} windows"
    if len(np.unique(own.label)) < 2 or kept.sum() < LEAST_WINDOWS:
        return Scored(name, brain.subject, why=f"{why}: too few to be learned and tested")
    tell("left out", brain.subject, f"{why}: it is compared with the brain at these.")
    at = mine.copy()
    at[mine] = kept
    logs = decoded(source.x[kept[source.kept]], own, classifier)
    found = scored(name, brain.subject, logs, own, **drawn)
    beside = scored("brain", brain.subject, brain.decoded(at, classifier), own, **drawn)
    return replace(found, of_brain=beside.value - beside.chance)


def _thinned(table: pd.DataFrame, subject: str) -> pd.DataFrame:
    """All windows of a person, or `MOST_WINDOWS` of them, evenly taken, which is told."""
    if len(table) > MOST_WINDOWS:
        tell(
            "left out",
            subject,
            f"{len(table) - MOST_WINDOWS} of {len(table)} windows: {MOST_WINDOWS} are compared, evenly taken.",
        )
        table = table.iloc[np.linspace(0, len(table) - 1, MOST_WINDOWS).round().astype(int)]
    return table.reset_index(drop=True)


def _other_conditions(
    brain: Brain,
    rows: Rows,
    conditions: np.ndarray,
    mine: np.ndarray,
    subject: str,
    classifier: WindowClassifier,
    options: Options,
) -> list[Scored]:
    """The brain in each other condition, and what was learned in the main one tested there: no muscle moves in playback."""
    found = []
    for name in sorted(set(conditions) - {options.condition, "rest"}):
        other = (conditions == name) & np.isin(rows.label, np.unique(rows.label[mine]))
        both = rows.some(mine | other)
        of_other = other[mine | other]
        if len(np.unique(both.label[of_other])) < 2:
            continue
        alone = rows.some(other)
        if alone.testable().any():
            own = other.copy()
            own[np.flatnonzero(other)] = alone.testable()
            if len(np.unique(rows.label[own])) > 1:
                found.append(
                    scored(OTHER + name, subject, brain.decoded(own, classifier), rows.some(own), n_permutations=options.n_permutations, seed=options.seed)
                )  # fmt: skip
        logs = brain.decoded(mine | other, classifier, teach=~of_other, tested=of_other)
        label = TRANSFER.format(options.condition) + name
        found.append(scored(label, subject, logs, both, n_permutations=options.n_permutations, seed=options.seed))
    return found
