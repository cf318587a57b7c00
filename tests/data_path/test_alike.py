"""Sounds that are not equal but are the same recording: encoded, cut, resampled, louder, mixed down, in noise."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from n2s.data.identity import shared_sound, sound_identities
from n2s.features.fingerprint import peak_marks
from n2s.studies.simulated.speech import speak_story, synthesize
from n2s.studies.simulated.stories import stories
from n2s.studies.study import Stimulus

pytestmark = pytest.mark.slow

HZ, LASTS_S = 16000, 25


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """The first sentences of each simulated story: name -> (n,) at 16 kHz. Several are read by one voice, two in two languages."""
    folder = tmp_path_factory.mktemp("spoken")
    found = {}
    for story in stories():
        speak_story(replace(story, sentences=story.sentences[:8]), folder)
        found[story.stimulus] = soundfile.read(folder / f"{story.stimulus}.wav")[0][: LASTS_S * HZ]
    return found


def noisy(sound, snr_db):
    return sound + np.random.default_rng(0).standard_normal(len(sound)) * sound.std() * 10 ** (-snr_db / 20)


#: What is done to a copy: samples, rate, format, options; and how many seconds later a moment is in the original.
WAYS = {
    "mp3": (lambda x: (x, HZ, "mp3", {"compression_level": 0.99}), 0.0),
    "ogg": (lambda x: (x, HZ, "ogg", {"compression_level": 0.99}), 0.0),
    "cut mp3": (lambda x: (x[round(1.237 * HZ) :], HZ, "mp3", {"compression_level": 0.99}), 1.237),
    "44.1 kHz": (lambda x: (resample_poly(x, 441, 160), 44100, "wav", {}), 0.0),
    "8 kHz": (lambda x: (resample_poly(x, 1, 2), 8000, "flac", {}), 0.0),
    "quiet": (lambda x: (0.05 * x, HZ, "wav", {}), 0.0),
    "stereo": (lambda x: (np.stack([x, 0.5 * x], 1), HZ, "wav", {}), 0.0),
    "noise": (lambda x: (noisy(x, 10), HZ, "wav", {}), 0.0),
    "padded ogg": (lambda x: (np.concatenate([np.zeros(3 * HZ), x]), HZ, "ogg", {"compression_level": 0.9}), -3.0),
}


def found_in(stimuli):
    names = {sha: name for name, sha in sound_identities(stimuli).items()}
    assert len(names) == len(stimuli)
    table = shared_sound(stimuli)
    return table.assign(one=table.one.map(names), other=table.other.map(names))


def test_copies_are_found_and_other_stories_are_not(spoken, tmp_path):
    """Nine copies among ten stories: each is matched with its original, at its place, nearly all of it, and nothing else is."""
    stimuli = {}
    for name, sound in spoken.items():
        soundfile.write(tmp_path / f"{name}.wav", sound, HZ)
        stimuli[name] = Stimulus(name, tmp_path / f"{name}.wav")
    originals = list(spoken)[: len(WAYS)]
    for name, (way, (change, _)) in zip(originals, WAYS.items(), strict=False):
        samples, rate, kind, options = change(spoken[name])
        soundfile.write(tmp_path / f"{way}.{kind}", samples, rate, **options)
        stimuli[way] = Stimulus(way, tmp_path / f"{way}.{kind}")
    table = found_in(stimuli)
    assert not table.exact.any()
    right = {frozenset(pair) for pair in zip(originals, WAYS, strict=False)}
    assert {frozenset(pair) for pair in zip(table.one, table.other, strict=True)} == right
    for name, (way, (_, moved_s)) in zip(originals, WAYS.items(), strict=False):
        rows = table[table.one.isin([name, way])]
        for row in rows.itertuples():
            lag_s = (row.one_start_s - row.other_start_s) * (1 if row.one == name else -1)
            assert lag_s == pytest.approx(moved_s, abs=0.06), way  # an encoder delays by up to 50 ms
        assert rows.duration_s.sum() > 0.85 * (len(spoken[name]) / HZ - max(moved_s, 0)), way


def test_steady_sounds_are_not_alike(tmp_path):
    """Chords, hum, beats and noise of one kind, drawn anew: other clips, of which every moment sounds alike."""
    rng, time_s = np.random.default_rng(0), np.arange(12 * HZ) / HZ
    sounds = {}
    for i in range(3):
        chord = sum(np.sin(2 * np.pi * hz * time_s + rng.uniform(0, 6)) for hz in (220, 277, 330, 660))
        beat = np.sin(2 * np.pi * 180 * time_s) * np.exp(-8 * (time_s % 0.5))
        hiss = rng.standard_normal(len(time_s))
        sounds |= {
            f"chord {i}": 0.1 * chord + 0.003 * hiss,
            f"hum {i}": 0.2 * np.sign(np.sin(2 * np.pi * 100 * time_s + i)) + 0.003 * hiss,
            f"beat {i}": 0.4 * np.roll(beat, int(rng.integers(HZ))) + 0.003 * hiss,
            f"noise {i}": 0.1 * hiss,
            f"quiet {i}": 1e-4 * rng.standard_normal(len(time_s)),
        }
    stimuli = {}
    for name, sound in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", sound, HZ)
        stimuli[name] = Stimulus(name, tmp_path / f"{name}.wav")
    assert not len(found_in(stimuli))


def test_a_phrase_that_two_stories_share_is_no_copy(tmp_path):
    """One voice says one short phrase in both; of a long passage it is told."""
    phrase, passage = ["The old man said:"], ["Once upon a time there was a king who had three daughters and no son."]
    one = ["Rain fell on the roofs of the town all night."]
    other = ["Nobody had seen the ship since early spring."]
    stimuli = {}
    for name, text in {
        "a": one + phrase, "b": other + phrase, "c": one[:0] + passage + one, "d": passage + other,
    }.items():  # fmt: skip
        speech = synthesize(text, voice="en-us", rate_wpm=160, pitch=50)
        soundfile.write(tmp_path / f"{name}.flac", 0.5 * speech.audio / np.abs(speech.audio).max(), speech.sfreq)
        stimuli[name] = Stimulus(name, tmp_path / f"{name}.flac")
    pairs = {frozenset(pair) for pair in found_in(stimuli)[["one", "other"]].itertuples(index=False)}
    assert frozenset("cd") in pairs and frozenset("ab") not in pairs


def test_marks_do_not_depend_on_pieces_or_level():
    """The spectrogram is searched piece by piece: peaks at a border are those of the whole."""
    from n2s.features import fingerprint

    sound = np.cumsum(np.random.default_rng(0).standard_normal(80 * 8000)).astype(np.float32)
    sound -= sound.mean()
    sound /= np.abs(sound).max()
    marks = peak_marks(sound)
    assert len(marks.hash) > 1000
    louder = peak_marks(0.25 * sound)
    np.testing.assert_array_equal(marks.hash, louder.hash)
    whole = fingerprint._CHUNK
    fingerprint._CHUNK = 10**6
    try:
        at_once = peak_marks(sound)
    finally:
        fingerprint._CHUNK = whole
    np.testing.assert_array_equal(marks.hash, at_once.hash)
    np.testing.assert_array_equal(marks.at, at_once.at)


def test_short_and_empty_sounds_have_no_marks():
    for n in (0, 1, 511, 512, 2000):
        assert len(peak_marks(np.zeros(n, np.float32)).hash) == 0
