"""Published corpora in their layouts, and what is wrong with copies of them."""

import numpy as np
import pytest
from corpus_trees import HALF, HOND, article, bengali, dutch_wikipedia, scenes, sound, token

from n2s.corpora import FSDKaggle2019, OpenSLRBengali, SpokenWikipedia
from n2s.corpora.corpus import COLUMNS
from n2s.errors import UserError
from n2s.findings import kept


def told(findings) -> str:
    return "\n".join(f"{one.kind}: {one.text}" for one in findings)


def test_spoken_wikipedia_gives_sentences_whose_words_are_all_aligned(tmp_path):
    dutch_wikipedia(tmp_path)
    with kept() as found:
        clips = SpokenWikipedia(tmp_path).clips()
    assert list(clips) == list(COLUMNS)
    assert clips.text.tolist() == [
        "de hond blaft",
        "in twaalf komma vijf weken",
        "de hond blaft",
        "zij leest",
        "de hond blaft",
    ]
    assert clips.speaker.tolist() == ["Anna", "Anna", "Anna", "Anna", "Vis"]  # without a reader, the article
    assert [path.rsplit("/", 1)[1] for path in clips.sound] == [
        "audio.ogg",
        "audio.ogg",
        "audio1.ogg",
        "audio2.ogg",
        "audio.ogg",
    ]
    np.testing.assert_allclose(clips.start_s, [0.1, 1.2, 0.1, 1.0, 0.1])  # on the clock of its own file
    np.testing.assert_allclose(clips.duration_s, [0.9, 1.0, 0.9, 0.9, 0.9])
    words = told(found)
    assert "1 sentences are not aligned in all their words" in words  # titles that nobody reads do not count
    assert "1 sentences go over the border" in words and "1 sentences have times that run backwards" in words
    with kept() as again:  # from the cache, with what was said
        assert SpokenWikipedia(tmp_path).clips().equals(clips)
    assert again == found
    assert SpokenWikipedia(tmp_path, "en").clips().text.tolist() == ["dog"]


def test_runs_of_aligned_words_can_be_had(tmp_path):
    dutch_wikipedia(tmp_path)
    clips = SpokenWikipedia(tmp_path / "dutch", whole=False).clips()
    assert clips.text.tolist()[:4] == ["de hond blaft", "in twaalf komma vijf weken", "een", "zit stil"]
    np.testing.assert_allclose(clips.start_s[3], 3.0)


def test_files_without_offsets_follow_each_other(tmp_path):
    later = token("Zij", ("zij", 2500, 2900))
    article(tmp_path / "A", [HOND, later], files=2, seconds=2.0, offsets=False)
    clips = SpokenWikipedia(tmp_path).clips()
    np.testing.assert_allclose(clips.start_s, [0.1, 0.5], atol=1e-3)


def test_an_article_that_changes_is_read_again(tmp_path):
    article(tmp_path / "A", [HOND])
    (tmp_path / "A" / "audio.ogg").rename(tmp_path / "A" / "elsewhere.ogg")
    article(tmp_path / "B", [HOND])
    with kept() as found:
        assert len(SpokenWikipedia(tmp_path).clips()) == 1
    assert "without audio.ogg" in told(found)
    (tmp_path / "A" / "elsewhere.ogg").rename(tmp_path / "A" / "audio.ogg")
    assert len(SpokenWikipedia(tmp_path).clips()) == 2


def test_what_is_wrong_with_an_article_is_said(tmp_path):
    with pytest.raises(UserError, match="expected nl, en, de"):
        SpokenWikipedia(tmp_path, "fr")
    with pytest.raises(UserError, match="no article with aligned.swc"):
        SpokenWikipedia(tmp_path).clips()
    folder = article(tmp_path / "A", [HALF])
    with pytest.raises(UserError, match="1 articles, but no sentence"):
        SpokenWikipedia(tmp_path).clips()
    (folder / "aligned.swc").write_text("<article><d><s>")
    with pytest.raises(UserError, match="aligned.swc cannot be read: not the XML"):
        SpokenWikipedia(tmp_path).clips()
    (folder / "aligned.swc").write_text('<!DOCTYPE x [<!ENTITY a "b">]><article/>')
    with pytest.raises(UserError, match="has a document type"):
        SpokenWikipedia(tmp_path).clips()
    (folder / "audio.ogg").write_bytes(b"OggS" + bytes(100))
    article(tmp_path / "B", [HOND])
    (folder / "aligned.swc").write_text("<article/>")
    with kept() as found:
        assert len(SpokenWikipedia(tmp_path).clips()) == 1
    assert "cannot be read" in told(found)


def test_an_article_whose_sound_was_not_fetched_or_whose_sentences_are_not_found(tmp_path):
    article(tmp_path / "A", [HOND])
    (article(tmp_path / "B", [HOND]) / "audio.ogg").unlink()
    (tmp_path / "B" / "audio.ogg").symlink_to("../.git/annex/objects/xx/nothing")
    file = article(tmp_path / "C", [HOND]) / "aligned.swc"
    file.write_text(file.read_text().replace("<article>", '<article xmlns="elsewhere">'))
    with kept() as found:
        assert len(SpokenWikipedia(tmp_path).clips()) == 1
    assert [one.where.split("/")[-1] for one in found] == ["B", "aligned.swc"]
    assert "without a spoken sentence" in told(found)


def test_bengali_is_romanised_and_its_missing_sounds_are_counted(tmp_path):
    pytest.importorskip("uroman")
    bengali(tmp_path / "asr_bengali")
    with kept() as found:
        clips = OpenSLRBengali(tmp_path).clips()
    assert clips.text.tolist() == ["aamaar bon maachh kinal", "raakhaal gaan gaail"]
    assert clips.speaker.tolist() == ["16cfb", "16cfb"] and clips.sound[0].endswith("data/00/000020a912.flac")
    assert "1 of 4 clips have no sound" in told(found) and "have digits" in told(found)
    # another archive unpacked beside it, with its table
    other = tmp_path / "asr_bengali_1"
    sound(other / "data" / "ff" / "ffabc.flac")
    (other / "utt_spk_text.tsv").write_text("ffabc\t3\tচোর পালাল\nbroken\n", "utf-8")
    with kept() as found:
        clips = OpenSLRBengali(tmp_path).clips()
    assert len(clips) == 3 and "1 lines are not utterance, speaker and text" in told(found)


def test_the_smaller_bengali_has_its_speakers_in_its_names(tmp_path):
    pytest.importorskip("uroman")
    sound(tmp_path / "wavs" / "bnm_01523_0001.wav")
    (tmp_path / "line_index.tsv").write_text("bnm_01523_0001\t গান গাইল\n", "utf-8")
    clips = OpenSLRBengali(tmp_path).clips()
    assert clips.speaker.tolist() == ["bnm_01523"] and clips.text.tolist() == ["gaan gaail"]


def test_what_is_wrong_with_bengali_is_said(tmp_path):
    with pytest.raises(UserError, match="no utt_spk_text.tsv or line_index.tsv"):
        OpenSLRBengali(tmp_path).clips()
    (tmp_path / "utt_spk_text.tsv").write_text("a b c\n")
    with pytest.raises(UserError, match="no line has utterance, speaker and text"):
        OpenSLRBengali(tmp_path).clips()
    bengali(tmp_path)
    for path in tmp_path.rglob("*.flac"):
        path.unlink()
    with pytest.raises(UserError, match="none of its 4 sounds"):
        OpenSLRBengali(tmp_path).clips()


@pytest.mark.parametrize("kaggle", [False, True])
def test_curated_scenes(tmp_path, kaggle):
    scenes(tmp_path, kaggle=kaggle)
    with kept() as found:
        clips = FSDKaggle2019(tmp_path).clips()
    assert clips.label.tolist() == ["Bark", "Raindrop,Sigh", "Raindrop"]
    assert (clips.split == "").all() and clips.duration_s.isna().all() and (clips.text == "").all()
    words = told(found)
    assert (
        "1 clips have a wrong label" in words
        and "1 of 4 clips have no sound" in words
        and "3 classes have clips" in words
    )


def test_the_official_test_set(tmp_path):
    clips = FSDKaggle2019(scenes(tmp_path), test=True).clips()
    assert clips.split.tolist() == ["train"] * 3 + ["test"] * 2
    assert clips.label.tolist()[3:] == ["Bark", "Sigh,Bark"] and "audio_test" in clips.sound[4]


def test_what_is_wrong_with_scenes_is_said(tmp_path):
    with pytest.raises(UserError, match="no train_curated_post_competition.csv"):
        FSDKaggle2019(tmp_path).clips()
    scenes(tmp_path, kaggle=True)
    with pytest.raises(UserError, match="no test_post_competition.csv"):
        FSDKaggle2019(tmp_path, test=True).clips()
    (tmp_path / "train_curated.csv").write_text("name,class\na.wav,Bark\n")
    with pytest.raises(UserError, match="no column fname and labels"):
        FSDKaggle2019(tmp_path).clips()
    rows = "".join(f"0006ae4e.wav,Class{i}\n" for i in range(81))
    (tmp_path / "train_curated.csv").write_text(f"fname,labels\n{rows}")
    with pytest.raises(UserError, match="81 classes; FSDKaggle2019 has 80"):
        FSDKaggle2019(tmp_path).clips()
