"""Which sensors are left, right, or of a region that the recipe names."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from n2s.data.encoding_data import Measured
from n2s.errors import UserError, first_of
from n2s.systems.tracking.measures import ALL_SENSORS, LATERALITY

#: Electrodes of the 10-20, 10-10 and 10-5 systems: odd numbers are left, even ones right, z is the midline.
TEN = re.compile(
    r"(?:N|FP|AFP|AFF|AF|F|FFC|FFT|FC|FT|FCC|FTT|C|T|CCP|TTP|CP|TP|CPP|TPP|P|PPO|PO|POO|O|OI|I|M|A)(\d+|Z)H?", re.I
)
MIDLINE = 0.03  # of the width of the layout to either side: sensors there are of no side


def regions_of(measured: Measured, named: Mapping[str, Sequence[str]] | None, subject: str) -> dict[str, np.ndarray]:
    """Region -> (c,) bool.

    Parameters
    ----------
    measured
        The subject's sensors.
    named
        Region -> names of sensors or patterns (``MEG01*``); None: ``left`` and ``right`` of the layout, where places are known.
    subject
        For messages.

    Raises
    ------
    UserError
        A region has a name that is taken, or no sensor of the subject is in it.
    """
    names = np.asarray(measured.names).astype(str)
    if named is None:
        return _sides(measured)
    found = {}
    for region, patterns in named.items():
        if region in (ALL_SENSORS, LATERALITY):
            raise UserError(f"model.regions: the name '{region}' is taken. Give the region another.")
        inside = np.array([any(fnmatchcase(_bare(name), _bare(one)) for one in patterns) for name in names])
        if not inside.any():
            raise UserError(
                f"model.regions: no sensor of {subject} is in '{region}' ({first_of(patterns)}); its sensors are {first_of(names)}."
            )
        found[region] = inside
    return found


def _bare(name: str) -> str:
    """``MEG 0113`` is MEG0113 in newer files."""
    return str(name).replace(" ", "")


def _sides(measured: Measured) -> dict[str, np.ndarray]:
    places = measured.places
    if measured.kind != "sensor" or measured.own_names:
        return {}
    found = _by_name(measured.names)
    if found is None:
        if places is None or not np.isfinite(places[:, 0]).any():
            return {}
        x = np.asarray(places[:, 0], float)
        width, middle = np.nanmax(x) - np.nanmin(x), (np.nanmax(x) + np.nanmin(x)) / 2
        found = {"left": x < middle - MIDLINE * width, "right": x > middle + MIDLINE * width}
    return found if all(one.any() for one in found.values()) else {}


def _by_name(names: np.ndarray) -> dict[str, np.ndarray] | None:
    """By the names of the 10-20 system: the middle of a cap with more on one side is not its midline. None: other names.

    A name with a z has to be among them: ``C1`` to ``C32`` of other caps are no places.
    """
    numbers = [TEN.fullmatch(str(name)) for name in names]
    if not all(numbers) or not any(one[1] in "zZ" for one in numbers):
        return None
    side = np.array([0 if one[1] in "zZ" else 1 + int(one[1]) % 2 for one in numbers])
    return {"left": side == 2, "right": side == 1}
