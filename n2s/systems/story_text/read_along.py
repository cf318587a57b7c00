"""Decoded words below those that were said, to read along with the story."""

import numpy as np
import pandas as pd
import soundfile

from n2s.findings import tell
from n2s.metrics.result import ReadAlong, TimedWord
from n2s.report.figures import short_names
from n2s.report.listen import RATE_HZ, read_clip
from n2s.systems.story_text.matches import NEAR, NONE, SAME, STEM, WITHIN_S
from n2s.systems.story_text.rows import TRUE, null_of, ordered, row_of
from n2s.systems.story_text.scored import StoryTextScores

MOST_STORIES, MOST_SUBJECTS, MOST_S = 2, 3, 600.0  # ten minutes of sound are 5 MB of the page
_COLOURS = {SAME: "good", STEM: "fair", NEAR: "weak", NONE: "none"}


def reading(result: StoryTextScores) -> list[ReadAlong]:
    """The first stories, each with the decoded words of its first subjects."""
    main = next(iter(ordered([row for row in result.words.row if row != TRUE])), None)
    if main is None:
        return []
    stories = list(dict.fromkeys(result.stories.story))
    names = dict(zip(result.stories.subject, short_names(list(result.stories.subject)), strict=True))
    return [_of_story(result, story, main, names, len(stories)) for story in stories[:MOST_STORIES]]


def _of_story(result: StoryTextScores, story: str, main: str, names: dict[str, str], n_stories: int) -> ReadAlong:
    lines = result.stories[result.stories.story == story]
    first = lines.iloc[0]
    start_s, stop_s = max(float(lines.start_s.min()), 0.0), float(lines.stop_s.max())
    cut = stop_s - start_s > MOST_S
    stop_s = min(stop_s, start_s + MOST_S)
    here = result.words[
        (result.words.story == story) & (result.words.time_s >= start_s) & (result.words.time_s < stop_s)
    ]
    here = here.sort_values("time_s", kind="stable")
    texts = {"said": _timed(here[(here.subject == first.subject) & (here.row == TRUE)])}
    subjects = list(dict.fromkeys(lines.subject))
    for subject in subjects[:MOST_SUBJECTS]:
        own = here[(here.subject == subject) & (here.row == main)]
        texts[names[subject]] = _timed(own[own.draw == own.draw.min()])
    audio = next((path for path in lines.audio if isinstance(path, str) and path), "")
    note = f"'{row_of(main).label}', below what was said. A decoded word that was said within {WITHIN_S:g} s is marked; each word that was said counts once."
    shares = _shares(result.matched, main), _shares(result.matched, null_of(main))
    if shares[1]:
        note += f" Frequent words match by chance: {shares[0]} of all decoded words are the same, {shares[1]} of those of random likelihoods."
    if cut:
        note += f" Of this story the first {MOST_S / 60:g} minutes are shown."
    if n_stories > MOST_STORIES or len(subjects) > MOST_SUBJECTS:
        note += f" Shown: {min(n_stories, MOST_STORIES)} of {n_stories} stories, {min(len(subjects), MOST_SUBJECTS)} of {len(subjects)} subjects; words.csv has all."
    kinds = {"good": "same word", "fair": "same stem", "weak": "close in the embedding", "none": "not said"}
    samples = _sound(audio, start_s, stop_s)
    return ReadAlong(f"Read along: {story}", note, texts, start_s, stop_s, kinds, samples, RATE_HZ)


def _sound(path: str, start_s: float, stop_s: float) -> np.ndarray | None:
    try:
        return read_clip(path, start_s, stop_s - start_s)
    except soundfile.LibsndfileError as error:  # the scores are worth their page
        tell("odd", path, f"cannot be read as a sound ({error}): the text to read along has none.")
        return None


def _timed(words: pd.DataFrame) -> list[TimedWord]:
    return [
        TimedWord(float(one.time_s), str(one.word), _COLOURS.get(one.match, ""))
        for one in words.itertuples(index=False)
    ]


def _shares(matched: pd.DataFrame, row: str) -> str:
    same = matched.same[matched.row == row]
    return f"{100 * same.mean():.0f}%" if len(same) and np.isfinite(same.mean()) else ""
