import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from test_word_tokens import bpe, pieces

from n2s.errors import UserError
from n2s.features import (
    FeatureStore,
    LanguageModelLayers,
    TinyUntrainedLanguageLayers,
    UntrainedLanguageModelLayers,
)
from n2s.findings import kept
from n2s.studies.study import Stimulus

TEXT = [
    "the",
    "sea",
    "of",
    "the",
    "een",
    "of",
    "sea",
    "the",
    "the",
    "sea",
    "of",
    "don't",
    "the",
    "sea",
    "of",
    "the",
    "of",
    "een",
    "sea",
    "the",
]


def story(words: list[str], id: str = "story") -> Stimulus:
    rows = [{"text": text, "onset": 0.3 * i, "duration": 0.2, "sequence": "s"} for i, text in enumerate(words)]
    return Stimulus(id, None, pd.DataFrame(rows))


def saved(folder, kind: str) -> str:
    torch.manual_seed(1)
    small = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32, "initializer_range": 0.3}
    if kind == "bert":
        tokenizer = pieces()
        config = transformers.BertConfig(
            vocab_size=len(tokenizer), intermediate_size=64, max_position_embeddings=24, **small
        )
        transformers.BertModel(config).save_pretrained(folder)
    else:
        tokenizer = bpe(add_prefix_space=False)
        tokenizer.add_special_tokens({"bos_token": "<s>"})
        config = transformers.GPT2Config(
            vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=24, initializer_range=0.3, bos_token_id=len(tokenizer) - 1,
        )  # fmt: skip
        transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=["gpt2", "bert"])
def model(request, tmp_path_factory):
    return request.param, saved(tmp_path_factory.mktemp(request.param), request.param)


def naive(kind: str, folder: str, words: list[str], of: str = "last") -> list[np.ndarray]:
    """The states of the last word of a text, by transformers alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = " ".join(words)
    cut = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    begin = len(text) - len(words[-1])
    own = [i + 1 for i, (start, stop) in enumerate(cut["offset_mapping"]) if stop > begin]
    ids = [tokenizer.bos_token_id or tokenizer.cls_token_id, *cut["input_ids"]] + [tokenizer.sep_token_id] * (
        kind == "bert"
    )
    network = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = network(torch.tensor([ids]), output_hidden_states=True).hidden_states
    return [(state[0, own[-1]] if of == "last" else state[0, own].mean(0)).numpy() for state in states]


@pytest.mark.parametrize("of", ["last", "mean"])
def test_each_word_after_so_many_words(model, of):
    kind, folder = model
    members = LanguageModelLayers(folder, context_words=3, of=of).members()
    assert list(members) == ["layer0", "layer1", "layer2"]
    found = members["layer0"][0].extract_together(story(TEXT))
    assert all(one.values.shape == (len(TEXT), 32) for one in found)
    np.testing.assert_allclose(found[0].times_s, 0.3 * np.arange(len(TEXT)) + 0.1)
    for i in (0, 2, 4, 11, 19):
        words = TEXT[max(0, i - 3) : i + 1]
        words[0] = (
            " " * (kind == "gpt2" and i > 3) + words[0]
        )  # the first word of a window is cut as in its text: with its space
        for one, expected in zip(found, naive(kind, folder, words, of), strict=True):
            np.testing.assert_allclose(one.values[i], expected, atol=1e-4)


def test_all_that_fits_of_a_causal_model_is_one_pass(model):
    kind, folder = model
    words = TEXT[:8]
    found = LanguageModelLayers(folder).members()["layer2"][0].extract(story(words))
    for i in (0, 3, 7):
        np.testing.assert_allclose(found.values[i], naive(kind, folder, words[: i + 1])[2], atol=1e-4)
    # more than the 24 tokens that fit: each word once, and none without context
    long = LanguageModelLayers(folder).members()["layer1"][0].extract(story(TEXT * 3))
    assert long.values.shape == (60, 32) and np.isfinite(long.values).all() and np.abs(long.values).sum(1).min() > 0


def test_later_words_are_not_read(model):
    _, folder = model
    other = [*TEXT[:10], *reversed(TEXT[10:])]
    for context in (None, 4):
        feature = LanguageModelLayers(folder, context_words=context).members()["layer2"][0]
        ours, theirs = feature.extract(story(TEXT)).values, feature.extract(story(other)).values
        np.testing.assert_allclose(ours[:10], theirs[:10], atol=1e-5)
        assert np.abs(ours[10:] - theirs[10:]).max() > 0.01


def test_nothing_is_read_across_a_border(model, tmp_path):
    _, folder = model
    other = [*["of"] * 10, *TEXT[10:]]
    feature = LanguageModelLayers(folder, context_words=6).members()["layer2"][0]
    stores = FeatureStore(feature, tmp_path)
    ours, theirs = (stores.impulses(story(words), cuts_s=[2.95]) for words in (TEXT, other))
    assert [len(one.values) for one in ours] == [10, 10]
    np.testing.assert_array_equal(ours[1].values, theirs[1].values)
    whole = stores.impulses(story(TEXT))[0], stores.impulses(story(other))[0]
    assert (
        np.abs(whole[0].values[10] - whole[1].values[10]).max() > 0.01
    )  # uncut, they are read: the test above can fail
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3 * (2 + 2 + 2)  # all layers at once


def test_stretches_without_words_have_no_values(tmp_path):
    feature = TinyUntrainedLanguageLayers([1]).members()["layer1"][0]
    parts = FeatureStore(feature, tmp_path).impulses(story(TEXT), cuts_s=[0.0, 99.0])
    assert [one.values.shape for one in parts] == [(0, 64), (20, 64), (0, 64)]


def test_other_layers_do_not_write_over_kept_ones(tmp_path):
    store = FeatureStore(TinyUntrainedLanguageLayers([1]).members()["layer1"][0], tmp_path)
    store.impulses(story(TEXT))
    (path,) = tmp_path.rglob("*.safetensors")
    before = path.stat().st_mtime_ns
    FeatureStore(TinyUntrainedLanguageLayers([1, 2]).members()["layer2"][0], tmp_path).impulses(story(TEXT))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2 and path.stat().st_mtime_ns == before


def test_batches_do_not_show(model):
    _, folder = model
    one = LanguageModelLayers(folder, context_words=3, batch_tokens=1).members()["layer2"][0].extract(story(TEXT))
    many = LanguageModelLayers(folder, context_words=3).members()["layer2"][0].extract(story(TEXT))
    np.testing.assert_allclose(one.values, many.values, atol=1e-5)


def test_words_that_are_dropped_or_unknown_are_told(tmp_path):
    folder = saved(tmp_path, "bert")
    with kept() as told:
        found = (
            LanguageModelLayers(folder, [1], context_words=2)
            .members()["layer1"][0]
            .extract(story(["the", "\x07", "zebra", "sea"]))
        )
    np.testing.assert_allclose(found.times_s, [0.1, 0.7, 1.0])
    assert [one.kind for one in told] == ["left out", "odd"]
    assert (
        "1 words have no value" in told[0].text
        and "unknown to the tokeniser" in told[1].text
        and "zebra" in told[1].text
    )


def test_the_first_token_is_an_option(tmp_path):
    folder = saved(tmp_path, "gpt2")
    with_it, without = (
        LanguageModelLayers(folder, [2], bos=bos).members()["layer2"][0].extract(story(TEXT[:3])).values
        for bos in (True, False)
    )
    assert np.abs(with_it - without).max() > 0.01


def test_tiny_and_untrained(tmp_path, model):
    kind, folder = model
    members = TinyUntrainedLanguageLayers(seeds=(0, 1)).members()
    assert list(members) == ["layer0", "layer1", "layer2", "layer3"]
    one, two = (feature.extract(story(["één", "海", "sea"])).values for feature in members["layer2"])
    assert one.shape == (3, 64) and np.abs(one - two).max() > 0.01
    again = TinyUntrainedLanguageLayers([2]).members()["layer2"][0]
    np.testing.assert_array_equal(again.extract(story(["één", "海", "sea"])).values, one)
    assert again.settings() == members["layer2"][0].settings() != members["layer2"][1].settings()
    untrained = UntrainedLanguageModelLayers(folder, [2], seeds=(0,)).members()["layer2"][0]
    trained = LanguageModelLayers(folder, [2]).members()["layer2"][0]
    assert untrained.n_features == trained.n_features == 32
    assert np.abs(untrained.extract(story(TEXT)).values - trained.extract(story(TEXT)).values).max() > 0.01
    assert trained._pass.network.causal == (kind == "gpt2")
    trained.release()
    assert "_network" not in vars(trained._pass.network)


def test_models_of_other_families(tmp_path):
    """Positions counted from elsewhere, an encoder beside a decoder."""
    torch.manual_seed(0)
    tokenizer = pieces()
    small = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 64}
    roberta = transformers.RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=14, pad_token_id=1, **small)
    t5 = transformers.T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2)
    for name, network in (
        ("roberta", transformers.RobertaModel(roberta)),
        ("t5", transformers.T5ForConditionalGeneration(t5)),
    ):
        folder = tmp_path / name
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        features = LanguageModelLayers(str(folder)).members()
        assert len(features) == 3
        found = features["layer2"][0].extract(story(TEXT))  # more than the 12 tokens that fit
        assert found.values.shape == (20, 32) and not features["layer2"][0]._pass.network.causal


def test_a_last_layer_of_another_width(tmp_path):
    tokenizer = pieces()
    config = transformers.OPTConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=16, word_embed_proj_dim=16
    )  # fmt: skip
    transformers.OPTForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    members = LanguageModelLayers(str(tmp_path), [0, 1]).members()
    assert members["layer1"][0].extract(story(TEXT)).values.shape == (20, 32)
    with pytest.raises(UserError, match=r"layer 2 has 16 units, and the network is 32 wide. Choose other layers"):
        LanguageModelLayers(str(tmp_path)).members()["layer1"][0].extract(story(TEXT))


def test_what_is_wrong_is_said(model, tmp_path):
    _, folder = model
    for wrong in (
        {"layers": []},
        {"layers": [1, 1]},
        {"of": "first"},
        {"at": "start"},
        {"context_words": -1},
        {"max_tokens": 2},
    ):
        with pytest.raises(UserError, match="expected"):
            LanguageModelLayers(folder, **wrong)
    with pytest.raises(UserError, match=r"layers \[3\], but '.*' has 2"):
        LanguageModelLayers(folder, [3]).members()
    with pytest.raises(UserError, match="'silent' has no words"):
        LanguageModelLayers(folder, [1]).members()["layer1"][0].extract(Stimulus("silent", None))
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="cannot be loaded"):
        LanguageModelLayers(str(tmp_path)).members()


def test_words_without_spaces_between_them():
    joined = TinyUntrainedLanguageLayers([1], between="").members()["layer1"][0]
    apart = TinyUntrainedLanguageLayers([1]).members()["layer1"][0]
    a, b = (feature.extract(story(["大", "海"])).values for feature in (joined, apart))
    np.testing.assert_allclose(a[0], b[0], atol=1e-6)
    assert np.abs(a[1] - b[1]).max() > 1e-3
