"""Clips of several lengths: a generated sound is as long as its true one, and must not be found by that."""

import numpy as np
import pytest
import soundfile
import torch

from n2s.evaluation.folders import evaluate_sounds
from n2s.models.cnn14 import PUBLISHED, Cnn14

N, RATE = 12, 16000


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / PUBLISHED
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save({"model": Cnn14(width=2).state_dict()}, path)
    return path


def noises(folder, lengths_s, seed):
    """Noise that has nothing to do with that of another seed."""
    folder.mkdir()
    for i, length_s in enumerate(lengths_s):
        wave = 0.1 * np.random.default_rng([seed, i]).standard_normal(round(length_s * RATE))
        soundfile.write(folder / f"{i:02d}.wav", wave, RATE)
    return folder


def evaluated(tmp_path, lengths_s, network):
    folders = [noises(tmp_path / name, lengths_s, seed) for seed, name in enumerate(("reference", "generated"))]
    return evaluate_sounds(*folders, cnn14=network, n_ways=[2], stimulus="each")


def test_noise_is_not_identified_by_its_length(tmp_path, network):
    result = evaluated(tmp_path, np.linspace(0.4, 2.4, N), network)
    assert "identification_cnn14@2" not in result.found  # a network with random weights was always right
    assert result.found["kl"]["ahead"] is None and result.found["kl"]["shuffled"] is None
    assert result.found["kl"]["generated"]["mean"] is not None and result.found["fd"]["generated"]["mean"] > 0
    assert result.found["identification_mel@2"]["ahead"]["p"] > 0.05
    assert "differ in length" in result.scores().measures["kl"].uncontrolled
    (note,) = [note for note in result.notes if "by its length alone" in note]
    assert note.startswith("clips are of 0.40 to 2.40 s: identification by mel compares the first 0.40 s of each")
    assert result.facts()["claims"].keys() == {"identification_mel@2", "mel_pcc"} and result.shown()


def test_clips_of_nearly_one_length_are_cut_to_it(tmp_path, network):
    result = evaluated(tmp_path, np.linspace(0.97, 1.0, N), network)
    assert "clips are of 0.970 to 1.000 s; all were cut to the shortest." in result.notes
    assert result.found["identification_cnn14@2"]["ahead"]["p"] > 0.05 and result.found["kl"]["ahead"] is not None
    assert not any("by its length alone" in note for note in result.notes)
