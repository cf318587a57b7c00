"""Speech with known times: sentences spoken by eSpeak NG, with the onset of every word and phone."""

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from scipy.signal import resample_poly

from n2s.errors import UserError
from n2s.paths import written_whole
from n2s.studies.events import events_table
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.simulated import espeak
from n2s.studies.simulated.stories import Story, stories

SFREQ = 16000  # Hz, of the files: speech models expect it
PAUSE_S = (0.3, 0.6)  # between sentences: shortest, longest
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True)
class Speech:
    """Audio (n,), float32 in -1 to 1 at ``sfreq`` Hz, and the timing of its words and phones.

    Each table has the columns ``text``, ``onset``, ``duration`` (s) and ``sequence`` (the sentence's id): one row a
    word of the text, a phone (IPA, with stress marks), a sentence.
    """

    audio: np.ndarray
    sfreq: int
    words: pd.DataFrame
    phones: pd.DataFrame
    sentences: pd.DataFrame


def synthesize(sentences: list[str], *, voice: str, rate_wpm: int, pitch: int) -> Speech:
    """Speak sentences one after another, with a pause after each, the same to the bit every time.

    A word starts with the first of its phones and ends with the last; the silence before a plosive that opens the
    next word belongs to neither. eSpeak speaks some pairs as one ("out of"): their phones are shared out in
    proportion to letters.

    Parameters
    ----------
    sentences
        Each with at least one word; numbers and abbreviations written out.
    voice
        eSpeak's name, with a variant after a plus sign: ``en``, ``en-us+m3``, ``eu+f4``.
    rate_wpm
        Nominal words a minute, 80 to 450.
    pitch
        0 to 99, 50 is the voice's own.

    Raises
    ------
    UserError
        eSpeak NG is not installed, has no such voice, or a sentence has no words.
    """
    sfreq, spoken, events = speak_apart(sentences, voice, rate_wpm, pitch)
    pieces, words, phones, whole = [], [], [], []
    start = 0  # sample at which the sentence begins
    for i, (sentence, samples) in enumerate(zip(sentences, spoken, strict=True)):
        sequence = sentence_id(sentence)
        tokens, sounds = _align(sentence, events[events["sentence"] == i])
        begin, end = tokens[0][1], tokens[-1][2]
        words += [(text, start + on, off - on, sequence) for text, on, off in tokens]
        phones += [(ipa, start + on, off - on, sequence) for ipa, on, off in sounds]
        whole.append((sentence, start + begin, end - begin, sequence))
        length = end + round(_pause_s(sequence) * sfreq)
        pieces.append(np.pad(samples[:length], (0, max(0, length - len(samples)))))
        start += length
    tables = [pd.DataFrame(rows, columns=["text", "onset", "duration", "sequence"]) for rows in (words, phones, whole)]
    tables = [table.assign(onset=table.onset / sfreq, duration=table.duration / sfreq) for table in tables]
    return Speech(np.concatenate(pieces).astype(np.float32) / 32768, sfreq, *tables)


def speak_story(story: Story, folder: Path) -> Path:
    """Write ``<story>.<language>.wav`` (16 kHz, mono, 16 bit) and ``<story>.<language>.events.parquet``.

    The events (story, sentences, words, phones) are on the audio's own clock. Returns the audio's path, at once where
    both files exist.

    Raises
    ------
    UserError
        eSpeak NG is not installed.
    """
    audio_path, events_path = audio_file(folder, story.stimulus), events_file(folder, story.stimulus)
    if audio_path.exists() and events_path.exists():
        return audio_path
    voice = story.speaker
    speech = synthesize(story.sentences, voice=voice.voice, rate_wpm=voice.rate_wpm, pitch=voice.pitch)
    audio = resample_poly(speech.audio, SFREQ, speech.sfreq)
    audio *= 0.9 / np.abs(audio).max()  # the voices peak alike, and none is clipped
    with written_whole(events_path) as path:
        _story_events(story, speech, len(audio) / SFREQ).to_parquet(path)
    with written_whole(audio_path) as path:
        soundfile.write(path, audio, SFREQ, subtype="PCM_16", format="WAV")
    return audio_path


def speak_all(folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Path]:
    """Speak every story into ``folder``, in parallel child processes.

    Parameters
    ----------
    folder
        Made if need be.
    progress
        Called with the number of stories done, and of all, after each.

    Returns
    -------
    list of Path
        The audio files, in the order of `stories`.
    """
    all_stories = stories()
    # threads: each but waits for its child process
    with ThreadPoolExecutor(max_workers=min(len(all_stories), os.cpu_count() or 1)) as pool:
        jobs = [pool.submit(speak_story, story, folder) for story in all_stories]
        for done, _ in enumerate(as_completed(jobs), start=1):
            progress(done, len(jobs))
    return [job.result() for job in jobs]


def audio_file(folder: Path, stimulus: str) -> Path:
    """Where `speak_story` puts the audio."""
    return folder / f"{stimulus}.wav"


def events_file(folder: Path, stimulus: str) -> Path:
    """Where `speak_story` puts the events."""
    return folder / f"{stimulus}.events.parquet"


def _story_events(story: Story, speech: Speech, duration_s: float) -> pd.DataFrame:
    whole = pd.DataFrame([{"text": story.id, "onset": 0.0, "duration": duration_s, "sequence": ""}])
    tables = {"story": whole, "sentence": speech.sentences, "word": speech.words, "phone": speech.phones}
    rows = pd.concat([table.assign(kind=kind) for kind, table in tables.items()], ignore_index=True)
    rows = rows.assign(
        story=story.id,
        stimulus=story.stimulus,
        stimulus_onset=rows.onset,
        language=story.language,
        speaker=story.speaker.voice,
    )
    return events_table(rows, where=story.stimulus, duration_s=duration_s)


def speak_apart(
    sentences: list[str], voice: str, rate_wpm: int, pitch: int
) -> tuple[int, list[np.ndarray], np.ndarray]:
    """`espeak.speak` in a fresh process: one process does not speak a text twice alike."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise UserError('eSpeak NG, the voice of the simulated studies, is not installed: pip install "n2s[sim]".')
    request = {"sentences": sentences, "voice": voice, "rate_wpm": rate_wpm, "pitch": pitch}
    # -P: the script's folder is not searched for modules, whatever its files are called
    child = subprocess.run(
        [sys.executable, "-P", espeak.__file__], input=json.dumps(request).encode(), capture_output=True
    )
    if child.returncode == 2:
        raise UserError(child.stderr.decode().strip())
    if child.returncode != 0:
        raise RuntimeError(f"eSpeak NG's process ended with status {child.returncode}: {child.stderr.decode()}")
    with np.load(io.BytesIO(child.stdout)) as answer:
        audio = np.split(answer["audio"], np.cumsum(answer["lengths"])[:-1])
        return int(answer["sfreq"]), audio, answer["events"]


def _pause_s(sequence: str) -> float:
    """The pause after a sentence: drawn from its id, so that it does not depend on other speech."""
    shortest, longest = PAUSE_S
    return shortest + (longest - shortest) * int(sequence[:4], 16) / 0xFFFF


def _align(sentence: str, events: np.ndarray) -> tuple[list[tuple[str, int, int]], list[tuple[str, int, int]]]:
    """Give the words and the phones of one sentence as (text, first sample, sample after the last)."""
    matches = list(_WORD.finditer(sentence))
    if not matches:
        raise UserError(f"The sentence '{sentence}' has no words to speak. Leave it out.")
    sounds = _sounds(events)
    # A phone belongs to the word that its character is in; eSpeak sometimes gives the space before.
    ends = [match.end() for match in matches]
    owners = [min(bisect_right(ends, position - 1), len(ends) - 1) for _, _, _, position in sounds]
    heads = sorted(set(owners))[1:]  # words with phones of their own; those between are merged into the one before
    words = []
    for first, after in zip([0, *heads], [*heads, len(matches)], strict=True):
        own = [sound for sound, owner in zip(sounds, owners, strict=True) if first <= owner < after]
        texts = [match.group() for match in matches[first:after]]
        cuts = _share([len(text) for text in texts], len(own))
        if cuts is None:
            raise UserError(
                f"eSpeak NG speaks the {len(texts)} words '{' '.join(texts)}' of the sentence '{sentence}' as "
                f"{len(own)} sounds, so their times are not known. Word it otherwise."
            )
        words += [
            (text, own[start][1], own[stop - 1][2]) for text, start, stop in zip(texts, cuts, cuts[1:], strict=False)
        ]
    return words, [(ipa, on, off) for ipa, on, off, _ in sounds]


def _share(letters: list[int], n_phones: int) -> list[int] | None:
    """Cut ``n_phones`` phones between words in proportion to letters, one each at least; None if there are too few."""
    if n_phones < len(letters):
        return None
    cuts = [0]
    for i in range(1, len(letters)):
        fair = round(n_phones * sum(letters[:i]) / sum(letters))
        cuts.append(min(max(fair, cuts[-1] + 1), n_phones - (len(letters) - i)))
    return [*cuts, n_phones]


def _sounds(events: np.ndarray) -> list[tuple[str, int, int, int]]:
    """Give the phones as (IPA, first sample, sample after the last, character).

    Nameless phones are the pause where they close a clause; elsewhere they are glides, and lengthen the phone before.
    """
    types, samples = events["type"], events["sample"]
    named = np.flatnonzero((types == espeak.PHONE) & (events["ipa"] != ""))
    sounds: list[tuple[str, int, int, int]] = []
    for i, following in zip(named, [*named[1:], len(events)], strict=True):
        on, between = int(samples[i]), np.arange(i + 1, following)
        if (types[between] == espeak.END).any():
            stop = between[types[between] != espeak.WORD][0]
        else:  # a word may begin with a silence: then the phone stops at the word's mark
            marks = between[(types[between] == espeak.WORD) & (samples[between] > on)]
            stop = marks[0] if len(marks) else following
        off = int(samples[stop])
        if sounds and off <= on:  # a liquid that eSpeak melts with its vowel has no length: they share the vowel's
            vowel, vowel_on, _, position = sounds[-1]
            middle = (vowel_on + on) // 2
            sounds[-1] = (vowel, vowel_on, middle, position)
            on, off = middle, on
        sounds.append((str(events["ipa"][i]), on, off, int(events["position"][i])))
    return sounds
