"""
High-gamma activity of words
============================

The activity of a small patch of cortex shows in frequencies of 70 to 170 Hz. n2s extracts it from iEEG as Verwoert et al. 2022 publish it. Here a
simulated person with depth electrodes says single words, and you hear some of them.
"""

# %%
# A few words, each said twice.

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import soundfile

from n2s.data import high_gamma
from n2s.studies import SimulatedSEEG

study = SimulatedSEEG(n_subjects=1, n_words=12, n_repeats=2, n_contacts=16, sfreq=512.0)
(recording,) = study.recordings()
raw, events = study.load(recording), study.events(recording)
words = events[events.kind == "word"]
words[["onset", "duration", "text"]].head(3)


# %%
# What was said, as the microphone has it:


class Sound:
    """A player on this page."""

    def __init__(self, samples, rate):
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
        self.data = base64.b64encode(file.getvalue()).decode()

    def _repr_html_(self):
        return f'<audio controls src="data:audio/wav;base64,{self.data}"></audio>'


sound, rate = soundfile.read(study.audio(study.stimulus(recording)))
begin = float(words.stimulus_onset.iloc[0]) - 0.3
part = sound[round(max(begin, 0) * rate) : round((begin + 6.0) * rate)]
Sound(0.9 * part / np.abs(part).max(), rate)

# %%
# The activity around the words, in the mean over words, and in grey 95% of what the same mean over random moments gives. Simulated contacts follow the envelope,
# phones, or words, each to a known degree, and some follow nothing.

hop_s, window_s = 0.01, 0.05
activity = high_gamma(raw.get_data(picks="seeg").T, raw.info["sfreq"], window_s=window_s, hop_s=hop_s)
before, after = 0.5, 1.0
lags_s = np.arange(-before, after, hop_s)


def change(starts):
    """Mean around some moments, in % of what is before them: (lags, contacts)."""
    mean = np.mean([activity[start : start + len(lags_s)] for start in starts], axis=0)
    return 100 * (mean / mean[lags_s < -0.2].mean(0) - 1)


starts = np.round((words.onset.to_numpy() - before - window_s / 2) / hop_s).astype(int)
last = len(activity) - len(lags_s)
starts = starts[(starts >= 0) & (starts <= last)]
found = change(starts)
rng = np.random.default_rng(0)
by_chance = np.stack([change(rng.integers(0, last, len(starts))) for _ in range(200)])

order = np.argsort(found[(lags_s > 0) & (lags_s < 0.5)].mean(0))[::-1]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
limit = np.percentile(np.abs(found), 99)
image = axes[0].imshow(
    found[:, order].T, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, extent=(-before, after, len(order), 0)
)
axes[0].set(xlabel="time after the word begins (s)", ylabel="contact", title=f"High-gamma, mean of {len(starts)} words")
fig.colorbar(image, ax=axes[0], label="change (%)")
low, high = np.percentile(by_chance[:, :, order[:3]], [2.5, 97.5], axis=(0, 2))
axes[1].fill_between(lags_s, low, high, color="0.85")
axes[1].plot(lags_s, found[:, order[:3]])
axes[1].axvline(0, color="0.3", lw=0.8)
axes[1].set(xlabel="time after the word begins (s)", ylabel="change (%)", title="Three strongest; grey: by chance")

# %%
# How much of each contact a model of everything that it follows could explain is known, because the study is simulated.

expected = study.expected_r(recording.subject)
print("best possible correlation of contacts:", np.round(np.sort(expected)[::-1][:8], 2))
