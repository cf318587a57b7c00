"""What is said in the simulated sEEG: single words in shuffled order, each several times and never twice alike."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from scipy.signal import resample_poly

from n2s.studies.events import events_table
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.simulated.speech import SFREQ, Speech, synthesize

WORDS = (
    "apple", "river", "garden", "window", "basket", "yellow", "mother", "candle", "silver", "mountain",
    "pencil", "kitchen", "monkey", "summer", "doctor", "carpet", "finger", "village", "hammer", "rabbit",
    "pocket", "orange", "letter", "castle", "butter", "feather", "market", "shadow", "winter", "bottle",
    "dragon", "temple", "blanket", "cousin", "island", "pillow", "rocket", "sister", "tunnel", "valley",
    "walnut", "zipper", "anchor", "bridge", "clover", "dinner", "engine", "farmer", "guitar", "helmet",
)  # fmt: skip
VOICES = ("en-us", "en-us+f1", "en+m7", "en-us+f3", "en+m2", "en+f4")
RATES_WPM, PITCHES = (150, 175, 160, 190, 140, 180), (50, 42, 58, 46, 54, 62)  # of the first, second, ... time
LEAD_S = 2.0  # silence before the first trial, and after the last
ONSET_S = 0.5  # of a word in its trial, on average
JITTER_S = 0.1  # either way
LONGEST_S = 1.0  # a word with its margins
MARGIN_S = 0.03  # kept around a word
LOUDNESS_SD = 0.15  # of the log of an utterance's amplitude
NOISE = 1e-3  # of the microphone, beside a peak of 0.9: no two silences are the same samples


def speak_words(words: tuple[str, ...], subject: int, n_repeats: int) -> list[Speech]:
    """All words, once for each repetition: other rates and pitches, a voice a subject."""
    voice = VOICES[(subject - 1) % len(VOICES)]
    return [
        synthesize(list(words), voice=voice, rate_wpm=RATES_WPM[one % 6], pitch=PITCHES[(one + one // 6) % 6])
        for one in range(n_repeats)
    ]


def write_session(
    folder: Path,
    words: tuple[str, ...],
    spoken: list[Speech],
    *,
    stimulus: str,
    trial_s: float,
    overt: bool,
    n_together: int,
    rng: np.random.Generator,
) -> None:
    """Write ``audio.wav`` (16 kHz, one channel) and ``events.parquet`` of one run, on one clock.

    A trial is a ``sentence`` of one word, from its cue to the next: it holds the silence around the word. Each repetition of
    all words has an order of its own: of lists, and of words in a list.

    Parameters
    ----------
    folder
        Made here.
    words, spoken
        See `speak_words`.
    stimulus
        Its id.
    trial_s
        Length of a trial, s.
    overt
        Whether the words are said or heard.
    n_together
        Words of a list, the same at each repetition.
    rng
        Draws orders, onsets, loudness and the microphone's noise.
    """
    n_trials = len(words) * len(spoken)
    audio = np.zeros(round((2 * LEAD_S + n_trials * trial_s) * SFREQ))
    rows: dict[str, list[tuple]] = {"sentence": [], "word": [], "phone": []}
    place_s = LEAD_S
    for speech in spoken:
        samples = resample_poly(speech.audio, SFREQ, speech.sfreq)
        samples = 0.7 * samples / np.abs(samples).max()
        for number in shuffled(len(words), n_together, rng):
            text, sequence = words[number], sentence_id(words[number])
            own = speech.words[speech.words.sequence == sequence]
            first_s, last_s = own.onset.min(), (own.onset + own.duration).max()
            begin_s = place_s + ONSET_S + rng.uniform(-JITTER_S, JITTER_S)
            clip = samples[round(max(first_s - MARGIN_S, 0) * SFREQ) : round((last_s + MARGIN_S) * SFREQ)]
            at = round((begin_s - min(MARGIN_S, first_s)) * SFREQ)
            audio[at : at + len(clip)] += clip * np.exp(rng.normal(0, LOUDNESS_SD))
            moved_s = begin_s - first_s
            rows["sentence"].append((text, place_s, trial_s, sequence))
            rows["word"].append((text, begin_s, last_s - first_s, sequence))
            phones = speech.phones[speech.phones.sequence == sequence]
            rows["phone"] += list(
                zip(phones.text, phones.onset + moved_s, phones.duration, phones.sequence, strict=True)
            )
            place_s += trial_s
    audio = np.clip(audio + NOISE * rng.standard_normal(len(audio)), -1, 1)
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "audio.wav", audio, SFREQ, subtype="PCM_16")
    length_s = len(audio) / SFREQ
    whole = pd.DataFrame([("", 0.0, length_s, "", "sound")], columns=["text", "onset", "duration", "sequence", "kind"])
    tables = [
        pd.DataFrame(own, columns=["text", "onset", "duration", "sequence"]).assign(kind=kind)
        for kind, own in rows.items()
    ]
    table = pd.concat([whole, *tables], ignore_index=True)
    table = table.assign(
        story=stimulus,
        stimulus=stimulus,
        stimulus_onset=table.onset,
        language="en",
        condition="overt" if overt else "listen",
    )
    events_table(table, where=stimulus, duration_s=length_s).to_parquet(folder / "events.parquet")


def shuffled(n: int, n_together: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) An order of words: lists of ``n_together`` neighbours in a drawn order, and the words of each in another."""
    lists = [np.arange(at, min(at + n_together, n)) for at in range(0, n, n_together)]
    return np.concatenate([rng.permutation(lists[one]) for one in rng.permutation(len(lists))])
