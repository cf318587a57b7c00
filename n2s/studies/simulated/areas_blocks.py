"""The sounds of the simulated areas: blocks of five unrelated sentences with pauses, as in MOUS (Schoffelen 2019)."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.errors import UserError
from n2s.studies.simulated.speech import SFREQ, audio_file, events_file, speak_story
from n2s.studies.simulated.stories import Speaker, Story, stories

N_SENTENCES = 5  # a block
PAUSE_SPREAD = 0.2  # pauses vary by so much of their mean, so that sentences do not beat
VOICES = {"nl": Speaker("nl+f2", 150), "en": Speaker("en-us+f1", 155), "es": Speaker("es+f2", 150), "eu": Speaker("eu+f4", 160)}  # fmt: skip
_FOLDER = Path(__file__).parent / "stories"


def blocks(language: str) -> list[Story]:
    """All blocks of a language, ``nl-01``, ``nl-02``, ...: Dutch sentences, or the stories of another language in pieces of five sentences.

    Raises
    ------
    UserError
        There are no texts in this language.
    """
    if language not in VOICES:
        raise UserError(f"simulated_areas: no sentences in '{language}'; there are {', '.join(VOICES)}.")
    own = _FOLDER / f"sentences.{language}.txt"
    if own.exists():
        sentences = own.read_text(encoding="utf-8").splitlines()
    else:
        sentences = [text for story in stories() if story.language == language for text in story.sentences]
    pieces = [sentences[first : first + N_SENTENCES] for first in range(0, len(sentences), N_SENTENCES)]
    whole = [piece for piece in pieces if len(piece) == N_SENTENCES]
    return [Story(f"{language}-{i:02d}", language, piece, VOICES[language]) for i, piece in enumerate(whole, start=1)]


def speak_block(block: Story, folder: Path, *, pause_s: float) -> pd.DataFrame:
    """Write ``<id>.wav`` (16 kHz, one channel) and ``<id>.events.parquet``, and give the events, on the sound's clock.

    Parameters
    ----------
    block
        Five sentences.
    folder
        Of the study; the speech without pauses is in its ``speech``.
    pause_s
        Mean silence between sentences, s.
    """
    speak_story(block, folder / "speech")
    samples, rate = soundfile.read(audio_file(folder / "speech", block.stimulus), dtype="int16")
    events = pd.read_parquet(events_file(folder / "speech", block.stimulus)).assign(stimulus=block.id)
    samples, events = with_pauses(samples, events, pauses_s(events, pause_s))
    soundfile.write(folder / f"{block.id}.wav", samples, rate)
    events.to_parquet(folder / f"{block.id}.events.parquet")
    return events


def pauses_s(events: pd.DataFrame, mean_s: float) -> np.ndarray:
    """(n - 1,) The pause after each sentence but the last: drawn from its id, so that it does not depend on other speech."""
    sequences = events[events.kind == "sentence"].sort_values("onset").sequence[:-1]
    drawn = np.array([int(sequence[:4], 16) / 0xFFFF for sequence in sequences])
    return mean_s * (1 + PAUSE_SPREAD * (2 * drawn - 1))


def with_pauses(samples: np.ndarray, events: pd.DataFrame, wanted_s: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Lengthen the pauses between sentences with silence, and move all that follows.

    Parameters
    ----------
    samples
        (n,) at `SFREQ`.
    events
        Story, sentences, words and phones on the clock of the samples.
    wanted_s
        (k - 1,) The pauses; a longer one stays as it is.
    """
    sentences = events[events.kind == "sentence"].sort_values("onset")
    starts, stops = sentences.onset.to_numpy()[1:], (sentences.onset + sentences.duration).to_numpy()[:-1]
    cuts = np.rint((starts + stops) / 2 * SFREQ).astype(int)
    added = np.rint(np.maximum(wanted_s - (starts - stops), 0) * SFREQ).astype(int)
    longer = np.insert(samples, np.repeat(cuts, added), 0)
    later_s = np.array([added[cuts <= onset * SFREQ].sum() for onset in events.onset]) / SFREQ
    moved = events.assign(onset=events.onset + later_s, stimulus_onset=events.stimulus_onset + later_s)
    moved.loc[moved.kind == "story", "duration"] = len(longer) / SFREQ
    return longer, moved
