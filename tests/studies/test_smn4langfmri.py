"""The fMRI of SMN4Lang in miniature, with its traps; the real text files of its first subject."""

import shutil

import numpy as np
import pytest
from builders import write_audio
from trees_fmri.fmriprep import write_volumes
from trees_fmri.generic import SHAPE
from trees_fmri.smn4langfmri import N_TR, SOUND_S, TR_S, WORDS, write_tree

from n2s.errors import UserError
from n2s.studies import SMN4LangFMRI
from n2s.studies.public.smn4lang_words import FMRI_LEAD_S
from n2s.studies.readers.bold_files import BoldFiles


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "ds004078")


def test_the_sound_starts_15_volumes_into_the_run_and_words_with_it(root):
    study = SMN4LangFMRI(str(root))
    assert [one.name for one in study.recordings()] == [
        f"sub-{s}_task-RDR_run-{r}" for s in ("01", "02") for r in (1, 2)
    ]
    one = study.recordings()[1]
    events = study.events(one)
    (sound,) = events[events.kind == "sound"].itertuples()
    assert (sound.onset, sound.duration, sound.stimulus, sound.story) == (FMRI_LEAD_S, SOUND_S, "story_2", "story_2")
    assert sound.onset / TR_S == pytest.approx(15)
    words = events[events.kind == "word"]
    assert words.text.tolist() == [text for text, *_ in WORDS]  # the picture is no sound
    assert np.allclose(words.onset, [FMRI_LEAD_S + start for _, start, _ in WORDS])  # the lead is not added twice
    assert np.allclose(words.stimulus_onset, [start for _, start, _ in WORDS])
    assert events.text[events.kind == "sentence"].tolist() == ["今天 天气", "很好"] and set(events.language) == {"zh"}
    characters = SMN4LangFMRI(str(root), unit="char")
    told = characters.events(one)
    assert told.text[told.kind == "word"].tolist() == list("今天天气很好") and characters.settings() != study.settings()


def test_both_kinds_of_runs(root):
    study = SMN4LangFMRI(str(root))
    bold = study.load(study.recordings()[0])
    assert bold.data.shape == (N_TR, 9) and bold.tr_s == TR_S and bold.rois["CortexLeft"].sum() == 6
    space = study.space("01")
    assert len(space.grayordinates) == 9 and space.mesh is None  # of no known size
    volumes = SMN4LangFMRI(str(root), kind="mni")
    with pytest.raises(UserError, match="a NIfTI image needs a mask or an atlas"):
        volumes.load(volumes.recordings()[0])
    write_volumes(root / "mask.nii.gz", np.ones(SHAPE))
    volumes = SMN4LangFMRI(str(root), kind="mni", files=BoldFiles(tr_s=TR_S, mask="mask.nii.gz"))
    assert volumes.load(volumes.recordings()[0]).data.shape == (N_TR, np.prod(SHAPE))
    assert volumes.space("01").mask.shape == SHAPE


def test_the_real_events(real_data, root):
    """406.4 s of story 1, from 10.65 s of the scan on; a picture after it."""
    real = real_data / "openneuro_meta" / "ds004078" / "sub-01" / "func" / "sub-01_task-RDR_run-1_events.tsv"
    shutil.copy(real, root / "sub-01" / "func" / real.name)
    write_audio(root / "stimuli" / "audio" / "story_1.wav", 406.416, rate_hz=1000)
    study = SMN4LangFMRI(str(root))
    rows = study.read_rows(real, study.recordings()[0])
    (sound,) = rows[rows.kind == "sound"].itertuples()
    assert sound.onset == 10.65 and sound.duration == pytest.approx(406.416) and len(rows) == 1 + len(WORDS)


def test_events_of_another_story(root):
    study = SMN4LangFMRI(str(root))
    path = root / "sub-01" / "func" / "sub-01_task-RDR_run-1_events.tsv"
    path.write_text("onset\tduration\tstim_file\n10.65\t20\taudio/story_2.wav\n")
    with pytest.raises(UserError, match="the sounds audio/story_2.wav; expected story_1.wav, once"):
        study.events(study.recordings()[0])
    path.write_text("onset\tduration\n10.65\t20\n")
    with pytest.raises(UserError, match="no column stim_file"):
        study.events(study.recordings()[0])
