import base64
import io
import re

import numpy as np
import pytest
import soundfile
from planted import planted_result, write_tones

from n2s.metrics.retrieval import ranks
from n2s.report.listen import RATE_HZ, player, read_clip, retrieved_segments


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return write_tones(tmp_path_factory.mktemp("audio"), ("kites", "harbour"))


def windows_of(result, ranks):
    return retrieved_segments(
        result.similarity, result.target, ranks=ranks, subject=result.subject, candidates=result.candidates
    )


def pitch_hz(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio))
    return float(spectrum.argmax() * RATE_HZ / len(audio))


def test_a_clip_is_the_stretch_that_was_asked_for_at_16_khz(tones):
    clip = read_clip(str(tones["kites"]), 12.0, 1.0)
    assert clip.shape == (RATE_HZ,)
    assert pitch_hz(clip) == pytest.approx(200 + 10 * 12, abs=1.0)
    assert len(read_clip(str(tones["kites"]), 59.0, 3.0)) == RATE_HZ  # the file ends after one second
    assert len(read_clip(str(tones["kites"]), 99.0, 3.0)) == 0


def test_a_stereo_file_becomes_mono_and_a_lost_one_none(tones, tmp_path):
    soundfile.write(tmp_path / "stereo.flac", np.stack([np.full(8000, 0.5), np.zeros(8000)], 1), 8000)
    assert read_clip(str(tmp_path / "stereo.flac"), 0.25, 0.5)[1000:-1000] == pytest.approx(0.25, abs=1e-2)
    assert read_clip("", 0, 1) is None
    assert read_clip(str(tmp_path / "gone.wav"), 0, 1) is None


@pytest.mark.parametrize("seconds", [1, 40])
def test_the_player_holds_the_sound(seconds):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(seconds * RATE_HZ) / RATE_HZ)
    html = player(tone.astype(np.float32))
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])))
    assert (rate, len(sound)) == (RATE_HZ, seconds * RATE_HZ)
    assert np.corrcoef(sound, tone)[0, 1] > 0.99
    assert "<audio" not in player(None) + player(np.zeros(0, np.float32))


def test_windows_run_from_the_best_to_the_worst_and_choices_are_the_models(tones):
    result = planted_result(audio=tones)
    found = ranks(result.similarity, result.target)
    windows = windows_of(result, found)
    assert [w.pick for w in windows] == ["best", "better quarter", "median", "worse quarter", "worst"]
    by_rank = [w.rank for w in windows]
    assert by_rank == sorted(by_rank)
    assert (by_rank[0], by_rank[-1]) == (found.min(), found.max())
    assert by_rank[2] == pytest.approx(np.median(found), abs=1)
    for window in windows:
        place = [segment.true for segment in window.first]
        assert place == [i == window.rank for i in range(3)]
        z = [segment.z for segment in window.first]
        assert z == sorted(z, reverse=True)
        assert window.heard.z <= z[0]


def test_what_one_hears_is_what_the_text_says(tones):
    result = planted_result(audio=tones)
    for window in windows_of(result, ranks(result.similarity, result.target)):
        for segment in (window.heard, *window.first):
            story, index = re.match(r"words of (\w+) <(\d+)>", segment.text).groups()
            start_s = 3 * int(index)
            assert segment.place == f"{story}, {start_s:.1f} to {start_s + 3:.1f} s"
            expected_hz = {"kites": 200, "harbour": 300}[story] + 10 * start_s
            assert pitch_hz(segment.audio[:RATE_HZ]) == pytest.approx(expected_hz, abs=2)


def test_without_audio_there_is_text_only():
    result = planted_result()
    windows = windows_of(result, ranks(result.similarity, result.target))
    assert all(segment.audio is None for window in windows for segment in (window.heard, *window.first))
