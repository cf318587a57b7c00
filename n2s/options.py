"""Checks of options that need no data: what a recipe or a caller says is possible, or an error names its key."""

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

from n2s.errors import UserError, nearest

T = TypeVar("T")


def named_studies(studies: Mapping[str, T]) -> dict[str, T]:
    """The studies by name, checked.

    Raises
    ------
    UserError
        There is none, or a name is no text, is empty or has a slash, which parts a study's name from a subject's.

    Examples
    --------
    >>> named_studies({"a/b": "any study"})
    Traceback (most recent call last):
    n2s.errors.UserError: data.studies: 'a/b' is no name of a study: it is empty or has a slash. Choose letters, digits and hyphens.
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
    option: str,
    value: float | None,
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
    below: float = math.inf,
    whole: bool = False,
    otherwise: str = "",
) -> None:
    """Raise a `UserError` if an option is no finite number, or is outside its range; if ``whole``, also if it is no integer.

    Parameters
    ----------
    option
        Its name, as the user wrote it: ``data.batch_size``, or ``SSP: n_components``.
    value
        What was given. None is an option that is not set: it passes. Yes and no are no numbers, and neither is text.
    low, high
        The lowest and the highest value that is allowed.
    above, below
        Values between which it lies, and which are not allowed themselves.
    whole
        Whether it has to be a whole number, such as a count or a seed.
    otherwise
        What else can be given, for the message: ``null for no filter``.

    Examples
    --------
    >>> check_number("data.batch_size", 64, low=1, whole=True)
    >>> check_number("data.batch_size", 0, low=1, whole=True)
    Traceback (most recent call last):
    n2s.errors.UserError: data.batch_size is 0; expected a whole number from 1 on.
    >>> check_number("model.dropout", float("nan"), low=0, below=1)
    Traceback (most recent call last):
    n2s.errors.UserError: model.dropout is nan; expected a number from 0 to below 1.
    """
    if value is None:
        return
    number = isinstance(value, Real) and not isinstance(value, bool)
    integer = number and isinstance(value, Integral)
    if number and math.isfinite(value) and low <= value <= high and above < value < below and (integer or not whole):
        return
    # 2.0 is no whole number: it is shown with its point; large integers are shown with all digits
    shown = str(int(value)) if integer else f"{value:g}" if number and not (whole and value % 1 == 0) else repr(value)
    raise UserError(
        f"{option} is {shown}; expected {'a whole number' if whole else 'a number'}{_range(low, above, high, below)}"
        f"{', or ' if otherwise else ''}{otherwise}."
    )


def check_numbers(option: str, values: Sequence[float] | None, **bounds: Any) -> None:
    """Raise a `UserError` if this is no list of numbers, or one of them is not in its range; see `check_number` for the bounds.

    Examples
    --------
    >>> check_numbers("preprocessing.notch_hz", [50, -100], above=0)
    Traceback (most recent call last):
    n2s.errors.UserError: preprocessing.notch_hz[1] is -100; expected a number above 0.
    """
    if values is None:
        return
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise UserError(f"{option} is {values!r}; expected a list of numbers.")
    for index, value in enumerate(values):
        check_number(f"{option}[{index}]", math.nan if value is None else value, **bounds)


def check_pair(option: str, values: Sequence[float], **bounds: Any) -> tuple[float, float]:
    """The two numbers as floats; a `UserError` if these are not two, or one is not in its range; see `check_number` for the bounds.

    Examples
    --------
    >>> check_pair("HighGamma: band_hz", [70, 170], above=0)
    (70.0, 170.0)
    """
    check_numbers(option, values, **bounds)
    if len(values) != 2:
        raise UserError(f"{option} is {list(values)}; expected two numbers.")
    return float(values[0]), float(values[1])


def _range(low: float, above: float, high: float, below: float) -> str:
    """The range in words, such as " above 0 and below 1"."""
    first = f" above {_plain(above)}" if above > -math.inf else f" from {_plain(low)}" if low > -math.inf else ""
    last = f"below {_plain(below)}" if below < math.inf else f"{_plain(high)}" if high < math.inf else ""
    if not last:
        return f"{first} on" if first.startswith(" from") else first
    if not first:
        return f" {last}" if last.startswith("below") else f" up to {last}"
    if first.startswith(" from"):
        return f"{first} to {last}"
    return f"{first} and {last}" if last.startswith("below") else f"{first} and up to {last}"


def _plain(value: float) -> str:
    """A bound with all its digits, where it is a whole number."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def check_options(
    prefix: str,
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
    below: float = math.inf,
    whole: bool = False,
    **values: float | Sequence[float] | None,
) -> None:
    """`check_number` of several options with one range, and of each number of an option that has several.

    Parameters
    ----------
    prefix
        Stands before each name: ``model.``, or ``BrainEncoder: `` where the key in the recipe is not known.
    values
        The options by name. One that has several numbers needs one at least.
    low, above, high, below, whole
        As for `check_number`.

    Examples
    --------
    >>> check_options("BrainEncoder: ", low=1, whole=True, hidden=320, depth=0)
    Traceback (most recent call last):
    n2s.errors.UserError: BrainEncoder: depth is 0; expected a whole number from 1 on.
    >>> check_options("model.", above=0, alphas=[0.1, -1.0])
    Traceback (most recent call last):
    n2s.errors.UserError: model.alphas[1] is -1; expected a number above 0.
    """
    for name, value in values.items():
        bounds: dict[str, Any] = {"low": low, "above": above, "high": high, "below": below, "whole": whole}
        if not isinstance(value, Sequence) or isinstance(value, str):
            check_number(f"{prefix}{name}", value, **bounds)
            continue
        if not value:
            raise UserError(f"{prefix}{name} is empty; expected at least one number.")
        for index, one in enumerate(value):
            check_number(f"{prefix}{name}[{index}]", one, **bounds)


def check_choice(option: str, value: object, choices: Sequence[object]) -> None:
    """Raise a `UserError` if a value is none of the choices.

    Examples
    --------
    >>> check_choice("data.residency", "hots", ("device", "host"))
    Traceback (most recent call last):
    n2s.errors.UserError: data.residency is 'hots'; expected one of device, host. Nearest: host.
    """
    if value not in choices:
        shown = ", ".join("null" if one is None else str(one) for one in choices)
        raise UserError(
            f"{option} is {value!r}; expected one of {shown}.{nearest(str(value), [str(one) for one in choices])}"
        )
