"""Sound files with bytes cut, changed and put in: refused by name, or as long and as loud as another decoder finds them."""

import io
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from mangled import answer, broken, fuzz

from n2s.features.audio import read_audio
from n2s.findings import kept
from n2s.studies.readers import sound as sounds
from n2s.studies.readers.file_names import FileNames, key_of

RATE_HZ, N = 8000, 6001
KINDS = {
    "wav": {"subtype": "PCM_16"}, "wav8": {"subtype": "PCM_U8"}, "wav24": {"subtype": "PCM_24"}, "float": {"subtype": "FLOAT"},
    "ulaw": {"subtype": "ULAW"}, "flac": {"format": "FLAC"}, "mp3": {"format": "MP3"}, "ogg": {"format": "OGG"},
    "aiff": {"format": "AIFF"}, "gsm": {"subtype": "GSM610"}, "rf64": {"format": "RF64"},
}  # fmt: skip
WHOLE = ("flac", "ogg")  # kinds whose every byte is checked by a sum


def encoded(kind: str) -> tuple[bytes, np.ndarray]:
    rng = np.random.default_rng(0)
    swell = 0.5 - 0.5 * np.cos(np.arange(N) / 500)
    memory = io.BytesIO()
    soundfile.write(memory, 0.2 * swell * rng.standard_normal(N), RATE_HZ, **{"format": "WAV"} | KINDS[kind])
    return memory.getvalue(), soundfile.read(io.BytesIO(memory.getvalue()), dtype="float32")[0]


SOUNDS = {kind: encoded(kind) for kind in KINDS}


@st.composite
def headers(draw, content: bytes) -> bytes:
    """Bytes of the first 60 changed: sizes, rates, counts of channels."""
    out = bytearray(content)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, min(59, len(out) - 1)))
        out[at] = draw(st.one_of(st.integers(0, 255), st.sampled_from((0, 1, 2, 0x7F, 0x80, 0xFF))))
    return bytes(out)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_files(tmp_path, kind):
    content, right = SOUNDS[kind]
    path = tmp_path / "a.wav"
    cut = st.integers(0, len(content)).map(lambda n: content[:n])

    @fuzz(share=0.5)
    @given(st.one_of(broken(content), headers(content), cut))
    def check(mangled):
        path.write_bytes(mangled)
        sounds._heard.clear()
        with kept():
            found = answer(sounds.sound, path)
            if found is None:
                return
            heard = answer(read_audio, path, found.rate_hz)
        assert found.n_samples > 0 and np.isfinite([found.peak, found.low, found.high, found.power]).all()
        assert heard is not None and len(heard) == found.n_samples
        values, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        assert (len(values), rate_hz) == (found.n_samples, found.rate_hz)
        np.testing.assert_allclose(heard.numpy(), values.mean(1), atol=1e-6)
        if (
            kind in WHOLE
            and mangled[: len(content)] != content
            and found.rate_hz == RATE_HZ
            and len(heard) == len(right)
        ):
            np.testing.assert_array_equal(heard.numpy(), right)  # whatever changed, it was no sound
        if mangled in content and found.rate_hz == RATE_HZ:  # a beginning of the file that is taken as whole
            assert found.n_samples >= len(right) - 0.06 * RATE_HZ

    check()


def test_wavs_agree_with_python(tmp_path):
    """Another reader: Python's own module of wav files."""
    content, _ = SOUNDS["wav"]
    path = tmp_path / "a.wav"

    @fuzz(share=1)
    @given(headers(content))
    def check(mangled):
        path.write_bytes(mangled)
        sounds._heard.clear()
        with kept():
            found = answer(sounds.sound, path)
        try:
            with wave.open(str(path)) as file:
                if file.getsampwidth() != 2 or found is None:
                    return
                frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
                rate_hz = file.getframerate()
        except (wave.Error, EOFError, ZeroDivisionError, ValueError, RuntimeError):
            return
        if found.container.endswith("PCM_16") and not found.streamed:
            assert (found.rate_hz, found.n_channels) == (rate_hz, frames.shape[1])
            assert abs(found.n_samples - len(frames)) <= 0.06 * rate_hz

    check()


@fuzz(share=1)
@given(st.text(max_size=24), st.sampled_from(("", "en/", "nl/", "/", "C:\\", "../", "bids::", "%2F", "./")))
def test_names_find_their_own_file(tmp_path_factory, text, before):
    folder = tmp_path_factory.getbasetemp() / "named"
    if not folder.is_dir():
        for name in ("a", "en/b", "nl/b", "en/c"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.wav").touch()
    for end in ("", "a.wav", "b.wav", "c"):
        name = before + text + end
        found = answer(FileNames(folder, (".wav",), kind="wav").find, name, where="events.tsv")
        if found is not None:
            path = found[0].relative_to(folder)
            asked = key_of(name.replace("\\", "/")).split("/")
            assert path.stem in asked[-1] or "%" in name
            if len([part for part in asked if part.strip()]) > 1 and asked[-2] in ("en", "nl"):
                assert path.parent.name == asked[-2]
