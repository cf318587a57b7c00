"""Files of arrays in the cache of features: whole and with a checksum, or made again."""

import warnings
import zlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from n2s.paths import written_whole

#: Arrays by name, ``values`` among them, and metadata.
Kept = tuple[dict[str, np.ndarray], dict[str, str]]


def write_arrays(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a file of arrays whole, with their checksum."""
    with written_whole(path) as temporary:
        save_file(arrays, temporary, metadata | {"crc32": str(_checksum(arrays))})


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    """Of the values, then of the other arrays."""
    crc = zlib.crc32(arrays["values"])
    for name in sorted(arrays.keys() - {"values"}):
        crc = zlib.crc32(arrays[name], crc)
    return crc


def read_arrays(path: Path, *needed: str) -> Kept | None:
    """Arrays and metadata of a cached file; None if it is missing or broken."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            arrays, metadata = {"values": file.get_tensor("values")}, file.metadata() or {}
            arrays |= {name: file.get_tensor(name) for name in file.keys() if name != "values"}  # noqa: SIM118 (no dict)
        missing = {"crc32", *needed} - {*metadata, *arrays}
        if missing:
            raise ValueError(f"it does not say {', '.join(sorted(missing))}")
        if _checksum(arrays) != int(metadata["crc32"]):
            raise ValueError("its checksum is not that of its contents")
    except (SafetensorError, ValueError) as error:
        warnings.warn(f"{path} is broken ({error}): it is computed again", stacklevel=2)
        return None
    return arrays, metadata
