"""What steps learn, and from what: training runs of the same person, or recordings of a task that are not held out.

The hook for datamodules is one call a study, before anything is prepared::

    told = preprocessing.fitted_on({recording.name: [(start_s, stop_s), ...], ...}, held_out=[recording.name, ...])
    prepared = prepare(study, told, ...)

It names the training stretches of each recording, on its own clock (``stop_s`` may be inf), and the recordings of which something is
held out. The copy it gives prepares each recording with steps that learned from these stretches of the same person. What was learned is
kept in the cache, by step and person. Keys hold the stretches and files that were learned from, and nothing of held-out recordings.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np

from n2s.data.cleaning.run import Cleaning
from n2s.data.edges import bad_spans
from n2s.data.recordings import source_stats
from n2s.data.spans import merged
from n2s.data.steps import ITSELF, TRAINING, Learned, LearnedStep, Step, untold
from n2s.errors import UserError, first_of
from n2s.findings import kept, tell
from n2s.paths import cache_dir, locked, written_whole
from n2s.studies.study import Recording, Study

VERSION = 1  # increase when what is learned changes but the settings do not
ENOUGH_S = 900.0  # of all training stretches, evenly: 306 sensors at 1000 Hz are 2.2 GB then
CHUNK_S = 60.0  # pieces of which a share is taken, where there is more
SHORTEST_S = 1.0  # shorter pieces are left out

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Told:
    """What a datamodule says about the recordings of one study.

    Parameters
    ----------
    training
        By a recording's name: the (start, stop), s, that are training.
    held_out
        Names of recordings of which something is held out.
    """

    training: Mapping[str, Spans]
    held_out: frozenset[str] = frozenset()

    @classmethod
    def of(cls, training: Mapping[str, Sequence[tuple[float, float]]], held_out: Sequence[str] = ()) -> "Told":
        """From a datamodule's lists, in order and without overlaps."""
        spans = {}
        for name, rows in training.items():
            rows = np.array([[float(start), float(stop)] for start, stop in rows]).reshape(-1, 2)
            if not (rows[:, 1] > rows[:, 0]).all():
                raise UserError(f"{name}: training stretches {rows.tolist()} end before they start.")
            spans[name] = tuple((float(start), float(stop)) for start, stop in merged(rows))
        return cls(spans, frozenset(held_out))


def learn_from(
    step: LearnedStep, study: Study, recording: Recording, told: Told | None
) -> list[tuple[Recording, Spans]]:
    """The recordings, and their stretches, that a step learns from to clean one.

    Raises
    ------
    UserError
        Nobody said what is training; the person has no training run; no recording of the task, or it is held out.
    """
    if told is None:
        raise untold(step)
    mine = [one for one in study.recordings() if (one.subject, one.modality) == (recording.subject, recording.modality)]
    name, where = type(step).__name__, f"{study.name}, {recording.name}"
    if step.fit_on == TRAINING:
        found = [(one, told.training[one.name]) for one in mine if told.training.get(one.name)]
        if not found:
            more = " or to itself" if step.by_itself else ""
            raise UserError(
                f"{where}: {name} learns from training runs of the same person, and subject {recording.subject} has none. Set its "
                f"fit_on to a task{more}, or leave this subject out."
            )
        return found
    of_task = [one for one in mine if one.task == step.fit_on]
    of_task = [one for one in of_task if one.session == recording.session] or of_task
    if not of_task:
        tasks = sorted({one.task for one in mine})
        raise UserError(
            f"{where}: {name} learns from the task '{step.fit_on}' (fit_on), of which subject {recording.subject} has no recording; there "
            f"are {first_of(tasks)}. Set fit_on to one of these, or to training."
        )
    held = [one.name for one in of_task if one.name in told.held_out]
    if held:
        raise UserError(
            f"{where}: {name} learns from {first_of(held)} (fit_on: {step.fit_on}), of which something is held out. Set fit_on to training, "
            "or leave this task out of validation and test."
        )
    return [(one, ((0.0, float("inf")),)) for one in of_task]


def learning_key(steps: Sequence[Step], study: Study, recording: Recording, told: Told | None) -> list:
    """What the learned numbers of one recording's steps depend on beside the steps' settings: part of the cache's key, as JSON types."""

    def plain(spans: Spans) -> list:
        return [[start, stop if np.isfinite(stop) else "end"] for start, stop in spans]

    return [
        [[one.name, plain(spans), source_stats(study, one)] for one, spans in learn_from(step, study, recording, told)]
        for step in steps
        if isinstance(step, LearnedStep) and step.fit_on != ITSELF
    ]


def learn(
    steps: Sequence[Step],
    study: Study,
    recording: Recording,
    told: Told | None,
    *,
    settings: dict,
    opened: Callable[[Recording], mne.io.BaseRaw],
    check: Callable,
) -> list[Learned | None]:
    """What each step has learned for one recording: from the cache, or just now.

    Parameters
    ----------
    steps
        In their order; a step learns from what those before have cleaned.
    study, recording, told
        See `learn_from`.
    settings
        What else changes the numbers: bad channels.
    opened
        Opens a recording and marks its bad channels.
    check
        See `Cleaning`.
    """
    found: list[Learned | None] = []
    pieces, source, at = [], None, 0
    for i, step in enumerate(steps):
        if not isinstance(step, LearnedStep) or step.fit_on == ITSELF:
            found.append(None)
            continue
        parts = learn_from(step, study, recording, told)
        key = json.dumps(
            [
                VERSION, settings, study.settings(), str(study.root), learning_key(steps[: i + 1], study, recording, told),
                [[type(one).__module__, type(one).__qualname__, one.settings()] for one in steps[: i + 1]],
            ],
            sort_keys=True,
        )  # fmt: skip
        path = _path(study, recording, step, key)
        with locked(path):
            if not path.exists():
                if source != parts:  # read anew; else the pieces of the step before go on
                    pieces, source, at = _pieces(steps[:i], found, study, parts, opened, check), parts, i
                with kept():  # told where each recording itself is prepared
                    for j in range(at, i):
                        pieces = [Cleaning([steps[j]], [found[j]]).run(one, study.name, [])[0] for one in pieces]
                    at = i
                    learned = _fit(
                        step, [one.copy() for one in pieces], study, recording
                    )  # pieces stay for the next step
                with written_whole(path) as temporary:
                    learned.save(temporary)
        found.append(Learned.load(path))
    return found


def _fit(step: LearnedStep, pieces: list[mne.io.BaseRaw], study: Study, recording: Recording) -> Learned:
    learned_s = sum(one.n_times / one.info["sfreq"] for one in pieces)
    try:
        learned = step.fit(pieces)
    except UserError as error:
        where = f"{study.name}, subject {recording.subject}, what is learned from (fit_on: {step.fit_on})"
        raise UserError(f"{where}: {error}") from error
    return Learned(learned.arrays, {"learned_from_s": round(learned_s, 3), "fit_on": step.fit_on} | learned.notes)


def _path(study: Study, recording: Recording, step: Step, key: str) -> Path:
    name = f"sub-{recording.subject}_{type(step).__name__}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz"
    return cache_dir() / "learned" / re.sub(r"\W+", "-", study.name) / name


def _pieces(
    steps: Sequence[Step],
    learned: Sequence[Learned | None],
    study: Study,
    parts: list[tuple[Recording, Spans]],
    opened: Callable,
    check: Callable,
) -> list[mne.io.RawArray]:
    """The stretches that are learned from, of whole recordings that the steps before have cleaned: `ENOUGH_S` at most."""
    reach_s = sum(step.support_s for step in steps) / 2
    spans, raws = [], []
    for one, asked in parts:
        raw = opened(one)
        length_s = raw.n_times / raw.info["sfreq"]
        # A step before carries what lies beside a stretch into it; beside the recording lies nothing.
        inner = [
            (start + reach_s if start > 0 else 0.0, stop - reach_s if stop < length_s else length_s)
            for start, stop in asked
        ]
        spans.append([(start, stop) for start, stop in inner if stop - start >= SHORTEST_S])
    whole_s = sum(stop - start for rows in spans for start, stop in rows)
    if whole_s < SHORTEST_S:
        raise UserError(
            f"{study.name}: the training stretches of {first_of([one.name for one, _ in parts])} hold no piece of {SHORTEST_S:g} s"
            f"{f' that is {reach_s:g} s away from others' if reach_s else ''} to learn from. Give longer training stretches."
        )
    share = min(1.0, ENOUGH_S / whole_s)
    for (one, _), rows in zip(parts, spans, strict=True):
        if not rows:
            continue
        where = f"{study.name}, {one.name}"
        raw = opened(one)
        with kept():  # told where that recording itself is prepared
            raw = Cleaning(steps, learned, check=check).run(raw, where, bad_spans(raw))[0].load_data(verbose="error")
        raws += [_cut(raw, start, stop) for start, stop in _some(rows, share)]
        del raw
    if share < 1:
        tell(
            "left out",
            f"{study.name} ({whole_s:.0f} s)",
            f"steps learn from {ENOUGH_S:.0f} s of training stretches, evenly taken.",
        )
    return raws


def _some(rows: list[tuple[float, float]], share: float) -> list[tuple[float, float]]:
    """The first part of each chunk of `CHUNK_S`, or all."""
    if share >= 1:
        return rows
    found = []
    for start, stop in rows:
        edges = np.linspace(start, stop, max(1, round((stop - start) / CHUNK_S)) + 1)
        found += [(low, low + share * (high - low)) for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return [(low, high) for low, high in found if high - low >= min(SHORTEST_S, share * CHUNK_S)]


def _cut(raw: mne.io.BaseRaw, start_s: float, stop_s: float) -> mne.io.RawArray:
    """A copy of one stretch, on the recording's clock."""
    sfreq = raw.info["sfreq"]
    start, stop = round(start_s * sfreq), min(round(stop_s * sfreq), raw.n_times)
    info = raw.info.copy()
    with info._unlock():
        info["projs"] = [one for one in info["projs"] if one["active"]]
    piece = mne.io.RawArray(
        raw[:, start:stop][0], info, first_samp=raw.first_samp + start, copy="both", verbose="error"
    )
    piece.filenames = raw.filenames  # a file of head positions lies beside it
    piece.set_annotations(raw.annotations, emit_warning=False, verbose="error")
    return piece
