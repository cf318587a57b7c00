"""All people of a fit: what is measured of each once, and kept in the run's folder until the fit ends."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.data.encoding import EncodingDataModule
from n2s.data.encoding_data import EncodingData
from n2s.errors import UserError, first_of
from n2s.systems.dyslexia.classifiers import Classifier
from n2s.systems.dyslexia.kept import Arrays, once
from n2s.systems.dyslexia.measured import Common, Stretches, covariances_of, measures_of, stretches_of, windows_of
from n2s.systems.dyslexia.people import People
from n2s.systems.tracking.measures import MeasureOptions


def check_places(data: EncodingData, subjects: Sequence[str], classifiers: Mapping[str, Classifier]) -> None:
    """Raise a UserError if classifiers compare sensor with sensor, and those of one name are elsewhere in each person."""
    wrong = [name for name, one in classifiers.items() if one.needs]
    inside = [name for name in subjects if data.measured(name).own_names]
    if wrong and inside:
        raise UserError(
            f"contacts inside the head ({first_of(inside)}) are elsewhere in each person, whatever their names, and {first_of(wrong)} compare those of "
            "one name. Leave these classifiers out (model.classifiers): those of measures of tracking remain."
        )


@dataclass(frozen=True)
class Gathered:
    """The people who are compared, and what classifiers see of them.

    Parameters
    ----------
    data
        What was recorded.
    people
        One row a person: ``group``, ``positive``, and so on.
    known
        (n, q) Covariates, as numbers.
    classifiers
        All of them, by name; they say what they need.
    common
        What all people share.
    envelope
        The feature space that tracking is measured of.
    measures
        How.
    drawn
        Numbers of folds and repetitions, and the seed.
    """

    data: EncodingDataModule
    people: pd.DataFrame
    known: pd.DataFrame
    classifiers: Mapping[str, Classifier]
    common: Common
    envelope: str
    measures: MeasureOptions
    drawn: tuple[int, int, int]

    def __post_init__(self) -> None:
        lengths = {one.window_s for one in self.classifiers.values() if "windows" in one.needs}
        if len(lengths) > 1:
            raise UserError(
                f"classifiers on windows of several lengths, {sorted(lengths)} s: set one window_s for all of them."
            )

    @property
    def positive(self) -> np.ndarray:
        """(n,) bool."""
        return self.people.positive.to_numpy()

    def needs(self, what: str) -> bool:
        """Whether a classifier needs a part of `People`."""
        return any(what in one.needs for one in self.classifiers.values())

    def measured(self, subject: str, folder: Path) -> Arrays:
        """``names`` and ``values`` of the measures of one person, and ``covariances`` if a classifier needs them."""

        def make() -> Arrays:
            stretches = self._stretches(subject)
            measures = measures_of(stretches, self.common, self.measures)
            found = {"names": np.array(list(measures)), "values": np.array(list(measures.values()), np.float64)}
            if self.needs("covariances"):
                found["covariances"] = covariances_of(stretches, self.common, self.measures)
            return found

        return self.kept(subject, folder, make)

    def kept(self, name: str, folder: Path, make: Callable[[], Arrays]) -> Arrays:
        """What an interrupted fit of the same data and options left under a name, or what ``make`` gives."""
        key = hashlib.sha256(f"{name}\n{self.made}".encode()).hexdigest()  # two names may be one file
        return once(folder / f"{name.replace('/', '_')}.npz", key, make)

    def everybody(self, folder: Path) -> tuple[People, list[str]]:
        """All people, and the names of their measures."""
        found = [self.measured(name, folder) for name in self.people.index]
        covariances = np.stack([one["covariances"] for one in found]) if self.needs("covariances") else None
        measures = np.stack([one["values"] for one in found])
        return self.seen(measures, covariances, windows=True), [str(one) for one in found[0]["names"]]

    def seen(self, measures: np.ndarray, covariances: np.ndarray | None, *, windows: bool) -> People:
        """People of whom these are the measures; their windows are cut if a classifier needs them."""
        cut = None
        if windows and self.needs("windows"):
            window_s = next(one.window_s for one in self.classifiers.values() if "windows" in one.needs)
            cut = [windows_of(self._stretches(name), self.common, window_s) for name in self.people.index]
        return People(np.array(list(self.people.index)), measures, self.known.to_numpy(), covariances, cut)

    @cached_property
    def made(self) -> str:
        """All that scores depend on, as JSON."""
        people = self.people[["positive"]].join(self.known, rsuffix="_known")
        found = {
            "data": self.data.data_hashes(),
            "envelope": self.envelope,
            "people": json.loads(people.to_json(orient="index")),
            "measures": asdict(self.measures),
            "classifiers": {name: one.settings() for name, one in self.classifiers.items()},
            "folds, repetitions, seed": list(self.drawn),
            "sensors, sides, rate, length": [
                self.common.sensors.tolist(),
                sorted(self.common.sides),
                self.common.sfreq,
                self.common.n_rows,
            ],
        }
        return json.dumps(found, sort_keys=True)

    def _stretches(self, subject: str) -> Stretches:
        return stretches_of(self.data, subject, self.envelope, self.common)
