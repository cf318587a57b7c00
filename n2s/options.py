"""Checks of options that need no data: what a recipe or a caller says is possible, or an error names its key."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from n2s.errors import UserError, nearest

T = TypeVar("T")


def named_studies(studies: Mapping[str, T]) -> dict[str, T]:
    """The studies by name, checked.

    Raises
    ------
    UserError
        There is none, or a name is no text, is empty or has a slash, which parts a study's name from a subject's.
    """
    if not studies:
        raise UserError("data.studies is empty: name at least one study.")
    for name in studies:
        if not isinstance(name, str):
            raise UserError(f"data.studies: the name {name!r} is no text, as YAML reads it. Put it in quotes.")
        if not name.strip() or "/" in name:
            raise UserError(
                f"data.studies: '{name}' is no name of a study: it is empty or has a slash. Choose letters, digits and hyphens."
            )
    return dict(studies)


def check_number(
    option: str, value: float | None, *, low: float = -math.inf, above: float = -math.inf, whole: bool = False
) -> None:
    """Raise a `UserError` if a number is not finite, below ``low``, not greater than ``above`` or, if ``whole``, has a fraction.

    None is an option that is not set.
    """
    if value is None or (math.isfinite(value) and value >= low and value > above and not (whole and value % 1)):
        return
    kind = "a whole number" if whole else "a number"
    bound = f" above {above:g}" if above > -math.inf else f" from {low:g} on" if low > -math.inf else ""
    raise UserError(f"{option} is {value:g}; expected {kind}{bound}.")


def check_choice(option: str, value: object, choices: Sequence[object]) -> None:
    """Raise a `UserError` if a value is none of the choices."""
    if value not in choices:
        shown = ", ".join("null" if one is None else str(one) for one in choices)
        raise UserError(
            f"{option} is {value!r}; expected one of {shown}.{nearest(str(value), [str(one) for one in choices])}"
        )
