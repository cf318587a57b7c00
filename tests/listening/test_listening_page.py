"""The page of a run's sounds, read as a file."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from method_sounds import METHODS, RATE, TEXT, content_of, write_sounds

from n2s.errors import UserError
from n2s.listening.manifest import clip_place, read_manifest, write_manifest
from n2s.listening.page import _codes, evenly, write_listening_page


def sound_of(uri: str) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def pitch_hz(audio: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(audio)).argmax() * RATE / len(audio))


@pytest.fixture
def run(tmp_path) -> Path:
    write_sounds(tmp_path / "exp" / "run" / "predictions")
    return tmp_path / "exp" / "run"


@pytest.fixture
def n2s(run_n2s):
    return run_n2s


def test_the_page_holds_the_sounds_and_only_the_key_tells_whose_they_are(run):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    text = written.path.read_text("utf-8")
    assert not any(method in text for method in METHODS)
    assert "http://" not in text and "https://" not in text and "default-src 'none'" in text
    assert written.n_bytes == written.path.stat().st_size and written.codec == "FLAC" and written.missing == {}
    key, content = json.loads(written.key.read_text()), content_of(written.path)
    assert key["page"] == content["page"] and sorted(key["methods"]) == content["codes"]
    assert content["title"] == "exp, run"
    for number, clip in enumerate(content["clips"]):
        assert (clip["clip"], clip["text"], clip["subject"]) == (f"clip{number}", TEXT, f"S{number}")
        for code, part in clip["sounds"].items():
            method = key["methods"].get(code, code)
            audio, rate = sound_of(part["sound"])
            original, _ = soundfile.read(run / "predictions" / method / f"clip{number}.wav")
            assert rate == RATE and part["s"] == pytest.approx(0.15)
            np.testing.assert_allclose(audio, original, atol=1.01 / 2**15)  # lossless


def test_who_made_the_sounds_has_a_page_with_all_names(run):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    assert written.open == run / "listening_open.html"
    opened, blind = content_of(written.open), content_of(written.path)
    assert (
        opened.pop("names") == json.loads(written.key.read_text())["methods"]
        and opened.pop("blind") == "listening.html"
    )
    assert opened == blind


def test_a_clip_is_known_by_its_words_and_its_place(run):
    table = read_manifest(run)
    assert clip_place(next(table.itertuples())) == ""  # of a folder of sounds
    table = table.assign(stimulus="study/orchestra.en", start_s=80.0, duration_s=2.8)
    write_manifest(run / "predictions", table)
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    assert {clip["place"] for clip in content_of(written.path)["clips"]} == {"orchestra.en, 80.0 to 82.8 s"}


def test_spectrograms_show_the_tones(run):
    from PIL import Image

    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    key, clip = json.loads(written.key.read_text()), content_of(written.path)["clips"][0]
    rows = {}
    for code, part in clip["sounds"].items():
        image = Image.open(io.BytesIO(base64.b64decode(part["image"].partition("base64,")[2]))).convert("L")
        assert image.size == (16, 64)  # 10 ms frames of 0.15 s, both ends; mel bands
        rows[key["methods"].get(code, code)] = int(np.asarray(image, float).mean(1).argmax())
    mel = 2595 * np.log10(1 + np.array([50, 8000, 300, 1300, 2300]) / 700)
    wanted = 64 * (1 - (mel[2:] - mel[0]) / (mel[1] - mel[0]))
    np.testing.assert_allclose([rows["stimulus"], *(rows[method] for method in METHODS)], wanted, atol=1.5)


def test_codes_do_not_follow_the_order_of_the_methods(tmp_path):
    methods = list("abcde")
    drawn = [_codes(tmp_path / "none.json", methods) for _ in range(60)]
    assert all(list(codes) == methods and len(set(codes.values())) == 5 for codes in drawn)
    first = {min(codes, key=codes.get) for codes in drawn}  # on the page, codes stand in alphabetical order
    assert first == set(methods)  # one of five is never first in 60 with a chance of 8e-6
    assert len({code for codes in drawn for code in codes.values()}) > 200  # of 300, out of 19^3


def test_other_sounds_give_another_key_and_leave_the_first(run):
    first = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    kept = first.key.read_bytes()
    soundfile.write(run / "predictions" / "stimulus" / "clip0.wav", np.zeros(2400), RATE)
    second = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    assert second.key != first.key and first.key.read_bytes() == kept


def test_the_same_sounds_give_the_same_page_again(run):
    first = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    key, page = first.key.read_bytes(), first.path.read_bytes()
    again = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    assert again.key == first.key and again.key.read_bytes() == key and again.path.read_bytes() == page
    first.key.write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        write_listening_page(run / "listening.html", read_manifest(run), METHODS)


def test_a_page_too_large_is_compressed_then_refused(tmp_path):
    write_sounds(tmp_path, n_clips=4, seconds=1.5)
    table = read_manifest(tmp_path)
    full = write_listening_page(tmp_path / "page.html", table, METHODS).n_bytes
    small = write_listening_page(tmp_path / "page.html", table, METHODS, max_mb=0.9 * full / 1e6)
    assert small.codec == "Ogg Vorbis" and small.n_bytes < 0.7 * full
    audio, rate = sound_of(content_of(small.path)["clips"][1]["sounds"]["stimulus"]["sound"])
    assert rate == RATE and len(audio) == 1.5 * RATE and pitch_hz(audio) == pytest.approx(400, abs=1)
    page = small.path.read_bytes()
    with pytest.raises(UserError, match=r"more than max_mb=.*--max_clips (\d)") as told:
        write_listening_page(tmp_path / "page.html", table, METHODS, max_mb=0.7 * small.n_bytes / 1e6)
    assert small.path.read_bytes() == page
    fits = evenly(
        list(dict.fromkeys(table["clip"])), int(str(told.value).partition("--max_clips ")[2].partition(",")[0])
    )
    limit = 0.7 * small.n_bytes / 1e6
    assert 0 < len(fits) < 4
    assert write_listening_page(tmp_path / "few.html", table[table["clip"].isin(fits)], METHODS, max_mb=limit)


def test_clips_are_taken_evenly():
    assert evenly(list("abcdefghi"), 3) == ["a", "e", "i"]
    assert evenly(list("abc"), 7) == ["a", "b", "c"]


def spoil(table: pd.DataFrame, row: int, audio: np.ndarray, rate: int = RATE) -> pd.DataFrame:
    soundfile.write(table.path[row], audio, rate, subtype="FLOAT")
    return table


@pytest.mark.parametrize(
    ("change", "methods", "said"),
    [
        (lambda t: t, ("decode",), "no sound of method 'decode'.*Nearest: decoded"),
        (lambda t: t, (), "expected at least one, and each once"),
        (lambda t: t.drop(index=3), METHODS, "1 of 3 clips have no stimulus, such as 'clip1'"),
        (lambda t: pd.concat([t, t[:1]]), METHODS, "two sounds of 'stimulus'"),
        (
            lambda t: spoil(t, 4, np.zeros(9000), 22050),
            METHODS,
            "different sampling rates: 16000 Hz .*; 22050 Hz .*clip1",
        ),
        (lambda t: spoil(t, 4, np.zeros(900)), METHODS, "0.056 s of sound; expected at least 0.1 s"),
        (lambda t: spoil(t, 4, np.full(9000, np.nan)), METHODS, "9000 of 9000 samples are NaN"),
    ],
)
def test_sounds_that_cannot_be_compared_are_told(run, change, methods, said):
    with pytest.raises(UserError, match=said):
        write_listening_page(run / "listening.html", change(read_manifest(run)), methods)
    assert not list(run.glob("listening*"))


def test_a_file_that_is_no_sound(run):
    (run / "predictions" / "exchanged" / "clip1.wav").write_text("no sound")
    with pytest.raises(UserError, match="clip1.wav: cannot be read as audio"):
        write_listening_page(run / "listening.html", read_manifest(run), METHODS)


def test_the_command_tells_what_is_missing(run, n2s):
    table = read_manifest(run).drop(index=4)
    write_manifest(run / "predictions", table)
    status, out, _ = n2s("listen", run)
    assert status == 0 and (run / "listening.html").is_file()
    assert "1 of 3 clips have no sound of 'decoded'" in out and "3 clips, 2 methods, 0.1 MB, FLAC" in out
    status, out, _ = n2s("listen", run / "predictions", "--page", run / "two.html", "--max_clips", 2)
    assert [clip["clip"] for clip in content_of(run / "two.html")["clips"]] == ["clip0", "clip2"]
    assert n2s("listen", run, "--max_clips", 0)[0] == 2
    assert "no such folder" in n2s("listen", run / "nowhere")[2]
