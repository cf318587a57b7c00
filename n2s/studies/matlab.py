"""MATLAB files as plain dicts."""

from pathlib import Path

import scipy.io
from scipy.io.matlab import MatReadError

from n2s.errors import UserError


def read_mat(path: Path, name: str, fields: tuple[str, ...]) -> dict:
    """Read one struct of a MATLAB file; a `UserError` if it, or one of its fields, is not there.

    ``name`` "" takes the file's own variables.
    """
    if not path.is_file():
        raise UserError(f"no {path}. Download it again, or set root to the folder that holds it.")
    try:
        found = scipy.io.loadmat(path, simplify_cells=True)
    except (MatReadError, ValueError, TypeError, NotImplementedError, OSError) as error:
        raise UserError(f"{path}: not a whole MATLAB file up to version 7 ({error}).") from None
    struct = found.get(name) if name else found
    if not isinstance(struct, dict) or any(field not in struct for field in fields):
        there = sorted(key for key in (struct if isinstance(struct, dict) else found) if not key.startswith("__"))
        what = f"a struct '{name}' with {', '.join(fields)}" if name else ", ".join(fields)
        raise UserError(f"{path}: expected {what}; found {', '.join(there) or 'nothing'}.")
    return struct
