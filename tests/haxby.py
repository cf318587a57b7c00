"""Real BOLD as a study: the posterior half of one slice while pictures of eight kinds were seen (Haxby et al. 2001)."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd

from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.study import Frames, Recording

TR_S = 2.5
STEPS = 10  # of a frame in a volume: 4 frames a second


class Haxby(FMRIStudy):
    """Twelve runs of 121 volumes; what was seen takes the place of what was heard: 8 columns, 1 while a kind is shown."""

    name = "haxby"

    def __init__(self, root: str):
        self.root = Path(root)
        rows = [line.split() for line in (self.root / "attributes_literal.txt").read_text().splitlines()]
        self._label = np.array([label for label, _ in rows])
        self._run = np.array([int(run) for _, run in rows])
        self.kinds = sorted(set(self._label) - {"rest"})

    def recordings(self) -> list[Recording]:
        return [Recording("01", run=f"{run:02d}", task="pictures", modality="fmri") for run in np.unique(self._run)]

    def _image(self) -> nibabel.Nifti1Image:
        return nibabel.load(self.root / "mask.nii.gz")

    def load(self, recording: Recording) -> Bold:
        volumes = np.asarray(nibabel.load(self.root / "bold.nii.gz").dataobj)
        inside = np.asarray(self._image().dataobj) != 0
        return Bold(volumes[inside].T[self._run == int(recording.run)].astype(np.float32), tr_s=TR_S)

    def space(self, subject: str) -> Space:
        return Space(mask=self._image())

    def clips(self, recording: Recording) -> pd.DataFrame:
        raise NotImplementedError("it is not decoded")

    def events(self, recording: Recording) -> pd.DataFrame:
        run = f"run{recording.run}"
        length_s = (self._run == int(recording.run)).sum() * TR_S
        row = {
            "onset": 0.0,
            "duration": length_s,
            "kind": "sound",
            "story": run,
            "stimulus": run,
            "stimulus_onset": 0.0,
        }
        return events_table([row], where=recording.name)

    def features(self, stimulus: str) -> Frames:
        label = np.repeat(self._label[self._run == int(stimulus[3:])], STEPS)
        shown = (label[:, None] == np.array(self.kinds)).astype(np.float32)
        return Frames(shown, STEPS / TR_S)

    def sources(self, recording: Recording) -> list[Path]:
        return [self.root / "bold.nii.gz", self.root / "mask.nii.gz", self.root / "attributes_literal.txt"]
