"""Words placed in sounds whose times are known; the command on a folder, stopped, repeated, with wrong texts."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from scipy.signal import resample_poly

from n2s.alignment.ctc import CTCAligner, place
from n2s.alignment.pronunciation import phones, pronounce
from n2s.alignment.quality import doubts
from n2s.alignment.sphinx import SphinxAligner
from n2s.alignment.transcripts import read_transcripts, sentences_of, words_of
from n2s.errors import UserError
from n2s.studies.readers.textgrid import read_alignment, write_textgrid
from n2s.studies.simulated.speech import synthesize
from n2s.studies.simulated.stories import stories

DUTCH = ["De vrouw leest een boek in de tuin.", "Morgen gaan wij met de trein naar het strand."]


def speech(sentences, voice):
    """Samples at 16 kHz, and the true words."""
    spoken = synthesize(sentences, voice=voice, rate_wpm=150, pitch=50)
    return resample_poly(spoken.audio, 16000, spoken.sfreq).astype(np.float32), spoken.words


@pytest.fixture(scope="module")
def english():
    return SphinxAligner("en")


@pytest.fixture(scope="module")
def dutch():
    return SphinxAligner("nl")


@pytest.fixture(scope="module")
def story():
    return next(one.sentences for one in stories() if one.language == "en")


def test_onsets_of_english_speech_of_known_times(english, story):
    audio, truth = speech(story[:2], "en-us+f2")
    error = np.abs(english.align(audio, truth.text.tolist()).onset - truth.onset)
    assert np.median(error) < 0.03 and np.quantile(error, 0.95) < 0.12


def test_onsets_of_dutch_speech_by_english_sounds(dutch):
    audio, truth = speech(DUTCH, "nl+f2")
    error = np.abs(dutch.align(audio, truth.text.tolist()).onset - truth.onset)
    assert np.median(error) < 0.04 and np.quantile(error, 0.95) < 0.12


def test_onsets_of_real_speech(english, real_data):
    truth = read_alignment(real_data / "speech_audio" / "praatio" / "mary.TextGrid", word_tier="word")
    truth = truth[truth.kind == "word"].reset_index(drop=True)
    audio, sfreq = soundfile.read(real_data / "speech_audio" / "praatio" / "mary.wav", dtype="float32")
    found = english.align(resample_poly(audio, 16000, sfreq).astype(np.float32), truth.text.tolist())
    assert np.abs(found.onset - truth.onset).max() < 0.08  # placed by hand


def test_another_text_does_not_fit(english, story):
    audio, _ = speech(story[:1], "en-us+f2")
    found = english.align(audio, words_of(story[3]) + words_of(story[4]))
    right = english.align(audio, words_of(story[0]))
    assert found is None or found.score.median() < 2 * right.score.median()


def test_the_same_times_each_time(english, story):
    audio, truth = speech(story[:1], "en-us+f2")
    first, second = (english.align(audio, truth.text.tolist()) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_pronunciations():
    assert phones("ˈmɛisjə") == "M EY S Y AH" and phones("tʃaˈɾo") == "CH AA R AO"
    assert phones("ãː") == "AA" and phones("ˈˌː") == ""
    assert pronounce("schaap", "nl") == "S HH AA P"
    with pytest.raises(UserError, match="no language 'xx'"):
        pronounce("a", "xx")


def test_ctc_places_words_where_their_characters_are():
    """Log-probabilities planted at known frames: blank 3, the character between words 0."""
    frames = [3, 1, 1, 3, 2, 2, 0, 3, 2, 3, 2, 1, 3, 3]
    log_probs = torch.full((len(frames), 4), 0.02).log()
    log_probs[torch.arange(len(frames)), torch.tensor(frames)] = float(np.log(0.94))
    found = place(log_probs, [[1, 2], [2, 2, 1]], blank=3, between=0)
    assert found.start.tolist() == [1, 8] and found.stop.tolist() == [6, 12]
    assert found.score.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert place(log_probs[:5], [[1, 2], [2, 2, 1]], blank=3, between=0) is None
    other = place(log_probs, [[2, 2], [1, 1, 1]], blank=3, between=0)
    assert (other.score < -0.3).all()


@pytest.fixture(scope="module")
def ctc_folder(tmp_path_factory):
    """A recogniser of characters, as Hugging Face has them, of 2 layers of 32 and random weights."""
    import json

    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    folder = tmp_path_factory.mktemp("ctc")
    letters = ["|", *"abcdefghijklmnopqrstuvwxyz", "<unk>", "<pad>"]  # the blank is not the first
    (folder / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    config = Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, conv_dim=(16,) * 7,
        vocab_size=len(letters), pad_token_id=len(letters) - 1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder


def test_a_ctc_model_from_a_folder(ctc_folder):
    aligner = CTCAligner(str(ctc_folder), device="cpu")
    audio = np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    found = aligner.align(audio, ["Het", "été"])
    assert aligner._spelled("Été!") == aligner._spelled("ete") and aligner._blank == 28
    assert found.text.tolist() == ["Het", "été"] and (found.onset.diff().dropna() > 0).all()
    assert (found.score <= 0).all() and found.onset.iloc[-1] + found.duration.iloc[-1] <= 2.0
    assert aligner.align(audio[:2000], ["Het", "meisje"]) is None
    with pytest.raises(UserError, match="has no character of '123'"):
        aligner.align(audio, ["123"])


def test_windows_of_a_long_sound_give_one_sequence_of_frames(ctc_folder):
    aligner = CTCAligner(str(ctc_folder), device="cpu")
    frames = aligner._log_probs(np.random.default_rng(0).standard_normal(45 * 16000).astype(np.float32))
    assert frames.shape == ((45 * 16000 - 400) // 320 + 1, 29)


def test_what_is_doubtful():
    rate, rng = 16000, np.random.default_rng(0)
    audio = np.zeros(5 * rate)
    for start, stop in ((0.5, 1.0), (1.0, 1.5), (3.0, 4.0)):  # nothing at 2 s; a second that no word covers
        audio[round(start * rate) : round(stop * rate)] = 0.1 * rng.standard_normal(round((stop - start) * rate))
    words = pd.DataFrame({"onset": [0.5, 1.0, 2.0], "duration": [0.5, 0.5, 0.4], "score": [-1.0, -9.0, -1.0]})
    why, outside_s = doubts(audio, words, 4.0)
    assert why.tolist() == ["", "score", "silent"] and outside_s == pytest.approx(1.0, abs=0.02)


def test_transcripts(tmp_path):
    sounds = {name: tmp_path / f"{name}.wav" for name in ("LPF001", "LPF012", "extra/tale")}
    table = tmp_path / "stimuli.txt"
    table.write_text("1 Het meisje.\n12\tDe man\ntale|Er was eens\n99 niemand\n\n", "utf-8")
    assert read_transcripts(table, sounds) == {"LPF001": "Het meisje.", "LPF012": "De man", "extra/tale": "Er was eens"}
    (tmp_path / "LPF001.lab").write_text("beside")
    assert read_transcripts(tmp_path, sounds) == {"LPF001": "beside"}
    table.write_text("1 Het meisje.\n1 Een ander.\n")
    with pytest.raises(UserError, match="line 2: a second, other text for LPF001"):
        read_transcripts(table, sounds)
    with pytest.raises(UserError, match="none of the 1 sounds has a transcript"):
        read_transcripts(table, {"other": tmp_path})
    assert sentences_of("He came. “Who?” she said.\n\nA title\n\n...") == ["He came.", "“Who?”", "she said.", "A title"]
    assert words_of("It's the mother-in-law’s, n'est-ce pas?") == ["It's", "the", "mother-in-law’s", "n'est-ce", "pas"]


@pytest.fixture
def folder(tmp_path, story):
    """Two sounds with their texts, one without."""
    for name, sentence in zip(("one", "deep/two"), story, strict=False):
        audio, _ = speech([sentence], "en-us+f2")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", audio, 16000)
        (tmp_path / f"{name}.txt").write_text(sentence)
    shutil.copy(tmp_path / "one.wav", tmp_path / "silent.wav")
    return tmp_path


def test_the_command_writes_textgrids_and_goes_on_where_it_was(folder, run_n2s, story):
    status, out, err = run_n2s("align", folder, "--language", "en")
    assert status == 0, err
    assert "2 of 3 sounds have a transcript" in " ".join(out.split())
    grid = read_alignment(folder / "one.TextGrid")
    assert grid.text[grid.kind == "word"].tolist() == words_of(story[0])
    assert grid.text[grid.kind == "sentence"].tolist() == [story[0]]
    table = pd.read_csv(folder / "alignment.csv")
    assert table.sound.tolist() == ["deep/two", "one"] and (table.score < 0).all()
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.TextGrid")}
    (folder / "deep" / "two.txt").write_text(story[1].rsplit(" ", 1)[0])  # another text: that one is made again
    assert run_n2s("align", folder, "--language", "en")[0] == 0
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*.TextGrid")}
    assert [path.stem for path in times if after[path] != times[path]] == ["two"]


def test_textgrids_of_others_are_kept(folder, run_n2s):
    brought = pd.DataFrame({"text": ["mine"], "onset": [0.1], "duration": [0.2]})
    write_textgrid(folder / "one.TextGrid", {"words": brought}, duration_s=1.0)
    assert run_n2s("align", folder, "--language", "en")[0] == 0
    assert read_alignment(folder / "one.TextGrid").text.tolist() == ["mine"]


def test_what_is_wrong_is_said(folder, run_n2s):
    (folder / "one.txt").write_text(" ".join(["supercalifragilistic"] * 40))
    status, _, err = run_n2s("align", folder, "--language", "en")
    assert status == 2 and "1 of 2 sounds could not be aligned" in err
    assert (folder / "deep" / "two.TextGrid").is_file() and not (folder / "one.TextGrid").exists()
    for words, told in (
        ((folder,), "give the language of the sounds"),
        ((folder / "nowhere", "--language", "en"), "no folder"),
        ((folder, "--language", "en", "--transcripts", folder / "texts"), "no transcripts at"),
    ):
        status, _, err = run_n2s("align", *words)
        assert status == 2 and told in err


def test_a_textgrid_that_overlaps_is_cut(tmp_path):
    table = pd.DataFrame({"text": ["a", "b"], "onset": [0.1, 0.3], "duration": [0.3, 0.2]})
    write_textgrid(Path(tmp_path / "x.TextGrid"), {"words": table}, duration_s=1.0)
    found = read_alignment(tmp_path / "x.TextGrid")
    assert found.onset.tolist() == [0.1, 0.3] and found.duration.tolist() == pytest.approx([0.2, 0.2])
