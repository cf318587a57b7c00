"""
Two talkers: which voice was attended?
======================================

Two stories play at once, and somebody listens to one of them. The brain follows the attended voice more closely, so a decoder of the envelope tells which
one it was.
"""

# %%
# One simulated listener. Hear what the ears get, and then the attended voice alone.

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import soundfile

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.features import Envelope
from n2s.models import EncodingRidge
from n2s.studies import SimulatedTalkers

study = SimulatedTalkers(n_subjects=1, max_story_s=40.0, unattended_gain=0.4, noise_level=0.5)
recording = study.recordings()[0]
talkers = study.events(recording).query("kind == 'story'")
print(talkers[["stimulus", "onset", "duration", "attended"]].to_string(index=False))


class Sounds:
    """Players on this page."""

    def __init__(self, **sounds):
        self.html = ""
        for name, (samples, rate) in sounds.items():
            file = io.BytesIO()
            soundfile.write(file, samples / np.abs(samples).max(), rate, format="WAV", subtype="PCM_16")
            data = base64.b64encode(file.getvalue()).decode()
            self.html += f'<p>{name.replace("_", " ")}<br><audio controls src="data:audio/wav;base64,{data}"></audio></p>'

    def _repr_html_(self):
        return self.html


voices = {row.attended: soundfile.read(study.audio(row.stimulus))[0] for row in talkers.itertuples()}
rate = soundfile.info(study.audio(talkers.stimulus.iloc[0])).samplerate
shortest = min(min(map(len, voices.values())), 6 * rate)
parts = {name: voice[:shortest] for name, voice in voices.items()}
print(list(parts))
Sounds(both=(sum(parts.values()), rate), attended=(parts[max(parts)], rate))
