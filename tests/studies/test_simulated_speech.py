import io
import json
import subprocess
import sys
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import soundfile

from n2s.errors import UserError
from n2s.studies.events import events_table
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.simulated import speech as speech_module
from n2s.studies.simulated.speech import audio_file, events_file, speak_all, speak_story, synthesize
from n2s.studies.simulated.stories import SPEAKERS, SPLIT, stories

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
STORIES = {story.stimulus: story for story in stories()}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """The folder with every story."""
    folder = tmp_path_factory.mktemp("spoken") / "new"
    told = []
    paths = speak_all(folder, lambda done, total: told.append((done, total)))
    assert [path.name for path in paths] == [f"{name}.wav" for name in STORIES]
    assert told == [(i, len(STORIES)) for i in range(1, len(STORIES) + 1)]
    return folder


def read(folder, name):
    audio, sfreq = soundfile.read(audio_file(folder, name))
    events = pd.read_parquet(events_file(folder, name))
    return audio, sfreq, {kind: table.reset_index(drop=True) for kind, table in events.groupby("kind")}


def plain_words(sentence):
    return [word.strip(".,?¿") for word in sentence.split()]


def test_stories_are_many_and_no_sentence_occurs_twice():
    assert len(STORIES) == 10 and len({story.id for story in STORIES.values()}) == 8
    assert {story.language for story in STORIES.values()} == {"en", "es", "eu"}
    sentences = [sentence for story in STORIES.values() for sentence in story.sentences]
    assert all(sentence == sentence.strip() and sentence[-1] in ".?" for sentence in sentences)
    assert len({sentence_id(sentence) for sentence in sentences}) == len(sentences)


def test_held_out_stories_have_no_translation_and_translations_keep_the_sentences():
    by_id = {}
    for story in STORIES.values():
        by_id.setdefault(story.id, []).append(story)
    assert sorted(SPLIT.values()) == ["test", "val"]
    assert all(len(by_id[id_]) == 1 for id_ in SPLIT)
    pairs = [group for group in by_id.values() if len(group) == 2]
    assert len(pairs) == 2
    for one, other in pairs:
        assert one.language != other.language and len(one.sentences) == len(other.sentences)


@pytest.mark.parametrize("name", STORIES)
def test_words_cover_the_text_in_order_inside_their_sentences(spoken, name):
    audio, sfreq, events = read(spoken, name)
    words, phones, sentences = events["word"], events["phone"], events["sentence"]
    assert 3.5 * 60 < len(audio) / sfreq < 5.5 * 60

    assert list(sentences.text) == STORIES[name].sentences
    assert list(sentences.sequence) == [sentence_id(sentence) for sentence in STORIES[name].sentences]
    for table in (words, phones, sentences):
        assert table.duration.min() > 0 and table.onset.iloc[0] >= 0
        ends = (table.onset + table.duration).to_numpy()
        assert (ends[:-1] <= table.onset.to_numpy()[1:] + 1e-9).all() and ends[-1] <= len(audio) / sfreq
    for row in sentences.itertuples():
        mine = words[words.sequence == row.sequence]
        assert list(mine.text) == plain_words(row.text)
        assert mine.onset.iloc[0] == pytest.approx(row.onset)
        last = mine.iloc[-1]
        assert last.onset + last.duration == pytest.approx(row.onset + row.duration)

    pauses = sentences.onset.to_numpy()[1:] - (sentences.onset + sentences.duration).to_numpy()[:-1]
    assert pauses.min() >= 0.3 and pauses.max() < 0.75  # eSpeak's own silence before a plosive comes on top
    # every word begins with a phone and ends with one
    assert set(words.onset.round(6)) <= set(phones.onset.round(6))
    assert set((words.onset + words.duration).round(6)) <= set((phones.onset + phones.duration).round(6))


@pytest.mark.parametrize("name", STORIES)
def test_sound_is_where_the_words_are(spoken, name):
    audio, sfreq, events = read(spoken, name)
    assert 0.5 < np.abs(audio).max() < 1
    in_word = np.zeros(len(audio), dtype=bool)
    for row in events["word"].itertuples():
        in_word[round(row.onset * sfreq) : round((row.onset + row.duration) * sfreq)] = True
    assert np.mean(audio[in_word] ** 2) > 10 * np.mean(audio[~in_word] ** 2)

    # After the pause, the first sound louder than -40 dB of the peak comes within 30 ms of the sentence's onset.
    loud = np.abs(audio) > 0.01 * np.abs(audio).max()
    starts = (events["sentence"].onset.to_numpy()[1:] * sfreq).round().astype(int)
    first = np.array([np.flatnonzero(loud[start - 1600 :])[0] - 1600 for start in starts]) / sfreq
    assert np.mean((first > -0.005) & (first < 0.03)) > 0.9
    assert np.median(first) == pytest.approx(0.005, abs=0.005)


def test_events_and_wav_are_what_a_study_needs(spoken):
    for name, story in STORIES.items():
        info = soundfile.info(audio_file(spoken, name))
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        events = pd.read_parquet(events_file(spoken, name))
        pd.testing.assert_frame_equal(events_table(events, where=name, duration_s=info.duration), events)
        assert set(events.story) == {story.id} and set(events.stimulus) == {name}
        assert set(events.speaker) == {story.speaker.voice} and set(events.language) == {story.language}
        assert (events.onset == events.stimulus_onset).all() and (events.kind == "story").sum() == 1
        whole = events[events.kind == "story"].iloc[0]
        assert whole.onset == 0 and whole.duration == info.duration


def test_same_to_the_bit_in_another_process(spoken, tmp_path):
    story = STORIES["orchestra.en"]
    speak_story(story, tmp_path)
    for path in (audio_file(tmp_path, story.stimulus), events_file(tmp_path, story.stimulus)):
        assert path.read_bytes() == (spoken / path.name).read_bytes()


def test_what_is_there_is_not_spoken_again_and_what_is_missing_is(tmp_path, monkeypatch):
    story = STORIES["bakery.es"]
    audio, events = audio_file(tmp_path, story.stimulus), events_file(tmp_path, story.stimulus)
    speak_story(story, tmp_path)
    before = audio.stat().st_mtime_ns, events.stat().st_mtime_ns
    assert speak_story(story, tmp_path) == audio
    assert (audio.stat().st_mtime_ns, events.stat().st_mtime_ns) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([audio.name, events.name])

    was = audio.read_bytes()
    audio.unlink()
    speak_story(story, tmp_path)
    assert audio.read_bytes() == was


def test_merged_words_get_their_own_phones():
    said = synthesize(["She walked out of the house"], voice="en", rate_wpm=160, pitch=50)
    assert list(said.words.text) == ["She", "walked", "out", "of", "the", "house"]
    phones_of = {}
    for word in said.words.itertuples():
        inside = said.phones.onset.between(word.onset - 1e-9, word.onset + word.duration - 1e-9)
        phones_of[word.text] = "".join(said.phones.text[inside])
    assert phones_of["out"] == "ˌaʊt" and phones_of["of"] == "əv" and phones_of["the"] == "ðə"


@pytest.mark.parametrize(
    ("letters", "n_phones", "cuts"),
    [([3, 2], 4, [0, 2, 4]), ([4, 3], 5, [0, 3, 5]), ([9, 1], 2, [0, 1, 2]), ([1, 9], 3, [0, 1, 3]), ([1, 1], 1, None)],
)
def test_phones_are_shared_in_proportion_to_letters(letters, n_phones, cuts):
    assert speech_module._share(letters, n_phones) == cuts


def pitch_hz(audio, sfreq):
    """Median over loud 50 ms frames of the autocorrelation's highest peak between 60 and 400 Hz."""
    frames = audio[: len(audio) // 1102 * 1102].reshape(-1, 1102)
    frames = frames[np.mean(frames**2, axis=1) > np.mean(audio**2)]
    spectra = np.abs(np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), n=4096)) ** 2
    shortest, longest = sfreq // 400, sfreq // 60
    lags = np.fft.irfft(spectra)[:, shortest:longest].argmax(axis=1) + shortest
    return sfreq / np.median(lags)


def test_voices_differ_and_rate_and_pitch_act():
    text = ["Many people were waiting in the rain for a bus."]
    voices = sorted({(speaker.voice, speaker.pitch) for speaker in SPEAKERS.values()})
    assert len(voices) >= 5
    said = {voice: synthesize(text, voice=voice, rate_wpm=160, pitch=pitch) for voice, pitch in voices}
    for one, other in combinations(said.values(), 2):
        n = min(len(one.audio), len(other.audio))
        assert abs(np.corrcoef(one.audio[:n], other.audio[:n])[0, 1]) < 0.5
    pitches = {voice: pitch_hz(one.audio, one.sfreq) for voice, one in said.items()}
    women = [hz for voice, hz in pitches.items() if "+f" in voice]
    men = [hz for voice, hz in pitches.items() if "+m" in voice]
    assert min(men) > 70 and max(men) < min(women) and max(women) < 300

    plain = synthesize(text, voice="en", rate_wpm=160, pitch=50)
    fast = synthesize(text, voice="en", rate_wpm=240, pitch=50)
    high = synthesize(text, voice="en", rate_wpm=160, pitch=80)
    assert fast.sentences.duration[0] < 0.8 * plain.sentences.duration[0]
    assert pitch_hz(high.audio, high.sfreq) > 1.15 * pitch_hz(plain.audio, plain.sfreq)


@pytest.mark.parametrize(
    ("voice", "text", "says"),
    [
        ("klingonese", "Hello.", "no voice 'klingonese'"),
        ("en+f99", "Hello.", "no variant 'f99'"),
        ("en", "?", "has no words"),
    ],
)
def test_bad_requests_say_what_is_wrong(voice, text, says):
    with pytest.raises(UserError, match=says):
        synthesize([text], voice=voice, rate_wpm=160, pitch=50)


def test_without_espeak_the_remedy_is_named_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match=r'pip install "n2s\[sim\]"'):
        speak_all(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_child_speaks_without_the_package(tmp_path):
    """The script runs from any folder and imports nothing of n2s, so that a child starts fast."""
    request = json.dumps({"sentences": ["Good morning."], "voice": "en", "rate_wpm": 160, "pitch": 50})
    command = [sys.executable, "-P", "-X", "importtime", speech_module.espeak.__file__]
    child = subprocess.run(command, input=request.encode(), capture_output=True, check=True, cwd=tmp_path)
    imported = {line.split("|")[-1].strip().split(".")[0] for line in child.stderr.decode().splitlines()}
    assert "numpy" in imported and not imported & {"n2s", "pandas", "torch", "scipy"}
    with np.load(io.BytesIO(child.stdout)) as answer:
        assert answer["sfreq"] == 22050 and len(answer["audio"]) > 0.5 * 22050
