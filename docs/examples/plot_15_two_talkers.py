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
from scipy.stats import binomtest

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
            self.html += (
                f'<p>{name.replace("_", " ")}<br><audio controls src="data:audio/wav;base64,{data}"></audio></p>'
            )

    def _repr_html_(self):
        return self.html


rate = soundfile.info(study.audio(talkers.stimulus.iloc[0])).samplerate
voices = {row.attended: soundfile.read(study.audio(row.stimulus))[0][: 8 * rate] for row in talkers.itertuples()}
Sounds(both=(voices["yes"] + voices["no"], rate), attended=(voices["yes"], rate))

# %%
# A ridge from the sensors at lags of 0 to 0.3 s to the envelope of the attended voice, by story: each pair of stories is held out once.

data = EncodingDataModule(
    {"simulated": study},
    {"envelope": Envelope(rate_hz=25)},
    response=Lags(tmin=0.0, tmax=0.3),
    preprocessing=Preprocessing(sfreq=25.0, highpass_hz=1.0, picks=["mag"]),
    n_folds=4,
    n_jobs=1,
)
data.prepare_data()
data.setup("fit")
(who,) = data.subjects


def lagged(brain):
    """(t, c) -> (t, 8 c): the sensors at this moment and the 7 after it."""
    padded = np.pad(brain, ((0, 7), (0, 0)))
    return np.concatenate([padded[lag : lag + len(brain)] for lag in range(8)], axis=1)


found = []
for fold in data.folds(who):
    brain, brain_test = data.responses(who, fold)
    attended, attended_test = data.heard(who, fold, "envelope")
    _, other_test = data.heard(who, fold, "envelope", stream="unattended")
    ridge = EncodingRidge(alphas=[1e3, 1e4, 1e5, 1e6], n_folds=3).fit(lagged(brain), attended, fold.groups)
    found.append((np.asarray(ridge.predict(lagged(brain_test)))[:, 0], attended_test[:, 0], other_test[:, 0]))
decoded, attended, other = (np.concatenate(parts) for parts in zip(*found, strict=True))

# %%
# In windows of some seconds, the voice whose envelope correlates better with the decoded one is taken for the attended. Longer windows tell more, but there are fewer
# of them, so that their intervals are wider. (Windows in which a voice is silent, because its story is over, are left out.)


def correlations(length_s):
    """(n, 2) of windows: the decoded envelope with the attended one, and with the other."""
    n = 25 * length_s
    cuts = [slice(at, at + n) for at in range(0, len(decoded) - n + 1, n)]
    both = [cut for cut in cuts if attended[cut].std() > 0 and other[cut].std() > 0]
    return np.array([[np.corrcoef(decoded[cut], one[cut])[0, 1] for one in (attended, other)] for cut in both])


fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
r = correlations(5)
axes[0].plot(r[:, 1], r[:, 0], "o")
ends = [r.min() - 0.05, r.max() + 0.05]
axes[0].plot(ends, ends, color="0.5", ls=":", label="no difference")
axes[0].set(xlabel="r with the other voice", ylabel="r with the attended voice", title=f"{len(r)} windows of 5 s")
axes[0].legend(loc="lower left")

lengths_s, found = [1, 2, 5, 10], []
for length_s in lengths_s:
    r = correlations(length_s)
    right = int((r[:, 0] > r[:, 1]).sum())
    interval = binomtest(right, len(r)).proportion_ci(method="wilson")
    found.append((100 * right / len(r), 100 * interval.low, 100 * interval.high))
told, low, high = np.array(found).T
axes[1].errorbar(lengths_s, told, yerr=[told - low, high - told], fmt="o-", capsize=3, label="95% interval")
axes[1].axhline(50, color="0.5", ls=":", label="chance")
axes[1].set(
    xlabel="length of a window (s)", ylabel="attended voice told (%)", ylim=(40, 102), title="All held-out stories"
)
axes[1].legend(loc="lower right")

# %%
# ``n2s fit --config linear --config data_linear/simulated_talkers`` does this with intervals, a null, and the best possible decision beside it.
