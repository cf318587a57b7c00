"""
A network of braindecode, scored with controls
==============================================

Any ``torch.nn.Module`` that takes windows ``(b, c, t)`` and gives logits ``(b, k)`` can be scored. Here EEGNet of braindecode learns which
of three commands a simulated person heard, in a plain loop of PyTorch; :func:`n2s.evaluate` adds the controls.
"""

# %%
# Commands that one simulated person hears, in five runs. The last run is held out. A window is cut at each word.

import matplotlib.pyplot as plt
import numpy as np
import torch
from braindecode.models import EEGNet
from torch.utils.data import DataLoader

import n2s
from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.studies import SimulatedProduction

commands = ["up", "left", "stop"]
study = SimulatedProduction(
    n_subjects=1,
    n_runs=5,
    n_trials=24,
    texts=commands,
    conditions=["listen"],
    case="clean",
    gestures=False,
    n_sensors=60,
    sfreq=250.0,
    noise_level=0.2,
)
data = EventDataModule(
    {"simulated": study},
    AtEvents(Labels(commands), kind="word"),
    preprocessing=Preprocessing(sfreq=50.0, highpass_hz=1.0, lowpass_hz=20.0, picks=["meg"]),
    split=SplitByRun(test=["5"], val=["4"]),
    window_s=0.8,
    n_jobs=1,
)
train = n2s.windows(data, "train")
print(train)

# %%
# A :class:`~n2s.api.window_set.WindowSet` is a ``torch`` data set: it goes into a ``DataLoader`` as it is.

torch.manual_seed(0)
_, n_sensors, n_times = train.X.shape
network = EEGNet(n_chans=n_sensors, n_times=n_times, n_outputs=len(commands), sfreq=50.0)
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
losses = []
for _epoch in range(30):
    for brain, label in DataLoader(train, batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(_epoch)):
        loss = torch.nn.functional.cross_entropy(network(brain), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(loss.item())

fig, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
ax.plot(losses)
ax.set(xlabel="epoch", ylabel="training loss", title="EEGNet")

# %%
# Permuted labels, the class balance, how long a word lasts, what came before, and the sound itself stand beside the network.

found = n2s.evaluate(network.eval(), data, name="EEGNet")
found

# %%
# The classes are equally frequent, so that chance is what permuted labels give. Whoever hears the sound knows the word, of course; but how long a word lasts
# tells much of it, too, since these words differ in length. So a high accuracy alone is no evidence that a network reads words. The same numbers as a table of
# pandas, for your own figures:

accuracy = found.table.query("score == 'balanced_accuracy'").drop_duplicates("row")
percent = 100 * accuracy[["mean", "low", "high"]].to_numpy().T
# sphinx_gallery_thumbnail_number = 2
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.barh(
    accuracy.row,
    percent[0],
    xerr=np.nan_to_num(np.abs(percent[1:] - percent[0])),
    color=["C0" if row == "EEGNet" else "0.75" for row in accuracy.row],
    error_kw={"lw": 1, "capsize": 3},
)
ax.axvline(100 / len(commands), color="C3", ls=":", label="chance")
ax.set(xlabel="balanced accuracy (%)", xlim=(0, 101))
ax.invert_yaxis()
ax.legend()
