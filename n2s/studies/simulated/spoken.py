"""What all simulated studies share: which stories are chosen, and their audio and events, cut to length."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.errors import UserError, nearest
from n2s.studies.simulated.speech import audio_file, events_file, speak_story
from n2s.studies.simulated.stories import Story, stories


def chosen_stories(wanted: list[str] | None, study: str) -> dict[str, Story]:
    """Stimulus id -> story, in the order of the table; ``wanted`` holds ids (all languages) or ``id.language``.

    Raises
    ------
    UserError
        There is no such story.
    """
    table = {story.stimulus: story for story in stories()}
    if wanted is None:
        return table
    known = [*table, *dict.fromkeys(story.id for story in table.values())]
    for name in wanted:
        if name not in known:
            raise UserError(f"{study}: no story '{name}'.{nearest(name, known)} There are: {', '.join(known)}.")
    return {stimulus: story for stimulus, story in table.items() if stimulus in wanted or story.id in wanted}


def speak_into(folder: Path, story: Story, *, speech: Path, max_story_s: float | None) -> pd.DataFrame:
    """Write ``audio.wav`` (16 kHz, one channel) and ``events.parquet``, and give the events, on the audio's clock.

    Parameters
    ----------
    folder
        Made here.
    story
        What to speak.
    speech
        Where the whole stories are kept, once for all studies.
    max_story_s
        Cut at the end of the last sentence before this time (the first sentence always stays); None: whole.
    """
    speak_story(story, speech)
    samples, rate = soundfile.read(audio_file(speech, story.stimulus), dtype="int16")
    events = pd.read_parquet(events_file(speech, story.stimulus))
    if max_story_s is not None:
        samples, events = _cut(samples, rate, events, max_story_s)
    folder.mkdir(parents=True)
    soundfile.write(folder / "audio.wav", samples, rate)
    events.to_parquet(folder / "events.parquet")
    return events


def _cut(samples: np.ndarray, rate: int, events: pd.DataFrame, longest_s: float) -> tuple[np.ndarray, pd.DataFrame]:
    """Keep the sentences that end before ``longest_s``, and the first one in any case."""
    stops = events.stimulus_onset + events.duration
    sentences = events.kind == "sentence"
    stop_s = max(stops[sentences & (stops <= longest_s)].max(), stops[sentences].min())
    stop_s = stops[sentences].min() if np.isnan(stop_s) else stop_s
    kept = events[(events.kind == "story") | (stops <= stop_s + 1e-6)].copy()
    story = kept.kind == "story"
    kept.loc[story, "duration"] = stop_s - kept.loc[story, "stimulus_onset"]
    return samples[: round(stop_s * rate)], kept
