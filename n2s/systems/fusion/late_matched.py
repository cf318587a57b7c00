"""The rows of pairs in two finished runs: each run's scores of the segments that both have held out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.paired import PairedDataModule
from n2s.data.paired_rows import MODALITIES
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.metrics.segment_scores import SegmentScores, matched_people, matched_rows, matched_segments, overlaps

NAMES = {"meg": "MEG", "fmri": "fMRI"}
SPLITS = {"val": "validation", "test": "test"}
SHORTER_S = 0.5  # segments of two runs may differ by this: MEG leaves its offset out at the end


@dataclass
class Parts:
    """The scores of two runs in the rows and candidates of pairs.

    Parameters
    ----------
    pairs
        The n rows that are left, as `PairedDataModule.pairs`: -1 where a run has no score.
    scores
        Modality -> (n, k) of all unique segments of the split, in order; 0 where there is none.
    """

    pairs: pd.DataFrame
    scores: dict[str, np.ndarray]

    @property
    def target(self) -> np.ndarray:
        """(n,) The true segment of each row."""
        return self.pairs.segment.to_numpy()


def late_parts(data: PairedDataModule, runs: Mapping[str, SegmentScores], split: str) -> Parts:
    """Match the rows and candidates of two runs with pairs; what one of them has not scored is left out, and told.

    Parameters
    ----------
    data
        Set up.
    runs
        Modality -> its run's scores of that split.
    split
        ``val`` or ``test``.

    Raises
    ------
    UserError
        A run is one of the other modality, or has other segments, sounds or people.
    """
    check_modalities(data, runs)
    windows, pairs, table = data.windows[split], data.pairs[split].reset_index(drop=True), data.window_table(split)
    own = data.candidate_table(split)[["stimulus", "start_s", "duration_s"]]
    own = own.assign(sound=windows.of_interval("audio")[windows.first].astype(str))
    column = {modality: _matched_candidates(data, own, scores, split) for modality, scores in runs.items()}
    common = np.all([found >= 0 for found in column.values()], axis=0)
    if not common.any():
        raise UserError(
            f"model.meg and model.fmri have no {SPLITS[split]} segment in common: each has some of the {len(own)} here, and none has both. Fit both "
            "with the same data and split."
        )
    kept, parts = {}, {}
    for modality, scores in runs.items():
        rows = pairs[modality].to_numpy()
        has = np.flatnonzero((rows >= 0) & common[pairs.segment.to_numpy()])
        found = np.full(len(pairs), -1)
        found[has] = _matched(data, table.iloc[rows[has]], pairs.segment.to_numpy()[has], scores, column[modality])
        kept[modality] = np.where(found >= 0, rows, -1)
        part = np.zeros((len(pairs), len(own)), np.float32)
        filled = np.flatnonzero(found >= 0)
        part[np.ix_(filled, np.flatnonzero(common))] = scores.similarity[
            np.ix_(found[filled], column[modality][common])
        ]
        parts[modality] = part
    _tell(pairs, kept, common, split)
    some = (kept["meg"] >= 0) | (kept["fmri"] >= 0)
    rows = pairs.assign(**kept)[some].reset_index(drop=True)
    if not (rows[list(MODALITIES)] >= 0).all(axis=1).any():
        raise UserError(
            f"none of the {len(pairs)} {SPLITS[split]} rows has scores in both model.meg ({(kept['meg'] >= 0).sum()} rows) and model.fmri "
            f"({(kept['fmri'] >= 0).sum()} rows): nothing can be added. Look at data.people and at the segments of both runs."
        )
    return Parts(rows, {modality: part[some] for modality, part in parts.items()})


def check_modalities(data: PairedDataModule, runs: Mapping[str, SegmentScores]) -> None:
    """Raise a UserError unless the data have both modalities, and each run is one of its own."""
    if set(data.modalities) != set(MODALITIES):
        raise UserError(f"data.modalities is {list(data.modalities)}; a late fusion adds both. Set it to [meg, fmri].")
    for modality, scores in runs.items():
        if scores.modality != modality:
            raise UserError(
                f"model.{modality} is a run of {NAMES[scores.modality]}; expected one of {NAMES[modality]}. Are model.meg and model.fmri exchanged?"
            )
        wrong = int((~np.isfinite(scores.similarity)).any(axis=1).sum())
        if wrong:
            raise UserError(
                f"model.{modality}: {wrong} of {len(scores.similarity)} {SPLITS[scores.split]} rows have scores that are no numbers: its fit diverged. "
                "Fit it again with a lower rate."
            )


def check_held_out(data: PairedDataModule, modality: str, test: SegmentScores, val: SegmentScores) -> None:
    """Raise a UserError if a run was trained on a validation or test segment of the pairs, or validated on a test segment."""
    held = val.candidates.assign(stop_s=val.candidates.start_s + val.candidates.duration_s)
    for split in ("val", "test"):
        windows = data.windows[split]
        own = data.candidate_table(split).assign(sound=windows.of_interval("audio")[windows.first].astype(str))
        known = [("training", test.trained), ("validation", held)]
        for what, stretches in known[: 1 + (split == "test")]:
            both = overlaps(own, stretches, 0.5 / data.shape.sfreq)
            if both.any():
                one = own.iloc[np.flatnonzero(both)[0]]
                raise UserError(
                    f"model.{modality}: {int(both.sum())} of {len(own)} {SPLITS[split]} segments here were {what} of that run, the first is "
                    f"{one.stimulus} from {_told(one.start_s)} s: its scores of them would be too good. Fit both runs and this one with the same data.split."
                )


def _matched_candidates(data: PairedDataModule, own: pd.DataFrame, scores: SegmentScores, split: str) -> np.ndarray:
    """(k,) The run's candidate that is each own segment; -1: none."""
    modality, given, same_s = scores.modality, scores.candidates, 0.5 / data.shape.sfreq
    what = f"model.{modality}: its {SPLITS[split]} segments"
    lengths = [float(table.duration_s.median()) for table in (own, given)]
    if abs(lengths[0] - lengths[1]) > SHORTER_S:
        raise UserError(
            f"{what} last {lengths[1]:g} s, those of data {lengths[0]:g} s. Only scores of one segment can be added: set data.segment_s as that run has "
            "it, or fit it again."
        )
    shared = set(own.sound) & set(given.sound)
    if not shared:
        alike = modality == "fmri" and data.moved  # those that data reads as sounds of the MEG
        remedy = "n2s.data.PairedDataModule and data.modalities [fmri]" if alike else "the same studies and split"
        raise UserError(
            f"{what} are of other sounds ({first_of(sorted(set(given.stimulus)))}) than those of data ({first_of(sorted(set(own.stimulus)))}). Sounds are "
            f"compared by their samples. Fit it with {remedy}."
        )
    found = matched_segments(own, given, same_s)
    if not (found >= 0).any():
        starts = [
            ", ".join(map(_told, np.sort(table.start_s[table.sound.isin(shared)].unique())[:4]))
            for table in (given, own)
        ]
        raise UserError(
            f"{what} start at {starts[0]} ... s, those of data at {starts[1]} ... s, and none is within half a sample ({same_s * 1000:.0f} ms). Set "
            f"data.{split}_windows as that run has it, or fit it again."
        )
    if abs(lengths[0] - lengths[1]) > same_s:
        tell(
            "odd",
            f"model.{modality}",
            f"its segments last {lengths[1]:g} s and those of data {lengths[0]:g} s: taken as the same.",
        )
    return found


def _matched(
    data: PairedDataModule, rows: pd.DataFrame, segment: np.ndarray, scores: SegmentScores, column: np.ndarray
) -> np.ndarray:
    """(n,) The run's row of each window of a modality; -1: none."""
    modality = scores.modality
    subjects = data.fmri_subjects if modality == "fmri" else data.subjects
    given = sorted(scores.windows.subject.unique())
    people = matched_people(subjects, given)
    if not people:
        raise UserError(
            f"model.{modality} has scores of {first_of(given)}; data has {NAMES[modality]} of {first_of(subjects)}, and nobody is in both. Fit it with "
            "the same people."
        )
    back = {other: name for name, other in people.items()}
    of_column = np.full(len(scores.candidates), -1)
    of_column[column[column >= 0]] = np.flatnonzero(column >= 0)
    theirs = scores.windows.assign(subject=scores.windows.subject.map(back), segment=of_column[scores.target])
    theirs = _bare(theirs.assign(segment=theirs.segment.where(theirs.subject.notna(), -1)))
    return matched_rows(_bare(rows.assign(segment=segment)), theirs)


def _told(at_s: float) -> str:
    """Seconds for a message, without the sign of a rounded 0."""
    return f"{round(at_s, 3) + 0.0:g}"


def _bare(table: pd.DataFrame) -> pd.DataFrame:
    """Recordings without the name that a recipe gives their study."""
    return table.assign(recording=table.recording.str.split("/", n=1).str[-1])


def _tell(pairs: pd.DataFrame, kept: Mapping[str, np.ndarray], common: np.ndarray, split: str) -> None:
    if not common.all():
        tell(
            "left out",
            "late fusion",
            f"{int((~common).sum())} of {len(common)} {SPLITS[split]} segments are not in both runs: they are no candidates.",
        )
    for modality, rows in kept.items():
        known = common[pairs.segment.to_numpy()] & (pairs[modality].to_numpy() >= 0)
        lost = known & (rows < 0)
        if lost.any():
            tell(
                "left out",
                "late fusion",
                f"{int(lost.sum())} of {int(known.sum())} {SPLITS[split]} rows of {NAMES[modality]} are not in model.{modality}, the first of "
                f"{first_of(sorted(pairs.person[lost].unique()), 4)}.",
            )
