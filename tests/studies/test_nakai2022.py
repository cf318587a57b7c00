"""Nakai et al. 2022 in miniature, with its traps; and the counts of its real events."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from trees_fmri.generic import write_image
from trees_fmri.nakai2022 import N_VOXELS, TEST, TRAINING, write_events, write_track, write_tree, write_volumes

from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import clip_table
from n2s.studies.public.nakai2022 import Nakai2022
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.clips import count_samples


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "ds003720")


def opened(root, **options):
    options = {
        "audio_dir": str(root / "genres"),
        "volumes": str(root / "volumes"),
        "cleaning": BoldCleaning(),
    } | options
    return Nakai2022(str(root), **options)


@pytest.mark.slow
def test_the_published_counts_from_the_real_events(tmp_path, real_data):
    source = real_data / "openneuro_meta" / "ds003720"
    if not source.is_dir():
        pytest.skip(f"no {source}")
    shutil.copytree(source / "sub-001", tmp_path / "sub-001")
    tracks, last = set(), {}
    for path in sorted((tmp_path / "sub-001").rglob("*_events.tsv")):
        write_volumes(tmp_path / "volumes", path.name.removesuffix("_events.tsv"), 410)
        played = re.findall(r"'?(\w+)'\t(\d+)\t", path.read_text())
        assert len(played) == 41
        tracks |= set(played)
        last[path.name] = played
    for genre, track in tracks:
        write_track(tmp_path / "genres", genre, int(track))
    study = opened(tmp_path)
    assert len(study.recordings()) == 18
    tables = [clip_table(study.clips(one), where=one.name) for one in study.recordings()]
    counts = count_samples(tables)
    assert counts == {"train_clips": 4800, "test_clips": 600} and counts.items() <= Nakai2022.expected.items()
    rows = pd.concat(tables, ignore_index=True)
    assert rows.label.nunique() == 10 and rows[rows.split == "train"].groupby("label").size().eq(480).all()
    presentations = rows[rows.split == "test"].groupby(["stimulus", rows.start_s.round(3)])["repeat"].apply(sorted)
    assert all(numbers == [0, 1, 2, 3] for numbers in presentations) and len(presentations) == 600
    train, test = (set(rows.group[rows.split == split]) for split in ("train", "test"))
    assert len(train) == 480 and len(test) == 60 and not train & test  # no track on both sides
    training = [name for name in sorted(last) if "Training" in name]
    assert last[training[1]][0] == last[training[0]][-1]  # the dummy is the piece that ended the run before


def test_a_piece_is_ten_clips_and_the_dummy_is_none(root):
    study = opened(root)
    assert [one.name for one in study.recordings()] == [
        f"sub-{s}_task-{t}_run-01" for s in ("001", "002") for t in ("Test", "Training")
    ]
    one = study.recordings()[1]
    clips, bold = clip_table(study.clips(one), where=""), study.load(one)
    assert len(clips) == 40 and clips.time_s.min() == 15 and bold.data.shape == (50, N_VOXELS)
    # Each clip has one volume: with no lag, volume time / 1.5.
    assert np.allclose(clips.time_s / 1.5, bold.data[10:, 0])
    assert clips.label.tolist() == [genre for genre, *_ in TRAINING for _ in range(10)]
    first = clips.iloc[0]
    assert first.stimulus == "disco/disco.00009" and first.start_s == pytest.approx(4.21) and first.duration_s == 1.5
    assert clips.start_s.iloc[19] == pytest.approx(6.46 + 13.5) and clips.group.iloc[19] == "blues/blues.00098"
    assert set(clips.split) == {"train"} and study.audio(first.stimulus).name == "disco.00009.wav"
    assert len(study.events(one)) == 40


def test_presentations_of_a_test_piece_are_numbered(root):
    study = opened(root)
    clips = study.clips(study.recordings()[0])
    assert set(clips.split) == {"test"} and count_samples([clips]) == {"train_clips": 0, "test_clips": 20}
    rock = clips[clips.label == "rock"]
    assert rock["repeat"].tolist() == [i for i in range(4) for _ in range(10)]
    assert rock.time_s.iloc[::10].tolist() == [15 + 30 * i for i in range(4)] and len(clips) == 10 * 4 * len(TEST)


def test_volumes_that_do_not_fit_the_events(root):
    path = write_volumes(root / "volumes", "sub-001_task-Training_run-01", 40)  # the dummy was cut off
    study = opened(root)
    one = study.recordings()[1]
    for ask in (study.load, study.clips):
        with pytest.raises(UserError, match="40 volumes, but the pieces of .* last 50 volumes of 1.5 s"):
            ask(one)
    shutil.copy(path, path.with_suffix(".h5"))
    with pytest.raises(UserError, match="found several"):
        opened(root).load(one)
    path.unlink()
    path.with_suffix(".h5").unlink()
    with pytest.raises(UserError, match="expected one file sub-001_task-Training_run-01_bold .* found none"):
        opened(root).load(one)


def test_raw_images_need_a_mask(root):
    shutil.rmtree(root / "volumes")
    data = np.random.default_rng(0).standard_normal((4, 3, 2, 50)) + 1000
    image = write_image(root / "sub-001" / "func" / "sub-001_task-Training_run-01_bold.nii", data)
    study = opened(root, volumes=None, subjects=["001"])
    one = study.recordings()[1]
    with pytest.raises(UserError, match="needs a mask"):
        study.load(one)
    mask = data[..., 0] > 1000
    write_image(root / "masks" / "001.nii.gz", mask)
    study = opened(root, volumes=None, files=BoldFiles(mask="masks/{subject}.nii.gz"))
    assert study.load(one).tr_s == 1.5  # whatever the header says: 2 s here
    assert np.allclose(study.load(one).data, data[mask].T, atol=1e-3) and image in study.sources(one)
    assert root / "masks" / "001.nii.gz" in study.sources(one)
    drifting = Nakai2022(str(root), audio_dir=str(root / "genres"), files=study.files)
    left = cleaned(drifting.load(one), drifting.cleaning, one.name).data
    assert np.abs(left.mean(0)).max() < 1e-3  # by default trend and drift go out


def test_events_of_another_form(root):
    path = root / "sub-001" / "func" / "sub-001_task-Training_run-01_events.tsv"
    write_events(path, [("disco", 9, 4.2), ("disco", 9, 20.0), *TRAINING[:3]])
    one = opened(root).recordings()[1]
    with pytest.raises(UserError, match="a clip of 'disco/disco.00009' ends at 35 s, but .* lasts 30 s"):
        opened(root).clips(one)
    path.write_text(path.read_text().replace("\t15\t", "\t12\t"))
    with pytest.raises(UserError, match="expected a piece of 15 s every 15 s"):
        opened(root).clips(one)
    write_events(path, [("disco", 9, 4.2)] * 4 + [("polka", 1, 0.0)])
    with pytest.raises(UserError, match="'polka.00001'"):
        opened(root).clips(one)
    with pytest.raises(UserError, match="no subject '3'; there are 001, 002"):
        opened(root, subjects=[3])
    with pytest.raises(UserError, match="no sub-.*events.tsv"):
        opened(root / "genres", audio_dir=str(root / "genres"), volumes=None)
