"""A movie's clock and the recording's, tied by triggers: where a moment of the movie is in the recording."""

from pathlib import Path

import numpy as np

from n2s.errors import UserError
from n2s.studies.readers.tsv import read_table

JUMP_S = 0.25  # between two rows, both clocks go on equally far, or the movie was paused or moved


class MovieClock:
    """Rows of ``movie_time`` (s) and ``index`` (sample), as the Brain Treebank has them.

    The rows are stretches in which both clocks go on; between them the movie was paused, and often stepped back a little. A moment takes
    the nearest row of the stretch that shows it (the last one, if two do) and the rate of the recording from there.

    Parameters
    ----------
    path
        A table of commas with ``movie_time`` and ``index``.
    sfreq
        Of the recording, Hz.

    Raises
    ------
    UserError
        A column is missing, or no row has both numbers.
    """

    def __init__(self, path: Path, sfreq: float):
        table = read_table(path, numbers=("movie_time", "index"), separator=",")
        missing = [name for name in ("movie_time", "index") if name not in table]
        if missing:
            raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
        table = table.dropna(subset=["movie_time", "index"])
        if table.empty:
            raise UserError(f"{path}: no row has both movie_time and index.")
        table = table.sort_values("index", kind="stable")
        movie_s, row_s = table.movie_time.to_numpy(), table["index"].to_numpy() / sfreq
        apart = np.abs(np.diff(row_s) - np.diff(movie_s)) > JUMP_S
        parts = np.split(np.arange(len(movie_s)), np.flatnonzero(apart | (np.diff(movie_s) < 0)) + 1)
        self._stretches = [(movie_s[part], row_s[part]) for part in parts]

    @property
    def span_s(self) -> tuple[float, float]:
        """The first and the last moment of the movie that a row tells."""
        return min(float(one[0][0]) for one in self._stretches), max(float(one[0][-1]) for one in self._stretches)

    def recorded_s(self, movie_s: np.ndarray) -> np.ndarray:
        """(n,) moments of the movie -> s on the recording's clock. Those between two stretches belong to the nearer one."""
        movie_s = np.asarray(movie_s, float)
        found, best = np.full(len(movie_s), np.nan), np.full(len(movie_s), np.inf)
        for shown_s, row_s in self._stretches:
            outside = np.maximum(np.maximum(shown_s[0] - movie_s, movie_s - shown_s[-1]), 0.0)
            after = np.searchsorted(shown_s, movie_s).clip(0, len(shown_s) - 1)
            before = (after - 1).clip(0)
            row = np.where(movie_s - shown_s[before] <= shown_s[after] - movie_s, before, after)
            here = outside <= best
            found[here] = (row_s[row] + movie_s - shown_s[row])[here]
            best = np.minimum(best, outside)
        return found
