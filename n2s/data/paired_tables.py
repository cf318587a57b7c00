"""Tables of pairs for models and reports: who heard what, in which scanner, and where."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.bold_preparation import BoldRun
from n2s.data.paired_alike import Piece
from n2s.data.paired_batch import PairedBatch
from n2s.data.paired_rows import MODALITIES
from n2s.data.tables import WindowTables
from n2s.errors import counted


class PairedTables(WindowTables):
    """A part of `n2s.data.PairedDataModule`; it reads that class's attributes."""

    subjects: list[str]
    fmri_subjects: list[str]
    persons: Mapping[str, str]
    pairs: dict[str, pd.DataFrame]
    runs: dict[str, BoldRun]
    moved: Mapping[str, Piece]

    def pair_table(self, split: str) -> pd.DataFrame:
        """One row per pair: ``person``, ``segment``, ``condition``, ``meg``, ``fmri`` (rows of `window_table`, -1: none), ``story``, ``stimulus`` and
        ``stimulus_start_s`` (of the MEG window if there is one), ``recording`` and ``start_s`` (on its clock), ``fmri_recording``, ``fmri_start_s``, ``sequence``.
        """
        table, pairs = self.window_table(split), self.pairs[split]
        meg, fmri = (pairs[name].to_numpy() for name in MODALITIES)
        any_row = np.where(meg >= 0, meg, fmri)
        found = pairs.reset_index(drop=True)
        for name in ("story", "stimulus", "stimulus_start_s", "sequence"):
            found[name] = table[name].to_numpy()[any_row]
        for prefix, rows in (("", meg), ("fmri_", fmri)):
            found[f"{prefix}recording"] = np.where(rows >= 0, table.recording.to_numpy()[rows], "")
            found[f"{prefix}start_s"] = np.where(rows >= 0, table.start_s.to_numpy()[rows], np.nan)
        return found

    def named_in(self, study: str, split: str) -> list[tuple[str, float] | None]:
        """What a study calls each unique segment of a split, and where it starts in that sound, s; None for one that nobody heard there."""
        windows = self.windows[split]
        of = np.flatnonzero(windows.of_interval("study") == study)
        found: list[tuple[str, float] | None] = [None] * len(windows.first)
        names = windows.of_interval("stimulus")
        for row in of[::-1]:
            piece = self.moved.get(names[row])
            own, lag_s = (piece.fmri, piece.lag_s) if piece else (names[row], 0.0)
            found[windows.segment[row]] = own.split("/", 1)[1], float(windows.start_s[row]) - lag_s
        return found

    def places(self, batch: PairedBatch) -> list[str]:
        """See `NeuralDataModule`; seconds are of the story, without jitter."""
        table = self.pair_table("train").iloc[batch.row.numpy()]
        return [
            f"{row.recording or row.fmri_recording}, {row.story}, {row.stimulus_start_s:.2f} to "
            f"{row.stimulus_start_s + self.shape.window_s:.2f} s"
            for row in table.itertuples()
        ]

    def __str__(self) -> str:
        """Summary of the prepared data."""
        if not self.windows:
            return "nothing is prepared yet"
        of = [{self.persons[one] for one in subjects} for subjects in (self.subjects, self.fmri_subjects)]
        lines = [
            f"{counted(len(of[0] | of[1]), 'person', 'people')}: {len(of[0] & of[1])} with both, {len(self.subjects)} in MEG "
            f"({counted(len(self.recordings), 'recording')}), {len(self.fmri_subjects)} in fMRI ({counted(len(self.runs), 'run')})"
        ]
        for split, table in self.pairs.items():
            has = table[list(MODALITIES)] >= 0
            lines.append(
                f"{split}: {counted(len(table), 'row')} ({int(has.all(axis=1).sum())} with both), "
                f"{counted(len(self.windows[split].first), 'segment')} of {self.shape.window_s:g} s, "
                f"{counted(self.windows[split].intervals.story.nunique(), 'story', 'stories')}"
            )
        return "\n".join([*lines, *map(str, self.lost)])
