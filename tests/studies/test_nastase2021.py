"""Narratives in miniature, with its traps."""

import numpy as np
import pytest
from builders import write_tsv
from trees_fmri.fmriprep import write_volumes
from trees_fmri.generic import SHAPE
from trees_fmri.nastase2021 import N_TR, TR_S, write_tree, write_words

from n2s.data import SplitByStory
from n2s.data.content import Heard
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import Nastase2021
from n2s.studies.public.nastase2021 import EXCLUDED
from n2s.studies.readers.bold_files import BoldFiles


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("narratives"))


@pytest.fixture(scope="module")
def study(root):
    return Nastase2021(str(root))


def told(call, *given):
    with kept() as findings:
        result = call(*given)
    return result, [finding.text for finding in findings]


def run(study, name):
    return next(one for one in study.recordings() if one.name == name)


def test_excluded_scans_and_other_tasks_are_counted(root):
    every, said = told(Nastase2021, str(root))
    names = {one.name for one in every.recordings()}
    assert names == {
        "sub-001_task-pieman_run-1", "sub-001_task-milkyway", "sub-053_task-slumlordreach", "sub-201_task-piemanpni",
        "sub-201_task-notthefallintact",
    }  # fmt: skip
    assert sorted(said) == ["films among stories.", "scans that the authors exclude (code/scan_exclude.json)."]
    assert len(Nastase2021(str(root), excluded=True).recordings()) == 7
    assert {one.task for one in Nastase2021(str(root), tasks=["schema"]).recordings()} == {"schema"}
    assert len(EXCLUDED) == len(set(EXCLUDED)) == 27
    with pytest.raises(UserError, match="all 1 runs are left out"):
        Nastase2021(str(root), subjects=["053"], tasks=["pieman"])


def test_the_sound_starts_with_its_music(study):
    """The times of words count from the start of the file, which has the music; a story without music starts with its row."""
    for name, onset, start in (("sub-001_task-pieman_run-1", 0.0, 5.25), ("sub-201_task-piemanpni", 12.0, 17.25)):
        events, said = told(study.events, run(study, name))
        (sound,) = events[events.kind == "sound"].itertuples()
        assert (sound.onset, sound.stimulus_onset) == (onset, 0.0)
        words = events[events.kind == "word"]
        assert words.text.iloc[0] == "I" and words.onset.iloc[0] == pytest.approx(start)
        assert words.stimulus_onset.iloc[0] == pytest.approx(5.25)
        assert "words that the aligner did not find." in said and "Fordham" not in set(words.text)
    bold = study.load(run(study, "sub-201_task-piemanpni"))
    assert bold.data.shape == (N_TR, 81924) and bold.tr_s == TR_S and study.space("201").mesh == "fsaverage6"


def test_two_stories_in_one_run(study):
    events, _ = told(study.events, run(study, "sub-053_task-slumlordreach"))
    sounds = events[events.kind == "sound"]
    assert sounds.story.tolist() == ["slumlord", "reach"] and set(sounds.stimulus) == {"slumlordreach_audio"}
    assert sounds.onset.tolist() == [4.5, 17.0] and sounds.stimulus_onset.tolist() == [0.0, 12.5]
    assert sounds.duration.tolist() == [12.0, 11.5]
    words = events[events.kind == "word"]
    assert words.story.tolist() == ["slumlord"] * 3 + ["reach"] and np.allclose(words.onset - words.stimulus_onset, 4.5)


def test_a_file_that_stands_for_three_orders(study):
    events, said = told(study.events, run(study, "sub-201_task-notthefallintact"))
    assert set(events.stimulus) == {"notthefallintact_audio"} and set(events.story) == {"notthefallintact"}
    assert any("it names notthefall_audio.wav, which is not there: notthefallintact_audio.wav" in text for text in said)


def test_two_performances_of_a_story_are_on_one_side(study):
    events = {one.name: told(study.events, one)[0] for one in study.recordings()}
    table = SplitByStory(test=["pieman"], val=[]).intervals({"stories": Heard(events, content=study.content)})
    assert set(table[table.split == "test"].story) == {"pieman", "piemanpni"}
    assert set(table[table.split == "train"].story) == {"milkywayvodka", "notthefallintact", "slumlord", "reach"}


def test_volumes_in_mni(root, tmp_path):
    write_volumes(root / "mask.nii.gz", np.ones(SHAPE))
    study = Nastase2021(str(root), space="MNI152NLin2009cAsym", files=BoldFiles(tr_s=TR_S, mask="mask.nii.gz"))
    (one,) = study.recordings()
    assert study.load(one).data.shape == (N_TR, np.prod(SHAPE)) and study.space("201").template == "MNI152NLin2009cAsym"


def test_tables_that_do_not_fit(tmp_path):
    root = write_tree(tmp_path / "narratives")
    study = Nastase2021(str(root), tasks=["slumlordreach"])
    (one,) = study.recordings()
    path = study.table(one)
    write_tsv(path, [{"onset": 4.5, "duration": 20.0, "trial_type": "story", "stim_file": "slumlordreach_audio.wav"}])
    with pytest.raises(UserError, match="1 stories in slumlordreach_audio.wav; expected 2: slumlord, reach"):
        study.events(one)
    write_tsv(path, [{"onset": 4.5, "duration": 20.0, "trial_type": "movie", "stim_file": "n/a"}])
    with pytest.raises(UserError, match="no row of trial_type story; found movie"):
        study.events(one)
    pieman = Nastase2021(str(root), subjects=["001"], tasks=["pieman"])
    (one,) = pieman.recordings()
    write_words(root, "pieman").write_text("word,alignedWord,start,end\nI,i,5.2,5.5\n")
    with pytest.raises(UserError, match="align.csv, line 1: 'word,alignedWord,start,end'; expected word,aligned word"):
        pieman.events(one)
    (root / "stimuli" / "gentle" / "pieman" / "align.csv").unlink()
    events, said = told(pieman.events, one)
    assert set(events.kind) == {"sound"} and any("not here: this sound has no words" in text for text in said)
