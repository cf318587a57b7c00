"""A trained linear decoder on a held-out recording, given as if it were new: the feature of `n2s predict`, and the sound that was heard."""

import mne
import numpy as np
import pytest
import sound_study
from closed_form_recipe import given, written

import n2s
from n2s.errors import UserError


@pytest.fixture
def trained(at, run_n2s, run_of):
    """A run whose test story is the third."""
    recipe, own, options = given("linear")
    own["studies"] = {"sounds": {"class_path": "sound_study.SoundStudy", "init_args": {"root": str(at / "sounds")}}}
    own["features"] = {"mel": {"class_path": "n2s.features.Mel", "init_args": {"n_mels": 8, "hop": 320}}}
    own["preprocessing"]["init_args"] = {"sfreq": 50.0, "highpass_hz": 0.5, "picks": ["eeg"]}
    own["split"] = {"class_path": "n2s.data.SplitByStory", "init_args": {"test": ["three"], "val_fraction": 0.0}}
    own.pop("n_folds")
    options |= {"n_components": None, "n_folds": 2, "forward": False, "n_shifts": 50}
    path = written(at / "recipe.yaml", recipe)
    for verb in ("fit", "predict"):
        status, out, err = run_n2s(verb, "--config", path)
        assert status == 0, err + out
    return n2s.load(run_of())


@pytest.mark.slow
def test_a_held_out_recording_decoded_as_a_new_one(trained, at, run_n2s):
    raw = sound_study.brain_of("three", subject=1)
    found = trained.predict(raw, subject="01")
    with np.load(trained.folder / "predictions" / "sounds_01.npz") as kept:
        place = np.searchsorted(found.time_s, kept["time_s"] - 1e-6)
        expected, heard = kept["mel/decoded"], kept["mel/heard"]
    mine = found.values[place] - found.values[place].mean(0)
    inside = slice(50, -50)  # of the sound's ends: what is around it is seen here
    r = [np.corrcoef(a[inside], b[inside])[0, 1] for a, b in zip(mine.T, expected.T, strict=True)]
    assert (
        min(r) > 0.99 and np.abs(mine - expected)[inside].max() < 0.3 * expected.std()
    )  # scaled by rows of the sound alone there
    assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(mine.T, heard.T, strict=True)]) > 0.4

    sounds = [at / "sounds" / "three.wav", sound_study.write_sound(at / "four.wav", "four")]
    ranked = trained.decode(raw, sounds, subject="01")
    best = ranked.sounds.iloc[0]
    assert best.sound == "three.wav" and abs(best.start_s - sound_study.SILENCE_S) < 0.15 and best.p < 0.05
    late = trained.decode(sound_study.brain_of("three", subject=2, lead_s=7.3), sounds, subject="02")
    assert late.sounds.iloc[0].sound == "three.wav" and abs(late.sounds.iloc[0].start_s - 7.3) < 0.15
    silent = trained.decode(sound_study.brain_of("three", subject=1, gain=0.0), sounds, subject="01")
    assert silent.sounds.p.min() > 0.01

    # sensors in another order, fewer, faster; somebody new; an export
    turned = trained.predict(raw.copy().reorder_channels(list(reversed(raw.ch_names))), subject="01")
    assert np.allclose(turned.values, found.values, atol=1e-5)
    fewer = trained.decode(raw.copy().drop_channels(raw.ch_names[:3]), sounds, subject="01")
    assert fewer.sounds.iloc[0].sound == "three.wav" and any("at their mean" in one for one in fewer.said)
    fast = trained.predict(raw.copy().resample(250.0, verbose="error"), subject="01").values
    assert np.corrcoef(fast[: len(found.values), 0], found.values[: len(fast), 0])[0, 1] > 0.98
    new = trained.decode(sound_study.brain_of("three", subject=3, lead_s=7.3), sounds)
    assert new.sounds.iloc[0].sound == "three.wav" and any("somebody new" in one for one in new.said)
    again = n2s.load(trained.export(at / "shared"))
    assert np.allclose(again.predict(raw, subject="01").values, found.values, atol=1e-6)

    # the command, without sounds
    raw.save(at / "x_eeg.fif", verbose="error")
    status, out, err = run_n2s(
        "decode", at / "shared", "--recording", at / "x_eeg.fif", "--subject", "01", "--out", at / "page"
    )
    assert status == 0 and "is reconstructed for 64 s" in out.replace("\n", " "), err
    assert "The reconstructed feature" in (at / "page" / "report.html").read_text("utf-8")

    bad = raw.copy().set_annotations(mne.Annotations([0.0], [63.9], ["BAD_all"]))
    for wrong, message in (
        (lambda: trained.predict(bad, subject="01"), "free of bad spans"),
        (lambda: trained.decode(raw, [at / "five.wav"], subject="01"), "no sound file"),
        (lambda: trained.decode(fewer, sounds, subject="09"), "no subject 09"),
        (
            lambda: trained.decode(raw.copy().pick(raw.ch_names[:4]), sounds, subject="01"),
            "4 of the decoder's 16 sensors",
        ),
        (lambda: trained.decode(raw, sounds, subject="01", window_s=90.0), "shorter than a window of 90 s"),
        (lambda: trained.predict(raw, subject="01", target="envelope"), "target"),
    ):
        with pytest.raises(UserError, match=message):
            wrong()
