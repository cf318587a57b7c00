import dataclasses

import numpy as np
import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel, BertTokenizer

from n2s.errors import UserError
from n2s.features import HashedBagOfWords, SentenceEmbedding
from n2s.features.sentence import texts_within
from n2s.studies.study import Stimulus

STARTS = np.array([0.0, 0.1, 0.4, 0.6, 2.0, 2.9])


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "old", "man", "and", "sea", "slept", "query", ":"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=40,
            initializer_range=0.3,
        )
        BertModel(config).save_pretrained(folder)
    return folder


def test_a_word_belongs_to_the_windows_that_its_onset_lies_in(spoken):
    # onsets: the 0.1, old 0.4, man 0.7, and 1.3, the 1.5, sea 1.6, slept 2.9
    assert texts_within(spoken, STARTS, 0.5) == ["the old", "the old", "old man", "man", "", "slept"]
    shuffled = dataclasses.replace(spoken, words=spoken.words.iloc[::-1])
    assert texts_within(shuffled, STARTS, 3.0)[0] == "the old man and the sea slept"


def test_embedding_is_the_normalised_mean_over_tokens(bert_folder, spoken):
    feature = SentenceEmbedding(str(bert_folder))
    assert feature.n_features == 24
    found = feature.extract(spoken, STARTS, 0.5)
    network = AutoModel.from_pretrained(bert_folder).eval()
    tokens = {"the": 5, "old": 6, "man": 7, "slept": 10}
    for row, text in zip(found, ["the old", "the old", "old man", "man", "", "slept"], strict=True):
        ids = torch.tensor([[2, *(tokens[word] for word in text.split()), 3]])  # [CLS] .. [SEP], nothing padded
        with torch.no_grad():
            mean = network(input_ids=ids).last_hidden_state[0].mean(0).numpy()
        expected = mean / np.linalg.norm(mean) if text else np.zeros(24)
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_many_texts_are_embedded_in_batches_and_long_ones_cut(bert_folder, monkeypatch):
    feature = SentenceEmbedding(str(bert_folder))
    texts = ["the", "old man", "the old man and the sea", "sea " * 60]
    together = feature.embed(texts)
    monkeypatch.setattr("n2s.features.sentence._BATCH", 1)
    np.testing.assert_allclose(feature.embed(texts), together, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_the_prefix_is_read_and_kept_in_the_settings(bert_folder, spoken):
    plain = SentenceEmbedding(str(bert_folder))
    told = SentenceEmbedding(str(bert_folder), prefix="query: ")
    by_hand = plain.embed(["query: the old"])[0]
    np.testing.assert_allclose(told.extract(spoken, STARTS[:1], 0.5)[0], by_hand, atol=1e-5)
    assert told.settings() != plain.settings()


def test_bag_of_words_counts_words_and_no_order():
    bag = HashedBagOfWords(256)
    texts = ["the old man", "Man, the OLD!", "the old", "green ideas sleep"]
    vectors = bag.embed(texts)
    np.testing.assert_array_equal(vectors[0], vectors[1])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    # two of three words shared: cosine sqrt(2/3); none shared: 0; each up to the chance likeness of random signs
    assert vectors[0] @ vectors[2] == pytest.approx(np.sqrt(2 / 3), abs=0.15)
    assert vectors[0] @ vectors[3] == pytest.approx(0, abs=0.2)
    one = bag.embed(["man"])[0] * 16
    assert set(np.unique(one)) == {-1.0, 1.0} and abs(one.sum()) < 64


def test_the_signs_of_a_word_never_change():
    signs = HashedBagOfWords(8).embed(["etxe"])[0] * np.sqrt(8)
    # `printf etxe | openssl dgst -shake256 -xoflen 1` prints 97, which is 10010111 in bits
    np.testing.assert_allclose(signs, [1, -1, -1, 1, -1, 1, 1, 1], atol=1e-6)


def test_words_alone_make_the_fingerprint(spoken):
    bag = HashedBagOfWords()
    renamed = Stimulus("other", None, spoken.words.assign(sequence="t"))
    assert bag.fingerprint(renamed) == bag.fingerprint(spoken)
    later = Stimulus("story", None, spoken.words.assign(onset=spoken.words.onset + 0.01))
    other = Stimulus("story", None, spoken.words.assign(text=spoken.words.text.str.upper()))
    assert len({bag.fingerprint(stimulus) for stimulus in (spoken, later, other)}) == 3


def test_no_window_gives_no_vector_and_no_word_is_an_error(spoken):
    assert HashedBagOfWords(8).extract(spoken, np.zeros(0), 1.0).shape == (0, 8)
    with pytest.raises(UserError, match="'silent' has no words"):
        HashedBagOfWords(8).extract(Stimulus("silent", None), STARTS, 1.0)


def test_a_network_without_tokens_is_refused(wav2vec2_folder):
    with pytest.raises(UserError, match="is a wav2vec2 model; expected a text encoder"):
        SentenceEmbedding(str(wav2vec2_folder)).n_features  # noqa: B018
