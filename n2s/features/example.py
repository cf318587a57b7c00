"""A stimulus to try features on: two seconds of a made sound, with words and phones."""

import numpy as np
import pandas as pd
import soundfile

from n2s.paths import cache_dir, written_whole
from n2s.studies.study import Stimulus

SFREQ = 16000
DURATION_S = 2.0
#: Word -> when it begins and ends (s), and its phones.
WORDS = {
    "see": (0.10, 0.45, "S IY"),
    "you": (0.45, 0.80, "Y UW"),
    "in": (0.80, 1.05, "IH N"),
    "Bilbao": (1.05, 1.80, "B IH L B AW"),
}


def example_stimulus() -> Stimulus:
    """A stimulus for examples and first tries: a hum of two seconds that swells at four "words", and a table of these and of their phones.

    It is no speech: what features give has the right shape, and no meaning. The file is written to the cache (``N2S_CACHE``) once.

    Examples
    --------
    >>> from n2s.features import example_stimulus
    >>> stimulus = example_stimulus()
    >>> stimulus.words[["text", "onset", "duration"]].round(2)
         text  onset  duration
    0     see   0.10      0.35
    1     you   0.45      0.35
    2      in   0.80      0.25
    3  Bilbao   1.05      0.75
    """
    path = cache_dir() / "examples" / "see_you.wav"
    if not path.is_file():
        with written_whole(path) as temporary:
            soundfile.write(temporary, _hum(), SFREQ, format="WAV")
    words = [(text, start, stop - start, "s1") for text, (start, stop, _) in WORDS.items()]
    phones = [
        (phone, start + i * (stop - start) / len(said.split()), (stop - start) / len(said.split()), "s1")
        for start, stop, said in WORDS.values()
        for i, phone in enumerate(said.split())
    ]
    columns = ["text", "onset", "duration", "sequence"]
    return Stimulus("see_you", path, pd.DataFrame(words, columns=columns), phones=pd.DataFrame(phones, columns=columns))


def _hum() -> np.ndarray:
    """(n,) Harmonics of 120 Hz, louder inside words, over faint noise."""
    t = np.arange(round(DURATION_S * SFREQ)) / SFREQ
    hum = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 20))
    loud = sum(
        np.where((t >= start) & (t < stop), np.sin(np.pi * (t - start) / (stop - start)) ** 2, 0)
        for start, stop, _ in WORDS.values()
    )
    return (0.1 * hum * loud + 0.001 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)
