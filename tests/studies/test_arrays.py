import json

import numpy as np
import pytest
from builders import write_frames

from n2s.errors import UserError
from n2s.studies.readers.arrays import read_frames


def test_frames_as_they_were_saved(tmp_path):
    values = np.random.default_rng(0).standard_normal((40, 3))
    frames = read_frames(write_frames(tmp_path, "story", values, rate_hz=64, start_s=0.5))
    assert frames.values.dtype == np.float32
    np.testing.assert_array_equal(frames.values, values.astype(np.float32))
    assert (frames.rate_hz, frames.start_s, frames.stop_s) == (64.0, 0.5, 0.5 + 40 / 64)
    assert read_frames(write_frames(tmp_path, "flat", values[:, 0], rate_hz=64)).values.shape == (40, 1)


def test_the_start_may_be_left_out(tmp_path):
    path = write_frames(tmp_path, "story", np.ones((4, 2)), rate_hz=10)
    path.with_suffix(".json").write_text(json.dumps({"rate_hz": 10}))
    assert read_frames(path).start_s == 0.0


@pytest.mark.parametrize(
    ("sidecar", "said"),
    [
        (None, "missing beside story.npy"),
        ("{", "JSONDecodeError"),
        ("[1]", "Expected"),
        ('{"rate": 64}', "KeyError: 'rate_hz'"),
        ('{"rate_hz": "fast"}', "could not convert"),
        ('{"rate_hz": 0}', "expected a positive rate"),
        ('{"rate_hz": 10, "start_s": NaN}', "both finite"),
    ],
)
def test_bad_side_files(tmp_path, sidecar, said):
    path = write_frames(tmp_path, "story", np.ones((4, 2)), rate_hz=10)
    if sidecar is None:
        path.with_suffix(".json").unlink()
    else:
        path.with_suffix(".json").write_text(sidecar)
    with pytest.raises(UserError, match=said) as caught:
        read_frames(path)
    assert "story.json" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones((4, 2, 2)), r"shape \(4, 2, 2\)"),
        (np.ones((0, 2)), r"shape \(0, 2\)"),
        (np.array(["a", "b"]), "expected numbers"),
        (np.array([[1.0], [np.nan], [np.inf]]), "2 of 3 frames are not finite; the first is frame 1"),
    ],
)
def test_bad_arrays(tmp_path, values, said):
    with pytest.raises(UserError, match=said):
        read_frames(write_frames(tmp_path, "story", values, rate_hz=10))


def test_no_array_file(tmp_path):
    path = write_frames(tmp_path, "story", np.ones((4, 2)), rate_hz=10)
    path.write_bytes(b"not an array")
    with pytest.raises(UserError, match="numpy.save"):
        read_frames(path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)  # never unpickled
    with pytest.raises(UserError, match="numpy.save"):
        read_frames(path)
