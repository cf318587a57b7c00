"""Tables of windows for models and reports: who heard what, and the targets of unique segments."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.gaps import Lost
from n2s.data.recordings import PreparedRecording
from n2s.data.targets import Targets
from n2s.data.timing import timing
from n2s.data.windows import Windows, WindowShape
from n2s.errors import counted
from n2s.studies.study import Stimulus, Study


class WindowTables:
    """A part of `MEGDataModule`; it reads that class's attributes."""

    studies: dict[str, Study]
    shape: WindowShape
    windows: dict[str, Windows]
    recordings: dict[str, PreparedRecording]
    stimuli: dict[str, Stimulus]
    targets: Targets
    lost: list[Lost]

    def window_table(self, split: str) -> pd.DataFrame:
        """One row per window: ``recording``, ``study``, ``subject``, ``start_s`` (recording's clock), ``stimulus``, ``stimulus_start_s``, ``story``, ``sequence`` (its sentence's number), ``segment``."""
        windows = self.windows[split]
        rows = windows.intervals.iloc[windows.interval]
        return pd.DataFrame(
            {
                "recording": rows.recording.to_numpy(),
                "study": rows.study.to_numpy(),
                "subject": rows.subject.to_numpy(),
                "start_s": (rows.onset - rows.stimulus_onset).to_numpy() + windows.start_s,
                "stimulus": rows.stimulus.to_numpy(),
                "stimulus_start_s": windows.start_s,
                "story": rows.story.to_numpy(),
                "sequence": windows.sentence,
                "segment": windows.segment,
            }
        )

    def places(self, batch: Batch) -> list[str]:
        """See `n2s.data.datamodule.NeuralDataModule`; seconds are of the story, jitter included."""
        table = self.window_table("train").iloc[batch.row.numpy()]
        start_s = batch.start.tolist()
        return [
            f"{row.recording}, {row.story}, {s:.2f} to {s + self.shape.window_s:.2f} s"
            for row, s in zip(table.itertuples(), start_s, strict=True)
        ]

    def segment_targets(self, split: str, segments: np.ndarray | None = None) -> Tensor:
        """(k, f, t) float32 target of each unique segment of a split, or of some."""
        windows = self.windows[split]
        rows = windows.first if segments is None else windows.first[segments]
        return (
            torch.from_numpy(self.targets.values[self.targets.rows(split, windows, windows.start_s[rows], rows)])
            .transpose(1, 2)
            .float()
        )

    def candidate_table(self, split: str, study: str | None = None) -> pd.DataFrame:
        """One row per unique segment (of one study): ``stimulus``, ``start_s``, ``duration_s``, ``story``, ``text`` (its words), ``audio`` (path)."""
        windows = self.windows[split]
        table = windows.segments if study is None else windows.segments_of(windows.by_study()[study][0])
        table = table.drop(columns="first").assign(duration_s=self.shape.duration_s)
        texts = []
        for row in table.itertuples():
            words = self.stimuli[row.stimulus].words
            inside = (words.onset >= row.start_s) & (words.onset < row.start_s + row.duration_s)
            texts.append(" ".join(words.text[inside]))
        audio = [self.stimuli[name].audio for name in table.stimulus]
        return table.assign(text=texts, audio=["" if path is None else str(path) for path in audio])

    def segment_timing(self, split: str, segments: np.ndarray | None = None) -> Tensor:
        """(k, 5) timing of each unique segment, known without a brain: `n2s.data.timing.timing`."""
        table = self.windows[split].segments
        table = table if segments is None else table.iloc[segments]
        found = [timing(self.stimuli[row.stimulus], np.array([row.start_s])) for row in table.itertuples()]
        return torch.from_numpy(np.concatenate(found))

    def __str__(self) -> str:
        """Summary of the prepared data, one line per study and per split."""
        if not self.windows:
            return "nothing is prepared yet"
        lines = []
        for name in self.studies:
            items = [item for key, item in self.recordings.items() if key.split("/")[0] == name]
            hours = sum(item.meta["shape"][0] / item.meta["sfreq"] for item in items) / 3600
            channels = sorted({item.meta["shape"][1] for item in items})
            people = len({item.recording.subject for item in items})
            lines.append(
                f"{name}: {counted(len(items), 'recording')} of {counted(people, 'subject')}, {hours:.2f} h, "
                f"{'/'.join(map(str, channels))} channels at {self.shape.sfreq:g} Hz"
            )
        for split, windows in self.windows.items():
            stories = windows.intervals.story.nunique()
            counts = (
                counted(len(windows), "window"),
                counted(len(windows.first), "segment"),
                counted(stories, "story", "stories"),
            )
            lines.append(f"{split}: {', '.join(counts)}")
        lines += map(str, self.lost)
        return "\n".join(lines)
