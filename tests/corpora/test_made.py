"""The corpora that need no download."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from n2s.corpora import ESpeakCorpus, SyntheticScenes
from n2s.corpora.corpus import COLUMNS
from n2s.corpora.scene_sounds import SFREQ, SOUNDS
from n2s.corpora.scenes import scene
from n2s.corpora.splits import by_share
from n2s.corpora.transcripts import ALPHABETS
from n2s.errors import UserError


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.*"))}


@pytest.fixture(scope="module")
def dutch(tmp_path_factory):
    pytest.importorskip("espeakng_loader")
    return ESpeakCorpus("nl", n_sentences=30, n_speakers=3, root=tmp_path_factory.mktemp("a"))


def test_a_sentence_a_clip(dutch):
    clips = dutch.clips()
    assert list(clips) == list(COLUMNS) and len(clips) == 30
    assert clips.split.value_counts().to_dict() == {"train": 24, "val": 3, "test": 3}
    assert clips.text.is_unique and set("".join(clips.text)) <= set(ALPHABETS["nl"])
    assert set(clips.speaker) == {"nl+m1", "nl+f1", "nl+m3"} and (clips.label == "").all()
    longer = np.corrcoef(clips.duration_s, clips.text.str.len())[0, 1]
    assert longer > 0.7  # the text is that of its sound
    for sound, rows in clips.groupby("sound"):
        samples, rate = soundfile.read(sound)
        assert rate == 16000 and 0.8 < np.abs(samples).max() < 1
        rows = rows.sort_values("start_s")
        stops = rows.start_s + rows.duration_s
        np.testing.assert_allclose(rows.start_s[1:], stops[:-1])
        assert stops.iloc[-1] <= len(samples) / rate
        for start, stop in zip(rows.start_s, stops, strict=True):  # each begins with sound and ends with a pause
            one = np.abs(samples[round(start * rate) : round(stop * rate)])
            assert one[: rate // 5].max() > 0.1 and one[-rate // 10 :].max() < 0.02


def test_the_same_bits_elsewhere_and_made_once(dutch, tmp_path):
    again = ESpeakCorpus("nl", n_sentences=30, n_speakers=3, root=tmp_path)
    again.clips()
    assert contents(again.root) == contents(dutch.root) and len(contents(dutch.root)) == 4
    before = {path: path.stat().st_mtime_ns for path in again.root.iterdir()}
    new = ESpeakCorpus("nl", n_sentences=30, n_speakers=3, root=tmp_path).clips()
    assert {path: path.stat().st_mtime_ns for path in again.root.iterdir()} == before
    assert new.equals(again.clips())


def test_other_settings_are_another_corpus(dutch):
    others = [{"seed": 1}, {"n_speakers": 2}, {"n_sentences": 29}, {"val_fraction": 0.2}, {"language": "en"}]
    usual = {"language": "nl", "n_sentences": 30, "n_speakers": 3}
    roots = {ESpeakCorpus(**usual | other, root=dutch.root.parent).root for other in others}
    assert len(roots | {dutch.root}) == 6


def test_bengali_is_spoken_in_its_script_and_learned_in_latin_letters(tmp_path):
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("uroman")
    corpus = ESpeakCorpus("bn", n_sentences=10, n_speakers=1, root=tmp_path)
    clips = corpus.clips()
    assert set("".join(clips.text)) <= set(ALPHABETS["bn"]) and "।" in corpus.texts[0]
    assert np.corrcoef(clips.duration_s, clips.text.str.len())[0, 1] > 0.5


def test_without_uroman_bengali_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("n2s.corpora.transcripts.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"n2s\[romanise\]"):
        ESpeakCorpus("bn", n_sentences=10, root=tmp_path).clips()


def test_scenes_of_all_classes_and_the_same_bits(tmp_path):
    corpus = SyntheticScenes(3, n_per_class=5, test_fraction=0.2, val_fraction=0.2, root=tmp_path / "a")
    clips = corpus.clips()
    assert list(clips) == list(COLUMNS) and clips.label.value_counts().to_dict() == dict.fromkeys(list(SOUNDS)[:3], 5)
    assert clips.groupby("label").split.value_counts().unstack().to_numpy().tolist() == [[1, 3, 1]] * 3
    assert (clips.text == "").all() and clips.duration_s.between(1, 4).all()
    again = SyntheticScenes(3, n_per_class=5, test_fraction=0.2, val_fraction=0.2, root=tmp_path / "b")
    again.clips()
    assert contents(again.root) == contents(corpus.root) and len(contents(corpus.root)) == 16
    assert len(set(contents(corpus.root).values())) == 16  # no two clips alike
    assert SyntheticScenes(3, n_per_class=5, seed=1).root.name != corpus.root.name


@pytest.mark.parametrize("name", SOUNDS)
def test_a_scene_is_heard_at_any_level(name):
    loud, faint = scene(name, [0, 0, 0], (20, 20)), scene(name, [0, 0, 0], (-40, -40))
    assert loud.dtype == np.float32 and np.isfinite(loud).all() and SFREQ <= len(loud) <= 4 * SFREQ
    assert 10 ** (-30 / 20) * 0.99 < np.abs(loud).max() < 10 ** (-3 / 20) * 1.01
    alone, noise = scene(name, [0, 0, 0], (60, 60)), faint
    loud, alone, noise = (one / np.linalg.norm(one) for one in (loud, alone, noise))
    assert loud @ alone > 0.99 and abs(loud @ noise) < 0.3  # the sound, and not its background


def test_rising_is_not_falling():
    for name, sign in (("rising chirps", 1), ("falling chirps", -1)):
        slopes = []
        for seed in range(8):
            sound = scene(name, [9, seed, 0], (40, 40))
            spectra = np.abs(np.fft.rfft(sound[: len(sound) // 320 * 320].reshape(-1, 320) * np.hanning(320)))
            peak, power = spectra.argmax(1), spectra.max(1)
            both = (power[1:] > 0.2 * power.max()) & (power[:-1] > 0.2 * power.max())
            slopes.append(np.mean(np.sign(np.diff(peak)[both])))
        assert sign * np.mean(slopes) > 0.2


def test_shares_are_exact():
    parts = by_share(20, 0.1, 0.25, seed=3)
    assert [parts.count(part) for part in ("train", "val", "test")] == [13, 2, 5]
    assert by_share(20, 0.1, 0.25, seed=3) == parts != by_share(20, 0.1, 0.25, seed=4)
    with pytest.raises(UserError, match="nothing is left to train on"):
        by_share(10, 0.5, 0.5, seed=0)
    with pytest.raises(UserError, match="val_fraction is -0.1; expected a number from 0 to below 1"):
        by_share(10, -0.1, 0.1, seed=0)


def test_wrong_options_are_named():
    for wrong in ({"language": "fr"}, {"n_speakers": 0}, {"n_speakers": 9}, {"n_sentences": 0}):
        with pytest.raises(UserError, match="expected"):
            ESpeakCorpus(**wrong)
    for wrong in ({"n_classes": 1}, {"n_classes": 21}, {"snr_db": (3.0, 0.0)}):
        with pytest.raises(UserError, match="expected"):
            SyntheticScenes(**wrong)
