"""Natural sounds of VGGSound in a 3 T scanner (Park et al. 2025; "Brain2Sound")."""

import csv
import re
import warnings
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import data_folder
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.card import Card, Files, PlainFile
from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.own.fmri_arrays import keep
from n2s.studies.readers.bdata import BData
from n2s.studies.readers.clips import check_in_audio
from n2s.studies.readers.stimuli import AUDIO, StimulusFolder
from n2s.studies.study import Recording

FILE = re.compile(r"(S\d+)_VGGishish(Train|Test)_volume_native\.h5")
SLIDE = re.compile(r"_?slide([012])")
CLIP = re.compile(r"(.{11})_(\d+)_\d+")  # YouTube's id has 11 letters; start and stop in ms
WINDOW_S, STRIDE_S = 4.0, 2.0
AREAS = ("A1", "MBelt", "LBelt", "PBelt", "RI", "A4", "A5", "STSdp", "STSda", "STSvp", "STSva", "STGa", "TA2")
PARTS = {  # figshare's numbers and MD5 sums: three parts of the training file, and the test file
    "S1": ((43279095, "22401aff84bac08e000ac547ddb4c646"), (43279098, "56f04442f77c7d8b4479e704ebabbb5c"),
           (43279068, "f5a6d2c239915b6a0f8ff1882659614a"), (43277718, "b7cfa719a89a3cdc2ce8732ea9c3e20d")),
    "S2": ((43281636, "5ca1a363fb457e2c3383859ca4774228"), (43281639, "8c1efea7e6e7fd7a9b553c0720ba77f6"),
           (43284441, "dabb9bb797363a63d7614f8f26c69f80"), (43277739, "c84bdf3f3ed59f5595dbd24d42f51eca")),
    "S3": ((43284516, "a9bd7eb38a1a950023a3a52653f6192f"), (43284513, "737ce24c91f4c8a2f8da33e87db02493"),
           (43284492, "04e36b1d168e2a27ea573861cd4d0518"), (43277727, "1f9a2060ba39d96db70c95ea4af19c8f")),
    "S4": ((43284714, "fba3e094a006a4226ce857ccf684b74f"), (43284717, "99c1df5737d4d0558d58d19a5885b5c6"),
           (43284708, "191a33e6f707085d3fcdbdb655b17c79"), (43277730, "0e05486170afe9d93bca772cce56e137")),
    "S5": ((43284900, "821b8d8f74939112b3f46ea63c7aac75"), (43284897, "492c86c25b5a904b0c99268d53f7ab3e"),
           (43284879, "0ba23146bc3791d3a1b69226b2d6cccb"), (43277745, "49cb54891db35fe40c0d2bb2cc86a499")),
}  # fmt: skip


def _files() -> Files:
    found = []
    for subject, (*train, test) in PARTS.items():
        names = [f"{subject}_VGGishishTrain_volume_native.h5-{i:02d}" for i in range(len(train))]
        names.append(f"{subject}_VGGishishTest_volume_native.h5")
        for name, (number, md5) in zip(names, (*train, test), strict=True):
            url = f"https://ndownloader.figshare.com/files/{number}"
            found.append(PlainFile(url, f"fmri_data/{name}", f"md5:{md5}"))
    return Files(tuple(found))


class Park2025(FMRIStudy):
    """Sounds of 8 s; each sample is a window of 4 s of one: slide0, slide1 and slide2 start at 0, 2 and 4 s.

    A sample is the mean of three volumes, already made when published, so rows have no common clock: here row i stands
    at 4i s and lasts 4 s. Use a lag of 0. Training sounds were heard four times, test sounds eight.

    Parameters
    ----------
    root
        The folder with ``S1_VGGishishTrain_volume_native.h5`` and the others, anywhere below it.
    audio_dir
        Folder of the sounds, which come from VGGSound: named as the samples are (``<video>_<start ms>_<stop ms>``), or
        ``<video>_<start s, 6 digits>`` as VGGSound names its clips. Without it there is no audio.
    stimuli
        ``SoundReconstruction_stimulus.csv``, below the root or anywhere, which gives each sound's label; if it is not
        there, sounds have none.
    region
        Read the voxels of this region only: ``AC``, the union of 13 auditory areas of both hemispheres, one of those
        (``A1``), or a key of the files. None: all voxels (gigabytes a subject).
    missing
        How to treat sounds without a file in ``audio_dir``: ``skip`` leaves their samples out and says how many, ``error``.
    nan
        See `n2s.studies.bold_cleaning.BoldCleaning`.
    subjects
        Keep only these: ``S1``.

    Raises
    ------
    UserError
        No such folder, no files of that layout in it, or an unknown subject.

    Examples
    --------
    >>> from n2s.studies import Park2025
    >>> Park2025.card.title, Park2025.expected
    ('Natural sound reconstruction (Brain2Sound)', {'subjects': 5, 'recordings': 10, 'train_clips': 13944, 'test_clips': 150})
    >>> study = Park2025("folder/of/the/data", region="AC", subjects=["S1"])  # doctest: +SKIP
    """

    name = "park2025"
    card = Card(
        title="Natural sound reconstruction (Brain2Sound)",
        modality="fMRI (3 T Siemens Verio, TR 2 s, 2 mm)",
        language="zxx",
        n_subjects=5,
        hours=11.6,
        licence="see figshare (article 23633751)",
        source=_files(),
        citation="Park et al. 2025, PLOS Biology",
        layout="""fmri_data/S1_VGGishishTrain_volume_native.h5 ...     (three parts each, to be joined)
fmri_data/S1_VGGishishTest_volume_native.h5 ...
SoundReconstruction_stimulus.csv                     (from the repository KamitaniLab/SoundReconstruction)""",
        notes="Join the parts: cat S1_VGGishishTrain_volume_native.h5-0? > S1_VGGishishTrain_volume_native.h5. The sounds "
        "have to be brought: audio_dir; some are no longer online. Set a lag of 0: the published samples have it. "
        "'start seconds' in the table of stimuli are milliseconds.",
    )
    expected = {"subjects": 5, "recordings": 10, "train_clips": 13944, "test_clips": 150}

    def __init__(
        self,
        root: str,
        *,
        audio_dir: str | None = None,
        stimuli: str = "SoundReconstruction_stimulus.csv",
        region: str | None = "AC",
        missing: Literal["skip", "error"] = "skip",
        nan: Literal["error", "zero"] = "error",
        subjects: list[str] | None = None,
    ):
        self.root, self.region, self.missing = data_folder(root), region, missing
        self.cleaning = BoldCleaning(nan=nan)
        self._audio = None if audio_dir is None else StimulusFolder(data_folder(audio_dir))
        self._csv = self.root / Path(stimuli).expanduser()
        found = {}
        for path in sorted(self.root.rglob("*_volume_native.h5")):
            if match := FILE.fullmatch(path.name):
                found[Recording(match[1], task=match[2].lower(), modality="fmri")] = path
        if not found:
            parts = sorted(path.name for path in self.root.rglob("*_volume_native.h5-0?"))
            hint = f" Join its parts: cat {parts[0][:-1]}? > {parts[0][:-3]}." if parts else ""
            raise UserError(f"{self.root}: no S*_VGGishish{{Train,Test}}_volume_native.h5.{hint}")
        self._paths = keep(found, "subject", subjects, self.root)
        self._opened: dict[Recording, BData] = {}

    def recordings(self) -> list[Recording]:
        """Test and training samples of each subject."""
        return list(self._paths)

    def load(self, recording: Recording) -> Bold:
        """Read the samples: one row each."""
        file = self._file(recording)
        voxels = file.columns("VoxelData")
        regions = _unions(file.regions(voxels))
        where = f"{self.name}, {recording.name}"
        if self.region is not None:
            chosen = Bold(np.empty((0, int(voxels.sum())), np.float32), WINDOW_S, regions).voxels(self.region, where)
            voxels[np.flatnonzero(voxels)[~chosen]] = False
            regions = {name: marks[chosen] for name, marks in regions.items() if marks[chosen].any()}
        return Bold(file.samples(voxels), WINDOW_S, regions)

    def clips(self, recording: Recording) -> pd.DataFrame:
        """A window of 4 s for each sample with a sound file."""
        file = self._file(recording)
        names = file.labels("sample_name")
        odd = [name for name in names if len(SLIDE.findall(name)) != 1]
        if odd:
            raise UserError(
                f"{file.path}: a sample is named '{odd[0]}'; expected one of slide0, slide1 and slide2 in it, as in "
                "-3z5mFRgbxc_30000_38000_slide0."
            )
        clips = [SLIDE.sub("", name) for name in names]
        table = pd.DataFrame(
            {
                "stimulus": clips,
                "start_s": [STRIDE_S * int(SLIDE.search(name)[1]) for name in names],
                "duration_s": WINDOW_S,
                "time_s": WINDOW_S * np.arange(len(names)),
                "group": [_video(clip)[0] for clip in clips],
                "split": recording.task,
                "label": [self._labels.get(_video(clip), "") for clip in clips],
            }
        )
        table["repeat"] = table.groupby(["stimulus", "start_s"]).cumcount()
        if self._audio is None:
            return table
        return self._with_audio(table, f"{self.name}, {recording.name}")

    def sources(self, recording: Recording) -> list[Path]:
        """The subject's file, and the labels."""
        return [self._paths[recording], *([self._csv] if self._csv.is_file() else [])]

    def settings(self) -> dict:
        """Which voxels are read."""
        return {
            "region": self.region,
            "missing": self.missing,
            "audio": self._audio is not None,
        }

    def audio(self, stimulus: str) -> Path | None:
        """The sound's file; None without ``audio_dir``."""
        return None if self._audio is None else self._audio.path(stimulus)

    def _file(self, recording: Recording) -> BData:
        if recording not in self._opened:
            self._opened[recording] = BData(self._paths[recording])
        return self._opened[recording]

    def _with_audio(self, table: pd.DataFrame, where: str) -> pd.DataFrame:
        """With the stimuli as their files are called; what has no file is left out, or an error."""
        files = {clip: self._find(clip) for clip in dict.fromkeys(table.stimulus)}
        absent = [clip for clip, file in files.items() if file is None]
        if absent:
            n = int(table.stimulus.isin(absent).sum())
            told = (
                f"{where}: {len(absent)} of {len(files)} sounds have no file in {self._audio.folder}, the first is "
                f"'{absent[0]}'"
            )
            if self.missing == "error" or len(absent) == len(files):
                raise UserError(f"{told}. Put them there, or set missing to skip, if it is some that you lack.")
            warnings.warn(f"{told}: {n} of {len(table)} samples are left out.", stacklevel=3)
        table = table.assign(stimulus=table.stimulus.map(files)).dropna(subset=["stimulus"]).reset_index(drop=True)
        check_in_audio(table, self._audio, where=where)
        return table

    def _find(self, clip: str) -> str | None:
        video, start_ms = _video(clip)
        names = [clip] + ([f"{video}_{int(start_ms) // 1000:06d}"] if start_ms else [])
        return next((self._sounds[name] for name in names if name in self._sounds), None)

    @cached_property
    def _sounds(self) -> dict[str, str]:
        """Name, in its own case (YouTube's ids tell cases apart), -> id of every sound."""
        folder = self._audio.folder
        found = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO]
        return {path.stem: path.with_suffix("").as_posix() for path in found}

    @cached_property
    def _labels(self) -> dict[tuple[str, str], str]:
        """(video, start in ms) -> label; (video, "") has the label of the video's first row."""
        if not self._csv.is_file():
            return {}
        try:
            with open(self._csv, encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file, restval=""))
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{self._csv}: not a table in UTF-8 ({error}). Download it again.") from None
        needed = ("YouTube ID", "start seconds", "label")
        if not rows or any(name not in rows[0] for name in needed):
            raise UserError(f"{self._csv}: expected the columns {', '.join(needed)}, separated by commas.")
        labels = {}
        for row in rows:
            labels[row["YouTube ID"], row["start seconds"].strip()] = row["label"]
            labels.setdefault((row["YouTube ID"], ""), row["label"])
        return labels


def _video(clip: str) -> tuple[str, str]:
    """YouTube's id and the start in ms, "" where the name says none."""
    match = CLIP.fullmatch(clip)
    return (match[1], match[2]) if match else (clip, "")


def _unions(regions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Also the auditory areas of both hemispheres together, and AC, all of them; all voxels are no region."""
    found = {name: marks for name, marks in regions.items() if name != "VoxelData"}
    for area in AREAS:
        sides = [regions[key] for key in (f"hcp180_r_lh.L_{area}_ROI", f"hcp180_r_rh.R_{area}_ROI") if key in regions]
        if sides:
            found[area] = np.any(sides, axis=0)
    here = [found[area] for area in AREAS if area in found]
    return found | ({"AC": np.any(here, axis=0)} if here else {})
