"""Which clip is in which split, so that no sound is on both sides of a border."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.fmri import FMRIStudy, clip_table
from n2s.studies.study import Recording

SPLITS = ("train", "val", "test")


def listed_clips(
    studies: Mapping[str, FMRIStudy], subjects: list[str] | None
) -> tuple[pd.DataFrame, dict[str, Recording]]:
    """Every presentation of a clip in every run, prompts left out, and the runs by ``study/recording``.

    Columns: those of `n2s.studies.fmri.clip_table`, with ``stimulus`` and ``group`` made ``study/...``, and ``study``,
    ``recording`` (``study/recording``), ``subject`` (``study/subject``) and ``key``, which names the presentation.
    """
    tables, runs = [], {}
    for name, study in studies.items():
        for recording in chosen(name, study, subjects):
            key = f"{name}/{recording.name}"
            table = clip_table(study.clips(recording), where=f"{study.name}, {recording.name}")
            table = table[table.split != "prompt"]
            runs[key] = recording
            tables.append(
                table.assign(
                    study=name,
                    recording=key,
                    subject=f"{name}/{recording.subject}",
                    stimulus=f"{name}/" + table.stimulus.astype(str),
                    group=f"{name}/" + table.group.astype(str),
                    label=table.label.astype(str),
                    key=[f"{key}@{time_s:.3f}" for time_s in table.time_s],
                )
            )
    return pd.concat(tables, ignore_index=True), runs


def chosen(name: str, study: FMRIStudy, subjects: list[str] | None) -> list[Recording]:
    """The study's runs, of some subjects (``01`` or ``study/01``) or of all."""
    runs = study.recordings()
    if subjects is None:
        return runs
    return [run for run in runs if run.subject in subjects or f"{name}/{run.subject}" in subjects]


def check_subjects(studies: Mapping[str, FMRIStudy], subjects: list[str] | None) -> list[str]:
    """``study/subject`` of all that are wanted; a UserError where one is unknown."""
    known = [f"{name}/{run.subject}" for name, study in studies.items() for run in study.recordings()]
    for one in subjects or ():
        if one not in known and one not in {name.split("/", 1)[1] for name in known}:
            raise UserError(f"data.subjects: no subject '{one}'. There are: {', '.join(sorted(set(known)))}.")
    return sorted({f"{name}/{run.subject}" for name, study in studies.items() for run in chosen(name, study, subjects)})


def check_no_leak(clips: pd.DataFrame) -> None:
    """Raise a UserError where a group, or a stretch of one sound (``audio``), stands in two splits."""
    n_splits = clips.groupby("group").split.nunique()
    if (n_splits > 1).any():
        group = n_splits.index[n_splits > 1][0]
        where = clips[clips.group == group].groupby("split").recording.first()
        raise UserError(
            f"'{group}' has clips in two splits: {', '.join(f'{split} in {run}' for split, run in where.items())}. What is "
            "tested would have been trained on. Give all its clips one split."
        )
    for _, same in clips.drop_duplicates(["audio", "start_s", "duration_s", "split"]).groupby("audio"):
        if same.split.nunique() < 2:
            continue
        same = same.sort_values("start_s")
        start, stop = same.start_s.to_numpy(), (same.start_s + same.duration_s).to_numpy()
        for place, split in enumerate(same.split):
            clash = (same.split.to_numpy() != split) & (start < stop[place] - 1e-3) & (stop > start[place] + 1e-3)
            if clash.any():
                one, other = same.iloc[place], same.iloc[int(clash.argmax())]
                raise UserError(
                    f"one sound is in two splits: '{one.stimulus}' at {one.start_s:g} s in {one.split}, and "
                    f"'{other.stimulus}' at {other.start_s:g} s in {other.split} hold the same audio. Give both one split."
                )


def with_validation(clips: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """The clips; where a study has none for validation, a share of its training groups, chosen by the hash of their name.

    Raises
    ------
    UserError
        A study has no training clips, or one group of them only.
    """
    split = clips.split.copy()
    for name, rows in clips.groupby("study", sort=False):
        groups = sorted(rows.group[rows.split == "train"].unique(), key=_digest)
        if not groups:
            raise UserError(f"study '{name}' has no training clips.")
        if (rows.split == "val").any():
            continue
        if len(groups) < 2:
            raise UserError(
                f"study '{name}' has one group of training clips ({groups[0]}), so none can be held out for validation. "
                "Give some clips the split val, or groups of their own."
            )
        held_out = groups[: min(max(1, round(fraction * len(groups))), len(groups) - 1)]
        split[clips.group.isin(held_out) & (clips.split == "train")] = "val"
    return clips.assign(split=split)


def without_shared_volumes(clips: pd.DataFrame) -> np.ndarray:
    """(n,) bool: clips to keep. A training clip of whose volumes (``first``, ``stop``) another split has one is not kept."""
    keep = np.ones(len(clips), bool)
    place = pd.Series(np.arange(len(clips)), clips.index)
    for _, rows in clips.groupby("recording"):
        held = rows[rows.split != "train"]
        if len(held) and len(held) < len(rows):
            used = np.zeros(rows.stop.max() + 1, int)
            for first, stop in zip(held["first"], held.stop, strict=True):
                used[first:stop] = 1
            before = np.concatenate([[0], used.cumsum()])
            shared = (before[rows.stop] > before[rows["first"]]) & (rows.split == "train").to_numpy()
            keep[place[rows.index[shared]]] = False
    return keep


def _digest(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()
