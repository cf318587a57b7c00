"""A trained decoder of clips on a held-out run of BOLD, given as if it were new: the numbers of the test, and what is refused."""

import nibabel
import numpy as np
import pytest
import soundfile
from fmri_runs import FBANK, newest
from tiny_fmri import TinyFMRI

import n2s as package
from n2s.errors import UserError
from n2s.studies.fmri import Bold, Space
from n2s.systems.clips.result import ClipResult

SHAPE, AFFINE = (2, 3, 3), np.diag([3.0, 3.0, 3.0, 1.0])


class Placed(TinyFMRI):
    """Its voxels are the first of an image."""

    def space(self, subject):
        n = self.n_voxels + int(subject) - 1
        inside = np.arange(np.prod(SHAPE)) < n
        return Space(mask=nibabel.Nifti1Image(inside.reshape(SHAPE).astype(np.uint8), AFFINE))


def image_of(bold):
    values = np.zeros((np.prod(SHAPE), len(bold.data)), np.float32)
    values[: bold.data.shape[1]] = bold.data.T
    found = nibabel.Nifti1Image(values.reshape(*SHAPE, -1), AFFINE)
    found.header.set_zooms((3.0, 3.0, 3.0, bold.tr_s))
    found.header.set_xyzt_units("mm", "sec")
    return found


@pytest.fixture
def trained(n2s, sounds, monkeypatch):
    """A fitted and tested semantic run of the study with places."""
    monkeypatch.setattr("tiny_fmri.TinyFMRI", Placed)
    options = {"n_voxels": 6, "alpha": 10.0, "n_folds": 4}
    for verb in ("fit", "test"):
        status, _, err = n2s(
            verb, "Semantic", model=options, study={"gain": 3.0, "n_clips": 40}, data={"average_repeats": False}
        )
        assert status == 0, err
    return newest("Semantic"), Placed(sounds, gain=3.0, n_clips=40)


@pytest.mark.slow
def test_a_held_out_run_decoded_as_a_new_one(trained, sounds, tmp_path, run_n2s):
    folder, study = trained
    run, tested = package.load(folder), ClipResult.load(folder / "test" / "test")
    recording = [one for one in study.recordings() if (one.subject, one.task, one.session) == ("01", "s5", "1")][0]
    bold = study.load(recording)
    found = run.predict(bold, subject="01")
    own = (tested.subject == "tiny/01") & (np.arange(len(tested.subject)) < 2 * study.n_clips)
    expected = tested.predicted[own]
    expected = expected[: study.n_clips] if len(expected) > study.n_clips else expected
    n = min(len(found.values), len(expected))
    assert n == study.n_clips and np.abs(found.values[:n] - expected[:n]).max() < 1e-3

    heard, other = study.audio("s5"), study.audio("s1")
    ranked = run.decode(bold, [heard, other], subject="01", candidate_step_s=1.0)
    assert ranked.sounds.sound[0] == heard.name and ranked.sounds.p[0] < 0.05
    assert abs(ranked.sounds.start_s[0]) < 1e-6 and heard.name in ranked.headline()[0]
    noise = Bold(100 + np.random.default_rng(3).standard_normal(bold.data.shape).astype(np.float32), bold.tr_s)
    assert "No sound is found" in run.decode(noise, [heard, other], subject="01", candidate_step_s=1.0).headline()[0]

    image = image_of(bold)
    image.to_filename(tmp_path / "x_bold.nii.gz")
    with pytest.raises(UserError, match="a TR of 1 sec in its header, as writers leave it"):
        run.predict(tmp_path / "x_bold.nii.gz", subject="01")
    (tmp_path / "x_bold.json").write_text('{"RepetitionTime": 1.0}')
    again = package.load(run.export(tmp_path / "shared"))
    assert np.allclose(again.predict(tmp_path / "x_bold.nii.gz", subject="01").values, found.values, atol=1e-4)
    status, out, err = run_n2s(
        "decode",
        tmp_path / "shared",
        "--bold",
        tmp_path / "x_bold.nii.gz",
        "--audio",
        heard,
        other,
        "--subject",
        "01",
        "--out",
        tmp_path / "page",
    )
    assert status == 0, err
    assert (
        "region" not in out
        and "on the grid of training" in out.replace("\n", " ")
        and (tmp_path / "page" / "report.html").is_file()
    )

    slow = run.predict(bold, subject="01", step_s=2.0)
    assert np.allclose(slow.values, found.values[::2], atol=1e-5)
    other = Bold(bold.data * 1e3, bold.tr_s)
    with pytest.raises(UserError, match="differ from those of training.*--scale recording"):
        run.predict(other, subject="01")
    mine, others = (run.predict(one, subject="01", scale="recording").values for one in (bold, other))
    assert np.allclose(mine, others, atol=1e-3)  # any unit
    near = run.predict(Bold(bold.data + 6 * bold.data.std(0), bold.tr_s), subject="01")
    assert any("differ from those of training" in one for one in near.said)
    gap, empty = bold.data.copy(), np.zeros_like(bold.data)
    gap[7, 2] = np.nan
    shifted = AFFINE.copy()
    shifted[0, 3] = 4.0
    elsewhere = nibabel.Nifti1Image(np.asarray(image.dataobj), shifted)
    moved = nibabel.Nifti1Image(np.asarray(image.dataobj), np.diag([2.0, 2.0, 2.0, 1.0]))
    for wrong, message in (
        (lambda: run.decode(bold, [heard]), "voxels are each person's own"),
        (lambda: run.decode(bold, [heard], subject="07"), "no subject 07"),
        (lambda: run.decode(bold, [], subject="01"), "no sounds to compare"),
        (lambda: run.predict(moved, subject="01"), "its grid is 2x3x3 voxels of 2.0, 2.0, 2.0 mm"),
        (lambda: run.predict(Bold(bold.data[:, 1:], 1.0), subject="01"), "with the 8 voxels"),
        (lambda: run.predict(Bold(bold.data[:2], 1.0), subject="01"), "has 2 volumes of 1 s"),
        (
            lambda: run.predict(elsewhere, subject="01"),
            "lies elsewhere: its first voxel is at 4.0, 0.0, 0.0 mm, in training",
        ),
        (
            lambda: run.predict(Bold(gap, 1.0), subject="01"),
            "1 of 8 voxels of the decoder .* in 1 of 44 volumes .from 7",
        ),
        (lambda: run.predict(Bold(empty, 1.0), subject="01"), "8 of 8 voxels of the decoder have one value"),
        (lambda: run.predict(tmp_path / "x.fif", subject="01"), "expected a NIfTI image"),
        (lambda: run.predict(tmp_path / "y_bold.nii.gz", subject="01"), "x_bold.nii.gz"),
    ):
        with pytest.raises(UserError, match=message):
            wrong()
    soundfile.write(tmp_path / "short.wav", np.full(400, 0.1), 16000)
    with pytest.raises(UserError, match="shorter than"):
        run.decode(bold, [tmp_path / "short.wav"], subject="01")


@pytest.mark.slow
def test_a_spectrogram_is_decoded_from_a_new_run(n2s, sounds):
    options = {
        "network": {"class_path": "n2s.models.MelMLP", "init_args": {"hidden": [8]}},
        "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-2}},
    }
    for verb in ("fit", "test"):
        status, _, err = n2s(
            verb, "Spectrogram", model=options, data={"target": FBANK, "batch_size": 16, "average_repeats": False}
        )
        assert status == 0, err
    folder, study = newest("Spectrogram"), TinyFMRI(sounds)
    run, tested = package.load(folder), ClipResult.load(folder / "test" / "test")
    bold = study.load(
        [one for one in study.recordings() if (one.subject, one.task, one.session) == ("01", "s5", "1")][0]
    )
    values = run.predict(bold, subject="01").values
    assert np.abs(values[: study.n_clips] - tested.predicted[: study.n_clips].reshape(study.n_clips, -1)).max() < 1e-2
