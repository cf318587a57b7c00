"""
The map that spatial attention learns
=====================================

The first layer of the contrastive decoder makes virtual channels: each is a weighted mean of the sensors, and the weights are a map over the head,
so that any helmet can be read. After training the map shows where the network looks.
"""

# %%
# A small contrastive decoder in a plain Lightning ``Trainer``: the recipe ``meg_contrastive`` says the same in YAML.

from functools import partial

import matplotlib.pyplot as plt
import mne
import numpy as np
import torch
from lightning.pytorch import Trainer, seed_everything

import n2s
from n2s.data import Grid, MEGDataModule, Preprocessing
from n2s.features import Mel
from n2s.losses import ClipLoss
from n2s.models import BrainEncoder, DeepMel
from n2s.studies import SimulatedMEG
from n2s.systems import Contrastive

seed_everything(0, verbose=False)
stories = ["lighthouse.en", "beekeeper.en", "train", "orchestra.en"]
study = SimulatedMEG(n_subjects=1, stories=stories, max_story_s=60.0, noise_level=0.3)
data = MEGDataModule(
    {"simulated": study},
    Mel(n_mels=20, hop=320),
    preprocessing=Preprocessing(sfreq=50.0, highpass_hz=1.0, picks=["mag"]),
    train_windows=Grid(1.0),
    test_windows=Grid(3.0),
    window_s=3.0,
    offset_s=0.15,
    batch_size=56,
    n_jobs=1,
)
encoder = BrainEncoder(n_subjects=1, n_outputs=16, n_virtual=16, n_fourier=288, hidden=32, depth=2)
system = Contrastive(
    encoder,
    ClipLoss(normalize="target", temperature=None, symmetric=False),
    target_encoder=DeepMel(n_inputs=20, n_outputs=16, hidden=32, depth=1),
    optimizer=partial(torch.optim.AdamW, lr=2e-3, weight_decay=0.01),
)
quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
trainer = Trainer(max_epochs=12, accelerator="cpu", num_sanity_val_steps=0, **quiet)
trainer.fit(system, data)

# %%
# The weight of every sensor, in the mean over virtual channels, before and after training; and how closely each sensor follows the loudness of what was
# heard, which the network was never told.

train = n2s.windows(data, "train")
names = train.ch_names
positions = train.read([0]).positions
fresh = BrainEncoder(n_subjects=1, n_outputs=16, n_virtual=16, n_fourier=288, hidden=32, depth=2)


def looks_at(network):
    """The mean weight of each sensor, relative to equal weights."""
    with torch.no_grad():
        return network.attention.weights(positions)[0].mean(0).numpy() * len(names)


loud = train.y.mean(1)[:, 7:-4]
loud = (loud - loud.mean()) / loud.std()
shifts = [train.X[:, :, 7 + shift : train.X.shape[2] - 4 + shift] for shift in range(-7, 5)]  # 10 to 230 ms
follows = np.max([np.abs(np.einsum("nct,nt->c", X, loud)) / loud.size / X.std((0, 2)) for X in shifts], axis=0)

raw = study.load(study.recordings()[0])
info = mne.pick_info(raw.info, mne.pick_channels(raw.ch_names, names, ordered=True))
before, after = looks_at(fresh), looks_at(encoder)
maps = {
    "weights before training": (before, 0, after.max()),
    "weights after training": (after, 0, after.max()),
    "follows loudness (|r|)": (follows, 0, follows.max()),
}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for ax, (title, (values, low, high)) in zip(axes, maps.items(), strict=True):
    image, _ = mne.viz.plot_topomap(
        values, info, axes=ax, show=False, vlim=(low, high), cmap="viridis", contours=0, image_interp="linear"
    )
    ax.set_title(title)
    fig.colorbar(image, ax=ax, shrink=0.6)

# %%
# Equal weights would be 1 everywhere. Which sensors a map finds differs from fit to fit, since many sensors hold the same sources:

r = [np.corrcoef(one, follows)[0, 1] for one in (before, after)]
print(f"correlation of the weights with how closely sensors follow: {r[0]:.2f} before training, {r[1]:.2f} after")

# %%
# A trained run's map is on the page of every ``n2s test``. And the score of this network, beside its controls:

n2s.evaluate(system, data, name="contrastive")
