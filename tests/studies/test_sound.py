"""A sound file is as long as its samples; a damaged or silent one is named."""

import os
import struct

import numpy as np
import pytest
import soundfile

from n2s.errors import UserError
from n2s.features.audio import audio_duration_s, read_audio
from n2s.findings import kept
from n2s.studies.readers import sound as sounds
from n2s.studies.readers.mpeg import mpeg_frames
from n2s.studies.readers.sound import sound
from n2s.studies.readers.sound_findings import heard, rates_confused

RATE_HZ, N = 16000, 48000


def speech(seed=0, n=N):
    """Noise that swells, a tenth of full scale."""
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / 4000)
    return 0.1 * swell * np.random.default_rng(seed).standard_normal(n)


def written(path, samples=None, rate_hz=RATE_HZ, **options):
    soundfile.write(path, speech() if samples is None else samples, rate_hz, **options)
    return path


def with_data_size(path, size):
    content = path.read_bytes()
    at = content.index(b"data") + 4
    path.write_bytes(content[:at] + struct.pack("<I", size) + content[at + 4 :])
    return path


def without_xing(path):
    """The same frames without the first, which says how many there are."""
    content = path.read_bytes()
    second = content.index(content[:2], 4)
    path.write_bytes(content[second:])
    return path


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    monkeypatch.setattr(sounds, "_heard", {})


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.ogg", "a.aiff", "a.w64", "a.au", "a.rf64"])
def test_a_file_that_was_cut_off(tmp_path, name):
    """Example of an mp3: libsndfile/libsndfile#1001."""
    path = written(tmp_path / name)
    assert sound(path).n_samples == N
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError) as caught:
        sound(path)
    text = str(caught.value)
    assert str(path) in text and "error" not in text.lower()
    if name not in ("a.flac", "a.ogg"):  # a decoder stops there; the end of an ogg is not known
        assert "its header says" in text and "but it holds 1." in text
    for ask in (
        lambda: read_audio(path, RATE_HZ),
        lambda: audio_duration_s(path),
        lambda: read_audio(path, 8000, 0, 0.5),
    ):
        with pytest.raises(UserError, match=name):
            ask()


@pytest.mark.parametrize("subtype", ["GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32", "ULAW", "ALAW"])
def test_a_compressed_wav_that_was_cut_off(tmp_path, subtype):
    path = written(tmp_path / "a.wav", subtype=subtype)
    assert sound(path).length_s == pytest.approx(3.0, abs=0.1)
    whole = read_audio(path, RATE_HZ).numpy()
    assert np.corrcoef(whole[:N], speech())[0, 1] > 0.5  # noise, coded for speech
    for start in (0, 1001, 40000):  # some of these codecs cannot seek
        part = read_audio(path, RATE_HZ, start / RATE_HZ, (start + 800) / RATE_HZ).numpy()
        np.testing.assert_allclose(part, whole[start : start + 800], atol=1e-6)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(UserError, match=r"its header says 3\.\d+ s, but it holds 2\.\d+ s: it was cut off"):
        sound(path)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_written_into_a_pipe_is_whole(tmp_path, size):
    path = with_data_size(written(tmp_path / "a.wav"), size)
    with kept() as findings:
        assert heard(path).n_samples == N
    assert [one.text[:37] for one in findings] == ["its header leaves the length open, as"]
    np.testing.assert_array_equal(read_audio(path, RATE_HZ).numpy(), soundfile.read(path, dtype="float32")[0])


def test_sizes_that_are_wrong(tmp_path):
    path = written(tmp_path / "a.wav")
    with pytest.raises(UserError, match=r"header says 6\.000 s, but it holds 3\.000 s: it was cut off"):
        sound(with_data_size(path, 4 * N))
    with pytest.raises(
        UserError, match=r"header says 1\.000 s, but it holds 3\.000 s: bytes after its end may be sound"
    ):
        sound(with_data_size(path, 2 * RATE_HZ))
    with pytest.raises(UserError, match="without a single sample by its header, though 96000 bytes follow"):
        sound(with_data_size(path, 0))


def test_what_follows_the_samples_of_a_wav(tmp_path):
    path = written(tmp_path / "a.wav")
    content = path.read_bytes()
    for more, told in (
        (b"LIST" + struct.pack("<I", 4000) + bytes(4000), 0),
        (b"ID3" + bytes(3000), 0),
        (b"\xfejunk" * 200, 1),
    ):
        path.write_bytes(content + more)
        with kept() as findings:
            assert heard(path).n_samples == N
        assert len(findings) == told
    odd = written(tmp_path / "b.wav", speech(n=1001), subtype="PCM_U8")
    odd.write_bytes(odd.read_bytes()[:-1] + b"LIST" + struct.pack("<I", 4) + bytes(4))  # no pad byte
    assert sound(odd).stray_s == 0


def test_an_mp3_of_variable_rate_without_its_header_is_measured(tmp_path):
    """Its length is an estimate from the first frames: too long after quiet ones, too short after loud ones."""
    rng = np.random.default_rng(0)
    quiet, loud = 1e-4 * rng.standard_normal(2 * RATE_HZ), 0.3 * rng.standard_normal(2 * RATE_HZ)
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.5}
    path = without_xing(written(tmp_path / "a.mp3", np.concatenate([quiet, loud]), **options))
    frames = mpeg_frames(path)
    assert frames.declared is None and soundfile.info(path).duration > 5
    assert sound(path).n_samples == frames.found * frames.samples == len(read_audio(path, RATE_HZ))
    assert audio_duration_s(path) == pytest.approx(4.0, abs=0.12)  # without the header nothing tells the padding
    part = read_audio(path, RATE_HZ, 2.5, 3.5).numpy()
    np.testing.assert_allclose(part, read_audio(path, RATE_HZ).numpy()[40000:56000], atol=1e-6)
    path = without_xing(written(tmp_path / "b.mp3", np.concatenate([loud, quiet]), **options))
    assert soundfile.info(path).duration < 3.5
    with pytest.raises(
        UserError, match=r"b\.mp3: its header says [123]\.\d+ s, but it holds 4\.\d+ s: libsndfile would"
    ):
        sound(path)


def test_mp3_and_ogg_files_joined_end_to_end(tmp_path):
    one = written(tmp_path / "a.mp3")
    one.write_bytes(2 * one.read_bytes())
    with pytest.raises(UserError, match=r"header says 3\.\d+ s, but it holds 6\.\d+ s"):
        sound(one)
    other = written(tmp_path / "a.ogg")
    other.write_bytes(other.read_bytes() + written(tmp_path / "b.ogg", rate_hz=22050).read_bytes())
    with pytest.raises(UserError, match=r"a\.ogg: (it holds several streams|its header does not say)"):
        sound(other)


def test_a_hole_in_an_mp3_that_does_not_count_its_frames(tmp_path):
    path = without_xing(written(tmp_path / "a.mp3", speech(n=20 * RATE_HZ)))
    content, whole = path.read_bytes(), mpeg_frames(path)
    assert (whole.declared, whole.skipped) == (None, 0)
    path.write_bytes(content[:20000] + b"\x01" * 3000 + content[23000:])
    holed = mpeg_frames(path)
    assert 2000 <= holed.skipped <= 3000 + 2 * holed.longest and holed.found < whole.found
    with pytest.raises(UserError, match=r"a\.mp3: (damaged: \d+ bytes between its \d+ frames|its header says)"):
        sound(path)


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.flac"])
def test_a_hole_in_the_middle(tmp_path, name):
    path = written(tmp_path / name, speech(n=20 * RATE_HZ))
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + content[middle + 5000 :])
    with pytest.raises(UserError, match=name):
        sound(path)


def test_the_header_of_a_flac(tmp_path):
    path = written(tmp_path / "a.flac")
    content = bytearray(path.read_bytes())
    half = content.copy()
    half[22:26] = struct.pack(">I", N // 2)
    path.write_bytes(half)
    assert soundfile.info(path).frames == N // 2  # libsndfile would read no more
    with pytest.raises(UserError, match=r"samples \(1\.500 s\) are not those that were written"):
        sound(path)
    path.write_bytes(content[:22] + bytes(4) + content[26:])
    with pytest.raises(UserError, match="does not say how long it is"):
        sound(path)


@pytest.mark.parametrize(
    ("subtype", "bits"), [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24), ("PCM_32", 24), ("FLOAT", 24), ("DOUBLE", 24)]
)
def test_every_depth_has_its_values(tmp_path, subtype, bits):
    values = np.random.default_rng(1).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), 1001) / 2 ** (bits - 1)
    path = written(tmp_path / "a.wav", values, subtype=subtype)
    np.testing.assert_array_equal(read_audio(path, RATE_HZ).numpy(), values.astype(np.float32))


def test_a_flac_of_every_depth_keeps_its_checksum(tmp_path):
    for bits, subtype in ((8, "PCM_S8"), (16, "PCM_16"), (24, "PCM_24")):
        values = np.random.default_rng(1).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (3001, 2)) / 2 ** (bits - 1)
        path = written(tmp_path / f"{bits}.flac", values, subtype=subtype)
        found = sound(path)
        assert found.n_samples == 3001 and found.peak == np.abs(values).max()


def test_samples_of_twelve_bits_in_a_container_of_sixteen(tmp_path):
    values = np.random.default_rng(1).integers(-2048, 2048, 1001) * 16
    header = (
        b"RIFF" + struct.pack("<I", 36 + 2002) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 12)
    )
    path = tmp_path / "a.wav"
    path.write_bytes(header + b"data" + struct.pack("<I", 2002) + values.astype("<i2").tobytes())
    np.testing.assert_array_equal(read_audio(path, RATE_HZ).numpy(), (values / 2**15).astype(np.float32))


@pytest.mark.parametrize(("subtype", "error"), [("ULAW", 0.03), ("ALAW", 0.03)])
def test_logarithmic_depths(tmp_path, subtype, error):
    values = 0.9 * np.sin(np.arange(1001))
    path = written(tmp_path / "a.wav", values, subtype=subtype)
    np.testing.assert_allclose(read_audio(path, RATE_HZ).numpy(), values, atol=error)


@pytest.mark.slow
@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000, 96000, 44101, 24414])
def test_odd_lengths_at_any_rate(tmp_path, rate_hz):
    n = rate_hz + 1
    t = np.arange(n) / rate_hz
    path = written(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * t), rate_hz, subtype="FLOAT")
    found = read_audio(path, RATE_HZ).numpy()
    assert len(found) == int(np.ceil(n * RATE_HZ / rate_hz))
    times = np.arange(len(found)) / RATE_HZ
    np.testing.assert_allclose(found[800:-800], 0.5 * np.sin(2 * np.pi * 440 * times)[800:-800], atol=2e-3)


def test_silence_is_named(tmp_path):
    zero, half = np.zeros(N), speech()
    with pytest.raises(UserError, match=r"a\.wav: silent: each of its 48000 samples is 0"):
        heard(written(tmp_path / "a.wav", zero))
    with pytest.raises(UserError, match=r"samples is 0\.25"):
        heard(written(tmp_path / "b.wav", zero + 0.25))
    with pytest.raises(UserError, match="its 2 channels cancel each other"):
        heard(written(tmp_path / "c.wav", np.stack([half, -half], 1)))
    with pytest.raises(UserError, match="its 2 channels cancel each other"):
        heard(written(tmp_path / "d.wav", np.stack([half, -0.999 * half], 1), subtype="FLOAT"))


def told(path):
    with kept() as findings:
        heard(path)
    assert all(one.kind == "odd" and str(path) in one.where for one in findings)
    return [one.where.removeprefix(f"{path} ") + ": " + one.text for one in findings]


def test_odd_samples_are_told(tmp_path):
    x = speech()
    assert told(written(tmp_path / "good.wav", x)) == []
    assert told(written(tmp_path / "stereo.wav", np.stack([x, speech(1)], 1))) == []
    assert told(written(tmp_path / "pcm8.wav", x, subtype="PCM_U8")) == []
    assert told(written(tmp_path / "coded.mp3", x)) == []
    (text,) = told(written(tmp_path / "left.wav", np.stack([x, 0 * x], 1)))
    assert text.startswith("(channel 2 of 2): a channel is silent")
    (text,) = told(written(tmp_path / "nearly.wav", np.stack([x, -0.9 * x], 1)))
    assert text.startswith("(-26 dB): its channels nearly cancel")
    (text,) = told(written(tmp_path / "mostly.wav", np.where(np.arange(N) < 16000, x + 1e-3, 0)))
    assert text.startswith(
        "(67%, sound from 0.00 to 1.00 of 3.00 s): most of it is silent".replace("1.00 of", "1.00 s of")
    )
    assert "constant offset" in told(written(tmp_path / "offset.wav", x + 0.5))[0]
    assert "very quiet" in told(written(tmp_path / "quiet.wav", 1e-3 * x))[0]
    assert "it is clipped" in told(written(tmp_path / "loud.wav", 30 * x))[0]
    assert "beyond full scale" in told(written(tmp_path / "whole.wav", 32767 * x, subtype="FLOAT"))[0]
    assert "unusual sampling rate" in told(written(tmp_path / "rate.wav", x, 16001))[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path, value):
    x = speech()
    x[[5, 7]] = value
    with pytest.raises(UserError, match=r"a\.wav: 2 of 48000 samples are NaN or infinite"):
        sound(written(tmp_path / "a.wav", x, subtype="DOUBLE"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"), (b"/annex/objects/MD5E-s5--0\n", "git annex get"), (bytes(5000), "every byte is 0"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"), (b"<!DOCTYPE html><html>", "a web page"),
        (b"\0\0\0\x20ftypM4A \0\0", "MPEG-4.*ffmpeg -i a.wav a.flac"), (b"RIFF\x10\0\0\0WAVE", "cannot be read as audio"),
        (b"these are words", "cannot be read as audio .*convert it with"),
    ],
)  # fmt: skip
def test_what_is_no_sound_is_named(tmp_path, content, words):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        sound(path)
    assert "System error" not in str(caught.value) and str(caught.value).count(str(path)) == 1


def test_what_is_not_there_is_named(tmp_path):
    (tmp_path / "x.wav").mkdir()
    with pytest.raises(UserError, match="it is a folder"):
        sound(tmp_path / "x.wav")
    os.symlink("nowhere", tmp_path / "y.wav")
    with pytest.raises(UserError, match="a link to nowhere"):
        sound(tmp_path / "y.wav")
    with pytest.raises(UserError, match="no audio file at"):
        sound(tmp_path / "z.wav")


def test_what_was_measured_is_kept_and_forgotten_when_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(sounds, "KEPT_S", -1.0)
    path = written(tmp_path / "a.wav")
    first = sound(path)
    sounds._heard.clear()
    monkeypatch.setattr(sounds, "_decoded", lambda path: pytest.fail("decoded again"))
    assert sound(path) == first
    monkeypatch.undo()
    assert sound(written(path, speech(n=999))).n_samples == 999


def test_a_stretch_beyond_the_end_is_filled_with_silence_and_told(tmp_path):
    path = written(tmp_path / "a.wav")
    with kept() as findings:
        found = read_audio(path, RATE_HZ, 2.0, 3.05).numpy()
    assert len(found) == 16800 and not found[16000:].any()
    np.testing.assert_array_equal(found[:16000], soundfile.read(path, dtype="float32")[0][32000:])
    assert "(3.050 of 3.000 s)" in findings[0].where
    with pytest.raises(UserError, match=r"lasts 3\.000 s"):
        read_audio(path, RATE_HZ, 2.0, 3.2)


def test_lengths_as_two_rates_are_told():
    assert "44100 to 16000" in rates_confused(44.1, 16.0)
    assert "44100 to 48000" in rates_confused(300 * 44.1 / 48, 300.0)
    assert not rates_confused(30.0, 30.0) and not rates_confused(15.0, 30.0) and not rates_confused(20.0, 30.0)
