"""A sound is known by what is heard: the same samples under any name, in any file, are one sound."""

import os

import numpy as np
import pytest
import soundfile

from n2s.data.identity import sound_identities
from n2s.errors import UserError
from n2s.paths import cache_dir
from n2s.studies.study import Frames, Stimulus

RATE_HZ = 8000


def samples(seed=0, n=3 * RATE_HZ):
    """Multiples of 2^-15, as a file of 16 bits has them."""
    return np.random.default_rng(seed).integers(-9000, 9000, n) / 2**15


def identities(*paths):
    return list(sound_identities({str(path): Stimulus(str(path), path) for path in paths}).values())


def test_one_sound_in_other_files(tmp_path):
    heard = samples()
    ways = {
        "a.wav": {},
        "b.flac": {},
        "c.aiff": {},
        "d.wav": {"subtype": "FLOAT"},
        "e.wav": {"subtype": "PCM_24"},
        "f.caf": {},
    }
    for name, way in ways.items():
        soundfile.write(tmp_path / name, heard, RATE_HZ, **{"subtype": "PCM_16"} | way)
    soundfile.write(tmp_path / "stereo.wav", np.stack([heard, heard], 1), RATE_HZ)
    with soundfile.SoundFile(tmp_path / "tagged.wav", "w", RATE_HZ, 1, "PCM_16") as file:
        file.title, file.comment = "Chapter one", "exported again"
        file.write(heard)
    files = sorted(tmp_path.iterdir())
    assert len({path.read_bytes() for path in files}) == len(files) == 8
    assert len(set(identities(*files))) == 1


def test_other_sounds(tmp_path):
    heard = samples()
    changed = heard.copy()
    changed[-1] += 2**-15
    others = [heard, changed, heard[:-1], -heard, samples(1)]
    for number, sound in enumerate(others):
        soundfile.write(tmp_path / f"{number}.wav", sound, RATE_HZ, subtype="PCM_16")
    soundfile.write(tmp_path / "faster.wav", heard, 2 * RATE_HZ, subtype="PCM_16")
    files = sorted(tmp_path.iterdir())
    assert len(set(identities(*files))) == len(files) == 6


def test_long_files_are_read_in_pieces(tmp_path):
    """Blocks of a stereo file and of a mono one end at the same samples, or the hash would not be the same."""
    heard = samples(n=2**20 + 2**19)
    soundfile.write(tmp_path / "a.flac", heard, 48000, subtype="PCM_16")
    soundfile.write(tmp_path / "b.wav", np.stack([heard, heard], 1), 48000, subtype="PCM_16")
    one, other = identities(tmp_path / "a.flac", tmp_path / "b.wav")
    assert one == other


def test_ready_features_are_known_by_their_values():
    values = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    ready = {
        "one": values,
        "two": values.astype(np.float64),
        "three": np.asfortranarray(values),
        "shorter": values[:-1],
        "other": -values,
        "flat": values.reshape(25, 8),
    }
    found = sound_identities({name: Stimulus(name, None, ready=Frames(v, 50.0)) for name, v in ready.items()})
    assert found["one"] == found["two"] == found["three"]
    assert len(set(found.values())) == 4


def test_each_file_is_decoded_once(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, samples(7), RATE_HZ, subtype="PCM_16")
    before = identities(path)
    kept = {p: p.read_text() for p in (cache_dir() / "sounds").iterdir()}
    assert before[0] in kept.values()
    (own,) = [p for p, text in kept.items() if text == before[0]]
    own.write_text("0" * 64)
    assert identities(path) == ["0" * 64]  # what is kept is taken
    own.write_text("half")
    assert identities(path) == before  # a broken one is made again
    soundfile.write(path, samples(1), RATE_HZ, subtype="PCM_16")  # as large as before
    os.utime(path, ns=(1, 1))
    assert identities(path) != before


def test_a_broken_file_is_told(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"no sound")
    with pytest.raises(UserError, match=r"a\.wav.*cannot be read as audio"):
        identities(path)
