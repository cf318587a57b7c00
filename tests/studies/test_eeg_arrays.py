"""EEG as NumPy arrays: a folder a recording."""

import mne
import numpy as np
import pytest

from n2s.data import SplitByStory
from n2s.data.content import Heard
from n2s.data.identity import sound_identities
from n2s.data.stimuli import collect_stimuli
from n2s.errors import UserError
from n2s.studies import EEGArrays

N = len(mne.channels.make_standard_montage("biosemi16").ch_names)


def write(folder, *, n=640, frames=600, seed=0, brain="eeg.npy", transposed=False, dtype=np.float32):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    data = (10 * rng.standard_normal((N, n))).astype(dtype)
    np.save(folder / brain, data.T if transposed else data)
    np.save(folder / "envelope.npy", rng.random(frames).astype(np.float32))
    return folder


def study(root, **options):
    return EEGArrays(str(root), **({"sfreq": 64, "features": "envelope.npy", "montage": "biosemi16"} | options))


def test_names_come_from_the_folders(tmp_path):
    for number, place in enumerate(("sub-02/ses-1/run-1", "sub-02/ses-1/run-2", "sub-10_run-1", "guest 3")):
        write(tmp_path / place, seed=number)
    names = [one.name for one in study(tmp_path).recordings()]
    assert names == ["sub-02_ses-1_run-1", "sub-02_ses-1_run-2", "sub-10_run-1", "sub-guest-3"]
    assert [one.subject for one in study(tmp_path, subjects=["02"]).recordings()] == ["02", "02"]


def test_both_orders_of_axes_are_one_recording(tmp_path):
    write(tmp_path / "sub-1")
    write(tmp_path / "sub-2", transposed=True)
    found = study(tmp_path)
    one, other = (found.load(recording).get_data() for recording in found.recordings())
    np.testing.assert_array_equal(one, other)
    assert one.std() == pytest.approx(10e-6, rel=0.05)
    assert study(tmp_path, unit="V").load(found.recordings()[0]).get_data().std() == pytest.approx(10, rel=0.05)


def test_the_shorter_of_both_is_heard(tmp_path):
    write(tmp_path / "sub-1", n=640, frames=600)
    write(tmp_path / "sub-2", n=640, frames=700)
    found = study(tmp_path)
    assert [found.events(one).duration.item() for one in found.recordings()] == [600 / 64, 10.0]
    slow = study(tmp_path, features_hz=32, subjects=["2"])
    assert slow.events(slow.recordings()[0]).duration.item() == 10.0
    assert slow.features("sub-2").rate_hz == 32


def test_listeners_of_one_sound_are_known_by_it(tmp_path):
    for subject in ("sub-1", "sub-2"):
        write(tmp_path / subject, seed=3)
    write(tmp_path / "sub-3", seed=4)
    found = study(tmp_path)
    stimuli = collect_stimuli(found, {one.name: found.events(one) for one in found.recordings()})
    same = sound_identities(stimuli)
    assert same["sub-1"] == same["sub-2"] != same["sub-3"]


def test_folders_with_arrays_of_their_own_may_have_one_content(tmp_path):
    for number, subject in enumerate(("sub-1", "sub-2", "sub-3")):
        write(tmp_path / subject, seed=number)
    found = study(tmp_path, content={"sub-1": "tale", "sub-2": "tale"})
    heard = {one.name: found.events(one) for one in found.recordings()}
    dealt = SplitByStory(test=["tale"], val=[]).intervals({"own": Heard(heard, content=found.content)})
    assert dict(zip(dealt.stimulus, dealt.split, strict=True)) == {
        "own/sub-1": "test",
        "own/sub-2": "test",
        "own/sub-3": "train",
    }


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda root: None, {"montage": "biosemi64"}, "16 by 640; expected 64 channels"),
        (lambda root: None, {"montage": "biosemi_16"}, "none of MNE's.*biosemi16"),
        (lambda root: None, {"features": "mel.npy"}, "no .*mel.npy"),
        (lambda root: None, {"sfreq": 0}, "sfreq is 0; expected a number above 0"),
        (lambda root: None, {"brain": "meg.npy"}, "no folder in it has meg.npy"),
        (lambda root: None, {"subjects": ["7"]}, "7"),
        (lambda root: write(root / "a" / "sub-1"), {}, "are both sub-1"),
        (lambda root: write(root / "sub-1", n=N), {}, "which side is time cannot be told"),
        (lambda root: np.save(root / "sub-1" / "eeg.npy", np.array(["a"])), {}, "expected numbers"),
        (
            lambda root: np.save(root / "sub-1" / "envelope.npy", np.full(600, np.nan)),
            {},
            "600 of 600 frames are not finite",
        ),
    ],
)
def test_bad_input(tmp_path, change, options, said):
    write(tmp_path / "sub-1")
    change(tmp_path)
    with pytest.raises(UserError, match=said):
        found = study(tmp_path, **options)
        found.events(found.recordings()[0])
        found.load(found.recordings()[0])


def test_rates_that_do_not_fit_are_told(tmp_path, caplog):
    write(tmp_path / "sub-1", n=64 * 30, frames=64 * 15)
    found = study(tmp_path)
    assert found.events(found.recordings()[0]).duration.item() == 15.0
    assert "Check both rates" in caplog.text
