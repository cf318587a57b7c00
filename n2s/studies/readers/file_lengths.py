"""How long a sound played, against the length of its file: a wrong rate of playback, a clock that drifts, a cut."""

import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.stimuli import END_TOLERANCE_S

CUT = 0.9  # a sound that played less than this share of its file was cut on purpose
SAME_RATE = 2e-3  # deviation of a factor from that of two sampling rates
_RATES = {44.1 / 48: "44.1 kHz played as 48 kHz", 48 / 44.1: "48 kHz played as 44.1 kHz"}


def compare_lengths(rows: pd.DataFrame, where: str) -> None:
    """Tell which sounds played longer or shorter than their files.

    Up to 0.1 s, shares below 90 % (a cut), and stimuli of which any row plays a later part are not told.

    Parameters
    ----------
    rows
        ``noted_s`` (s from start to end by the table, NaN: not told), ``left_s`` (length of the file from where it starts, s),
        ``stimulus``, ``stimulus_onset``, ``line``.
    where
        The table.

    Raises
    ------
    UserError
        Three sounds or more of different lengths played faster or slower by one factor.
    """
    whole = (rows.stimulus_onset <= END_TOLERANCE_S).groupby(rows.stimulus).transform("all")
    rows = rows[whole & rows.noted_s.notna() & (rows.left_s > 0)]
    factor = rows.noted_s / rows.left_s
    away = (rows.noted_s - rows.left_s).abs() > END_TOLERANCE_S
    middle = factor.median()
    same = (factor - middle).abs() <= 0.2 * abs(middle - 1)
    if len(rows) >= 3 and away.sum() >= 2 and same.all() and rows.left_s.max() > 1.2 * rows.left_s.min():
        first = rows[away].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: '{first.stimulus}' plays for {first.noted_s:.3f} s, and its file lasts "
            f"{first.left_s:.3f} s; all {len(rows)} sounds play {middle:.5f} times as long as their files{rates(middle)}. Were "
            "they played at another rate? Then put files of the rate that was heard into the stimuli; if the durations are "
            "wrong, make them n/a."
        )
    odd = rows[away & (factor >= CUT)]
    if len(odd):
        row = odd.loc[(odd.noted_s - odd.left_s).abs().idxmax()]
        n = f"{len(odd)} of {len(rows)} sounds; line {row.line}" if len(odd) > 1 else f"line {row.line}"
        tell(
            "odd",
            f"{where} ({n}: {row.noted_s:.3f} s of '{row.stimulus}', {row.left_s:.3f} s{rates(row.noted_s / row.left_s)})",
            "sounds play for another time than their files last. They are taken to play at the files' rate, and to end with the "
            "earlier of both; if they were played faster or slower, replace the files.",
        )


def rates(factor: float) -> str:
    """Two sampling rates whose confusion makes a sound last ``factor`` times as long; "" if there are none."""
    return next((f" ({told})" for rate, told in _RATES.items() if abs(factor - rate) <= SAME_RATE), "")
