"""From one person's brain to another's: a decoder of someone who heard hours of stories reads someone who heard a few of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.models import EncodingRidge
from n2s.models.encoding_ridge import ALPHAS

FEWEST = 30  # shared rows
_BLOCKS = 5  # of one shared story, for the choice of penalties


class PersonToPerson:
    """A ridge regression from the responses of a target person to those of a reference person, at the same moments of the same stories.

    Only rows that are training rows of both people in a fold are used. Each reference voxel has its own penalty, chosen by
    cross-validation over the shared stories.

    Parameters
    ----------
    around
        Rows of the target person before and after a moment that are read, too, for people whose responses are not equally fast: it takes more
        shared rows to learn.
    alphas
        Penalties to choose from.

    Attributes
    ----------
    scores
        (v,) Of each reference voxel: its mean R2 in the cross-validation.
    n_rows, stories
        Shared rows, and the names of the shared stories.

    References
    ----------
    Tang & Huth 2025, Current Biology: semantic decoding across participants, by functional alignment.
    """

    def __init__(self, *, around: int = 0, alphas: Sequence[float] = ALPHAS) -> None:
        if isinstance(around, bool) or around < 0:
            raise UserError(f"PersonToPerson: around={around}; expected a number of rows, 0 or more.")
        self.around, self.alphas = int(around), tuple(alphas)

    def fit(
        self, data: EncodingData, target: str, reference: str, fold: int = 0, voxels: np.ndarray | None = None
    ) -> "PersonToPerson":
        """Learn the map.

        Parameters
        ----------
        data
            A prepared datamodule.
        target, reference
            Subjects, ``study/id``.
        fold
            Number of the target's fold: the held-out rows of both people stay unseen. The reference's is that of the same name, since folds
            of which somebody heard nothing are not in their list.
        voxels
            (v,) Numbers (or a mask) of the reference's columns to map to; None: all.

        Raises
        ------
        UserError
            Not two subjects of the data, another TR, no such fold, or too few moments that both heard in training.
        """
        _check_people(data, target, reference, fold)
        mine = data.folds(target)[fold]
        theirs = same_fold(data, mine, target, reference)
        pairs = shared_rows(data, target, reference, mine, theirs)
        own = np.asarray(data.responses(target, mine)[0], np.float32)
        other = np.asarray(data.responses(reference, theirs)[0], np.float32)
        other = other if voxels is None else other[:, voxels]
        rows = data.rows(target)
        lagged = self._around(own, mine.train, rows.recording.to_numpy()[mine.train])[pairs.target.unique()]
        wanted = np.stack([other[part].mean(0) for part in pairs.groupby("target").reference.agg(list)])
        groups = _groups(pairs.drop_duplicates("target").unit.to_numpy(), f"{target} and {reference}")
        lagged, wanted = torch.from_numpy(lagged), torch.from_numpy(wanted)
        self.mean, self.size = lagged.mean(0), _sizes(lagged)
        middle, spread = wanted.mean(0), _sizes(wanted)
        ridge = EncodingRidge(self.alphas, n_folds=min(5, len(set(groups))))
        ridge.fit((lagged - self.mean) / self.size, (wanted - middle) / spread, groups)
        self.weights, self.intercept = ridge.coef_, ridge.intercept_
        self.scores = ridge.cv_scores_.max(0).values
        # Of what it predicts on training rows, so that a decoder of the reference gets what it is used to: mean 0, size 1.
        mapped = self._mapped(lagged)
        self.out_mean, self.out_size = mapped.mean(0), _sizes(mapped)
        self.n_rows, self.stories = len(lagged), sorted(set(pairs.story))
        return self

    def apply(self, responses: np.ndarray | Tensor, runs: Sequence | None = None) -> Tensor:
        """(t, v_target) rows of the target person -> (t, v_reference) float32, as the reference's: z-scored by the training rows.

        Parameters
        ----------
        responses
            As `EncodingData.responses` gives them, in the order of time.
        runs
            (t,) The run or stretch of each row: rows of others are no neighbours. None: all of one.
        """
        responses = np.asarray(responses, np.float32)
        n_target = len(self.mean) // (2 * self.around + 1)
        if responses.ndim != 2 or responses.shape[1] != n_target:
            raise UserError(
                f"PersonToPerson: responses {responses.shape}; it was fitted on {n_target} columns. Give the target person's, (t, {n_target})."
            )
        labels = np.zeros(len(responses)) if runs is None else np.asarray(runs)
        if len(labels) != len(responses):
            raise UserError(f"PersonToPerson: {len(labels)} runs for {len(responses)} rows; expected one a row.")
        lagged = torch.from_numpy(self._around(responses, np.arange(len(responses)), labels))
        return (self._mapped(lagged) - self.out_mean) / self.out_size

    def _mapped(self, lagged: Tensor) -> Tensor:
        return ((lagged - self.mean) / self.size) @ self.weights + self.intercept

    def _around(self, responses: np.ndarray, numbers: np.ndarray, runs: np.ndarray) -> np.ndarray:
        """(n, v) -> (n, k v): each row's neighbours beside it; 0 (the mean of a run) for one that is not given or of another run."""
        place = {int(number): i for i, number in enumerate(numbers)}
        parts = []
        for step in range(-self.around, self.around + 1):
            near = np.array([place.get(int(number) + step, -1) for number in numbers], dtype=int)
            known = (near >= 0) & (runs[near] == runs)
            parts.append(np.where(known[:, None], responses[near], np.float32(0)))
        return np.concatenate(parts, 1)

    def state(self) -> dict:
        """What was learned: tensors, strings and numbers."""
        names = (
            "mean",
            "size",
            "weights",
            "intercept",
            "scores",
            "out_mean",
            "out_size",
            "n_rows",
            "stories",
            "around",
        )
        return {name: getattr(self, name) for name in names}

    def load(self, state: dict) -> "PersonToPerson":
        """Take what another one had learned."""
        for name, value in state.items():
            setattr(self, name, value)
        return self

    def told(self) -> str:
        """What it is, for a page."""
        return (
            f"a map between people, fitted on {self.n_rows:,} moments of {len(self.stories)} stories that both heard; R2 of a usual voxel "
            f"in cross-validation {float(self.scores.nanmedian()):.3f}"
        )


def shared_rows(data: EncodingData, target: str, reference: str, mine: Fold, theirs: Fold) -> pd.DataFrame:
    """Training rows of two people at the same moment of the same stimulus: one row a pair.

    ``target`` and ``reference``: places among the training rows of each; ``story``, ``unit``. A moment that the reference heard
    several times has several pairs.

    Raises
    ------
    UserError
        There are fewer than `FEWEST` moments.
    """
    half_s = 0.5 / data.rate_hz[target]
    heard = [data.rows(subject).iloc[fold.train] for subject, fold in ((target, mine), (reference, theirs))]
    tables = []
    for rows in heard:
        names = {name: rows[name].astype(str).to_numpy() for name in ("stimulus", "story", "unit")}
        table = pd.DataFrame(names | {"stimulus_s": rows.stimulus_s.to_numpy(), "place": np.arange(len(rows))})
        tables.append(table[np.isfinite(table.stimulus_s) & (table.stimulus != "")])
    found = []
    for stimulus, own in tables[0].groupby("stimulus", sort=False):
        others = tables[1][tables[1].stimulus == stimulus].sort_values("stimulus_s")
        times = others.stimulus_s.to_numpy()
        first = np.searchsorted(times, own.stimulus_s - half_s * 1.0001)
        after = np.searchsorted(times, own.stimulus_s + half_s * 0.9999, "right")
        for row, start, stop in zip(own.itertuples(), first, after, strict=True):
            found += [(row.place, place, row.story, row.unit) for place in others.place.to_numpy()[start:stop]]
    pairs = pd.DataFrame(found, columns=["target", "reference", "story", "unit"]).sort_values(["target", "reference"])
    if pairs.target.nunique() < FEWEST:
        stories = [first_of(sorted(set(table.story))) or "none" for table in tables]
        raise UserError(
            f"{target} and {reference} share {pairs.target.nunique()} moments of stories in training; expected at least {FEWEST}. In training "
            f"{target} heard: {stories[0]}; {reference} heard: {stories[1]}. Choose people who heard the same stories, or another split."
        )
    return pairs.reset_index(drop=True)


def same_fold(data: EncodingData, fold: Fold, target: str, reference: str) -> Fold:
    """The fold of a reference person in which the same is held out as in one of the target person.

    Raises
    ------
    UserError
        The reference person has none: they heard nothing that is held out there.
    """
    for one in data.folds(reference):
        if one.name == fold.name:
            return one
    raise UserError(
        f"{reference} has no fold '{fold.name}', in which {target} is tested: {reference} heard nothing that is held out there, or nothing else. "
        "Choose a reference person who heard the same stories, or hold out stories that both heard (data.split)."
    )


def _check_people(data: EncodingData, target: str, reference: str, fold: int) -> None:
    for subject in (target, reference):
        if subject not in data.subjects:
            raise UserError(f"no subject '{subject}' in the data.{nearest(subject, list(data.subjects))}")
    if target == reference:
        raise UserError(f"'{target}' is both target and reference; give two people.")
    rates = [float(data.rate_hz[subject]) for subject in (target, reference)]
    if abs(rates[0] - rates[1]) > 1e-3 * rates[1]:
        raise UserError(
            f"{target} was measured each {1 / rates[0]:g} s and {reference} each {1 / rates[1]:g} s; a map between people needs one TR. "
            "Resample one of them, or choose another person."
        )
    n_folds = len(data.folds(target))
    if not 0 <= fold < n_folds:
        raise UserError(f"fold {fold} of {target}; expected 0 to {n_folds - 1}.")


def _groups(units: np.ndarray, where: str) -> np.ndarray:
    """(n,) What cross-validation keeps together: stories; pieces of the story, if it is one."""
    if len(set(units)) > 1:
        return units
    tell(
        "odd",
        where,
        f"they share one story ('{units[0]}'): penalties are chosen by {_BLOCKS} pieces of it. Two or more are safer.",
    )
    return np.arange(len(units)) * _BLOCKS // len(units)


def _sizes(values: Tensor) -> Tensor:
    """(n, v) -> (v,) standard deviations; 1 for a column without any."""
    found = values.std(0, correction=0)
    return torch.where(found > 1e-6, found, torch.ones_like(found))
