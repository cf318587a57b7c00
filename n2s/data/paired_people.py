"""Who is who in two scanners: people with both recordings, or partners who heard the same."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell

People = str | Mapping[str | int, str | int]


def persons(meg: Sequence[str], fmri: Sequence[str], people: People) -> dict[str, str]:
    """The person of each subject, ``study/id`` -> name: one name for all recordings of a person.

    Who has one kind of recording alone keeps it, and that is told.

    Parameters
    ----------
    meg, fmri
        Subjects, ``study/id``.
    people
        ``same``: one id is one person. ``strangers``: nobody was in both; partners are chosen by what they heard (`partners`), so
        here everybody is alone. Or MEG subject -> fMRI subject, as ids or as ``study/id``; several subjects of different MEG studies may
        be one person of fMRI.

    Raises
    ------
    UserError
        Nobody has both, an id could be several people, or a name is not known.
    """
    if people == "same":
        found = _same(meg, fmri)
    elif people == "strangers":
        return {one: one for one in (*meg, *fmri)}
    elif isinstance(people, Mapping):
        found = _named(meg, fmri, people)
    else:
        raise UserError(
            f"data.people is {people!r}; expected same, strangers, or MEG subject: fMRI subject, such as {{'01': '07'}}."
        )
    return _with_those_alone(found, meg, fmri)


def partners(meg: Sequence[str], fmri: Sequence[str], heard: np.ndarray) -> dict[str, str]:
    """The person of each subject where nobody was in both: each in the MEG gets a partner in the scanner who heard the same.

    The partners are those who share most, over everybody together; in order, where several choices are as good. Who shares nothing
    with anybody who is left gets none, and that is told.

    Parameters
    ----------
    meg, fmri
        Subjects, ``study/id``.
    heard
        (meg, fmri) How much each two of them heard both.
    """
    in_order = np.abs(np.arange(len(meg))[:, None] - np.arange(len(fmri))) / (len(meg) + len(fmri) + 1.0) ** 2
    tiny = 1e-3 * np.min(heard[heard > 0], initial=1.0)
    found = {}
    for one, other in zip(*linear_sum_assignment(heard - tiny * in_order, maximize=True), strict=True):
        if heard[one, other] > 0:
            found |= dict.fromkeys((meg[one], fmri[other]), f"{meg[one]} + {fmri[other]}")
    return _with_those_alone(found, meg, fmri)


def _with_those_alone(found: dict[str, str], meg: Sequence[str], fmri: Sequence[str]) -> dict[str, str]:
    alone = {one: one for one in (*meg, *fmri) if one not in found}
    for kind, other, subjects in (("MEG", "fMRI", meg), ("fMRI", "MEG", fmri)):
        own = [one for one in subjects if one in alone]
        if own and meg and fmri:
            tell("odd", "data.people", f"{len(own)} of {len(subjects)} people in the {kind} have no partner in the {other}: "
                                       f"{first_of(own)}. They are kept with {kind} alone.")  # fmt: skip
    return found | alone


def _same(meg: Sequence[str], fmri: Sequence[str]) -> dict[str, str]:
    for kind, subjects in (("MEG", meg), ("fMRI", fmri)):
        ids = [_id(one) for one in subjects]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise UserError(
                f"data.people is same, but {len(twice)} ids are in several studies of {kind}, the first is {twice[0]}: they could be "
                "different people. Name who is who (data.people: {study/id of MEG: study/id of fMRI})."
            )
    of = {_id(one): one for one in fmri}
    both = {one: of[_id(one)] for one in meg if _id(one) in of}
    if not both and meg and fmri:
        raise UserError(
            f"data.people is same, but no id is in both: MEG has {first_of(meg)}, fMRI has {first_of(fmri)}. Set data.people to strangers, "
            "if they are other people who heard the same, or name who is who ({'01': '07'})."
        )
    return {one: _id(name) for pair in both.items() for name in pair[:1] for one in pair}


def _named(meg: Sequence[str], fmri: Sequence[str], people: Mapping[str | int, str | int]) -> dict[str, str]:
    of: dict[str, list[str]] = {}  # fMRI subject -> the MEG subjects who are this person
    for one, other in people.items():
        mine, theirs = _known(one, meg, "MEG"), _known(other, fmri, "fMRI")
        before = of.setdefault(theirs, [])
        if mine in (name for names in of.values() for name in names):
            raise UserError(f"data.people names {mine} twice. Each has one partner.")
        if again := [name for name in before if _study(name) == _study(mine)]:
            raise UserError(
                f"data.people gives {theirs} two partners in the MEG of one study, {again[0]} and {mine}. Each has one partner."
            )
        before.append(mine)
    if not of:
        raise UserError("data.people names nobody; expected same, strangers, or MEG subject: fMRI subject.")
    ids = [_id(theirs) for theirs in of]
    found = {}
    for theirs, mine in of.items():
        short = {_id(name) for name in (theirs, *mine)}
        clear = len(short) == 1 and ids.count(_id(theirs)) == 1
        found |= dict.fromkeys((theirs, *mine), short.pop() if clear else " + ".join([*mine, theirs]))
    return found


def _known(name: str | int, subjects: Sequence[str], kind: str) -> str:
    if not isinstance(name, str):
        _check_number(name, subjects)
    name = str(name)
    found = [one for one in subjects if name in (one, _id(one))]
    if len(found) != 1:
        what = "is in several studies, so write study/id." if found else f"is not there.{nearest(name, list(subjects))}"
        raise UserError(f"data.people: '{name}' of {kind} {what} There are: {first_of(subjects)}.")
    return found[0]


def _check_number(number: int, subjects: Sequence[str]) -> None:
    """Refuse a number that may have been written with a leading zero."""
    ids = {_id(one) for one in subjects}
    octal = f"{number:o}" if isinstance(number, int) and number >= 0 else ""
    if (
        isinstance(number, bool)
        or str(number) not in ids
        or any(one.startswith("0") and one.lstrip("0") == octal for one in ids)
    ):
        raise UserError(
            f"data.people has {number!r}, a number and no id: YAML reads 01 as 1 and 010 as 8. Write ids in quotes ('01': '07'). There are: "
            f"{first_of(subjects)}."
        )


def _id(subject: str) -> str:
    return subject.split("/", 1)[1]


def _study(subject: str) -> str:
    return subject.split("/", 1)[0]
