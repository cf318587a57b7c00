"""
Train in a Lightning Trainer of your own
========================================

Datamodules and systems of n2s are those of Lightning: they go into any ``Trainer``, with any callback. Here a small contrastive decoder learns from
simulated MEG, a callback of five lines watches it, and :func:`n2s.evaluate` scores it with all controls.
"""

# %%
# The data, the network, its loss and its optimizer; the recipe ``meg_contrastive`` says the same in YAML.

from functools import partial

import matplotlib.pyplot as plt
import torch
from lightning.pytorch import Callback, Trainer, seed_everything

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
system = Contrastive(
    BrainEncoder(n_subjects=1, n_outputs=16, n_virtual=16, n_fourier=288, hidden=32, depth=2),
    ClipLoss(normalize="target", temperature=None, symmetric=False),
    target_encoder=DeepMel(n_inputs=20, n_outputs=16, hidden=32, depth=1),
    optimizer=partial(torch.optim.AdamW, lr=2e-3, weight_decay=0.01),
)

# %%
# A callback that keeps what was logged after each epoch, and a ``Trainer`` without the parts that write files.


class Kept(Callback):
    """What was logged, one row an epoch."""

    rows = []

    def on_train_epoch_end(self, trainer, system):
        self.rows.append({name: float(value) for name, value in trainer.callback_metrics.items()})


quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
trainer = Trainer(max_epochs=12, accelerator="cpu", num_sanity_val_steps=0, callbacks=[Kept()], **quiet)
trainer.fit(system, data)
print(*sorted(Kept.rows[-1]), sep=", ")

# %%
# The loss alone says little. Validation also ranks all segments of a story that nobody heard in training, so that chance is known.

epochs = range(1, len(Kept.rows) + 1)
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3), layout="constrained")
for name in ("train/loss", "val/loss"):
    axes[0].plot(epochs, [row[name] for row in Kept.rows], label=name)
axes[0].set(xlabel="epoch", ylabel="loss")
axes[0].legend()
for k, colour in ((1, "C2"), (5, "C4")):
    axes[1].plot(epochs, [100 * row[f"val/top{k}"] for row in Kept.rows], color=colour, label=f"among the first {k}")
    axes[1].axhline(100 * Kept.rows[-1][f"val/chance_top{k}"], color=colour, ls=":", label=f"chance, {k}")
axes[1].set(xlabel="epoch", ylabel="validation segments found (%)", ylim=(0, 102))
axes[1].legend()

# %%
# The test story, with all controls. A finished system goes into :func:`n2s.evaluate` as it is.

n2s.evaluate(system, data, name="contrastive")
