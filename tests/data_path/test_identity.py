"""A sound is known by what is heard: the same samples under any name, in any file, are one sound."""

import os

import numpy as np
import pytest
import soundfile

from n2s.data.identity import shared_sound, sound_identities
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


def test_each_file_is_decoded_once(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a.wav"
    soundfile.write(path, samples(7), RATE_HZ, subtype="PCM_16")
    before = identities(path)
    (kept,) = (cache_dir() / "sounds").iterdir()
    content, size = kept.read_bytes(), path.stat().st_size
    path.write_bytes(b"?" * size)
    os.utime(path, ns=(1, 1))
    with pytest.raises(UserError):  # another file, for it has another time
        identities(path)
    soundfile.write(path, samples(8), RATE_HZ, subtype="PCM_16")
    os.utime(path, ns=(2, 2))
    other = identities(path)
    assert path.stat().st_size == size and other != before
    path.write_bytes(b"?" * size)
    os.utime(path, ns=(2, 2))
    assert identities(path) == other  # what is kept is taken
    for kept in (cache_dir() / "sounds").iterdir():
        kept.write_bytes(content[: len(content) // 2])
    soundfile.write(path, samples(8), RATE_HZ, subtype="PCM_16")
    os.utime(path, ns=(2, 2))
    assert identities(path) == other  # a broken one is made again


def test_a_broken_file_is_told(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"no sound")
    with pytest.raises(UserError, match=r"a\.wav.*cannot be read as audio"):
        identities(path)


# parts of a sound


def found_in(**files):
    """`shared_sound` with the stimuli's names."""
    stimuli = {name: Stimulus(name, path) for name, path in files.items()}
    names = {sha: name for name, sha in sound_identities(stimuli).items()}
    table = shared_sound(stimuli)
    return table.assign(one=table.one.map(names), other=table.other.map(names))


def written(folder, name, sound, rate_hz=RATE_HZ, **options):
    path = folder / name
    soundfile.write(path, sound, rate_hz, **options)
    return path


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_a_cut_is_found_where_it_was_cut(tmp_path, rate_hz):
    """At any sample, in noise, where no spectrogram tells; across the borders of the pieces that files are read in."""
    rng = np.random.default_rng(rate_hz)
    whole = samples(2, 70 * rate_hz)
    start, stop = int(rng.integers(20 * rate_hz)), int(rng.integers(40 * rate_hz, 70 * rate_hz))
    other = samples(3, 20 * rate_hz)
    files = {
        "whole": written(tmp_path, "whole.wav", whole, rate_hz, subtype="PCM_16"),
        "part": written(tmp_path, "part.flac", whole[start:stop], rate_hz),
        "stranger": written(tmp_path, "stranger.wav", other, rate_hz),
        "spliced": written(
            tmp_path, "spliced.wav", np.concatenate([other[: 5 * rate_hz], whole[-5 * rate_hz :]]), rate_hz
        ),
    }
    table = found_in(**files)
    assert table.exact.all()
    rows = {frozenset((row.one, row.other)): row for row in table.itertuples()}
    assert set(rows) - {frozenset(("part", "spliced"))} == {
        frozenset(pair) for pair in (("whole", "part"), ("whole", "spliced"), ("stranger", "spliced"))
    }
    row = rows[frozenset(("whole", "part"))]
    moved_s = row.one_start_s - row.other_start_s
    assert abs(moved_s) == pytest.approx(start / rate_hz, abs=1e-9)
    assert (stop - start) / rate_hz - 0.7 < row.duration_s <= (stop - start) / rate_hz
    row = rows[frozenset(("whole", "spliced"))]
    assert 4.3 < row.duration_s <= 5 and abs(row.one_start_s - row.other_start_s) == pytest.approx(60, abs=1e-9)


def test_what_is_not_shared(tmp_path):
    """Another rate, another channel, one sample in fifty changed; silence and a steady tone are in every sound."""
    heard = samples(4, 10 * RATE_HZ)
    noisy = heard.copy()
    noisy[::50] += 2**-15
    tone = 0.3 * np.sin(2 * np.pi * 500 * np.arange(10 * RATE_HZ) / RATE_HZ)
    silence = np.zeros(10 * RATE_HZ)
    table = found_in(
        one=written(tmp_path, "one.wav", heard),
        other=written(tmp_path, "other.wav", samples(5, 10 * RATE_HZ)),
        faster=written(tmp_path, "faster.wav", heard[5:], 2 * RATE_HZ),
        changed=written(tmp_path, "changed.wav", noisy),
        silent=written(tmp_path, "silent.wav", np.concatenate([silence, samples(6, RATE_HZ)])),
        quiet=written(tmp_path, "quiet.wav", np.concatenate([silence, samples(7, RATE_HZ)])),
        tone=written(tmp_path, "tone.wav", np.concatenate([tone, samples(8, RATE_HZ)])),
        beep=written(tmp_path, "beep.wav", np.concatenate([tone, samples(9, RATE_HZ)])),
    )
    assert not table.exact.any()
    assert {frozenset(pair) for pair in zip(table.one, table.other, strict=True)} <= {frozenset(("one", "changed"))}


def test_a_part_of_ready_features():
    values = np.random.default_rng(0).standard_normal((600, 4)).astype(np.float32)
    parts = {"whole": values, "part": values[150:400], "other": values[::-1].copy()}
    stimuli = {name: Stimulus(name, None, ready=Frames(part, 50.0)) for name, part in parts.items()}
    (row,) = shared_sound(stimuli).itertuples()
    names = {sha: name for name, sha in sound_identities(stimuli).items()}
    assert {names[row.one], names[row.other]} == {"whole", "part"} and row.exact
    assert abs(row.one_start_s - row.other_start_s) == pytest.approx(3.0)
    assert row.duration_s == pytest.approx(249 / 50)
