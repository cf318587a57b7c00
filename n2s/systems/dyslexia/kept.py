"""Arrays that a fit keeps until it ends, so that one that was interrupted goes on where it stopped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from n2s.errors import reading
from n2s.paths import written_whole

Arrays = dict[str, np.ndarray]


def once(path: Path, key: str, make: Callable[[], Arrays]) -> Arrays:
    """What a file keeps under a key, or what ``make`` gives, which is then kept.

    Parameters
    ----------
    path
        The file, ``.npz``.
    key
        Names all that the arrays depend on.
    make
        Computes them.
    """
    if path.is_file():
        remedy = "Remove it: it is made again."
        with reading(path, "arrays of a fit", remedy), np.load(path, allow_pickle=False) as found:
            if str(found["key"]) == key:
                return {part: found[part] for part in found.files if part != "key"}
    made = make()
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, key=key, **made)
    return made


def plain_settings(one: object) -> dict:
    """The options of an object that are numbers, text or lists: the same in each process."""
    plain = (bool, int, float, str, tuple, list, type(None))
    return {"class": type(one).__qualname__} | {k: v for k, v in vars(one).items() if isinstance(v, plain)}
