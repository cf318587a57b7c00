"""A sentence model with a linear layer after its pooling, as LaBSE has; sentences at their words; aligned words."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModel, BertConfig, BertModel, BertTokenizer

from n2s.errors import UserError
from n2s.features import AlignedWords, HashedBagOfWords, SentenceAtWords, SentenceEmbedding
from n2s.studies.simulated.tales import tale_sentences
from n2s.studies.study import Stimulus

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "old", "man", "sea"]


@pytest.fixture(scope="module")
def labse(tmp_path_factory):
    """The kind of LaBSE's files: BERT, the first token, a linear layer with tanh, unit length."""
    folder = tmp_path_factory.mktemp("labse")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=20, **sizes)).save_pretrained(folder)
        weights = {"linear.weight": torch.randn(10, 16), "linear.bias": torch.randn(10)}
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    steps = [
        {"idx": i, "path": "" if not i else f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(steps))
    for name, config in (
        ("1_Pooling", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}),
        (
            "2_Dense",
            {
                "in_features": 16,
                "out_features": 10,
                "bias": True,
                "activation_function": "torch.nn.modules.activation.Tanh",
            },
        ),
    ):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    return folder


def test_the_linear_layer_is_applied(labse):
    feature = SentenceEmbedding(str(labse))
    assert feature.n_features == 10
    network = AutoModel.from_pretrained(labse).eval()
    with torch.no_grad():
        first = network(input_ids=torch.tensor([[2, 5, 6, 3]])).last_hidden_state[0, 0]
    from safetensors.torch import load_file

    state = load_file(labse / "2_Dense" / "model.safetensors")
    expected = torch.tanh(state["linear.weight"] @ first + state["linear.bias"])
    np.testing.assert_allclose(feature.embed(["old man"])[0], (expected / expected.norm()).numpy(), atol=1e-5)
    feature.release()


def test_weights_of_the_layer_are_part_of_the_settings_and_must_be_there(labse, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(labse, copy)
    before = SentenceEmbedding(str(copy)).settings()
    state = {"linear.weight": torch.zeros(10, 16), "linear.bias": torch.ones(10)}
    save_file(state, copy / "2_Dense" / "model.safetensors")
    assert SentenceEmbedding(str(copy)).settings() != before
    (copy / "2_Dense" / "model.safetensors").unlink()
    torch.save(state, copy / "2_Dense" / "pytorch_model.bin")
    assert SentenceEmbedding(str(copy)).embed(["sea"]).shape == (1, 10)
    (copy / "2_Dense" / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match="no weights in 2_Dense"):
        SentenceEmbedding(str(copy)).embed(["sea"])


def heard(words, sequence):
    table = pd.DataFrame({"text": words, "onset": 0.5 * np.arange(len(words)), "duration": 0.4, "sequence": sequence})
    return Stimulus("s", None, words=table)


def test_a_word_has_the_vector_of_its_sentence():
    bag = HashedBagOfWords(32)
    stimulus = heard(["el", "mar", "duerme", "ya", "no"], ["a", "a", "a", "", ""])
    found = SentenceAtWords(bag).extract(stimulus)
    np.testing.assert_allclose(found.values[:3], np.repeat(bag.embed(["el mar duerme"]), 3, 0))
    np.testing.assert_allclose(found.values[3:], bag.embed(["ya", "no"]))
    part = SentenceAtWords(bag).extract(stimulus, 0.5, 1.2)  # a border cuts the sentence
    np.testing.assert_allclose(part.values, np.repeat(bag.embed(["mar duerme"]), 2, 0))
    assert SentenceAtWords(bag).settings() != SentenceAtWords(bag, at="onset").settings()


@pytest.mark.slow
def test_words_that_mean_the_same_come_together():
    """Of tales that the text does not have: a form's nearest forms of the other language have its concept more often than not."""
    feature = AlignedWords(n_features=40, n_tales=25)
    vectors = feature._vectors
    concepts = {}
    for language in ("es", "eu"):
        for number in range(1, 6):
            for sentence in tale_sentences(number, language, 60):
                concepts |= {
                    (language, word): one for word, one in zip(sentence.words, sentence.concepts, strict=True) if one
                }
    own = {
        language: [word for name, word in concepts if name == language and word in vectors[language]]
        for language in ("es", "eu")
    }
    x, y = (np.stack([vectors[name][word] for word in own[name]]) for name in ("es", "eu"))
    x, y = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (x, y))
    other = {concepts["eu", word] for word in own["eu"]}
    nearest = (x @ y.T).argmax(1)
    hits = [
        concepts["es", word] == concepts["eu", own["eu"][at]]
        for word, at in zip(own["es"], nearest, strict=True)
        if concepts["es", word] in other
    ]
    assert np.mean(hits) > 0.5 and len(hits) > 80
    first = [one.text for one in tale_sentences(3, "eu", 4)]
    words = " ".join(first).split()
    found = feature.extract(heard(words, [""] * len(words)))
    assert (
        found.values.shape == (len(words), 40)
        and np.isfinite(found.values).all()
        and (found.values != 0).any(1).mean() > 0.9
    )


def test_aligned_words_of_files(tmp_path):
    (tmp_path / "es.txt").write_text("el mar\nla casa\nel mar azul\n")
    (tmp_path / "fr.txt").write_text("la mer\nla maison\nla mer bleue\n")
    files = {one: str(tmp_path / f"{one}.txt") for one in ("es", "fr")}
    feature = AlignedWords(["es", "fr"], files=files, n_features=3)
    vectors = feature._vectors
    assert vectors["es"]["mar"] @ vectors["fr"]["mer"] > vectors["es"]["mar"] @ vectors["fr"]["maison"]
    with pytest.raises(UserError, match="0% of the words"):
        feature.extract(heard(["the", "sea"], ["", ""]))
    (tmp_path / "fr.txt").write_text("la mer\n")
    with pytest.raises(UserError, match="numbers of lines"):
        AlignedWords(["es", "fr"], files=files).extract(heard(["mar"], [""]))
    with pytest.raises(UserError, match="no text in fr"):
        AlignedWords(["es", "fr"])
