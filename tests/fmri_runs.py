"""Small parts of fMRI recipes, and what their runs leave."""

import json
from pathlib import Path

TOKENS = {"class_path": "n2s.features.UntrainedAudioMAETokens", "init_args": {"duration_s": 1.0, "dim": 16, "depth": 1}}
FBANK = {"class_path": "n2s.features.ClipFbank", "init_args": {"duration_s": 1.0}}
DECODER = {"dim": 16, "depth": 1, "n_heads": 2, "hidden": 16, "max_patches": 64}
AUDIOMAE = {"dim": 16, "depth": 0, "n_heads": 2, "decoder_dim": 16, "decoder_depth": 2, "decoder_heads": 2}


def newest(experiment):
    """The newest run's folder."""
    return sorted(Path("checkpoints", experiment).iterdir())[-1]


def scores(experiment):
    """Of the newest run."""
    return json.loads((newest(experiment) / "metrics.json").read_text())["test"]
