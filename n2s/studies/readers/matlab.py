"""MATLAB files as plain dicts. Every size in a file is checked first: SciPy's reader trusts them, and crashes on a wrong one."""

import io
import math
import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.io

from n2s.errors import UserError

# "MAT-File Level 5 File Format" (The MathWorks, 2019): kinds of elements, and classes of arrays.
_HEADER, _MATRIX, _COMPRESSED, _INT32, _UINT32 = 128, 14, 15, 5, 6
_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}  # of a value of each kind
_CELL, _STRUCT, _CHAR, _NUMBERS = 1, 2, 4, range(6, 16)
_DEPTH = 100  # of structs in structs


def read_mat(path: Path, name: str, fields: tuple[str, ...]) -> dict:
    """Read one struct of a MATLAB file of version 5 to 7; a `UserError` if it or one of its fields is missing.

    ``name`` "" takes the file's own variables.
    """
    if not path.is_file():
        raise UserError(f"no {path}. Download it again, or set root to the folder that holds it.")
    try:
        found = scipy.io.loadmat(io.BytesIO(_checked(path.read_bytes())), simplify_cells=True)
    except Exception as error:  # SciPy may raise any exception for a malformed file
        raise UserError(
            f"{path}: not a whole MATLAB file of version 5 to 7 ({type(error).__name__}: {error}). Download it again."
        ) from None
    content = found.get(name) if name else found
    if not isinstance(content, dict) or any(field not in content for field in fields):
        there = sorted(key for key in (content if isinstance(content, dict) else found) if not key.startswith("__"))
        what = f"a struct '{name}' with {', '.join(fields)}" if name else ", ".join(fields)
        raise UserError(f"{path}: expected {what}; found {', '.join(there) or 'nothing'}.")
    return content


def real_numbers(content: dict, field: str, path: Path) -> np.ndarray:
    """A field as float64, of any shape; a `UserError` if it has anything but real numbers."""
    try:
        values = np.asarray(content[field])
    except ValueError:  # cells of several lengths
        values = np.empty(0, object)
    if values.dtype.kind not in "biuf":
        raise UserError(f"{path}: '{field}' holds {values.dtype} of shape {values.shape}; expected real numbers.")
    return values.astype(np.float64)


def positive(content: dict, field: str, path: Path) -> float:
    """A field with one number above 0, such as a sampling rate; a `UserError` otherwise."""
    values = real_numbers(content, field, path)
    if values.size != 1 or not 0 < values.item() < math.inf:
        raise UserError(f"{path}: '{field}' is {values.tolist()}; expected one number above 0.")
    return values.item()


def check_mat(path: Path) -> None:
    """Refuse a MATLAB file that a reader other than `read_mat` would crash on; those of version 7.3 (HDF5) need no check.

    Raises
    ------
    UserError
        It is damaged, or no MATLAB file of version 5 to 7.3.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[124:_HEADER] in (b"\x00\x02IM", b"\x02\x00MI"):
                return
            for _ in _parts(content):
                pass
    except Exception as error:  # whatever a damaged file makes the checks meet
        raise UserError(f"{path}: not a whole MATLAB file ({error}). Copy it again from its source.") from None


def _checked(content: bytes) -> bytes:
    """The file without compression; a ValueError if an element does not fit into its container."""
    return b"".join((content[:_HEADER], *_parts(content)))


def _parts(content: bytes | mmap.mmap) -> Iterator[bytes]:
    """Each element of the file without compression, checked."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER], "")
    if not order or struct.unpack_from(f"{order}H", content, 124)[0] != 0x0100:
        raise ValueError("its first 128 bytes are no header")
    at = _HEADER
    while at < len(content):
        kind, start, stop, after = _element(content, at, len(content), order)
        part = zlib.decompress(content[start:stop]) if kind == _COMPRESSED else content[at:after]
        at = stop if kind == _COMPRESSED else after  # compressed elements are not padded
        _check(part, 0, len(part), order)
        yield part


def _element(content: bytes, at: int, end: int, order: str) -> tuple[int, int, int, int]:
    """Kind of the element at a place, where its data start and stop, and where the next one is."""
    if at + 8 > end:
        raise ValueError("it is cut short")
    kind, n = struct.unpack_from(f"{order}II", content, at)
    start, after = at + 8, at + 8 + n + -n % 8
    if kind >> 16:  # up to four bytes lie in the tag itself
        kind, n, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if n > 4:
            raise ValueError(f"an element of {n} bytes in the place of 4")
    if start + n > end or kind not in (_MATRIX, _COMPRESSED, *_BYTES):
        raise ValueError(f"an element of kind {kind} and {n} bytes, where {end - start} are left")
    return kind, start, start + n, min(after, end)


def _check(content: bytes, at: int, end: int, order: str, depth: int = 0) -> None:
    """Check all elements from a place to another, and the arrays among them."""
    while at < end:
        kind, start, stop, at = _element(content, at, end, order)
        if kind == _COMPRESSED or depth > _DEPTH:
            raise ValueError("an array inside too many others, or compressed twice")
        if kind == _MATRIX and start < stop:  # without content: an empty array
            _check(content, start, stop, order, depth + 1)
            _check_array(content, start, stop, order)


def _check_array(content: bytes, at: int, end: int, order: str) -> None:
    """Check that an array has as many values, or arrays inside, as its dimensions say."""
    parts = []
    while at < end:
        *part, at = _element(content, at, end, order)
        parts.append(part)
    (kind, start, stop), rest = parts[0], parts[1:]
    if kind != _UINT32 or stop - start != 8:
        raise ValueError("an array without its class")
    flags = struct.unpack_from(f"{order}I", content, start)[0]
    class_, n_values = flags & 0xFF, 2 if flags & 0x800 else 1  # real, and for complex numbers imaginary parts
    if class_ not in (_CELL, _STRUCT, _CHAR, *_NUMBERS):
        return  # objects, functions: n2s needs none of them
    if len(rest) < 2 or rest[0][0] not in (_INT32, _UINT32):
        raise ValueError("an array without dimensions or name")
    sizes = np.frombuffer(content[rest[0][1] : rest[0][2]], f"{order}i4").tolist()
    n, inside = math.prod(sizes), rest[2:]
    if not 2 <= len(sizes) <= 32 or min(sizes) < 0:
        raise ValueError(f"an array of the shape {sizes}")
    if class_ == _STRUCT:
        lengths = [stop - start for _, start, stop in inside[:2]]
        length = struct.unpack_from(f"{order}i", content, inside[0][1])[0] if lengths[:1] == [4] else 0
        if length <= 0 or len(lengths) < 2 or lengths[1] % length:
            raise ValueError("a struct without the names of its fields")
        n, inside = n * (lengths[1] // length), inside[2:]
    if class_ in (_CELL, _STRUCT):
        fits = len(inside) == n and all(kind == _MATRIX for kind, *_ in inside)
    elif class_ == _CHAR:
        fits = len(inside) == 1 and inside[0][2] - inside[0][1] <= 4 * n
    else:
        fits = len(inside) == n_values and all(
            (stop - start) == n * _BYTES.get(kind, 0) for kind, start, stop in inside
        )
    if not fits:
        raise ValueError(f"an array of the shape {sizes} does not hold as many values")
