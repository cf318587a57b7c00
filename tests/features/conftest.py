"""Small sounds as stimuli, and a small saved wav2vec 2.0."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from n2s.studies.study import Stimulus

WORDS = [("the", 0.1), ("old", 0.4), ("man", 0.7), ("and", 1.3), ("the", 1.5), ("sea", 1.6), ("slept", 2.9)]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def stimulus_of(tmp_path):
    """Write samples (n,) or (n, channels) as a float wav and give them as a stimulus."""

    def make(samples: np.ndarray, sfreq: int = 16000, name: str = "sound") -> Stimulus:
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, sfreq, subtype="FLOAT")
        return Stimulus(name, path)

    return make


@pytest.fixture
def spoken() -> Stimulus:
    """Words without audio."""
    rows = [{"text": text, "onset": onset, "duration": 0.2, "sequence": "s"} for text, onset in WORDS]
    return Stimulus("story", None, pd.DataFrame(rows))


@pytest.fixture(scope="session")
def wav2vec2_folder(tmp_path_factory):
    """A pretraining checkpoint, as the published ones are, of 4 layers of 32 and random weights."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

    config = Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        initializer_range=0.2,  # so that attention is not uniform
    )
    folder = tmp_path_factory.mktemp("wav2vec2")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        Wav2Vec2ForPreTraining(config).save_pretrained(folder)
    return folder
