"""Which clip is in which split, so that no sound is on both sides of a border."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.cross_validated import CrossValidated
from n2s.data.identity import shared_sound, sound_identities
from n2s.data.priority import PRIORITY
from n2s.data.shared import check_shared_sound, sound_groups
from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.studies.fmri import FMRIStudy, clip_table
from n2s.studies.study import Recording, Stimulus

#: Overlap of clips that follow each other: two starts and a length written with two decimals are off by 15 ms at most.
ROUNDED_S = 0.02


def listed_clips(
    studies: Mapping[str, FMRIStudy], subjects: list[str] | None
) -> tuple[pd.DataFrame, dict[str, Recording]]:
    """Every presentation of a clip in every run, and the runs by ``study/recording``.

    Columns: those of `n2s.studies.fmri.clip_table`, with ``stimulus`` and ``group`` made ``study/...``, and ``study``,
    ``recording`` (``study/recording``), ``subject`` (``study/subject``) and ``key``, which names the presentation.
    """
    tables, runs = [], {}
    for name, study in studies.items():
        for recording in chosen(name, study, subjects):
            key = f"{name}/{recording.name}"
            table = clip_table(study.clips(recording), where=f"{study.name}, {recording.name}")
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
    """``study/subject`` of the selected subjects; a UserError if one is unknown."""
    known = [f"{name}/{run.subject}" for name, study in studies.items() for run in study.recordings()]
    if subjects is not None and not subjects:
        raise UserError("data.subjects is empty. Name a subject, or leave the option out.")
    for one in subjects or ():
        if one not in known and one not in {name.split("/", 1)[1] for name in known}:
            raise UserError(
                f"data.subjects: no subject '{one}'. There are: {', '.join(sorted(set(known)))}."
                f"{nearest(one, [name.split('/', 1)[1] for name in known])}"
            )
    return sorted({f"{name}/{run.subject}" for name, study in studies.items() for run in chosen(name, study, subjects)})


def split_by_sound(
    clips: pd.DataFrame,
    stimuli: Mapping[str, Stimulus],
    studies: Mapping[str, FMRIStudy],
    val_fraction: float,
    folds: CrossValidated | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """The clips for training, validation and test, and the warnings.

    ``audio`` is the identity of a clip's sound. Groups that share a moment of one sound become one group, whatever its
    name, and so do groups that a study's `content` declares equal. If a study has no clips for
    validation, some of its groups are drawn (`with_validation`). With ``folds``, groups are dealt to these instead, and
    sounds that are alike are in one group, too.

    Raises
    ------
    UserError
        A moment of a sound, or a group, is in two splits; prompts count as a split.
    """
    if folds is not None:
        clips = _without_official(clips)
    _check_groups(clips)
    clips = clips.assign(audio=clips.stimulus.map(sound_identities(stimuli)))
    shared = shared_sound(stimuli)
    said = {
        f"{name}/{key}": content for name, study in studies.items() for key, content in (study.content or {}).items()
    }
    pieces = clips.assign(stop_s=clips.start_s + clips.duration_s)
    pieces = pieces[["audio", "start_s", "stop_s", "split", "stimulus"]].drop_duplicates()
    notes = check_shared_sound(pieces, shared, remedy=_REMEDY, rounded_s=ROUNDED_S)
    clips = clips.assign(group=sound_groups(clips, shared, said, rounded_s=ROUNDED_S))
    _check_groups(clips)
    clips = clips[clips.split != "prompt"].reset_index(drop=True)
    if folds is not None:
        return clips.assign(split=folds.side(clips.assign(block=clips.group))), notes
    return with_validation(clips, val_fraction), notes


def _without_official(clips: pd.DataFrame) -> pd.DataFrame:
    """The clips, all on one side but prompts."""
    for study, rows in clips.groupby("study", sort=False):
        if (rows.split == "test").any():
            tell(
                "odd",
                f"study {study}",
                "its official split is not used: every part is held out once, and scores are not comparable with those on the "
                "official test set.",
            )
    return clips.assign(split=clips.split.where(clips.split == "prompt", "train"))


def _check_groups(clips: pd.DataFrame) -> None:
    clips = clips[clips.split != "prompt"]
    n_splits = clips.groupby("group").split.nunique()
    if (n_splits > 1).any():
        group = n_splits.index[n_splits > 1][0]
        where = clips[clips.group == group].groupby("split")[["stimulus", "recording"]].first().itertuples()
        raise UserError(
            f"'{group}' has clips in two splits: {', '.join(f'{row.stimulus} ({row.Index}) in {row.recording}' for row in where)}. "
            "What is tested would have been trained on. Give all its clips one split."
        )


_REMEDY = (
    "If they are the same, give their clips one split, or name both in the study's content (stimulus: what it tells), so "
    "that they are one group."
)


def with_validation(clips: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """The clips. If a study has none for validation, it gets a share of its training groups, chosen by the hash of their name.

    A group is held out in every study that has it; groups that another study holds out come first.

    Raises
    ------
    UserError
        A study has no training clips, or only one group of them although a share is needed; or the share is not valid.
    """
    if not 0 <= fraction < 1:
        raise UserError(f"data.val_fraction is {fraction:g}; expected a number from 0 (no validation) to below 1.")
    split = clips.split.copy()
    for name, rows in clips.groupby("study", sort=False):
        elsewhere = set(clips.group[split == "val"])
        groups = sorted(
            rows.group[rows.split == "train"].unique(), key=lambda one: (one not in elsewhere, _digest(one))
        )
        if not groups:
            raise UserError(f"study '{name}' has no training clips.")
        if (rows.split == "val").any():
            continue
        if len(groups) < 2 and fraction:
            raise UserError(
                f"study '{name}' has one group of training clips ({groups[0]}), so none can be held out for validation. "
                "Give some clips the split val, or groups of their own."
            )
        known = len(elsewhere.intersection(groups))  # the first ones
        wanted = min(max(1, round(fraction * len(groups)), known), len(groups) - 1) if fraction else known
        held_out = groups[:wanted]
        split[clips.group.isin(held_out) & (clips.split == "train")] = "val"
    for name, rows in split.groupby(clips.study, sort=False):
        if not (rows == "train").any():
            raise UserError(
                f"study '{name}' has no training clips left: each of their sounds is held out for validation in another "
                "study. Give some clips the split val, so that none is drawn."
            )
    return clips.assign(split=split)


def without_shared_volumes(clips: pd.DataFrame) -> np.ndarray:
    """(n,) bool: clips to keep. A clip is dropped if it shares a volume (``first``, ``stop``) with a higher-priority split."""
    keep = np.ones(len(clips), bool)
    for _, places in clips.reset_index(drop=True).groupby("recording").groups.items():
        rows = clips.iloc[places]
        rank = rows.split.map(PRIORITY).to_numpy()
        for level in np.unique(rank)[:-1]:
            used = np.zeros(rows.stop.max() + 1, int)
            for first, stop in zip(rows["first"][rank > level], rows.stop[rank > level], strict=True):
                used[first:stop] = 1
            before = np.concatenate([[0], used.cumsum()])
            shared = before[rows.stop] > before[rows["first"]]
            keep[places[shared & (rank == level)]] = False
    return keep


def _digest(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()
