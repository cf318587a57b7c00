"""
What speech is compared by: features, with sound
================================================

A decoder compares the brain with a feature of the sound. Here are some of them for one sentence: the spectrogram, the envelope, modulations, phones
and words. Each is one line in a recipe.
"""

# %%
# A sentence of the built-in stories, spoken by eSpeak NG.

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import soundfile

from n2s.features import Envelope, Mel, Modulations, Phones
from n2s.studies import SimulatedMEG, Stimulus

study = SimulatedMEG(n_subjects=1, stories=["lighthouse.en", "orchestra.en"], max_story_s=60.0, noise_level=0.9)
recording = study.recordings()[0]
events = study.events(recording)
story = events[events.kind == "story"].iloc[0]


def rows(kind):
    """Words or phones on the clock of the sound."""
    found = events[events.kind == kind]
    return found.assign(onset=found.stimulus_onset)[["text", "onset", "duration", "sequence"]].reset_index(drop=True)


stimulus = Stimulus(story.stimulus, study.audio(story.stimulus), words=rows("word"), phones=rows("phone"))
sentence = stimulus.words[stimulus.words.sequence == stimulus.words.sequence.iloc[0]]
start_s, stop_s = sentence.onset.min(), (sentence.onset + sentence.duration).max()
print(" ".join(sentence.text))


class Sound:
    """A player on this page."""

    def __init__(self, samples, rate):
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
        self.data = base64.b64encode(file.getvalue()).decode()

    def _repr_html_(self):
        return f'<audio controls src="data:audio/wav;base64,{self.data}"></audio>'


samples, rate = soundfile.read(stimulus.audio)
samples = samples[round(start_s * rate) : round(stop_s * rate)]
Sound(samples, rate)

# %%
# The same five seconds, by four features.

features = {
    "mel spectrogram": Mel(n_mels=40, n_fft=512, hop=320),
    "modulations": Modulations(),
    "phones": Phones(inventory="ipa"),
    "envelope": Envelope(rate_hz=100),
}
fig, axes = plt.subplots(5, 1, figsize=(8, 8), sharex=True, layout="constrained", height_ratios=[1, 2, 2, 2, 1])
axes[0].plot(start_s + np.arange(len(samples)) / rate, samples, lw=0.4)
axes[0].set(ylabel="sound", yticks=[])
for word in sentence.itertuples():
    axes[0].text(word.onset, axes[0].get_ylim()[1], word.text, fontsize=7, rotation=30)
for ax, (name, feature) in zip(axes[1:], features.items(), strict=True):
    frames = feature.extract(stimulus)
    if hasattr(frames, "times_s"):  # values at phones, and none between them
        inside = (frames.times_s >= start_s) & (frames.times_s < stop_s)
        at, which = np.nonzero(frames.values[inside])
        ax.scatter(frames.times_s[inside][at], which, s=8)
        ax.set(ylabel=f"{name}\n({frames.values.shape[1]} kinds)")
        continue
    first, last = (round((at - frames.start_s) * frames.rate_hz) for at in (start_s, stop_s))
    values = frames.values[max(first, 0) : last]
    if values.shape[1] == 1:
        ax.plot(np.linspace(start_s, stop_s, len(values)), values[:, 0])
    else:
        z = (values - values.mean(0)) / (values.std(0) + 1e-6)
        ax.imshow(
            z.T, aspect="auto", origin="lower", extent=(start_s, stop_s, 0, z.shape[1]), vmin=-2, vmax=2, cmap="magma"
        )
    ax.set(ylabel=f"{name}\n({values.shape[1]} x {frames.rate_hz:g} Hz)")
axes[-1].set(xlabel="time in the story (s)", xlim=(start_s, stop_s))

# %%
# What does the envelope alone keep? Noise with the envelope of the sentence: the rhythm is there, and no word.

envelope = features["envelope"].extract(stimulus)
at_s = start_s + np.arange(len(samples)) / rate
course = np.interp(at_s, envelope.start_s + np.arange(len(envelope.values)) / envelope.rate_hz, envelope.values[:, 0])
noise = np.random.default_rng(0).standard_normal(len(samples)) * course ** (1 / 0.6)
Sound(0.5 * noise / np.abs(noise).max(), rate)
