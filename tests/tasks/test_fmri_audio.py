"""The audio stage after the acoustic one, by the command: what learns, what is sampled, what is kept."""

import pytest
from fmri_runs import FBANK, TOKENS, newest

from n2s.runs.predictions import read_manifest

SMALL = {"channels": [8, 8, 8, 8], "autoencoder_steps": 5}
SAMPLER = {"class_path": "n2s.models.diffusion.DPMSolver", "init_args": {"n_steps": 2, "guidance": 2.0, "clip": 4.0}}
DATA = {"target": TOKENS, "spectrogram": FBANK, "batch_size": 8, "subjects": ["01"]}
METHODS = ["coarse_to_fine", "mel", "retrieval", "shuffled", "ceiling", "stimulus"]


@pytest.fixture
def audio(n2s):
    """The last stage, as small as can be."""

    def run(verb, *words, data=None, model=None, sounds=None, **parts):
        options = {
            "acoustic_run": "FMRIAcoustic",
            "generator": {"class_path": "n2s.models.sound_generator.SmallAudioLDM2", "init_args": SMALL},
            "unet_lr": 2e-3,
            "p_truth": 0.5,
            "sounds": {"sampler": SAMPLER, "page_clips": 3} | (sounds or {}),
        } | (model or {})
        return n2s(verb, "FMRIAudio", *words, data=DATA | (data or {}), model=options, **parts)

    return run


@pytest.fixture
def trained(semantic, acoustic, audio):
    """The chain of three fits."""
    assert semantic("fit")[0] == 0
    assert acoustic("fit")[0] == 0
    status, _, err = audio("fit")
    assert status == 0, err
    return audio


def test_chain(trained):
    status, out, err = trained("predict")
    assert status == 0, err
    print(out)
    folder = newest("FMRIAudio")
    table = read_manifest(folder)
    assert sorted(set(table.method)) == sorted(METHODS)
