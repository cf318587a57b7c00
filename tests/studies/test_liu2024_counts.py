"""The samples of Liu et al. 2024, table 1, where nothing is held out, from the data sets' own text files."""

import json
import re
import shutil

import pandas as pd
import pytest
from builders import write_audio
from trees_fmri.lebel2023 import write_story
from trees_fmri.nakai2022 import write_volumes

from n2s.data.clip_splits import listed_clips, with_validation, without_shared_volumes
from n2s.data.responses import VolumeWindow
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.public.lebel2023 import COMMON, Lebel2023
from n2s.studies.public.nakai2022 import Nakai2022


def counted(study, lag_s, tr_s, n_tr):
    """Rows of each split, test presentations of a clip averaged: what `FMRIDataModule` does, without sounds or voxels."""
    clips, runs = listed_clips({"study": study}, None)
    clips = with_validation(clips[clips.split != "prompt"].reset_index(drop=True), 0.0)
    kept = []
    for run, rows in clips.groupby("recording", sort=False):
        bounds, inside = VolumeWindow(lag_s, None, "mean").bounds(rows, n_tr(runs[run]), tr_s, run)
        kept.append(rows.assign(first=bounds[:, 0], stop=bounds[:, 1])[inside])
    kept = pd.concat(kept, ignore_index=True)
    kept = kept[without_shared_volumes(kept)]
    test = kept[kept.split == "test"].drop_duplicates(["stimulus", "start_s"])
    return {
        "train": int((kept.split == "train").sum()),
        "val": int((kept.split == "val").sum()),
        "test": len(test),
    }, test


def test_speech_has_9137_and_595(tmp_path, real_data):
    source = real_data / "openneuro_meta" / "ds003020" / "derivative" / "respdict.json"
    if not source.is_file():
        pytest.skip(f"no {source}")
    n_tr = json.loads(source.read_text())
    (tmp_path / "derivative").mkdir()
    shutil.copy(source, tmp_path / "derivative")
    for seed, story in enumerate(COMMON):
        write_story(tmp_path, "UTS07", story, n_tr[story], 3, n_repeats=1)
        write_audio(tmp_path / "stimuli" / f"{story}.wav", (n_tr[story] - 10) * 2.0, rate_hz=100, seed=seed)
    counts, test = counted(Lebel2023(str(tmp_path)), 4.0, 2.0, lambda run: n_tr[run.task] - 20)
    assert counts == {"train": 9137, "val": 0, "test": 595}
    assert test.groupby("label").stimulus.unique().map(list).to_dict() == {
        "man": ["study/hangtime"], "woman": ["study/wheretheressmoke"],
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("lag_s", "n_train"), [(0.0, 4800), (4.5, 4764)])
def test_music_has_4800_and_600_less_what_a_lag_takes(lag_s, n_train, tmp_path, real_data):
    source = real_data / "openneuro_meta" / "ds003720"
    if not source.is_dir():
        pytest.skip(f"no {source}")
    shutil.copytree(source / "sub-001", tmp_path / "sub-001")
    tracks = set()
    for path in sorted((tmp_path / "sub-001").rglob("*_events.tsv")):
        write_volumes(tmp_path / "volumes", path.name.removesuffix("_events.tsv"), 410)
        tracks |= set(re.findall(r"'?(\w+)'\t(\d+)\t", path.read_text()))
    for seed, (genre, track) in enumerate(sorted(tracks)):
        write_audio(tmp_path / "genres" / genre / f"{genre}.{int(track):05d}.wav", 30.0, rate_hz=100, seed=seed)
    study = Nakai2022(
        str(tmp_path), audio_dir=str(tmp_path / "genres"), volumes=str(tmp_path / "volumes"), cleaning=BoldCleaning()
    )
    counts, test = counted(study, lag_s, 1.5, lambda run: 410)
    assert counts == {"train": n_train, "val": 0, "test": 600}
    assert test.groupby("label").size().eq(60).all() and test.label.nunique() == 10
    assert n_train == 4800 - 12 * round(lag_s / 1.5)  # of each training run the last clips
