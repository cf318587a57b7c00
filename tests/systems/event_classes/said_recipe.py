"""The recipe of classifiers of events on people who say commands, small enough for a test."""

import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))

NETWORK = {"n_channels": 8, "dim": 16, "depth": 1, "n_heads": 2, "ffn_dim": 32, "kernel_size": 7}


def said_recipe(
    path: Path, *, study: dict | None = None, data: dict | None = None, model: dict | None = None, **trainer: object
) -> Path:
    """Write the recipe as the experiment ``small``; options of the study, of data, of the model and of the trainer can be changed."""
    root = path.parent / "lab"
    content = {
        "seed_everything": 0,
        "experiment": "small",
        "data": {
            "class_path": "n2s.data.EventDataModule",
            "init_args": {
                "studies": {
                    "lab": {"class_path": "said_study.SaidStudy", "init_args": {"root": str(root)} | (study or {})}
                },
                "windows": {
                    "class_path": "n2s.data.AtEvents",
                    "init_args": {
                        "kind": "word",
                        "classes": {"class_path": "n2s.data.Labels", "init_args": {"classes": ["up", "down", "stop"]}},
                    },
                },
                "preprocessing": {
                    "class_path": "n2s.data.Preprocessing",
                    "init_args": {"sfreq": 50.0, "picks": ["eeg"]},
                },
                "split": {"class_path": "n2s.data.SplitByRun", "init_args": {"val": ["4"], "test": ["5"]}},
                "window_s": 0.4,
                "test_averages": [4],
                "batch_size": 32,
                "n_jobs": 1,
            }
            | (data or {}),
        },
        "model": {
            "class_path": "n2s.systems.EventClassifier",
            "init_args": {
                "network": {"class_path": "n2s.models.MEGConformer", "init_args": NETWORK},
                "weights": "inverse_sqrt",
                "n_permutations": 200,
                "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 3e-3}},
            }
            | (model or {}),
        },
        "trainer": {
            "max_epochs": 8,
            "accelerator": "cpu",
            "num_sanity_val_steps": 0,
            "log_every_n_steps": 1,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "callbacks": [
                {
                    "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                    "init_args": {"monitor": "val/f1_macro", "mode": "max"},
                }
            ],
        }
        | trainer,
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
