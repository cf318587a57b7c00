"""One person: the decoder taught from each source, at the windows of the recipe and before the voice."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.event_folds import EveryWindow, folds_of
from n2s.data.side_channels import GROUPS
from n2s.data.side_signals import SideRecording
from n2s.data.voice_onsets import voice_onsets
from n2s.findings import tell
from n2s.models.window_classifiers import WindowClassifier
from n2s.systems.contamination.compared import Rows, Scored, checked_rows, decoded, scored
from n2s.systems.contamination.reach import Reached, by_group
from n2s.systems.contamination.sources import LABELS, Sensors, brain_source, separation, side_sources

EARLY_S = (
    (-0.6, -0.4),
    (-0.4, -0.2),
    (-0.2, 0.0),
)  # from the voice's onset: muscles begin 300 ms before it (Ouyang 2016)
MOST_WINDOWS = 20_000  # of a person: 306 sensors by 100 samples are 2.4 GB
LATE_S = 0.15  # by which a voice may begin after its event
PAUSE_S = 0.6  # of silence before an event, for the moments before it to be before a voice
ALPHA = 0.05
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


def compare_person(
    every: EveryWindow,
    subject: str,
    side: Mapping[str, SideRecording],
    found: Reached,
    classifier: WindowClassifier,
    options: Options,
) -> Person:
    """Score the decoder from each source in one person.

    Parameters
    ----------
    every, subject
        The windows, and whose.
    side
        Side signals by recording.
    found
        What of them reaches the sensors.
    classifier
        A copy of it is fitted to each source in each fold.
    options
        Of the comparison.

    Raises
    ------
    UserError
        See `n2s.systems.contamination.compared.checked_rows`.
    """
    table = _thinned(every.table[every.table.subject == subject], subject)
    conditions = table.condition.to_numpy(str)
    shape, n_classes = every.data.shape, len(every.data.class_names)
    unit, folds = folds_of(table, every.recordings, n_folds=options.n_folds, window_s=shape.window_s)
    if every.data.preprocessing.learns and not set(unit) <= set(every.dealt.pieces.unit):
        tell(
            "odd",
            subject,
            "steps of the cleaning have learned from blocks of time that are tested, too: there is one run alone.",
        )
    rows = Rows.of(table, unit, folds, n_classes=n_classes, window_s=shape.window_s)
    main = conditions == options.condition
    mine = np.zeros(len(table), bool)
    mine[np.flatnonzero(main)] = checked_rows(rows.some(main), f"{subject}, condition {options.condition}")
    if mine.sum() < main.sum():
        tell("left out", f"{subject}, condition {options.condition}", f"{main.sum() - mine.sum()} windows of classes with too few to be learned and tested.")  # fmt: skip
    brain = _Brain(every, subject, table, rows)
    part, first = rows.some(mine), table["first"].to_numpy()[mine]
    sources = {"brain": None} | side_sources(
        {key: side[key] for key in table.recording[mine].unique()}, table[mine], first=first, n_times=shape.n_window, n_baseline=shape.n_baseline
    )  # fmt: skip
    links = by_group(found.links)
    together = [group for group in links.group[links.p < ALPHA] if group in sources]
    if len(together) > 1:
        sources["reaching"] = np.concatenate([sources[group] for group in together], axis=1)
    scores = []
    for name in ("brain", *GROUPS, "reaching"):
        if name == "brain":
            logs = brain.decoded(mine, classifier)
        elif name in sources:
            logs = decoded(sources[name], part, classifier)
        elif name == "reaching":
            continue
        else:
            scores.append(Scored(name, subject, why=f"no {LABELS[name]} in all of this person's recordings"))
            continue
        scores.append(scored(name, subject, logs, part, n_permutations=options.n_permutations, seed=options.seed))
    places = brain.sensors.edge_and_middle()
    for name, at in zip(("edge", "inner"), places or (None, None), strict=True):
        if at is None:
            scores.append(Scored(name, subject, why="too few sensors with places, or contacts in the brain"))
        else:
            logs = brain.decoded(mine, classifier, at)
            scores.append(scored(name, subject, logs, part, n_permutations=options.n_permutations, seed=options.seed))
    scores += _other_conditions(brain, rows, conditions, mine, subject, classifier, options)
    early = _early(every, subject, side, brain, rows, mine, table, classifier, options)
    x = brain.windows(mine, rows.folds[0].units)
    sensors = pd.DataFrame(
        {
            "subject": subject, "name": brain.sensors.names, "kind": brain.sensors.kinds, "x": brain.sensors.places[:, 0],
            "y": brain.sensors.places[:, 1], "separation": separation(x, rows.label[mine]),
        }
        | {f"reach_{group}": one.reindex(brain.sensors.names).to_numpy() for group, one in found.by_sensor.items()}
    )  # fmt: skip
    return Person(scores, early, sensors)


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


class _Brain:
    """The windows of a person's sensors; read anew for each fold where a step of the cleaning learns from training runs."""

    def __init__(self, every: EveryWindow, subject: str, table: pd.DataFrame, rows: Rows):
        self.every, self.subject, self.table, self.rows = every, subject, table, rows
        self.learns = every.data.preprocessing.learns
        used = table.recording.unique()
        self._recordings = {}
        self.sensors = Sensors.of({key: item for key, item in self.cleaned(rows.folds[0].units).items() if key in used})

    def cleaned(self, units: frozenset[str]) -> Mapping:
        """The recordings for a fold."""
        units = units if self.learns else frozenset()
        if units not in self._recordings:
            self._recordings = {units: self.every.cleaned_for(self.subject, set(units))}
        return self._recordings[units]

    def windows(
        self, kept: np.ndarray, units: frozenset[str], first: np.ndarray | None = None, n_times: int = 0
    ) -> np.ndarray:
        """(m, c, t) Some of the windows, cleaned for a fold; ``first``: others of ``n_times``, without a baseline."""
        shape = self.every.data.shape
        at, n, n_baseline = (
            (self.table["first"].to_numpy(), shape.n_window, shape.n_baseline) if first is None else (first, n_times, 0)
        )
        recording = self.table.recording.to_numpy(object)[kept]
        own = {key: item for key, item in self.cleaned(units).items() if key in set(recording)}
        sensors = self.sensors
        if self.learns:  # a step may find other bad sensors
            names = Sensors.of(own)
            common = [name for name in sensors.names if name in names.names]
            if common != sensors.names:
                at_names = {name: i for i, name in enumerate(names.names)}
                columns = {
                    key: np.array([one[at_names[n]] if n in at_names else -1 for n in sensors.names])
                    for key, one in names.columns.items()
                }
                sensors = Sensors(sensors.names, sensors.places, sensors.kinds, columns)
            else:
                sensors = Sensors(sensors.names, sensors.places, sensors.kinds, names.columns)
        return brain_source(own, sensors, recording, at[kept], n, n_baseline=n_baseline)

    def decoded(
        self, kept: np.ndarray, classifier: WindowClassifier, sensors: np.ndarray | None = None, *, teach: np.ndarray | None = None,
        tested: np.ndarray | None = None, first: np.ndarray | None = None, n_times: int = 0,
    ) -> np.ndarray:  # fmt: skip
        """(m, k) See `n2s.systems.contamination.compared.decoded`; ``sensors``: some of them."""
        part = self.rows.some(kept)
        sets = [part.folds] if not self.learns else [[fold] for fold in part.folds]
        found = np.full((int(kept.sum()), part.n_classes), np.nan)
        for folds in sets:
            x = self.windows(kept, folds[0].units, first, n_times)
            x = x if sensors is None else x[:, sensors]
            logs = decoded(x, Rows(*vars_of(part, folds)), classifier, teach=teach, tested=tested)
            found = np.where(np.isfinite(logs), logs, found)
        return found


def vars_of(rows: Rows, folds: list) -> tuple:
    """The fields of rows, with other folds."""
    return rows.label, rows.unit, rows.recording, rows.start_s, folds, rows.n_classes, rows.window_s


def _other_conditions(
    brain: _Brain,
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


def _early(
    every: EveryWindow, subject: str, side: Mapping[str, SideRecording], brain: _Brain, rows: Rows, mine: np.ndarray, table: pd.DataFrame,
    classifier: WindowClassifier, options: Options,
) -> dict[tuple[str, float, float], Scored]:  # fmt: skip
    """Scores in windows before the voice, of events that begin after a pause; empty where there are too few."""
    sfreq = every.data.shape.sfreq
    onset = table.onset.to_numpy(float)
    after_pause = mine & (table.pause_s.to_numpy(float) >= PAUSE_S) & (onset >= -EARLY_S[0][0])
    if after_pause.any():
        kept = rows.some(after_pause).testable()
        after_pause[np.flatnonzero(after_pause)] = kept
    if after_pause.sum() < 20 or len(np.unique(rows.label[after_pause])) < 2:
        tell(
            "left out",
            f"{subject}, condition {options.condition}",
            f"windows before the voice: {int(after_pause.sum())} of {int(mine.sum())} events begin after {PAUSE_S:g} s without another one, and 20 are "
            "needed. Take events that stand for a whole utterance (data.windows.kind: word or sentence).",
        )
        return {}
    if options.condition == "overt":
        _check_voice(side, table[after_pause])
    part, found = rows.some(after_pause), {}
    items = {key: side[key] for key in table.recording[after_pause].unique()}
    for start_s, stop_s in EARLY_S:
        first, n = np.rint((onset + start_s) * sfreq).astype(np.int64), max(1, round((stop_s - start_s) * sfreq))
        sources = side_sources(items, table[after_pause], first=first[after_pause], n_times=n)
        logs = {"brain": brain.decoded(after_pause, classifier, first=first, n_times=n)}
        logs |= {name: decoded(x, part, classifier) for name, x in sources.items()}
        for name, one in logs.items():
            found[name, start_s, stop_s] = scored(
                name, subject, one, part, n_permutations=options.n_permutations, seed=options.seed
            )
    return found


def _check_voice(side: Mapping[str, SideRecording], table: pd.DataFrame) -> None:
    """Tell where nobody is heard in overt trials, and where voices begin later than events."""
    late = []
    for key, own in table.groupby("recording"):
        if "audio" in side[key].groups:
            envelope = np.maximum(np.nan_to_num(side[key].signals("audio")[:, 0]), 0)
            late.append(
                voice_onsets(envelope, side[key].meta["sfreq"], own[["onset", "duration"]], where=key)
                - own.onset.to_numpy()
            )
    late = np.concatenate(late) if late else np.zeros(0)
    late = late[np.isfinite(late)]
    if len(late) and np.median(late) > LATE_S:
        tell(
            "odd",
            table.subject.iloc[0],
            f"voices begin {np.median(late):.2f} s after their events: windows before the voice are those before the events. n2s.data.at_voice_onsets puts "
            "events where voices begin.",
        )
