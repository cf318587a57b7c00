"""BData, the HDF5 layout of the bdpy toolbox: samples by columns, and tables that describe the columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from n2s.errors import UserError, nearest, reading

BLOCK = 256  # samples: a file of gigabytes is read in pieces, and only the selected columns are kept


class BData:
    """One file: ``/dataset`` (samples, columns); ``/metadata/value`` (keys, columns) is 1 where a column is a key's.

    Raises
    ------
    UserError
        It is not a complete file with this layout.
    """

    def __init__(self, path: Path):
        self.path = path
        with self._opened() as file:
            self.keys = [_text(key) for key in file["metadata/key"][:]]
            self.n_samples, n_columns = file["dataset"].shape
            tables = file["metadata/value"].shape
            kinds = {file[name].dtype.kind for name in ("dataset", "metadata/value")}
        if tables != (len(self.keys), n_columns) or not kinds <= set("iuf"):
            raise UserError(
                f"{path}: {len(self.keys)} keys, {n_columns} columns, but a table of {tables}; expected numbers in both."
            )

    @contextmanager
    def _opened(self) -> Iterator[h5py.File]:
        with reading(self.path, "a whole BData file, with /dataset and /metadata"), h5py.File(self.path, "r") as file:
            yield file

    def columns(self, key: str) -> np.ndarray:
        """(column,) bool: the columns of a key; a UserError if there is no such key."""
        if key not in self.keys:
            raise UserError(f"{self.path}: no key '{key}' in its metadata.{nearest(key, self.keys)}")
        with self._opened() as file:
            return file["metadata/value"][self.keys.index(key)] == 1

    def regions(self, voxels: np.ndarray) -> dict[str, np.ndarray]:
        """Key -> (voxel,) bool, for every key that marks some of these columns (bool), and no others.

        Keys that hold numbers (coordinates) are not regions.
        """
        found = {}
        with self._opened() as file:
            for key, values in zip(self.keys, file["metadata/value"], strict=True):
                marks = np.isnan(values) | np.isin(values, (0, 1))
                if marks.all() and (values == 1).any() and not (values[~voxels] == 1).any():
                    found[key] = values[voxels] == 1
        return found

    def labels(self, key: str) -> list[str]:
        """The label of each sample: the number in the key's column, with its name in ``/vmap/<key>``."""
        columns = np.flatnonzero(self.columns(key))
        if len(columns) != 1:
            raise UserError(f"{self.path}: {len(columns)} columns of '{key}'; expected one.")
        with self._opened() as file:
            numbers = file["dataset"][:, columns[0]]
            spelled = file.get(f"vmap/{key}", {})
            names = {float(number): _text(spelled[number][()]) for number in spelled}
        unknown = sorted(set(numbers.tolist()) - set(names))
        if unknown:
            raise UserError(f"{self.path}: /vmap/{key} has no label for {len(unknown)} numbers, as {unknown[0]:g}.")
        return [names[number] for number in numbers.tolist()]

    def samples(self, columns: np.ndarray) -> np.ndarray:
        """(sample, column) float32 of the columns that are marked."""
        data = np.empty((self.n_samples, int(columns.sum())), np.float32)
        with self._opened() as file:
            for start in range(0, self.n_samples, BLOCK):
                data[start : start + BLOCK] = file["dataset"][start : start + BLOCK][:, columns]
        return data


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
