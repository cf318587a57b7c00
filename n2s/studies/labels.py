"""Labels of subjects, sessions, stories and the like that a user names in a recipe: matched with those that the data have."""

import re
from collections.abc import Iterable, Mapping

import yaml

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.text import normal

SHOWN = 12  # labels listed in a message


def label(value: object, option: str) -> str:
    """A value of a recipe as a label.

    YAML reads an unquoted ``no``, ``1e3`` or ``2.10`` as another value than the one written, which cannot be undone. A whole
    number may be meant as it is: `chosen` decides by the labels that the data have.

    Raises
    ------
    UserError
        The value is no text and no whole number.
    """
    if isinstance(value, str):
        if not value.strip():
            raise UserError(f"{option}: an empty label. Name one, or leave the option out.")
        return normal(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UserError(
        f"{option}: {value!r} is no label: YAML reads an unquoted no, yes, null, 1e3, 2.10 or date as another value. "
        "Put the label in quotes."
    )


def named(values: Iterable[object] | None, option: str) -> list[str] | None:
    """The labels that an option lists, each once; None stays None.

    Raises
    ------
    UserError
        One is no label (`label`), or is listed twice.
    """
    if values is None:
        return None
    names = [label(one, option) for one in ([values] if isinstance(values, str) else values)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{option} names {', '.join(twice)} twice. Name each once.")
    return names


def labelled(table: Mapping[str, str] | None, option: str) -> dict[str, str] | None:
    """A table of names with all of them in composed form; None stays None.

    Raises
    ------
    UserError
        YAML read a name as a number or something else.
    """
    if table is None:
        return None
    odd = [one for pair in table.items() for one in pair if not isinstance(one, str)]
    if odd:
        raise UserError(
            f"{option} holds {odd[0]!r}, which is no name: YAML reads an unquoted 007 or no so. Put it in quotes."
        )
    return {normal(key): normal(name) for key, name in table.items()}


def chosen(values: object, known: Iterable[str], *, option: str, what: str, prefix: str = "") -> list[str]:
    """The labels of the data that an option names, in the order of the option.

    ``1`` is the label ``01`` if no other label may be meant by it. An unquoted 010 arrives here as 8, an octal number: if the
    data have 010, it is an error, whether they have 008 or not. If they have 008 alone, that is taken and told.

    Parameters
    ----------
    values
        The option's value: a list, or one label.
    known
        The labels that the data have.
    option, what
        For messages: the option's name and what its labels are of (``subject``).
    prefix
        An entity that may stand before the label, such as ``sub``: ``sub-01`` is ``01``.

    Raises
    ------
    UserError
        A label is unknown, ambiguous, named twice, or no label at all; or none is named.
    """
    given = [values] if isinstance(values, str | int) else list(values)
    if not given:
        raise UserError(f"{option} is empty. Name a {what}, or leave the option out.")
    labels = list(dict.fromkeys(known))
    found: dict[str, object] = {}
    for value in given:
        one = _match(value, labels, option=option, what=what, prefix=prefix)
        if one in found:
            both = f"{value!r}" if found[one] == value else f"{found[one]!r} and {value!r}"
            raise UserError(f"{option} names the {what} '{one}' twice ({both}). Name each once.")
        found[one] = value
    return list(found)


def _match(value: object, labels: list[str], *, option: str, what: str, prefix: str) -> str:
    text = label(value, option)
    text = text.removeprefix(f"{prefix}-") if prefix else text
    number = isinstance(value, int)
    same = [] if number else [one for one in labels if normal(one) == text]
    # an int has lost its zeros; a text without its zeros is a convenience
    same = same or [one for one in labels if _stripped(normal(one)) == _stripped(text)]
    written = [one for one in labels if number and one not in same and _read(one, value)]
    if len(same) == 1 and not written:
        octal = f"0{value:o}" if number and value >= 8 else ""
        if same[0].startswith("0") and len(octal) == len(same[0]):  # it may be a label that the data lack
            tell(
                "odd",
                option,
                f"{value} is taken as the {what} '{same[0]}'. If {octal} was written, YAML has changed it: put it in quotes.",
            )
        return same[0]
    if same or written:
        quoted = " or ".join(f"'{one}'" for one in sorted([*same, *written] if same else [text, *written]))
        why = f" (YAML reads an unquoted {written[0]} as the number {value})" if written else ""
        raise UserError(
            f"{option}: {value!r} may be the {what} {quoted}{why}. Write the label as the data have it, in quotes."
        )
    several = first_of(sorted(labels), SHOWN, ", ...")
    raise UserError(
        f"{option}: no {what} '{text}'; there are {several or 'none'}.{nearest(text, labels)}"
        + (" An unquoted number may be read as another one: put the label in quotes." if number else "")
    )


def _stripped(text: str) -> str:
    return text.lstrip("0") or "0" if text.isdecimal() else text


def _read(text: str, value: int) -> bool:
    """Whether YAML reads a label, unquoted, as this number: 010, 0x1f, 1_000 and 12:30 are numbers to it."""
    if not re.fullmatch(r"[-+]?[0-9][0-9A-Fa-fbx_:]*", text):
        return False
    try:
        return yaml.safe_load(text) == value
    except (yaml.YAMLError, ValueError):
        return False
