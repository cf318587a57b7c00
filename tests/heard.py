"""`tiny.TinyStudy`, heard."""

import numpy as np
import soundfile
from tiny import RATE, TinyStudy

TONES_HZ = (250.0, 700.0, 1800.0, 4500.0)


class HeardStudy(TinyStudy):
    """`tiny.TinyStudy`, whose features are the loudness of four tones that are heard."""

    def audio(self, stimulus):
        path = self.root / f"{stimulus}.wav"
        if not path.exists():
            frames = self.features(stimulus).values
            time_s = np.arange(round(self.story_s * 16000)) / 16000
            loud = [np.exp(np.interp(time_s, np.arange(len(frames)) / RATE, column)) for column in frames.T]
            tones = [np.sin(2 * np.pi * hz * time_s) for hz in TONES_HZ]
            soundfile.write(path, 0.01 * np.sum(np.multiply(loud, tones), 0), 16000, subtype="FLOAT")
        return path
