"""A small contrastive recipe over `sound_study`, as a file."""

from pathlib import Path

import yaml


def written(folder: Path, *, gain: float = 1.0, epochs: int = 8, encoder: dict | None = None) -> Path:
    """The recipe ``sounds.yaml`` in a folder; its sounds lie in ``folder/sounds``."""
    data = {
        "studies": {"sounds": {"class_path": "sound_study.SoundStudy", "init_args": {"root": str(folder / "sounds"), "gain": gain}}},
        "target": {"class_path": "n2s.features.Mel", "init_args": {"n_mels": 8, "sfreq": 8000, "n_fft": 256, "hop": 160}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
        "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"test": ["three"], "val": ["two"]}},
        "window_s": 3.0, "offset_s": 0.0, "baseline_s": 0.0, "batch_size": 16,
        "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 1.0}},
    }  # fmt: skip
    network = {"n_virtual": 8, "n_fourier": 32, "hidden": 16, "depth": 2, "spatial_dropout": 0.0}
    model = {
        "encoder": encoder or {"class_path": "n2s.models.BrainEncoder", "init_args": network},
        "encoding_model": False,
        "linear_decoder": False,
        "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 3e-3}},
    }
    recipe = {
        "data": {"class_path": "n2s.data.MEGDataModule", "init_args": data},
        "model": {"class_path": "n2s.systems.Contrastive", "init_args": model},
        "trainer": {
            "max_epochs": epochs,
            "num_sanity_val_steps": 0,
            "accelerator": "cpu",
            "enable_progress_bar": False,
            "logger": False,
        },
    }
    path = folder / "sounds.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path
