"""Sounds made from a run of BOLD that is in no study, beside the sound without a brain and what may have been heard."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from fmri_runs import FBANK, TOKENS
from tiny_fmri import TinyFMRI
from torch import Tensor

import n2s as package
from n2s.errors import UserError
from n2s.studies.fmri import Bold
from n2s.systems import BrainAudio

pytestmark = pytest.mark.slow

SAMPLER = {"class_path": "n2s.models.diffusion.DPMSolver", "init_args": {"n_steps": 2, "guidance": 2.0}}
GENERATOR = {
    "class_path": "n2s.models.sound_generator.SmallAudioLDM2",
    "init_args": {"channels": [8, 8, 8, 8], "autoencoder_steps": 3},
}
DATA = {"target": TOKENS, "spectrogram": FBANK, "batch_size": 16, "subjects": ["01"]}
STUDY = {"gain": 3.0, "n_clips": 40}


@pytest.fixture
def run(n2s, semantic, acoustic, sounds):
    """A finished run of sounds: fitted once."""
    kept = sounds / "made"
    if not kept.exists():
        assert semantic("fit", study=STUDY)[0] == 0
        status, _, err = acoustic("fit", study=STUDY, data={"subjects": ["01"]}, trainer={"max_epochs": 2})
        assert status == 0, err
        model = {
            "acoustic_run": "Acoustic",
            "generator": GENERATOR,
            "unet_lr": 2e-3,
            "match_variance": True,
            "sounds": {"sampler": SAMPLER},
        }
        fitted = {"num_sanity_val_steps": 0, "limit_train_batches": 3}
        status, _, err = n2s("fit", "BrainAudio", study=STUDY, data=DATA, model=model, trainer=fitted)
        assert status == 0, err
        shutil.copytree("checkpoints", kept)
    return package.load(kept / "BrainAudio")


def test_a_new_run_is_made_heard(run, sounds, tmp_path, run_n2s):
    study = TinyFMRI(sounds, **STUDY)
    bold = study.load(
        [one for one in study.recordings() if (one.subject, one.task, one.session) == ("01", "s5", "1")][0]
    )
    heard, other = study.audio("s5"), study.audio("s1")
    found = run.decode(bold, [heard, other], subject="01", candidate_step_s=1.0, step_s=4.0)
    assert found.made.shape == (11, 16000) and found.no_brain.shape == (16000,) and np.isfinite(found.made).all()
    assert found.ranking.sounds.sound[0] == heard.name and found.ranking.sounds.p[0] < 0.05
    assert abs(found.ranking.sounds.start_s[0]) < 1e-6
    chosen = found.ranking.table[found.ranking.table["rank"] == 1].set_index("time_s")
    assert (found.table.set_index("time_s").sound == chosen.sound.loc[found.table.time_s]).all()
    row = found.likeness.set_index("sound").loc[heard.name]
    assert row.n_clips == 10 and np.isfinite([row.made, row.other_moments, row.no_brain]).all()

    # the same brain gives the same sound, whatever else is made; and the sound follows the brain alone
    again = run.decode(bold, subject="01", step_s=8.0)
    assert np.abs(again.made - found.made[::2]).max() < 1e-3 and again.ranking is None
    assert "Nobody says that they are right" in again.headline()[1]
    period = np.tile(bold.data[: round(20 / bold.tr_s)], (3, 1))[: len(bold.data)]
    still = run.decode(Bold(period, bold.tr_s), subject="01", step_s=20.0)
    assert np.abs(still.made - still.made[:1]).max() < 1e-3
    assert found.made.std(0).max() > 10 * still.made.std(0).max()

    page = found.save(tmp_path / "out")
    told = page.read_text()
    files = sorted((tmp_path / "out" / "sounds").glob("*.wav"))
    assert len(files) == 13 and told.count("<audio") >= 8 and "no brain" in told and heard.name in told
    assert soundfile.info(tmp_path / "out" / "sounds" / "joined.wav").frames == 41 * 16000
    table = pd.read_csv(tmp_path / "out" / "made.csv")
    assert all((tmp_path / "out" / name).is_file() for name in table.file)

    export = run.export(tmp_path / "shared")
    text = (export / "config.json").read_text()
    assert str(tmp_path) not in text and "checkpoints/" not in json.dumps(json.loads(text)["entries"])
    shared = package.load(export).decode(bold, subject="01", step_s=8.0)
    assert np.abs(shared.made - again.made).max() < 1e-5

    for wrong, message in (
        (lambda: run.decode(bold), "voxels are each person's own"),
        (lambda: run.decode(Bold(bold.data[:2], bold.tr_s), subject="01"), "Give a longer run"),
    ):
        with pytest.raises(UserError, match=message):
            wrong()


def test_a_run_that_did_not_keep_how_long_its_sounds_are_is_refused(run, monkeypatch):
    kept = package.load(run.folder)
    kept._bundle.checkpoint["entries"].pop("n2s_maker")
    with pytest.raises(UserError, match="fit it again to decode new recordings"):
        _ = kept.model


def test_the_averaged_weights_make_the_sounds(run):
    averages = [one.clone() for one in run.model.average.averages()]
    assert averages and isinstance(averages[0], Tensor) and isinstance(run.model, BrainAudio)
    _ = run.decoder
    for mine, average in zip(run.model.average._parameters_of_model, averages, strict=True):
        assert np.allclose(mine.detach().numpy(), average.numpy())
