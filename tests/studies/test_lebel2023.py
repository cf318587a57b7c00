"""LeBel et al. 2023 in miniature, with its traps; and the counts of its real metadata."""

import json

import numpy as np
import pytest
from builders import write_audio
from trees_fmri.lebel2023 import N_VOXELS, STORIES, write_mask, write_meta, write_story, write_tree, write_words

from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.findings import kept
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


def test_runs_that_were_not_fetched_are_told(root):
    every = [one.name for one in Lebel2023(str(root), subjects=["UTS01"]).recordings()]
    folder = root / "derivative" / "preprocessed_data"
    paths = sorted((folder / "UTS01").glob("*.hf5"))
    for number, path in enumerate(paths):
        path.unlink()
        path.symlink_to("../../../.git/annex/objects/xx/nothing")
        if number == 0:
            with kept() as findings:
                study = Lebel2023(str(root), subjects=["UTS01"])
            assert len(study.recordings()) == len(every) - 1
            assert ["1 runs" in one.where and "not fetched" in one.text for one in findings] == [True]
    with pytest.raises(UserError, match="the content was not fetched: a link to"):
        Lebel2023(str(root), subjects=["UTS01"])


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


@pytest.mark.parametrize("story", STORIES)  # tiers by name and by position, in both forms of Praat
def test_words_and_phones_are_on_the_runs_clock(run, story):
    study, one = run(story)
    with kept() as said:
        events = study.events(one)
    assert sum("overlap; they are used" in finding.text for finding in said) == 1
    (sound,) = events[events.kind == "sound"].itertuples()
    assert (sound.onset, sound.stimulus_onset, sound.duration) == (-10.0, 0.0, 10.0 + 2.0 * (STORIES[story] - 20))
    assert np.allclose(events.onset, events.stimulus_onset - 10)  # row 0 is the volume of 10 s
    words = events[events.kind == "word"]
    assert words.text.tolist() == ["i", "reached", "over", "and", "secretly"]
    assert words.onset.tolist() == pytest.approx([-9.8, -9.0, -8.5, 2.0, 2.3])
    assert events.text[events.kind == "phone"].tolist() == ["AY", "R", "IY"]
    assert events.text[events.kind == "sentence"].tolist() == [
        "i",
        "reached over",
        "and secretly",
    ]  # pauses of 0.4 s and more
    assert set(events.language) == {"en"} and set(events.story) == {story}
    assert (words.sequence != "").all() and study._textgrid(story) in study.sources(one)


def test_a_story_without_its_words_is_told(root, run):
    study, one = run("legacy")
    study._textgrid("legacy").unlink()
    with kept() as said:
        events = study.events(one)
    assert set(events.kind) == {"sound"} and any("no words and phones" in finding.text for finding in said)
    write_words(root, "legacy", names=("a", "b")).write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n9\n<exists>\n1\n"IntervalTier"\n"x"\n0\n9\n1\n0\n9\n"a"\n'
    )
    with pytest.raises(UserError, match="expected one of phones and one of words, in this order"):
        study.events(one)


def test_the_mean_of_the_repeats_is_no_eleventh_presentation(root):
    mean, singles = (Lebel2023(str(root), subjects=["UTS01"], repeats=repeats) for repeats in (False, True))
    heard = [len([one for one in study.recordings() if one.task == "wheretheressmoke"]) for study in (mean, singles)]
    assert heard == [1, 10] and Lebel2023.split == {"wheretheressmoke": "test"}
    own = [one for one in singles.recordings() if one.task == "wheretheressmoke"]
    assert not any(np.array_equal(singles.load(one).data, mean.load(mean.recordings()[-1]).data) for one in own[1:])
    assert all(singles.events(one).equals(singles.events(own[0])) for one in own[1:])  # one clock for all


def test_all_stories_of_each_subject(root):
    (root / "derivative" / "respdict.json").write_text(json.dumps(STORIES | {"treasureisland": 50, "listo": 44}))
    for subject in ("UTS01", "UTS02"):
        write_story(root, subject, "treasureisland", 50, N_VOXELS[subject])
    with kept() as said:
        study = Lebel2023(str(root), stories="all")
    found = {subject: {one.task for one in study.recordings() if one.subject == subject} for subject in N_VOXELS}
    assert found == {"UTS01": {*STORIES}, "UTS02": {*STORIES, "treasureisland"}, "UTS04": {*STORIES} - {"life"}}
    assert len(said) == 1 and "corrupt" in said[0].text
    assert {one.task for one in Lebel2023(str(root), subjects=["UTS01"], stories=["treasureisland"]).recordings()} == {
        "treasureisland"
    }


def test_voxels_lie_in_the_mask_of_pycortex(root):
    inside = np.zeros((3, 4, 2), bool)
    inside[[0, 2, 1, 0, 2, 1], [0, 1, 3, 2, 0, 0], [1, 0, 0, 1, 1, 0]] = True
    affine = np.array([[-2.0, 0, 0, 30], [0, 2.2, 0, -40], [0, 0, 2.4, 10], [0, 0, 0, 1]])
    write_mask(root, "UTS01", inside, affine)
    study = Lebel2023(str(root))
    assert study.space("UTS02") is None
    mask = study.space("UTS01").mask
    found = (mask.affine @ np.c_[np.argwhere(mask.get_fdata() > 0), np.ones(6)].T)[:3].T
    zyx = np.argwhere(inside.transpose(2, 1, 0))  # pycortex's order of voxels
    assert np.allclose(found, (affine @ np.c_[zyx[:, ::-1], np.ones(6)].T)[:3].T)
    write_mask(root, "UTS02", inside, affine)
    with pytest.raises(UserError, match="6 voxels, but the runs have 5"):
        study.space("UTS02")
