"""A trained contrastive decoder on recordings that are in no study."""

import mne
import numpy as np
import pandas as pd
import pytest
import sound_study
import soundfile
import torch

from n2s.data.front import Front
from n2s.decoding.placed import place_sounds
from n2s.errors import UserError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def heard():
    """Somebody new, who hears the held-out sound from 7.3 s on."""
    return sound_study.brain_of("three", subject=3, seed=5, lead_s=7.3)


@pytest.fixture(scope="module")
def sounds(sounds_run, tmp_path_factory):
    other = sound_study.write_sound(tmp_path_factory.mktemp("other") / "four.wav", "four")
    return [sounds_run[1] / "sounds" / "three.wav", other]


def test_the_sound_and_its_start_are_found(sounds_run, heard, sounds, tmp_path):
    found = sounds_run[0].decode(heard, sounds)
    best, other = found.sounds.iloc[0], found.sounds.iloc[1]
    assert best.sound == "three.wav" and abs(best.start_s - 7.3) < 0.15 and best.p < 0.01 and other.p > 0.05
    assert repr(found).startswith("<RankedSounds of ") and found.headline()[0] in repr(found) and len(repr(found)) < 300
    assert "three.wav began at 7.3 s" in found.headline()[0] and "four.wav" not in found.headline()[0]
    assert any("somebody new" in one for one in found.said) and any("own, without labels" in one for one in found.said)
    first = found.table[(found.table["rank"] == 1) & found.table.time_s.between(8, 60)]
    right = (first.sound == "three.wav") & ((first.time_s - first.sound_s - 7.3).abs() < 0.35)
    assert right.mean() > 0.6
    assert np.allclose(found.table.groupby("time_s").share.sum().max(), 1, atol=1) and (found.table.share <= 1).all()
    page = found.save(tmp_path / "out")
    told = page.read_text()
    assert "three.wav" in told and "<audio" in told and "somebody new" in told
    assert len(pd.read_csv(tmp_path / "out" / "ranking.csv")) == len(found.table)


def test_windows_are_those_of_a_test(sounds_run):
    """The estimate of a recording of the study as if it were new, with its person's scale, is the network's on the study's own windows."""
    from n2s.cli.recipe_data import recipe_data

    run, _ = sounds_run
    data = recipe_data([str(run.folder / "config.yaml")])
    data.prepare_data()
    data.setup("test")
    table = data.window_table("test")
    rows = np.flatnonzero(table.subject == "sounds/01")
    batch = data.reader("test").batch(rows)
    with torch.inference_mode():
        expected = run.model(batch).numpy()
    mine = run.predict(sound_study.brain_of("three", subject=1), subject="01", step_s=1.0)
    at = np.searchsorted(mine.time_s, table.start_s.to_numpy()[rows])
    assert np.allclose(mine.time_s[at], table.start_s.to_numpy()[rows])
    assert np.abs(mine.values[at] - expected).max() < 0.02 * expected.std()  # float16 there


def test_noise_finds_no_sound(sounds_run, sounds):
    for seed in range(3):
        found = sounds_run[0].decode(sound_study.brain_of("three", subject=1, gain=0.0, seed=seed), sounds, step_s=2.0)
        assert found.sounds.p.min() > 0.01
    assert "No sound is found" in found.headline()[0]


def test_p_holds_for_the_best_of_all_starts():
    """Scores without a sound: the smallest p of a recording is below .1 in about a tenth of recordings."""
    rng, small = np.random.default_rng(0), 0
    for seed in range(60):
        smooth = rng.standard_normal((80, 200))
        smooth = smooth[:, :-1] + smooth[:, 1:]  # neighbours are alike, as overlapping windows are
        smooth = smooth[1:] + smooth[:-1]
        sound = np.repeat([0, 1], [100, 99])
        start_s = np.concatenate([np.arange(100), np.arange(99)]) * 0.5
        places, _ = place_sounds(smooth, np.arange(79.0), sound, start_s, step_s=0.5, window_s=3.0, seed=seed)
        small += min(one.p for one in places) < 0.1
    assert small <= 13  # 6 of 60 expected; 13 has a probability of .003


def test_sensors_in_another_order_or_missing_are_laid_by_name(sounds_run, heard, sounds):
    run = sounds_run[0]
    whole = run.predict(heard, step_s=5.0)
    order = list(reversed(heard.ch_names))
    turned = run.predict(heard.copy().reorder_channels(order), step_s=5.0)
    assert np.allclose(turned.values, whole.values, atol=1e-4)
    fewer = heard.copy().drop_channels(heard.ch_names[:3])
    found = run.decode(fewer, sounds)
    assert any("3 training sensors are not in this recording" in one and heard.ch_names[0] in one for one in found.said)
    assert found.sounds.iloc[0].sound == "three.wav" and abs(found.sounds.iloc[0].start_s - 7.3) < 0.15


def test_another_rate_another_unit_bad_spans_and_mp3(sounds_run, heard, sounds, tmp_path):
    run = sounds_run[0]
    fast = heard.copy().resample(250.0, verbose="error")
    fast.set_annotations(mne.Annotations([20.0], [10.0], ["BAD_movement"]))
    sound, rate = soundfile.read(sounds[0])
    soundfile.write(tmp_path / "three.mp3", np.stack([sound, 0.3 * sound], 1), rate)  # stereo, another format
    found = run.decode(fast, [tmp_path / "three.mp3", sounds[1]])
    assert found.sounds.iloc[0].sound == "three.mp3" and abs(found.sounds.iloc[0].start_s - 7.3) < 0.25
    assert not ((found.time_s + 3 > 20.0) & (found.time_s < 30.0)).any()
    assert any("left out" in one for one in found.said)


def test_what_cannot_be_decoded_is_refused_in_words(sounds_run, heard, sounds, tmp_path):
    run = sounds_run[0]
    cases = {
        "no subject 7": lambda: run.decode(heard, sounds, subject="7"),
        "no sounds to compare with": lambda: run.decode(heard),
        "given twice": lambda: run.decode(heard, [sounds[0], sounds[0]]),
        "no sound file": lambda: run.decode(heard, [tmp_path / "five.wav"]),
        "lasts 1.0": lambda: run.decode(heard.copy().crop(0, 1), sounds),
        "no recording": lambda: run.decode(tmp_path / "x.fif", sounds),
        "image of the brain": lambda: run.decode(tmp_path / "x.nii.gz", sounds),
        "no channel of type": lambda: run.decode(
            heard.copy().set_channel_types(dict.fromkeys(heard.ch_names, "misc"), verbose="error"), sounds
        ),
        "windows_of_epochs": lambda: run.decode(mne.make_fixed_length_epochs(heard, verbose="error"), sounds),
        "step_s is 0": lambda: run.decode(heard, sounds, step_s=0.0),
    }
    for words, ask in cases.items():
        with pytest.raises(UserError, match=words):
            ask()
    soundfile.write(tmp_path / "short.wav", np.full(800, 0.1), 8000)
    with pytest.raises(UserError, match=r"short\.wav \(0\.10 s\)"):
        run.decode(heard, [tmp_path / "short.wav"])


def test_a_front_says_nothing_of_held_out_recordings(sounds_run):
    """Scales and moments are those of training windows: of `one` alone, though three stories were recorded."""
    front = Front.load(sounds_run[0].folder / "front.safetensors")
    assert list(front.plain["scaled"]) == ["sounds/01", "sounds/02"]
    raw = sound_study.brain_of("one", subject=1)
    from n2s.data.preprocessing import Preprocessing
    from n2s.decoding.new_recording import prepared

    brain = prepared(raw, Preprocessing(sfreq=50.0, picks=["eeg"])).brain
    low, high = np.percentile(brain[round(2 * 50) : round(62 * 50)], [25, 75], axis=0)
    assert np.allclose(front.arrays["scale.0"][1], high - low, rtol=0.08)


def test_sounds_that_cannot_be_told_apart_or_are_none(sounds_run, heard, sounds, tmp_path):
    run = sounds_run[0]
    sound, rate = soundfile.read(sounds[0])
    soundfile.write(tmp_path / "again.flac", sound, rate)
    soundfile.write(tmp_path / "silence.wav", np.zeros(10 * rate), rate)
    soundfile.write(tmp_path / "nan.wav", np.where(np.arange(len(sound)) == 9, np.nan, sound), rate, subtype="FLOAT")
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty.wav").write_bytes(b"")
    for given, words in (
        ([*sounds, tmp_path / "again.flac"], r"three\.wav and again\.flac are the same sound"),
        ([*sounds, tmp_path / "silence.wav"], r"silence\.wav is silent"),
        ([*sounds, tmp_path / "nan.wav"], "NaN or infinite"),
        ([*sounds, tmp_path / "text.wav"], "cannot be read as audio"),
        ([*sounds, tmp_path / "empty.wav"], "an empty file"),
        ([tmp_path], "is a folder, with 4 sounds in it: name the files|is a folder, with 5 sounds"),
    ):
        with pytest.raises(UserError, match=words):
            run.decode(heard, given)


def test_two_files_of_one_name_are_told_apart_by_their_folders(sounds_run, heard, sounds, tmp_path):
    paths = []
    for folder, one in zip("ab", sounds, strict=True):
        paths.append(tmp_path / folder / "audio.wav")
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(one.read_bytes())
    found = sounds_run[0].decode(heard, paths, step_s=3.0)
    assert set(found.sounds["sound"]) == {"a/audio.wav", "b/audio.wav"} and found.sounds["sound"][0] == "a/audio.wav"


def test_channels_without_a_signal_are_left_out_and_said(sounds_run, heard, sounds):
    run = sounds_run[0]
    one, two = heard.ch_names[2], heard.ch_names[5]
    broken = heard.copy()
    broken._data[2, 100:105], broken._data[5] = np.nan, 0.0
    found = run.decode(broken, sounds)
    assert any(one in line and two in line and "without a signal" in line for line in found.said)
    assert found.sounds["sound"][0] == "three.wav" and abs(found.sounds.start_s[0] - 7.3) < 0.15
    marked = heard.copy()
    marked.info["bads"] = [one, two]
    assert np.allclose(run.predict(marked, step_s=5.0).values, run.predict(broken, step_s=5.0).values, atol=1e-4)
    assert broken.info["bads"] == []


def test_recordings_of_which_nothing_is_left_are_refused_in_words(sounds_run, heard, sounds):
    run = sounds_run[0]
    gap, flat, bad = heard.copy(), heard.copy(), heard.copy()
    gap._data[:, 500:700] = np.nan
    flat._data[:] = 0
    bad.info["bads"] = list(bad.ch_names)
    other = heard.copy().set_channel_types(dict.fromkeys(heard.ch_names, "ecog"), verbose="error")
    loud, quiet = heard.copy(), heard.copy()
    loud._data *= 1e6
    quiet._data *= 1e-6
    for given, words in (
        (gap, "hold values that are no numbers .* from 5.00 to 6.99 s. Cut that stretch away"),
        (flat, "16 of 16 good channels are flat"),
        (bad, "all of its 16 channels are marked as bad"),
        (other, "no channel of type eeg; it has 16 of type ecog. The run was trained on EEG"),
        (loud, "too large for a brain"),
        (quiet, "too small for a brain"),
    ):
        with pytest.raises(UserError, match=words):
            run.decode(given, sounds)
