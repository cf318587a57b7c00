"""Whose rows a model is trained on: the subject's own, or other people's, where nobody knows two languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.systems.cross_language.cells import Training
from n2s.systems.cross_language.inputs import Inputs, moments
from n2s.systems.cross_language.rows import FoldRows

#: Of whom training rows are: the tested person, or other people.
People = Literal["own", "others"]


@dataclass(frozen=True)
class Examples:
    """Training rows: ``x (n, p)`` and ``y (n, q)`` float32, and ``groups (n,)``, the story of each."""

    x: Tensor
    y: Tensor
    groups: list[str]

    @classmethod
    def joined(cls, parts: Sequence["Examples"]) -> "Examples":
        """Of several languages."""
        return cls(
            torch.cat([one.x for one in parts]),
            torch.cat([one.y for one in parts]),
            sum((one.groups for one in parts), []),
        )


@dataclass(frozen=True)
class Source:
    """The rows that one language is learned from: features of one listener, and the brain of one or the mean of several.

    ``brain (n, v)`` of all places of ``inputs``.
    """

    inputs: Inputs
    brain: np.ndarray


class Trained:
    """Where the training rows of a subject's fold come from.

    Parameters
    ----------
    data, subject, fold
        Who is tested.
    languages
        Subject -> its languages.
    people
        ``own``, or ``others``: each language is learned from the mean response of other people who know it, as many in every language, to what the
        one of them heard who has the most training rows.
    n_people
        How many others, at most; None: as many as the language with the fewest has.
    equal
        Whether all trainings have as many rows as the language with the fewest.
    rate
        See `Inputs`.
    seed
        Of the choice of others.
    """

    def __init__(self, data: EncodingData, subject: str, fold: Fold, languages: Mapping[str, Sequence[str]], *,
                 people: People, n_people: int | None, equal: bool, rate: str, seed: int):  # fmt: skip
        self.data, self.subject, self.fold, self.rate = data, subject, fold, rate
        self.tested = Inputs(data, subject, fold, rate=rate)
        #: Other people that each language is learned from; 0: the tested person.
        self.n_people = 0
        self.sources = self._own(languages) if people == "own" else self._others(languages, n_people, seed)
        #: Rows of every training; None: all there are.
        self.n_rows = min(len(one.inputs.rows.train(name)) for name, one in self.sources.items()) if equal else None

    def places(self, training: Training) -> list[tuple[Source, np.ndarray]]:
        """For each of its languages: where it comes from, and which places."""
        found = []
        for number, language in enumerate(training.languages):
            source = self.sources[language]
            found.append((source, source.inputs.rows.part(training, number, self.n_rows)))
        return found

    def encoding(self, training: Training, space: str) -> Examples:
        """From features to the brain."""
        parts = []
        for source, places in self.places(training):
            x = torch.from_numpy(source.inputs.features(space)[places])
            parts.append(Examples(x, torch.from_numpy(source.brain[places]), _groups(source, places)))
        return Examples.joined(parts)

    def decoding(self, training: Training, space: str, voxels: np.ndarray) -> Examples:
        """From some voxels at all delays to a feature as it was heard, at the rows at which a sound plays."""
        parts = []
        for source, places in self.places(training):
            kept, later = source.inputs.later(places, source.inputs.delays(space))
            brain = source.brain[:, voxels][later].reshape(len(kept), -1)
            target = source.inputs.decoded(space)[kept]
            parts.append(Examples(torch.from_numpy(brain), torch.from_numpy(target), _groups(source, kept)))
        return Examples.joined(parts)

    def _own(self, languages: Mapping[str, Sequence[str]]) -> dict[str, Source]:
        source = Source(self.tested, self.tested.brain)
        return dict.fromkeys(languages[self.subject], source)

    def _others(self, languages: Mapping[str, Sequence[str]], n_people: int | None, seed: int) -> dict[str, Source]:
        listeners = {
            one: [
                name
                for name, own in languages.items()
                if one in own and name != self.subject and self._fold(name) is not None
            ]
            for one in sorted({language for own in languages.values() for language in own})
        }
        few = [one for one, names in listeners.items() if not names]
        if few:
            raise UserError(
                f"{self.subject}, {self.fold.name}: nobody else heard {first_of(few)}, and every cell is learned from other people, since nobody heard two "
                "languages. Take two listeners of each language or more (data.subjects)."
            )
        n = min([len(names) for names in listeners.values()] + ([] if n_people is None else [n_people]))
        found, self.n_people = {}, n
        for number, (language, names) in enumerate(listeners.items()):
            rng = np.random.default_rng([seed, number, len(names)])
            chosen = [names[i] for i in sorted(rng.permutation(len(names))[:n])]
            found[language] = self._mean(self._most_first(chosen, language))
        return found

    def _most_first(self, names: Sequence[str], language: str) -> list[str]:
        """Who has the most training rows of a language comes first: their mean response is of what that person heard. What others heard beside is told."""
        units = {}
        for name in names:
            rows = FoldRows(self.data, name, self._fold(name))
            units[name] = rows.table.unit.astype(str).to_numpy()[rows.train(language)]
        order = sorted(names, key=lambda name: -len(units[name]))
        lost = sorted(set().union(*(units[name] for name in order[1:])) - set(units[order[0]]))
        if lost:
            tell(
                "left out",
                f"{self.subject}, {self.fold.name}",
                f"{first_of(lost)} in {language}: others than {order[0]} heard it, who has the most training rows, and the mean response of {len(order)} people is of "
                "what that person heard. To learn from all, take people who heard the same (data.subjects).",
            )
        return order

    def _mean(self, names: Sequence[str]) -> Source:
        """The mean response of some people, on the rows of the first: what others alone heard is not in it."""
        first = Inputs(self.data, names[0], self._fold(names[0]), rate=self.rate)
        keys, total, count = moments(first), first.brain.astype(np.float64), np.ones((len(first.brain), 1))
        for name in names[1:]:
            other = Inputs(self.data, name, self._fold(name), rate=self.rate)
            if other.brain.shape[1] != total.shape[1]:
                raise UserError(
                    f"{name} has {other.brain.shape[1]} voxels, and {names[0]} {total.shape[1]}: models are learned from other people here, whose voxels must be "
                    "the same. Take images in a common space (MNI, fsaverage) with one mask."
                )
            rates_hz = [self.data.rate_hz[one] for one in (name, names[0])]
            if not np.isclose(*rates_hz, rtol=1e-3):
                raise UserError(
                    f"{name} has a row every {1 / rates_hz[0]:g} s, and {names[0]} every {1 / rates_hz[1]:g} s: the mean response of several people is "
                    "learned from, row by row. Take people of one rate (data.subjects), or one of each language (model.n_people: 1)."
                )
            own = moments(other)
            same = pd.Series(np.arange(len(own)), own).groupby(level=own.names).first().reindex(keys)
            known = same.notna().to_numpy() & (keys.get_level_values("moment") >= 0)
            total[known] += other.brain[same[known].astype(int)]
            count[known] += 1
        return Source(first, (total / count).astype(np.float32))

    def _fold(self, name: str) -> Fold | None:
        """The same fold of somebody else: content is dealt once, for all."""
        return next((one for one in self.data.folds(name) if one.name == self.fold.name), None)


def _groups(source: Source, places: np.ndarray) -> list[str]:
    """(n,) The story (unit) of each place."""
    return source.inputs.rows.table.unit.astype(str).to_numpy()[places].tolist()


def people_of(
    languages: Mapping[str, Sequence[str]], wanted: str, *, each_alone: bool = False
) -> tuple[People, list[str]]:
    """Whether models are learned from the tested person or from others, and who is tested.

    Parameters
    ----------
    languages
        Subject -> its languages.
    wanted
        ``auto``: own rows, if somebody knows two languages; ``own``, ``others``.
    each_alone
        Whether content is dealt to folds for each subject alone: then others' training rows may hold what is tested.

    Raises
    ------
    UserError
        Nobody knows two languages, or others cannot be used.
    """
    several = [name for name, own in languages.items() if len(own) > 1]
    people: People = ("own" if several else "others") if wanted == "auto" else wanted
    if people == "own":
        if not several:
            raise UserError(
                "model.people is own, but nobody heard two languages: a model of one person knows one alone. Take others (or auto): then every cell, within "
                "a language too, is learned from other people."
            )
        left = [name for name in languages if name not in several]
        if left:
            told = f"they heard one language alone, and models are of single people here, of {len(several)} others. (model.people: others tests all)"
            tell("left out", first_of(left), told)
        return people, several
    if each_alone:
        raise UserError(
            "model.people: others, and data.each_alone deals content to folds for each subject alone: set data.each_alone to false."
        )
    return people, [name for name, own in languages.items() if own]
