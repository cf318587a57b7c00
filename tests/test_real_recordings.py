"""True recordings of three vendors through the whole path; a true listener through fit and test."""

import lightning.pytorch as pl
import numpy as np
import torch
from builders import bids_from_real_eeg, bids_from_real_meg

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByTime
from n2s.data.recordings import prepare
from n2s.features import Ready
from n2s.losses import ClipLoss
from n2s.models import BrainEncoder
from n2s.studies import BIDSStudy
from n2s.systems import Contrastive


def test_fif_ctf_and_kit_are_prepared_laid_out_and_encoded(real_data, tmp_path):
    study = BIDSStudy(bids_from_real_meg(real_data, tmp_path / "meg"))
    found = {}
    for item in prepare(study, Preprocessing(sfreq=80.0)):
        positions = torch.tensor(item.meta["positions"])
        n_channels = len(positions)
        assert positions.min() == 0 and positions.max() == 1 and len(positions.unique(dim=0)) > n_channels / 4
        brain = torch.from_numpy(np.array(item.brain[:40])).T[None]  # half a second
        brain = brain / brain.std()
        mask = torch.tensor(item.meta["good"])[None]
        encoder = BrainEncoder(1, 12, n_virtual=16, n_fourier=32, hidden=8, depth=2).eval()
        estimate = encoder(brain, positions[None], torch.tensor([0]), mask)
        assert estimate.shape == (1, 12, brain.shape[-1]) and estimate.isfinite().all()
        found[item.recording.subject] = n_channels
    assert found == {"ctf": 151, "kit": 157, "triux": 306, "vectorview": 306}


def test_a_listener_of_122_s_is_fitted_and_tested(real_data, tmp_path):
    torch.manual_seed(0)
    data = MEGDataModule(
        {"sparrkulee": BIDSStudy(bids_from_real_eeg(real_data, tmp_path / "eeg"), datatype="eeg", features="mel")},
        Ready(28),
        preprocessing=Preprocessing(sfreq=32.0, highpass_hz=1.0, lowpass_hz=12.0, picks=["eeg"]),
        split=SplitByTime(n_folds=5), window_s=2.0, train_windows=Grid(0.25), test_windows=Grid(1.0), batch_size=32, n_jobs=1,
    )  # fmt: skip
    encoder = BrainEncoder(1, 28, n_virtual=16, n_fourier=32, hidden=16, depth=3)
    module = Contrastive(encoder, ClipLoss("both", "learned", True))
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = pl.Trainer(max_epochs=3, accelerator="cpu", **quiet)
    trainer.fit(module, datamodule=data)
    assert np.isfinite(float(trainer.callback_metrics["train/loss"]))
    trainer.test(module, datamodule=data, verbose=False)
    window, scores = module.tested
    assert scores.shape == (len(data.windows["test"]), len(data.windows["test"].segments)) and len(window) > 15
    train, test = (data.windows[split].intervals for split in ("train", "test"))
    gap_s = next(iter(data.recordings.values())).meta["support_s"]
    assert gap_s > 3 and (test.onset.min() - (train.onset + train.duration).max()) >= gap_s - 1e-6
