import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save_file
from sounds import noise

from n2s.errors import UserError
from n2s.features import FeatureStore, FrameFeature, HashedBagOfWords, Mel, TinyUntrainedWav2Vec2
from n2s.paths import cache_dir
from n2s.studies.study import Frames, Stimulus


def kept(root: Path) -> dict[Path, int]:
    """The files of features below a folder, with the time when each was written, ns."""
    return {path: path.stat().st_mtime_ns for path in root.rglob("*.safetensors")}


def assert_same(found: list[Frames], expected: list[Frames]) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        assert (a.values.dtype, a.rate_hz, a.start_s) == (b.values.dtype, b.rate_hz, b.start_s)


def test_computed_once_and_read_back_to_the_bit(tmp_path, stimulus_of):
    stimulus = stimulus_of(noise(1.0))
    first = FeatureStore(Mel(), tmp_path / "c").frames(stimulus)
    files = kept(tmp_path / "c")
    assert len(files) == 1
    assert_same(first, [Mel().extract(stimulus)])
    # a copy of the file: writing it anew would put another date into its header
    same_audio = Stimulus("under another name", Path(shutil.copy(stimulus.audio, tmp_path / "copy.wav")))
    for again in (stimulus, same_audio):
        assert_same(FeatureStore(Mel(), tmp_path / "c").frames(again), first)
    assert kept(tmp_path / "c") == files
    assert (
        first[0].values.flags.writeable
        and FeatureStore(Mel(), tmp_path / "c").frames(stimulus)[0].values.flags.writeable
    )


def test_the_default_place_is_the_cache_and_says_what_it_holds(stimulus_of):
    store = FeatureStore(Mel(n_mels=7))
    store.frames(stimulus_of(noise(0.2)))
    assert store.folder.parent == cache_dir() / "features"
    told = json.loads((store.folder / "settings.json").read_text())
    assert told["class"] == "n2s.features.mel.Mel" and told["settings"]["n_mels"] == 7


def test_other_audio_settings_version_or_precision_is_another_file(tmp_path, stimulus_of):
    class NewMel(Mel):
        version = 2

    root = tmp_path / "c"
    a, b = stimulus_of(noise(0.3)), stimulus_of(noise(0.3, seed=1), name="b")
    for n, (feature, stimulus, half) in enumerate(
        [
            (Mel(), a, False),
            (Mel(), b, False),
            (Mel(n_mels=41), a, False),
            (Mel(fmin=50.0), a, False),
            (NewMel(), a, False),
            (Mel(), a, True),
        ],
        start=1,
    ):
        FeatureStore(feature, root, half=half).frames(stimulus)
        assert len(kept(root)) == n
    version_1 = FeatureStore(Mel(), root).folder
    try:
        Mel.version = 2
        assert FeatureStore(Mel(), root).folder != version_1
    finally:
        Mel.version = 1


def test_half_precision_is_given_alike_from_the_computer_and_from_the_disk(tmp_path, stimulus_of):
    stimulus = stimulus_of(noise(0.3))
    store = FeatureStore(Mel(), tmp_path / "c", half=True)
    first = store.frames(stimulus)
    assert first[0].values.dtype == np.float16
    np.testing.assert_allclose(first[0].values, Mel().extract(stimulus).values, rtol=1e-3)
    assert_same(store.frames(stimulus), first)


def test_nothing_is_heard_across_a_cut(tmp_path, stimulus_of):
    audio = noise(4.0)
    other = audio.copy()
    other[32000:] = noise(2.0, seed=9) * 3
    store = FeatureStore(TinyUntrainedWav2Vec2(), tmp_path / "c")
    mine = store.frames(stimulus_of(audio), cuts_s=[2.0])
    theirs = store.frames(stimulus_of(other, name="other"), cuts_s=[2.0])
    assert [frames.start_s for frames in mine] == [0.0125, 2.0125]
    np.testing.assert_array_equal(mine[0].values, theirs[0].values)
    assert not np.array_equal(mine[1].values, theirs[1].values)
    # uncut, the first half hears the second: the test above can fail
    uncut = [
        store.frames(stimulus)[0].values[:99] for stimulus in (stimulus_of(audio), stimulus_of(other, name="other"))
    ]
    assert np.abs(uncut[0] - uncut[1]).max() > 1e-3


def test_stretches_come_in_order_whatever_the_cuts(tmp_path, stimulus_of):
    store, stimulus = FeatureStore(TinyUntrainedWav2Vec2(), tmp_path / "c"), stimulus_of(noise(3.0))
    found = store.frames(stimulus, cuts_s=[2.0, 1.0])
    assert [frames.start_s for frames in found] == [0.0125, 1.0125, 2.0125]
    assert [len(frames.values) for frames in found] == [49, 49, 49]
    files = kept(tmp_path / "c")
    assert len(files) == 3
    # one more than there are cuts, also where a stretch is empty or shorter than any window
    odd = store.frames(stimulus, cuts_s=[0.0, 1.0, 1.02, 5.0])
    assert [len(frames.values) for frames in odd] == [0, 49, 0, 98, 0]
    assert all(frames.values.shape[1] == 64 for frames in odd)
    assert set(files) < set(kept(tmp_path / "c")) and len(kept(tmp_path / "c")) == 4  # 0 to 1 s is there already


def test_a_local_feature_is_never_cut(tmp_path, stimulus_of):
    store, stimulus = FeatureStore(Mel(), tmp_path / "c"), stimulus_of(noise(1.0))
    assert_same(store.frames(stimulus, cuts_s=[0.5]), store.frames(stimulus))
    assert len(kept(tmp_path / "c")) == 1
    assert len(FeatureStore(Mel(standardize=True), tmp_path / "c").frames(stimulus, cuts_s=[0.5])) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "foreign"])
def test_a_broken_file_is_made_again_with_a_warning(tmp_path, stimulus_of, damage):
    store, stimulus = FeatureStore(Mel(), tmp_path / "c"), stimulus_of(noise(0.5))
    first = store.frames(stimulus)
    (path,) = kept(tmp_path / "c")
    whole = path.read_bytes()
    flipped = whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:]
    foreign = (8).to_bytes(8, "little") + b"{}      "  # a sound safetensors file without tensors
    path.write_bytes({"truncated": whole[:-100], "flipped": flipped, "emptied": b"", "foreign": foreign}[damage])
    with pytest.warns(UserWarning, match=f"{path.name} is broken"):
        assert_same(store.frames(stimulus), first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(store.frames(stimulus), first)
    assert path.stat().st_size == len(whole)


def test_a_kill_while_writing_leaves_nothing_that_is_read(tmp_path, stimulus_of, monkeypatch):
    store, stimulus = FeatureStore(Mel(), tmp_path / "c"), stimulus_of(noise(0.5))

    def interrupted(tensors, path, metadata):
        save_file(tensors, path, metadata)
        os.truncate(path, 500)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("n2s.features.kept_arrays.save_file", interrupted)
        store.frames(stimulus)
    assert [path.name for path in store.folder.iterdir()] == ["settings.json"]
    first = store.frames(stimulus)
    assert_same(first, [Mel().extract(stimulus)])
    (path,) = kept(tmp_path / "c")
    part = path.with_name(f".{path.name}.0000.part")  # what a kill that cannot be caught leaves
    part.write_bytes(path.read_bytes()[:500])
    path.unlink()
    assert_same(store.frames(stimulus), first)
    assert path.is_file()


def test_a_place_that_cannot_be_written_is_named(tmp_path, stimulus_of):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="N2S_CACHE"):
        FeatureStore(Mel(), tmp_path / "file" / "c").frames(stimulus_of(noise(0.2)))


def test_many_stimuli_at_once(tmp_path, stimulus_of, capfd):
    store = FeatureStore(TinyUntrainedWav2Vec2(), tmp_path / "c")
    stimuli = [stimulus_of(noise(1.0, seed=i), name=f"s{i}") for i in range(3)]
    found = store.all_frames(stimuli, {"s1": [0.5]})
    assert {name: len(frames) for name, frames in found.items()} == {"s0": 1, "s1": 2, "s2": 1}
    assert "_network" not in vars(store.feature)
    assert_same(found["s1"], store.frames(stimuli[1], [0.5]))
    assert capfd.readouterr().out == ""


def test_clips_are_kept_by_windows_and_words(tmp_path, spoken):
    store, starts = FeatureStore(HashedBagOfWords(16), tmp_path / "c"), np.arange(0.0, 3.0, 0.5)
    first = store.clips(spoken, starts, 1.0)
    np.testing.assert_array_equal(first, HashedBagOfWords(16).extract(spoken, starts, 1.0))
    files = kept(tmp_path / "c")
    np.testing.assert_array_equal(store.clips(spoken, starts, 1.0), first)
    assert kept(tmp_path / "c") == files and len(files) == 1
    other = Stimulus("story", None, spoken.words.assign(text="word"))
    for n, (stimulus, at, duration_s) in enumerate(
        [(other, starts, 1.0), (spoken, starts + 0.1, 1.0), (spoken, starts, 1.5), (spoken, starts[:3], 1.0)], start=2
    ):
        store.clips(stimulus, at, duration_s)
        assert len(kept(tmp_path / "c")) == n


class Odd(FrameFeature):
    """Gives what it is told to give."""

    n_features = 2

    def __init__(self, values):
        self.values = values

    def settings(self):
        return {}

    def extract(self, stimulus, start_s=0.0, stop_s=None):
        return Frames(self.values, 10.0)


def test_what_is_wrong_is_said(tmp_path, stimulus_of, spoken):
    stimulus = stimulus_of(noise(0.2))
    with pytest.raises(UserError, match="Mel gives frames"):
        FeatureStore(Mel(), tmp_path).clips(stimulus, np.zeros(1), 1.0)
    with pytest.raises(UserError, match="HashedBagOfWords gives one vector"):
        FeatureStore(HashedBagOfWords(), tmp_path).frames(spoken)
    with pytest.raises(UserError, match="neither audio nor ready"):
        FeatureStore(Mel(), tmp_path).frames(Stimulus("nothing", None))
    with pytest.raises(UserError, match="'gone': no audio file at .*gone.wav"):
        FeatureStore(Mel(), tmp_path).frames(Stimulus("gone", tmp_path / "gone.wav"))
    with pytest.raises(UserError, match="cuts at"):
        FeatureStore(Mel(), tmp_path).frames(stimulus, cuts_s=[np.nan])
    with pytest.raises(UserError, match="positive duration"):
        FeatureStore(HashedBagOfWords(), tmp_path).clips(spoken, np.zeros(2), 0.0)
    with pytest.raises(UserError, match=r"Odd gave the shape \(5, 3\)"):
        FeatureStore(Odd(np.zeros((5, 3))), tmp_path).frames(stimulus)
    with pytest.raises(UserError, match="1 of 10 values that are NaN"):
        FeatureStore(Odd(np.where(np.arange(10) == 3, np.nan, 0).reshape(5, 2)), tmp_path).frames(stimulus)
    with pytest.raises(UserError, match="exceed 65504"):
        FeatureStore(Odd(np.full((5, 2), 1e5)), tmp_path, half=True).frames(stimulus)
    assert not kept(tmp_path)


def test_an_mp3_is_cut_like_any_other(tmp_path, real_data):
    path = real_data / "speech_audio" / "commonvoice_nl25" / "common_voice_nl_35271725.mp3"
    if not path.is_file():
        pytest.skip(f"no {path}")
    header_s = soundfile.info(path).frames / soundfile.info(path).samplerate
    assert header_s > len(soundfile.read(path)[0]) / soundfile.info(path).samplerate  # it overstates
    store = FeatureStore(TinyUntrainedWav2Vec2(), tmp_path)
    found = store.frames(Stimulus("nl", path), cuts_s=[2.0, header_s - 0.02])
    assert [len(frames.values) > 90 for frames in found] == [True, True, False]
    assert os.listdir(tmp_path)
