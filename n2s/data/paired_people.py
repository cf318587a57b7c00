"""Who is who in two scanners: people with both recordings, or partners who heard the same."""

from collections.abc import Mapping, Sequence

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell

People = str | Mapping[str, str]


def persons(meg: Sequence[str], fmri: Sequence[str], people: People) -> dict[str, str]:
    """The person of each subject, ``study/id`` -> name: one name for both recordings of a person.

    Who has one kind of recording alone keeps it, and that is told.

    Parameters
    ----------
    meg, fmri
        Subjects, ``study/id``.
    people
        ``same``: one id is one person. ``strangers``: nobody was in both; each in the MEG is paired with one in the scanner, in order.
        Or MEG subject -> fMRI subject, as ids or as ``study/id``.

    Raises
    ------
    UserError
        Nobody has both, an id could be several people, or a name is not known.
    """
    if people == "same":
        found = _same(meg, fmri)
    elif people == "strangers":
        found = {one: f"{one} + {other}" for pair in zip(meg, fmri, strict=False) for one, other in [pair]}
        found |= {other: f"{one} + {other}" for one, other in zip(meg, fmri, strict=False)}
    elif isinstance(people, Mapping):
        found = _named(meg, fmri, people)
    else:
        raise UserError(
            f"data.people is {people!r}; expected same, strangers, or MEG subject: fMRI subject, such as {{'01': '07'}}."
        )
    alone = {one: one for one in (*meg, *fmri) if one not in found}
    for kind, other, subjects in (("MEG", "fMRI", meg), ("fMRI", "MEG", fmri)):
        own = [one for one in subjects if one in alone]
        if own and meg and fmri:
            tell("odd", "data.people", f"{len(own)} of {len(subjects)} people in the {kind} have no partner in the {other}: "
                                       f"{first_of(own)}. They are kept with {kind} alone.")  # fmt: skip
    return found | alone


def _same(meg: Sequence[str], fmri: Sequence[str]) -> dict[str, str]:
    for kind, subjects in (("MEG", meg), ("fMRI", fmri)):
        ids = [one.split("/", 1)[1] for one in subjects]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise UserError(
                f"data.people is same, but {len(twice)} ids are in several studies of {kind}, the first is {twice[0]}: they could be "
                "different people. Name who is who (data.people: {study/id of MEG: study/id of fMRI})."
            )
    of = {one.split("/", 1)[1]: one for one in fmri}
    both = {one: of[name] for one in meg if (name := one.split("/", 1)[1]) in of}
    if not both and meg and fmri:
        raise UserError(
            f"data.people is same, but no id is in both: MEG has {first_of(meg)}, fMRI has {first_of(fmri)}. Set data.people to strangers, "
            "if they are other people who heard the same, or name who is who ({'01': '07'})."
        )
    return {one: name.split("/", 1)[1] for pair in both.items() for name in pair[:1] for one in pair}


def _named(meg: Sequence[str], fmri: Sequence[str], people: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one, other in people.items():
        pair = _known(str(one), meg, "MEG"), _known(str(other), fmri, "fMRI")
        for name in pair:
            if name in found:
                raise UserError(f"data.people names {name} twice. Each has one partner.")
        names = [name.split("/", 1)[1] for name in pair]
        found |= dict.fromkeys(pair, names[0] if names[0] == names[1] else " + ".join(pair))
    labels = [found[one] for one in meg if one in found]
    if len(set(labels)) < len(labels):  # one id in several studies: other people
        found = {one: " + ".join(p) for p in _pairs(found, meg, fmri) for one in p}
    return found


def _pairs(found: Mapping[str, str], meg: Sequence[str], fmri: Sequence[str]) -> list[tuple[str, str]]:
    order = [one for one in found if one in meg], [one for one in found if one in fmri]
    return list(zip(*order, strict=True))


def _known(name: str, subjects: Sequence[str], kind: str) -> str:
    found = [one for one in subjects if name in (one, one.split("/", 1)[1])]
    if len(found) != 1:
        what = "is in several studies, so write study/id" if found else f"is not there.{nearest(name, list(subjects))}"
        raise UserError(f"data.people: '{name}' of {kind} {what} There are: {first_of(subjects)}.")
    return found[0]
