"""Decoded stories that are drawn, not decoded: a decoder that knows a share of the words, and texts that know none."""

import numpy as np
import pandas as pd

from n2s.features.text_encoders import PPMIVectors


class Plain:
    """A language in which words come in pairs that share a stem: those of neighbouring numbers."""

    def stem(self, word: str) -> str:
        topic, x, number = word.rpartition("x")
        return f"{topic}x{int(number) // 2}" if topic else word


RULES = {"en": Plain()}


def story_words(n: int, seed: int) -> list[str]:
    """Words of topics that change every 40 words or so, and frequent ones."""
    rng = np.random.default_rng(seed)
    words = []
    while len(words) < n:
        topic = rng.integers(10)
        words += [
            f"w{rng.integers(20)}" if rng.random() < 0.4 else f"t{topic}x{rng.integers(30)}"
            for _ in range(rng.integers(20, 60))
        ]
    return words[:n]


def told(words, times_s, **columns) -> pd.DataFrame:
    return pd.DataFrame(columns | {"time_s": times_s, "word": words})


def decoded(
    *,
    subjects=("s/a", "s/b"),
    lengths_s=(90.0, 50.0),
    known=0.3,
    n_nulls=30,
    rows=("permuted", "no_brain"),
    rate=2.0,
    seed=0,
):
    """The tables of words and stories, and an encoder that has learned.

    Decoded words are a share ``known`` of the true ones at their places, the others from another story; controls and null texts are other stories.
    """
    rng = np.random.default_rng(seed)
    words, stories = [], []
    for place, length in enumerate(lengths_s):
        n = int(length * rate)
        said, times = story_words(n, 1000 + place), np.sort(rng.uniform(0, length, n))
        for subject in subjects:
            here = {"subject": subject, "story": f"story {place}"}
            stories.append(here | {"language": "en", "start_s": 0.0, "stop_s": length, "audio": ""})
            words.append(told(said, times, row="true", draw=0, **here))
            new = np.where(rng.random(n) < known, said, story_words(n, int(rng.integers(2**30))))
            words.append(told(new, times, row="model", draw=0, **here))
            nulls = ("null", "null_beside") if "across" in rows else ("null",)
            others = [(row, 0) for row in rows] + [(null, draw) for null in nulls for draw in range(n_nulls)]
            for row, draw in others:
                words.append(told(story_words(n, int(rng.integers(2**30))), times, row=row, draw=draw, **here))
            if known < 1:
                best = np.where(rng.random(n) < 0.8, said, "w0")
                words.append(told(best, times, row="noiseless", draw=0, **here))
    encoder = PPMIVectors(20)
    encoder.learn([story_words(1000, 2000 + place) for place in range(5)])
    return pd.concat(words, ignore_index=True), pd.DataFrame(stories), encoder
