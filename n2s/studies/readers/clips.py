"""Clips of sound in a run: read from a table, checked against the run's volumes and the sound's length."""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.fmri import CLIP_COLUMNS, OPTIONAL
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import read_table, whole

TOLERANCE_S = 0.05  # rounded times, a codec's padding
SILENT_S = 60.0  # a run may go on this long after its last clip, and twice as long as the clips
LONGEST_S = 3 * 3600.0  # nobody lies in a scanner longer than this in one run


def read_clips(path: Path) -> pd.DataFrame:
    """Read a clips.tsv: the columns of `n2s.studies.fmri.CLIP_COLUMNS`, and the optional ones in the table (n/a: the default).

    Raises
    ------
    UserError
        A column is missing, or a time or repeat is not a number.
    """
    table = read_table(path, numbers=("start_s", "duration_s", "time_s", "repeat"))
    missing = [name for name in CLIP_COLUMNS if name not in table]
    if missing:
        raise UserError(
            f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}. Expected {', '.join(CLIP_COLUMNS)} "
            f"and, if known, {', '.join(OPTIONAL)}, separated by tabs."
        )
    table = table[[name for name in (*CLIP_COLUMNS, *OPTIONAL) if name in table]].copy()
    for name, default in OPTIONAL.items():
        if name in table:  # n/a: as if it were absent
            empty = table[name].isna() | (table[name] == "")
            table[name] = table[name].where(~empty, table.stimulus if default is None else default)
    for name in CLIP_COLUMNS[1:]:
        if table[name].isna().any():
            raise UserError(f"{path}, line {int(table[name].isna().argmax()) + 2}: {name} is n/a; expected a number.")
    return table.assign(repeat=whole(table["repeat"].astype(float), path)) if "repeat" in table else table


def check_in_run(clips: pd.DataFrame, n_tr: int, tr_s: float, *, where: str, n_columns: int | None = None) -> None:
    """Compare clips with the length of their run.

    Parameters
    ----------
    clips
        With ``time_s`` and ``duration_s``.
    n_tr, tr_s
        Volumes of the run, and seconds between them.
    where
        The table, for messages.
    n_columns
        The other axis of an array, which is the number of volumes if the array is transposed; None for images.

    Raises
    ------
    UserError
        Clips end after the run's last volume, or the array is much more likely [voxel, TR] than [TR, voxel].
    """
    stop = clips.time_s + clips.duration_s
    last_s, run_s = stop.max(), n_tr * tr_s
    other_s = None if n_columns is None else n_columns * tr_s
    late = stop > run_s + TOLERANCE_S
    if late.any():
        turned = other_s is not None and other_s + TOLERANCE_S >= last_s and other_s < LONGEST_S
        raise UserError(
            f"{where}: {late.sum()} of {len(clips)} clips end after the run: the last at {last_s:g} s, but there are "
            f"{n_tr} volumes of {tr_s:g} s, which end at {run_s:g} s. "
            + (f"As [voxel, TR] the array has {n_columns} volumes, which end at {other_s:g} s and would hold them: "
               "transpose it, if so. Otherwise check " if turned else "Check ")
            + "the TR, and that times are in seconds from the first volume that is kept."
        )  # fmt: skip
    fits = other_s is not None and last_s - TOLERANCE_S <= other_s < run_s and run_s > 2 * last_s + SILENT_S
    if other_s is not None and (fits or run_s > LONGEST_S):
        raise UserError(
            f"{where}: as [TR, voxel] the array has {n_tr} volumes of {n_columns} voxels, a run of {run_s:g} s, but the last "
            f"clip ends at {last_s:g} s; as [voxel, TR] it has {n_columns} volumes of {n_tr} voxels, {other_s:g} s. Save it as "
            "[TR, voxel] (transpose it), or check the TR, and cut volumes off that belong to no clip."
        )
    if run_s > 2 * last_s + SILENT_S:
        tell("odd", where, f"the run lasts {run_s:g} s, but its last clip ends at {last_s:g} s.")
    early = clips.time_s < -TOLERANCE_S
    if early.any():
        tell("odd", where, f"{early.sum()} of {len(clips)} clips begin before the first volume (time_s down to "
                           f"{clips.time_s.min():g} s).")  # fmt: skip


def check_in_audio(clips: pd.DataFrame, stimuli: StimulusFolder, *, where: str) -> None:
    """Raise a UserError if a stimulus is missing or ends before its clips."""
    for stimulus, stop_s in (clips.start_s + clips.duration_s).groupby(clips.stimulus, sort=False).max().items():
        length_s = stimuli.length_s(stimulus)
        if stop_s > length_s + TOLERANCE_S:
            raise UserError(
                f"{where}: a clip of '{stimulus}' ends at {stop_s:g} s, but {stimuli.path(stimulus)} lasts "
                f"{length_s:g} s. Check that the audio is complete, and that it was the one played."
            )


def count_samples(clips: list[pd.DataFrame]) -> dict[str, int]:
    """``train_clips`` (every presentation) and ``test_clips`` (presentations of one clip averaged) of one person."""
    rows = pd.concat(clips)
    test = rows[rows.split == "test"]
    seen = {(row.stimulus, float(np.round(row.start_s, 3))) for row in test.itertuples()}
    return {"train_clips": int((rows.split == "train").sum()), "test_clips": len(seen)}


def cut_clips(events: pd.DataFrame, clip_s: float, split: dict[str, str] | None) -> pd.DataFrame:
    """The sounds of a run cut into clips, from the start of each; what is left at its end is no clip.

    Parameters
    ----------
    events
        Of the run.
    clip_s
        Length of a clip, s: that of a volume.
    split
        Story -> train, val, test; others are of train.
    """
    rows = []
    for sound in events[events.kind == "sound"].itertuples():
        after_s = clip_s * np.arange(int((sound.duration + 1e-6) // clip_s))
        table = pd.DataFrame({"start_s": sound.stimulus_onset + after_s, "time_s": sound.onset + after_s})
        rows.append(
            table.assign(stimulus=sound.stimulus, group=sound.story, split=(split or {}).get(sound.story, "train"))
        )
    return pd.concat(rows, ignore_index=True).assign(duration_s=clip_s)
