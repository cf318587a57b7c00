"""A lab's own fMRIPrep output for encoding models: spaces, masks, confounds by name, events on the clock of the volumes."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from builders import write_tsv
from trees_fmri.fmriprep import (
    MNI,
    N_TR,
    N_VERTICES,
    ONSET_S,
    SOUND_S,
    TR_S,
    WORDS,
    confounds,
    write_surface,
    write_tree,
    write_volumes,
)
from trees_fmri.generic import AFFINE, SHAPE

from n2s.checks.folder import folder_studies
from n2s.data import FIR, EncodingDataModule
from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.features import Ready, WordRate
from n2s.findings import kept
from n2s.studies import BIDSFMRI
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.confound_sets import CONFOUND_SETS, columns_of
from n2s.studies.fmri import clip_table


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def own(tmp_path):
    return write_tree(tmp_path / "lab", ("nifti",))


def func(root, subject=1):
    return root / "derivatives" / "fmriprep" / f"sub-0{subject}" / "func"


def told(call, *given):
    with kept() as findings:
        result = call(*given)
    return result, " | ".join(f"{one.kind}: {one.text}" for one in findings)


def test_a_space_has_to_be_named_if_there_are_several(lab):
    with pytest.raises(UserError, match="are all of sub-01_task-listen_run-1. Say which in `bold`"):
        BIDSFMRI(str(lab))
    with pytest.raises(UserError, match="no file .*space-T1w"):
        BIDSFMRI(str(lab), space="T1w")
    with pytest.raises(UserError, match="no folder .*fmriprp with the runs. Nearest: fmriprep"):
        BIDSFMRI(str(lab), derivatives="derivatives/fmriprp")


def test_voxels_are_those_of_all_runs_and_the_space_says_where(lab):
    study = BIDSFMRI(str(lab), space="MNI152NLin2009cAsym", language="nl")
    one = study.recordings()[0]
    bold, said = told(study.load, one)
    assert bold.data.shape == (N_TR, 24 - 2) and "masks beside all 2 runs" in said
    space = study.space("01")
    assert space.template == "MNI152NLin2009cAsym" and space.mesh is None and np.array_equal(space.mask.affine, AFFINE)
    inside = np.argwhere(space.mask.get_fdata() > 0)  # C order
    assert np.allclose(bold.places, (AFFINE @ np.c_[inside, np.ones(22)].T)[:3].T)
    assert study.space("02").mask.get_fdata().sum() == 22


def test_both_hemispheres_on_a_mesh(lab):
    study = BIDSFMRI(str(lab), space="fsaverage5")
    bold = study.load(study.recordings()[0])
    space = study.space("01")
    assert bold.data.shape == (N_TR, 2 * N_VERTICES) and bold.tr_s == TR_S
    assert (space.mesh, space.mask, space.template) == ("fsaverage5", None, "fsaverage5")
    assert np.flatnonzero(bold.rois["CortexRight"])[0] == N_VERTICES  # the left one first
    assert bold.confounds.name == "sub-01_task-listen_run-1_desc-confounds_timeseries.tsv"


def test_another_mesh_and_hemispheres_of_other_lengths(tmp_path):
    root = write_tree(tmp_path / "lab", ())
    for side in "LR":
        write_surface(
            func(root) / f"sub-01_task-listen_run-1_hemi-{side}_space-fsaverage5_bold.func.gii", np.zeros((N_TR, 642))
        )
        write_surface(
            func(root) / f"sub-01_task-listen_run-2_hemi-{side}_space-fsaverage5_bold.func.gii", np.zeros((N_TR, 2562))
        )
    study = BIDSFMRI(str(root), space="fsaverage5")
    with pytest.raises(
        UserError,
        match=r"1284 vertices in both hemispheres \(fsaverage3\), but its name says fsaverage5, which has 20484",
    ):
        study.space("01")
    with pytest.raises(
        UserError, match="run-2_hemi-L_.* has 5124 voxels, but .*run-1_hemi-L_.* of the same subject has 1284"
    ):
        study.load(study.recordings()[1])
    write_surface(
        func(root) / "sub-01_task-listen_run-1_hemi-R_space-fsaverage5_bold.func.gii", np.zeros((N_TR - 3, 642))
    )
    with pytest.raises(UserError, match="has 20 and .*has 17 volumes; expected as many in both hemispheres"):
        study.load(study.recordings()[0])


def test_words_are_on_the_clock_of_the_volumes(lab):
    study = BIDSFMRI(str(lab), space="fsaverage5", language="nl")
    one = study.recordings()[0]
    events, said = told(study.events, one)
    (sound,) = events[events.kind == "sound"].itertuples()
    assert (sound.onset, sound.stimulus_onset, sound.stimulus, sound.story) == (ONSET_S, 0.0, "story1", "story1")
    assert sound.duration == N_TR * TR_S - ONSET_S  # the run ends before the sound
    assert "the run ends 3.00 s before the sound 'story1': the rest of it is cut off" in said
    words = events[events.kind == "word"]
    assert words.text.tolist() == [text for text, *_ in WORDS][:5] and "left out: 1 of 12 events begin after" in said
    assert np.allclose(words.onset, [ONSET_S + start for _, start, _ in WORDS[:5]])
    assert np.allclose(words.stimulus_onset, [start for _, start, _ in WORDS[:5]])
    assert events.text[events.kind == "phone"].tolist() == ["h", "ɛ", "t"]
    assert set(events.language) == {"nl"} and (words.sequence != "").all()
    clips = clip_table(study.clips(one), where="")
    assert len(clips) == 16 and np.allclose(clips.time_s - clips.start_s, ONSET_S) and set(clips.duration_s) == {TR_S}
    assert {"story1.wav", "story1.TextGrid"} <= {path.name for path in study.sources(one)}


def test_volumes_that_were_cut_off_the_start(lab):
    study = BIDSFMRI(str(lab), space="fsaverage5", first_volume_s=10.0)
    events, _ = told(study.events, study.recordings()[0])
    (sound,) = events[events.kind == "sound"].itertuples()
    assert (sound.onset, sound.duration) == (ONSET_S - 10, SOUND_S)  # it began before the first volume
    assert study.settings() != BIDSFMRI(str(lab), space="fsaverage5").settings()
    with pytest.raises(UserError, match="the first event is at .* after the end of the run"):
        BIDSFMRI(str(lab), space="fsaverage5", first_volume_s=-40.0).events(study.recordings()[0])


def test_named_sets_of_confounds(lab):
    """Against least squares on the columns that Millet & King name; a derivative's first value is the second's."""
    assert len(columns_of(["millet18"])) == 18 and len(columns_of(["motion24", "motion6"])) == 24
    assert all(len(set(columns)) == len(columns) for columns in CONFOUND_SETS.values())
    table = pd.DataFrame(confounds(seed=1))
    for names, columns in (
        (
            ("millet18",),
            [
                *CONFOUND_SETS["motion6"],
                *(f"a_comp_cor_{i:02d}" for i in range(6)),
                *(f"cosine{i:02d}" for i in range(6)),
            ],
        ),
        (("motion12", "framewise_displacement"), [*CONFOUND_SETS["motion12"], "framewise_displacement"]),
    ):
        study = BIDSFMRI(str(lab), space="MNI152NLin2009cAsym", cleaning=BoldCleaning(detrend=False, confounds=names))
        one = study.recordings()[0]
        bold = study.load(one)
        if names == ("millet18",):  # one more, and nothing is left
            with pytest.raises(
                UserError, match=r"20 volumes less .*20 different regressors.* leave 0 degrees of freedom"
            ):
                cleaned(bold, BoldCleaning(detrend=True, confounds=("millet18", "framewise_displacement")), one.name)
        found, said = told(cleaned, bold, study.cleaning, one.name)
        design = table[columns].to_numpy(copy=True)
        design[0] = np.where(np.isnan(design[0]), design[1], design[0])
        design = np.c_[np.ones(N_TR), design]
        centred = bold.data - bold.data.mean(0)
        expected = centred - design @ np.linalg.lstsq(design, centred, rcond=None)[0]
        assert np.allclose(found.data - found.data.mean(0), expected, atol=1e-3)
        assert ("the first row is n/a in 7 confounds" in said) == (names[0] == "motion12")
        assert any("confounds" in path.name for path in study.sources(one))
    with pytest.raises(UserError, match="no column 'motion9'"):
        cleaned(bold, BoldCleaning(confounds=("motion9",)), one.name)


def test_runs_without_confounds_masks_or_events_are_named(own):
    (func(own) / "sub-01_task-listen_run-2_desc-confounds_timeseries.tsv").unlink()
    study = BIDSFMRI(str(own), cleaning=BoldCleaning(confounds=("motion6",)))
    one = study.recordings()[1]
    with pytest.raises(
        UserError, match="sub-01_task-listen_run-2: no table of confounds, but motion6 are to be regressed out"
    ):
        cleaned(study.load(one), study.cleaning, one.name)
    (func(own) / f"sub-01_task-listen_run-2_{MNI}_desc-brain_mask.nii.gz").unlink()
    with pytest.raises(UserError, match="no mask .*run-2_.*_desc-brain_mask.nii.gz beside it, as other runs"):
        BIDSFMRI(str(own)).load(one)
    (own / "sub-02" / "func" / "sub-02_task-listen_run-1_events.tsv").unlink()
    with pytest.raises(
        UserError, match="no sub-02_task-listen_run-1_events.tsv.*set root to its folder, and derivatives"
    ):
        BIDSFMRI(str(own))
    write_tsv(own / "task-listen_events.tsv", [{"onset": 0.0, "duration": 4.0, "stim_file": "story1.wav"}])  # inherited
    assert len(BIDSFMRI(str(own)).recordings()) == 4


def test_masks_on_another_grid(own):
    path = func(own) / f"sub-01_task-listen_run-2_{MNI}_desc-brain_mask.nii.gz"
    write_volumes(path, np.ones((SHAPE[0] + 1, *SHAPE[1:])))
    study = BIDSFMRI(str(own))
    for ask, given in ((study.load, study.recordings()[0]), (study.space, "01")):
        with pytest.raises(UserError, match="is not on the grid of"):
            ask(given)


def test_a_folder_of_fmriprep_is_checked_by_its_events(own):
    (study,) = folder_studies(own).values()
    assert isinstance(study, BIDSFMRI) and len(study.recordings()) == 4
    write_tsv(own / "task-listen_clips.tsv", [{"stimulus": "story1", "start_s": 0, "duration_s": 2, "time_s": 8}])
    (study,) = folder_studies(own).values()
    assert not isinstance(study, BIDSFMRI)


def test_a_sound_that_began_before_the_first_stored_volume(own):
    """BIDS allows negative onsets: volumes were discarded."""
    path = own / "sub-01" / "func" / "sub-01_task-listen_run-1_events.tsv"
    study = BIDSFMRI(str(own))
    (one, *_), (before, _) = study.recordings(), told(study.events, study.recordings()[0])
    write_tsv(path, [{"onset": -4.0, "duration": "n/a", "trial_type": "sound", "stim_file": "story1.wav"}])
    after, findings = told(study.events, one)
    assert after.onset.min() == -4.0 and "ends" not in findings
    words = [events[events.kind == "word"].set_index("text") for events in (before, after)]
    assert np.allclose(words[1].onset[words[0].index], words[0].onset - ONSET_S - 4.0)
    assert (after.stimulus_onset - after.onset == 4.0).all()


def renamed(folder, old, *new):
    """Copies of the files whose names have ``old``, one for each of ``new``; the first are gone."""
    for path in folder.glob(f"*{old}*"):
        for name in new:
            shutil.copy(path, path.with_name(path.name.replace(old, name)))
        path.unlink()


def test_runs_that_differ_in_direction_have_their_own_confounds_and_events(own):
    for folder in (func(own), own / "sub-01" / "func"):
        renamed(folder, "run-1", "dir-AP_run-1", "dir-PA_run-1")
    study = BIDSFMRI(str(own), bold="**/*_dir-PA_*bold.nii.gz")
    (one,) = study.recordings()
    files = study._runs[one]
    assert all("dir-PA" in path.name for path in (*files.bold, files.clips, files.confounds, files.mask))
    files.clips.unlink()
    with pytest.raises(UserError, match="no sub-01_task-listen_run-1_events.tsv"):  # not those of the other direction
        BIDSFMRI(str(own), bold="**/*_dir-PA_*bold.nii.gz")


@pytest.mark.parametrize("copy", ["sourcedata", "derivatives/other", "derivatives/fmriprep/sourcedata/raw"])
def test_events_in_folders_of_copies_are_not_the_runs_own(own, copy):
    shutil.copytree(own / "sub-01", own / copy / "sub-01")
    study = BIDSFMRI(str(own))
    assert study.table(study.recordings()[0]) == own / "sub-01" / "func" / "sub-01_task-listen_run-1_events.tsv"


def test_surfaces_as_fmriprep_named_them_before_20_2(tmp_path):
    root = write_tree(tmp_path / "lab", ("gifti",))
    for subject in (1, 2):
        for path in func(root, subject).glob("*.func.gii"):
            stem, side = path.name.split("_hemi-")
            path.rename(path.with_name(f"{stem}_space-fsaverage5_hemi-{side[0]}.func.gii"))
    study = BIDSFMRI(str(root), space="fsaverage5")
    one = study.recordings()[0]
    assert len(study.recordings()) == 4 and study.load(one).data.shape == (N_TR, 2 * N_VERTICES)
    assert study.space("01").mesh == "fsaverage5" and study._runs[one].confounds is not None
    for path in func(root).glob("*run-1_space*"):
        shutil.copy(path, path.with_name(path.name.replace("fsaverage5", "fsaverage6")))
    with pytest.raises(UserError, match=re.escape("**/*_space-fsaverage5_hemi-?.func.gii")):
        BIDSFMRI(str(root))


@pytest.mark.slow
def test_ready_features_in_place_of_audio(own):
    """Regressors of a lab, of sounds that it may not give away: one that is 5 while a sound plays, and one of 2 a volume."""
    for run in (1, 2):
        (own / "stimuli" / f"story{run}.wav").unlink()
        (own / "regressors").mkdir(exist_ok=True)
        np.save(own / "regressors" / f"story{run}.npy", np.tile([5.0, 2.0 * run], (int(10 * SOUND_S), 1)))
        (own / "regressors" / f"story{run}.json").write_text(json.dumps({"rate_hz": 10.0}))
    study = BIDSFMRI(str(own), language="nl", features="regressors", alignments="stimuli")
    one = study.recordings()[0]
    assert study.audio("story1") is None and study.features("story1").values.shape == (350, 2)
    assert any(path.name == "story1.npy" for path in study.sources(one))
    data = EncodingDataModule(
        {"lab": study}, {"own": Ready(2), "words": WordRate()}, FIR(delays=[1]), n_folds=2, trim_s=(0.0, 0.0)
    )
    data.prepare_data()
    data.setup("test")
    rows, fold = data.rows("lab/01"), data.folds("lab/01")[0]
    heard = data.heard("lab/01", fold, "own")[1]
    inside = rows.stimulus_s.to_numpy()[fold.test] > 6.0  # the filter of volumes has forgotten the silence before
    run = int(rows.stimulus.iloc[fold.test[-1]][-1])
    np.testing.assert_allclose(heard[inside][:-3], [[5.0, 2.0 * run]] * (inside.sum() - 3), rtol=0.03)
