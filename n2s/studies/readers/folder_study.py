"""Studies whose stimuli are files of one folder."""

from pathlib import Path

from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.study import Frames, Study


class FolderStudy(Study):
    """A study that names a folder of sounds, or of ready features, in its constructor."""

    #: Where the files are.
    stimuli: StimulusFolder

    def audio(self, stimulus: str) -> Path | None:
        """The audio file; None if the study provides features."""
        return None if self.stimuli.ready else self.stimuli.path(stimulus)

    def features(self, stimulus: str) -> Frames | None:
        """The ready features; None if the study provides audio."""
        return self.stimuli.frames(stimulus) if self.stimuli.ready else None
