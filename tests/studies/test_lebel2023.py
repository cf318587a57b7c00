"""LeBel et al. 2023 in miniature, with its traps; and the counts of its real metadata."""

import json

import numpy as np
import pytest
from builders import write_audio
from trees_fmri.lebel2023 import N_VOXELS, STORIES, write_meta, write_story, write_tree

from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.studies.fmri import clip_table
from n2s.studies.public.lebel2023 import COMMON, Lebel2023
from n2s.studies.readers.clips import count_samples


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "ds003020")


@pytest.fixture
def run(root):
    study = Lebel2023(str(root), subjects=["UTS01"])
    return lambda story: (study, next(one for one in study.recordings() if one.task == story))


def test_the_published_counts_from_the_real_metadata(tmp_path, real_data):
    source = real_data / "openneuro_meta" / "ds003020" / "derivative" / "respdict.json"
    if not source.is_file():
        pytest.skip(f"no {source}")
    n_tr = json.loads(source.read_text())
    write_meta(tmp_path, n_tr, COMMON)
    for story in COMMON:
        write_story(tmp_path, "UTS07", story, n_tr[story], 2, n_repeats=1)
    study = Lebel2023(str(tmp_path))
    tables = [clip_table(study.clips(one), where=one.name) for one in study.recordings()]
    counts = count_samples(tables)
    assert len(tables) == 27 and counts == {"train_clips": 9137, "test_clips": 595}
    assert counts.items() <= Lebel2023.expected.items()
    assert sum((table.split == "prompt").sum() for table in tables) == 20


def test_a_clip_meets_its_volume_after_a_lag_of_4_s(run):
    study, one = run("adollshouse")
    bold, clips = study.load(one), clip_table(study.clips(one), where="")
    assert bold.tr_s == 2.0 and bold.data.shape == (STORIES["adollshouse"] - 20, N_VOXELS["UTS01"])
    assert np.array_equal((clips.time_s + 4) / bold.tr_s, bold.data[:, 0])  # the first voxel counts the rows
    rows = np.arange(len(clips))
    assert np.array_equal(clips.start_s, 6 + 2 * rows) and (clips.duration_s == 2).all()
    # Row i is of 10 + 2i s of the audio, which the run's clock calls 2i.
    assert np.array_equal(clips.start_s - clips.time_s, np.full(len(clips), 10.0))
    assert set(clips.split) == {"train"} and set(clips.group) == {"adollshouse"}
    assert (study.events(one).onset >= 0).all() and len(study.events(one)) == len(clips) - 2


def test_test_stories_end_in_prompts(run):
    study, one = run("hangtime")
    split = study.clips(one).split.tolist()
    assert split == ["test"] * (STORIES["hangtime"] - 30) + ["prompt"] * 10


def test_nan_is_zero_unless_it_is_to_be_an_error(root, run):
    study, one = run("legacy")
    assert np.isnan(study.load(one).data[3, 1])  # a reader changes nothing
    data = cleaned(study.load(one), study.cleaning, one.name).data
    assert np.isfinite(data).all() and data[3, 1] == 0 and data[2, 1] != 0
    study = Lebel2023(str(root), subjects=["UTS01"], nan="error")
    with pytest.raises(UserError, match="1 of 6 voxels have values that are NaN"):
        cleaned(study.load(one), study.cleaning, one.name)


def test_who_lacks_a_story_is_left_out_unless_named(root):
    assert [one.subject for one in Lebel2023(str(root)).recordings()] == ["UTS01"] * 5 + ["UTS02"] * 5
    named = Lebel2023(str(root), subjects=["UTS04"]).recordings()
    assert [one.task for one in named] == ["adollshouse", "hangtime", "legacy", "wheretheressmoke"]
    with pytest.raises(UserError, match="no subject 'UTS03'; there are UTS01, UTS02, UTS04"):
        Lebel2023(str(root), subjects=["UTS03"])
    with pytest.raises(UserError, match="no story 'hangtimes'. Nearest: hangtime"):
        Lebel2023(str(root), stories=["hangtimes"])
    assert {one.task for one in Lebel2023(str(root), stories=["legacy"]).recordings()} == {"legacy"}


def test_single_presentations_of_the_repeated_story(root):
    study = Lebel2023(str(root), subjects=["UTS01"], repeats=True)
    runs = [one for one in study.recordings() if one.task == "wheretheressmoke"]
    assert [one.run for one in runs] == [f"{i:02d}" for i in range(1, 11)]
    first, tenth = (cleaned(study.load(run), study.cleaning, run.name).data for run in (runs[0], runs[9]))
    assert np.allclose(
        tenth - first, np.where(np.arange(first.size).reshape(first.shape) == 3 * 6 + 1, 0, 9), atol=1e-5
    )
    tables = [study.clips(one) for one in runs]
    assert [table.repeat.unique().tolist() for table in tables] == [[i] for i in range(10)]
    assert count_samples(tables)["test_clips"] == STORIES["wheretheressmoke"] - 30


def test_rows_that_respdict_does_not_promise(root, run):
    write_story(root, "UTS01", "legacy", STORIES["legacy"] - 5, 6)
    study, one = run("legacy")
    for ask in (study.load, study.clips):
        with pytest.raises(UserError, match=r"legacy.hf5: an array of shape \(17, 6\); .* 42 volumes, so 22 rows"):
            ask(one)


def test_audio_that_is_short_or_missing(root, run):
    study, one = run("legacy")
    path = write_audio(root / "stimuli" / "legacy.wav", 30.0, rate_hz=100)
    with pytest.raises(UserError, match="a clip of 'legacy' ends at 50 s, but .* lasts 30 s"):
        study.clips(one)
    path.unlink()
    with pytest.raises(UserError, match="'legacy': no wav/flac/ogg/mp3 of that name"):
        Lebel2023(str(root)).clips(one)


def test_regions_are_brought(root, tmp_path):
    for subject, n_voxels in N_VOXELS.items():
        (tmp_path / "rois" / subject).mkdir(parents=True)
        np.save(tmp_path / "rois" / subject / "AC.npy", np.array([0, n_voxels - 1]))
    study = Lebel2023(str(root), rois=str(tmp_path / "rois"))
    one = study.recordings()[-1]
    bold = study.load(one)
    assert np.flatnonzero(bold.voxels("AC", "")).tolist() == [0, 4]
    with pytest.raises(UserError, match="no ROI 'A1'. Nearest: AC. There are: AC"):
        bold.voxels("A1", one.name)
    assert tmp_path / "rois" / "UTS02" / "AC.npy" in study.sources(one)


def test_not_that_data_set(root, tmp_path):
    with pytest.raises(UserError, match="no .*respdict.json"):
        Lebel2023(str(tmp_path))
    for path in (root / "derivative" / "preprocessed_data").rglob("*.hf5"):
        path.unlink()
    with pytest.raises(UserError, match="no <subject>/<story>.hf5 .* UTS01"):
        Lebel2023(str(root))


def test_who_speaks_is_the_label_where_it_is_known(root, run):
    labels = {story: set(run(story)[0].clips(run(story)[1]).label) for story in STORIES}
    unknown = {story: {""} for story in ("adollshouse", "legacy", "life")}
    assert labels == unknown | {"hangtime": {"man"}, "wheretheressmoke": {"woman"}}  # Liu et al. 2024, section 3.1.1


def test_speakers_may_be_brought(root):
    (root / "speakers.tsv").write_text("story\tspeaker\nlegacy\t woman\nhangtime\tn/a\n")
    study = Lebel2023(str(root), subjects=["UTS01"], speakers="speakers.tsv")
    labels = {one.task: set(study.clips(one).label) for one in study.recordings()}
    assert labels["legacy"] == {"woman"} and labels["wheretheressmoke"] == {"woman"} and labels["hangtime"] == {""}
    assert root / "speakers.tsv" in study.sources(study.recordings()[0])
    for text, said in (
        ("story\tgender\nlegacy\tman\n", "no column speaker; there are story, gender"),
        ("story\tspeaker\nlegacies\tman\n", "no story 'legacies'. Nearest: legacy"),
        ("story\tspeaker\nlegacy\tman\nlegacy\twoman\n", "'legacy' has two speakers"),
    ):
        (root / "speakers.tsv").write_text(text)
        with pytest.raises(UserError, match=said):
            Lebel2023(str(root), speakers="speakers.tsv")
    with pytest.raises(UserError, match="no table of speakers at .*nowhere.tsv"):
        Lebel2023(str(root), speakers="nowhere.tsv")
