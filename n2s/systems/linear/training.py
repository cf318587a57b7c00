"""What a decoder is fitted to: the training rows of one subject, or those of all others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, cat

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError, first_of
from n2s.systems.linear.inputs import Band, Side, fold_brain, fold_sides, varies


@dataclass(frozen=True)
class Training:
    """Stretches of training rows.

    Parameters
    ----------
    brain, target
        Each (t, c) and (t, f).
    groups
        Each (t,): what the choice of penalties keeps together; None: contiguous parts.
    sensors, features
        (c,), (f,) bool: those that are used, for they change.
    """

    brain: list[Tensor]
    target: list[Tensor]
    groups: list[list] | None
    sensors: Tensor
    features: Tensor

    @classmethod
    def of(cls, sides: Sequence[Side], groups: Sequence[np.ndarray] | None) -> "Training":
        """Of the training rows of one subject or several; ``groups`` of all rows of each."""
        sensors, features = (varies(cat([getattr(one, name) for one in sides])) for name in ("brain", "target"))
        brain, target = [], []
        for one in sides:
            own = one.parts(sensors, features)
            brain, target = brain + own[0], target + own[1]
        if groups is not None:
            groups = [own[part].tolist() for one, own in zip(sides, groups, strict=True) for part in one.stretches]
        return cls(brain, target, groups, sensors, features)


def of_subject(fold: Fold, train: Side, n_folds: int) -> Training:
    """The subject's own rows; groups are stretches that share nothing, if there are as many as folds."""
    several = fold.stretches is not None and len(np.unique(fold.stretches)) >= n_folds
    return Training.of([train], [fold.stretches] if several else None)


def of_others(data: EncodingData, subject: str, fold: Fold, space: str, band: Band, n_folds: int) -> Training:
    """The rows of all other subjects in the same fold; groups are stories or blocks, which several heard.

    What is held out for the subject is held out for everybody.

    Raises
    ------
    UserError
        There are no others, their sensors or voxels are not the same, or one of them hears in training what is held out.
    """
    sides, groups, held = [], [], set(data.rows(subject).unit.to_numpy()[fold.test].tolist()) - {""}
    for other in data.subjects:
        theirs = next((one for one in data.folds(other) if one.name == fold.name), None)
        if other == subject or theirs is None:
            continue
        _check_alike(data, subject, other)
        both = sorted(held & set(theirs.groups.tolist()))
        if both:
            raise UserError(
                f"{other} hears in training what is held out for {subject} in {fold.name} ({first_of(both, 3)}): a decoder of other people would "
                "know it. Deal what was heard once for all: set data.each_alone to false, or model.other_people."
            )
        sides.append(fold_sides(data, other, theirs, space, band, fold_brain(data, other, theirs))[0])
        groups.append(theirs.groups)
    if not sides:
        raise UserError(
            f"{subject}, {fold.name}: there is no other subject to learn from. Take more (data.subjects), or set model.other_people to false."
        )
    several = len({name for one in groups for name in one.tolist()}) >= n_folds
    return Training.of(sides, groups if several else None)


def _check_alike(data: EncodingData, subject: str, other: str) -> None:
    one, two = data.measured(subject), data.measured(other)
    why = ""
    if not np.array_equal(np.asarray(one.names), np.asarray(two.names)):
        why = f"{subject} has {len(one.names)} {one.kind}s, {other} {len(two.names)}, and their names are not the same"
    elif one.own_names or two.own_names:
        why = "contacts of one name are elsewhere in each person"
    elif one.kind != "sensor" and not all(
        x.space is not None and (x.space.mesh or x.space.template) for x in (one, two)
    ):
        why = f"their {one.kind}s are in each person's own space"
    elif abs(data.rate_hz[subject] / data.rate_hz[other] - 1) > 1e-6:
        why = f"{subject} has {data.rate_hz[subject]:g} rows a second, {other} {data.rate_hz[other]:g}"
    if why:
        raise UserError(
            f"model.other_people: {why}. A decoder of other people needs the same sensors or voxels for all: choose them (data.preprocessing.picks, "
            "bads; images in a common space), or set model.other_people to false."
        )
