"""From a recipe's data to the result: everybody, one after another."""

import numpy as np
import pandas as pd

from n2s.data.event_data import EventDataModule
from n2s.data.event_folds import EveryWindow, every_window
from n2s.data.recordings import prepare
from n2s.data.side_channels import GROUPS
from n2s.data.side_signals import SideRecording, SideSignals
from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.models.window_classifiers import WindowClassifier, WindowLDA
from n2s.options import check_number
from n2s.progress import track
from n2s.systems.contamination.compared import Scored, table_of
from n2s.systems.contamination.person import Options, Person, compare_person, windows_of_person
from n2s.systems.contamination.reach import Reached, reached
from n2s.systems.contamination.result import ContaminationResult
from n2s.systems.contamination.sources import REMOVED

CONDITIONS = ("overt", "silent", "imagined", "listen")  # the first that there is
LEAST_PERMUTATIONS = 200  # with fewer, no p is below .05 once it is corrected for six controls


def contamination_of(
    data: EventDataModule,
    *,
    condition: str | None = None,
    classifier: WindowClassifier | None = None,
    side: SideSignals | None = None,
    n_folds: int = 5,
    n_permutations: int = 1000,
    seed: int = 0,
) -> ContaminationResult:
    """Compare a decoder of a recipe's windows with the same decoder taught from sound, muscles, eyes, heart and head movement.

    Parameters
    ----------
    data
        Of the recipe; nothing need be set up.
    condition
        Whose windows are decoded; None: the first that there is of overt, silent, imagined, listen.
    classifier
        None: `n2s.models.window_classifiers.WindowLDA`.
    side
        Which channels are side signals; None: by their types and names. Its rate becomes the brain's.
    n_folds
        At most so many folds of runs (or of other units of data.split).
    n_permutations, seed
        Of labels, and of what reaches the sensors.

    Raises
    ------
    UserError
        No side signal in any recording, no window of the condition, or no person with enough windows.
    """
    check_number("--n_folds", n_folds, low=2, whole=True)
    check_number("--n_permutations", n_permutations, low=LEAST_PERMUTATIONS, whole=True)
    check_number("--seed", seed, low=0, whole=True)
    classifier = WindowLDA() if classifier is None else classifier
    every = every_window(data)
    condition = _condition(every, condition)
    side = SideSignals() if side is None else side
    side.sfreq = data.shape.sfreq
    asked = every.table[every.table.condition == condition]
    subjects = sorted(asked.subject.unique())
    prepared = _side_signals(every, side, set(asked.recording), n_jobs=data.n_jobs)
    options = Options(condition, n_folds, n_permutations, seed)
    people: dict[str, Person] = {}
    found: dict[str, Reached] = {}
    refused = []
    for number, name in enumerate(track(subjects, "comparing")):
        try:
            own = windows_of_person(every, name, options)
            found[name] = reached(every, name, side, own.rows.folds, condition=condition, seed=seed + number)
            people[name] = compare_person(every, own, prepared, found[name], classifier, options)
        except UserError as error:
            refused.append(str(error))
            found.pop(name, None)
    if not people:
        raise UserError("nobody can be compared. " + " ".join(refused[:3]))
    for one in refused:
        tell("left out", "contamination", one)
    scores = [one for person in people.values() for one in person.scores]
    early = [(key, one) for person in people.values() for key, one in person.early.items()]
    parts = []
    for start_s, stop_s in dict.fromkeys((a, b) for (_, a, b), _ in early):
        own = table_of([one for (_, a, _), one in early if a == start_s])
        parts.append(own.assign(start_s=start_s, stop_s=stop_s))
    worst = _most_alike(found)
    return ContaminationResult(
        table=table_of(_complete(scores, list(people))),
        early=pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(),
        links=pd.concat([one.links for one in found.values()], ignore_index=True),
        sensors=pd.concat([one.sensors for one in people.values()], ignore_index=True),
        options={
            "condition": condition, "classifier": type(classifier).__name__, "n_folds": n_folds, "n_permutations": n_permutations, "seed": seed,
            "window_s": data.shape.window_s, "offset_s": data.offset_s, "sfreq": data.shape.sfreq, "classes": list(data.class_names),
            "matrix_of": "" if worst is None else f"{worst.matrix_sensor} of {worst.links.subject.iloc[0]}", "left_out": refused,
        },
        hz=None if worst is None else worst.hz,
        matrix=None if worst is None else worst.matrix.astype(np.float32),
    )  # fmt: skip


def _complete(scores: list[Scored], people: list[str]) -> list[Scored]:
    """With an entry of every person for every source that anybody has, in the order of the first."""
    order = list(dict.fromkeys(one.source for one in sorted(scores, key=_rank)))
    there = {(one.source, one.subject): one for one in scores}
    nobody = {name for name in order if not any(there[key].known for key in there if key[0] == name)}
    return [
        there.get((source, name), Scored(source, name, why="not there in this person"))
        for source in order
        for name in people
        if source not in nobody or source in GROUPS
    ]


def _rank(one: Scored) -> int:
    order = ["brain", *GROUPS, "reaching", "edge", "inner", REMOVED]
    return order.index(one.source) if one.source in order else len(order)


def _condition(every: EveryWindow, asked: str | None) -> str:
    there = [name for name in CONDITIONS if (every.table.condition == name).any()]
    if asked is None:
        if not there:
            raise UserError("no window is of condition overt, silent, imagined or listen. Set data.windows.conditions.")
        return there[0]
    if asked not in there:
        raise UserError(
            f"--condition is {asked}, and no window of the recipe is; there are {first_of(there)}.{nearest(asked, there)} Which events have windows is "
            "said in data.windows (kind, conditions)."
        )
    return asked


def _side_signals(every: EveryWindow, side: SideSignals, used: set[str], *, n_jobs: int) -> dict[str, SideRecording]:
    """By recording; a UserError if none has any, with the channels that there are."""
    found: dict[str, SideRecording] = {}
    for name, study in every.data.studies.items():
        wanted = [
            every.recordings[key].recording for key in every.recordings if key in used and key.split("/")[0] == name
        ]
        if wanted:
            found |= {f"{name}/{item.recording.name}": item for item in prepare(study, side, wanted, n_jobs=n_jobs)}
    for key, item in found.items():
        if item.meta["shape"][0] != every.recordings[key].meta["shape"][0]:
            raise UserError(
                f"{key}: {item.meta['shape'][0]} samples of side signals beside {every.recordings[key].meta['shape'][0]} of the brain."
            )
    if found and not any(item.groups for item in found.values()):
        one = next(iter(found.values()))
        raise UserError(
            f"{len(found)} recordings have no sound, EMG, EOG, ECG or head position; {one.recording.name} has {one.meta['there']}. Name the channels "
            "(--audio, --emg, --eog, --ecg), or give their types in channels.tsv: without them, muscles cannot be told from a brain."
        )
    lacking = {group: [key for key, item in found.items() if group not in item.groups] for group in ("audio", "emg")}
    for group, keys in lacking.items():
        if keys:
            kind = "no sound" if group == "audio" else "no EMG"
            tell(
                "odd", first_of(keys, 2), f"{kind}; there are {found[keys[0]].meta['there']}. --{group} names channels."
            )
    return found


def _most_alike(found: dict[str, Reached]) -> Reached | None:
    """Of the person whose sensors follow the sound most."""
    known = [one for one in found.values() if one.matrix is not None]
    return max(known, key=lambda one: float(one.links.r[one.links["view"] == "spectrum"].max()), default=None)
