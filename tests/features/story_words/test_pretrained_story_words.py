import importlib.util
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from small_tales import tales
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from n2s.errors import UserError
from n2s.features import LanguageModelLayers, PretrainedStoryWords
from n2s.features.story_words.word_tree import _least
from n2s.findings import kept
from n2s.studies.study import Stimulus

TEXT = [" ".join(story) for story in tales(6)] + [
    "the dogs don't sleep, they played. The riverside house; a fisherman's boat!"
] * 5
STORY = [
    "the",
    "fish",
    "played",
    "in",
    "the",
    "river",
    "the",
    "fisherman",
    "slept",
    "in",
    "the",
    "yard",
    "the",
    "dogs",
    "played",
    "in",
    "the",
    "house",
]


def byte_level() -> transformers.PreTrainedTokenizerFast:
    """As GPT-2's: a space is a part of the token behind it."""
    cutter = Tokenizer(models.BPE())
    cutter.pre_tokenizer, cutter.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=["<s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    cutter.train_from_iterator(TEXT, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=cutter, bos_token="<s>", eos_token="<s>")


def sentence_pieces() -> transformers.PreTrainedTokenizerFast:
    """As Llama's: a space is ▁, before the first word, too."""
    cutter = Tokenizer(models.BPE(unk_token="<unk>"))  # the trainer of unigrams gives other pieces each time
    cutter.pre_tokenizer, cutter.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=60, special_tokens=["<s>", "<unk>"])
    cutter.train_from_iterator(TEXT, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=cutter, bos_token="<s>", unk_token="<unk>")


def word_level() -> transformers.PreTrainedTokenizerFast:
    """Whole words, and no token to begin with."""
    cutter = Tokenizer(models.WordLevel(unk_token="<unk>"))
    cutter.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    cutter.train_from_iterator(TEXT, trainers.WordLevelTrainer(special_tokens=["<unk>"]))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=cutter, unk_token="<unk>")


def saved(folder: Path, tokenizer: transformers.PreTrainedTokenizerFast, kind: str = "gpt2") -> str:
    sizes = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        if kind == "gpt2":
            config = transformers.GPT2Config(
                vocab_size=len(tokenizer), n_embd=32, n_layer=3, n_head=2, n_positions=128, initializer_range=0.4
            )
            transformers.GPT2LMHeadModel(config).save_pretrained(folder)
        elif kind == "llama":
            config = transformers.LlamaConfig(**sizes, intermediate_size=48, initializer_range=0.4)
            transformers.LlamaForCausalLM(config).save_pretrained(folder)
        else:
            config = transformers.BertConfig(**sizes, intermediate_size=48, initializer_range=0.4)
            transformers.BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


CASES = {"gpt2": (byte_level, "gpt2"), "llama": (sentence_pieces, "llama"), "words": (word_level, "gpt2")}


@pytest.fixture(scope="module", params=list(CASES))
def case(request, tmp_path_factory):
    """A folder, its model with all paths followed, and its name."""
    torch.set_num_threads(1)
    tokenizer, kind = CASES[request.param]
    folder = saved(tmp_path_factory.mktemp(request.param), tokenizer(), kind)
    return folder, learned(folder, tree_top=1.0), request.param


def learned(folder: str, **options) -> PretrainedStoryWords:
    model = PretrainedStoryWords(folder, layer=2, device="cpu", **options)
    with kept():
        model.learn([STORY, *tales(1)], language="en", seed=0)
    return model


def brute_force(folder: str, model: PretrainedStoryWords, context: tuple[str, ...]) -> torch.Tensor:
    """Each word after the context by a forward pass of its own, on the tokens of the text as a whole."""
    network = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    names = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    if tokenizer.bos_token is None:
        ends = [True] * len(names)
    else:
        ends = [
            name in tokenizer.all_special_tokens or not (name[0].isalpha() or name[0] in "'-") or name[0] == "Ġ"
            for name in names
        ]
        if names[5].startswith("▁") or "▁" in "".join(names):
            ends = [end or name.startswith("▁") for end, name in zip(ends, names, strict=True)]
        else:  # letters of byte-level tokens that are parts of letters, or signs
            plain = [tokenizer.backend_tokenizer.decode([i], skip_special_tokens=False) for i in range(len(names))]
            ends = [
                name in tokenizer.all_special_tokens or not (text[0].isalnum() or text[0] in "'-\ufffd")
                for name, text in zip(names, plain, strict=True)
            ]
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    scores = []
    for word in model.vocabulary:
        before = tokenizer(" ".join(context), add_special_tokens=False)["input_ids"] if context else []
        whole = tokenizer(" ".join([*context, word]), add_special_tokens=False)["input_ids"]
        assert whole[: len(before)] == before
        with torch.no_grad():
            logs = network(torch.tensor([[*start, *whole]])).logits[0].log_softmax(-1)
        first = len(start) + len(before)
        score = logs[-1][torch.tensor(ends)].logsumexp(0)
        for place, token in enumerate(whole[len(before) :], first):
            score = score + logs[place - 1, token]
        scores.append(score)
    return torch.stack(scores).log_softmax(0)


def test_probabilities_are_those_of_every_word_read_by_itself(case):
    folder, model, _ = case
    contexts = [("the", "fish"), ("the", "dogs", "played", "in", "the"), ("a",), ("river", "yard")]
    contexts = [context for context in contexts if all(word in STORY for word in context)]
    found = model.next_words(contexts)
    assert found.dtype == torch.float32 and found.shape == (len(contexts), len(model.vocabulary))
    for row, context in zip(found, contexts, strict=True):
        torch.testing.assert_close(row, brute_force(folder, model, context), rtol=1e-4, atol=1e-4)


def test_the_first_word_of_a_text(case):
    folder, model, name = case
    found = model.next_words([()])[0]
    assert abs(float(found.exp().sum()) - 1) < 1e-5
    if name == "words":  # it has no token to begin with: how often words came
        assert model.vocabulary[int(found.argmax())] == "the"
    else:
        torch.testing.assert_close(found, brute_force(folder, model, ()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_features_are_those_of_the_layers_of_a_transcript(case, layer):
    folder, _, _ = case
    model = PretrainedStoryWords(folder, layer=layer, device="cpu")
    rows = [{"text": word, "onset": 0.3 * i, "duration": 0.2, "sequence": "s"} for i, word in enumerate(STORY)]
    layers = LanguageModelLayers(folder, layers=[layer], context_words=5, of="last", device="cpu")
    expected = layers.passes()[0].features[0].extract(Stimulus("story", None, pd.DataFrame(rows))).values
    found = model.states([tuple(STORY[max(0, i - 5) : i + 1]) for i in range(len(STORY))]).numpy()
    same = [
        i for i in range(len(STORY)) if i != 5
    ]  # the one with five words before it that still begins with the text's first word
    np.testing.assert_allclose(found[same], expected[same], rtol=1e-3, atol=1e-4)
    longer = model.states([tuple(STORY[: i + 1]) for i in range(len(STORY))]).numpy()
    np.testing.assert_allclose(longer, found, rtol=1e-3, atol=1e-4)


def test_words_that_are_followed_are_exact_to_each_other(case):
    folder, exact, _ = case
    model, contexts = learned(folder, tree_top=0.9), [("the", "fish"), ("the", "dogs", "played")]
    near, true = model.next_words(contexts), exact.next_words(contexts)
    torch.testing.assert_close(near.exp().sum(1), torch.ones(2))
    tree = model._behind
    for i, context in enumerate(contexts):
        after, _ = model.network.after(torch.tensor([model.network.text(context, edge=model.network.start)[0]]))
        logs = after[:, [one[0] for one in tree.beginnings[1]]]
        followed = {one[0] for one, yes in zip(tree.beginnings[1], logs[0] >= _least(logs, 0.9), strict=True) if yes}
        words = [word for word, tokens in enumerate(tree.words) if len(tokens) == 1 and tokens[0] in followed]
        assert 0 < len(followed) < len(tree.beginnings[1])
        if words:
            torch.testing.assert_close(
                near[i, words] - near[i, words[0]], true[i, words] - true[i, words[0]], rtol=1e-3, atol=1e-3
            )


def test_more_paths_come_nearer(case):
    folder, exact, _ = case
    contexts = [tuple(STORY[i : i + 4]) for i in range(10)]
    true = exact.next_words(contexts)
    apart = []
    for top in (0.0, 0.7, 0.95):
        near = learned(folder, tree_top=top).next_words(contexts)
        apart.append(float((true.exp() * (true - near)).sum(1).mean()))
    assert apart[2] <= apart[1] + 1e-6 and apart[1] <= apart[0] + 1e-6


def test_batches_do_not_change_numbers(case):
    folder, model, _ = case
    small = learned(folder, tree_top=1.0, batch_tokens=7)
    contexts = [tuple(STORY[i : i + 1 + i % 4]) for i in range(8)] + [()]
    torch.testing.assert_close(small.next_words(contexts), model.next_words(contexts), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(small.states(contexts[:-1]), model.states(contexts[:-1]), rtol=1e-4, atol=1e-4)


def test_without_a_cache_of_keys_and_values_it_is_the_same(case, monkeypatch):
    folder, model, _ = case
    expected = model.next_words([("the", "fish")])
    other = learned(folder, tree_top=1.0)
    monkeypatch.setattr("n2s.features.story_words.word_tree._can_branch", lambda cache: False)
    torch.testing.assert_close(other.next_words([("the", "fish")]), expected, rtol=1e-4, atol=1e-4)


def test_what_was_learned_is_plain(case, tmp_path):
    folder, model, _ = case
    torch.save(model.state(), tmp_path / "state.pt")
    other = PretrainedStoryWords(folder, layer=2, tree_top=1.0, device="cpu")
    other.load(torch.load(tmp_path / "state.pt", weights_only=True))
    assert (other.vocabulary, other.language) == (model.vocabulary, "en")
    assert torch.equal(other.next_words([("the",), ()]), model.next_words([("the",), ()]))
    model.release()
    assert torch.equal(other.states([("the", "fish")]), model.states([("the", "fish")]))
    assert model.settings() == other.settings() and model.settings()["model"].startswith("sha256:")
    assert "layer 2" in model.told()


def test_a_list_of_words_is_the_vocabulary(case, tmp_path):
    folder = case[0]
    path = tmp_path / "words.txt"
    path.write_text("River\nfish\nsubmarine\nfish\n\n", "utf-8")
    model = PretrainedStoryWords(folder, layer=1, vocabulary=path, device="cpu")
    with kept() as found:
        model.learn([STORY], language="en", seed=0)
    if case[2] == "words":
        assert model.vocabulary == ("fish", "river")
        assert any("submarine" in one.text and one.kind == "left out" for one in found)
    else:
        assert model.vocabulary == ("fish", "river", "submarine")
    assert any("1 of 3 words never come" in one.text and one.where == str(path) for one in found)


def test_a_list_that_is_none_is_an_error(case, tmp_path):
    folder = case[0]
    with pytest.raises(UserError, match=r"words\.txt cannot be read"):
        PretrainedStoryWords(folder, layer=1, vocabulary=tmp_path / "words.txt").learn([STORY], language="en", seed=0)
    (tmp_path / "words.txt").write_text("river\n")
    with kept(), pytest.raises(UserError, match=r"1 words can be decoded.*words\.txt"):
        PretrainedStoryWords(folder, layer=1, vocabulary=tmp_path / "words.txt").learn([STORY], language="en", seed=0)


def test_an_encoder_is_an_error(tmp_path):
    folder = saved(tmp_path, byte_level(), "bert")
    with pytest.raises(UserError, match="Give a causal model"):
        PretrainedStoryWords(folder, layer=1).learn([STORY], language="en", seed=0)


def test_no_tokeniser_and_no_weights_are_errors(tmp_path):
    folder = Path(saved(tmp_path, byte_level()))
    (folder / "tokenizer.json").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="tokeni"):
        PretrainedStoryWords(str(folder), layer=1).learn([STORY], language="en", seed=0)
    (tmp_path / "elsewhere").rename(folder / "tokenizer.json")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be loaded"):
        PretrainedStoryWords(str(folder), layer=1).learn([STORY], language="en", seed=0)


def test_a_tokeniser_without_places_is_an_error(case, monkeypatch):
    model = PretrainedStoryWords(case[0], layer=1)

    class Placeless:
        is_fast = False

    monkeypatch.setattr(model.network, "tokenizer", Placeless())
    with pytest.raises(UserError, match="fast tokeniser"):
        model.learn([STORY], language="en", seed=0)


def test_a_layer_that_is_not_there_and_bad_options(case):
    with pytest.raises(UserError, match=r"layer=9.*to 3"):
        PretrainedStoryWords(case[0]).learn([STORY], language="en", seed=0)
    for options in ({"layer": -1}, {"tree_top": 1.5}, {"min_count": 0}, {"reach": 0}):
        with pytest.raises(UserError, match=next(iter(options))):
            PretrainedStoryWords(case[0], **options)


def test_no_stories_is_an_error(case):
    with pytest.raises(UserError, match="0 words can be decoded"):
        PretrainedStoryWords(case[0], layer=1).learn([], language="en", seed=0)


def test_gguf_needs_its_package(case, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install gguf"):
        PretrainedStoryWords(case[0], gguf_file="model.gguf").learn([STORY], language="en", seed=0)


def test_the_fewest_beginnings_that_hold_a_share():
    logs = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert [int((logs >= _least(logs, top)).sum()) for top in (0.0, 0.4, 0.5, 0.6, 0.9, 1.0)] == [0, 1, 1, 2, 3, 4]


@pytest.mark.skipif(
    "N2S_SMOLLM2" not in os.environ, reason="N2S_SMOLLM2: a GGUF file of SmolLM2, which is not in the package"
)
def test_smollm2_knows_where_little_girls_live(tmp_path):
    pytest.importorskip("gguf")
    path = Path(os.environ["N2S_SMOLLM2"])
    (tmp_path / "words.txt").write_text(
        "small big village little house the of a river run slept was green".replace(" ", "\n")
    )
    model = PretrainedStoryWords(str(path.parent), gguf_file=path.name, vocabulary=tmp_path / "words.txt")
    with kept():
        model.learn([STORY], language="en", seed=0)
    likely = model.next_words([("a", "little", "girl", "who", "lived", "in", "a")])[0].topk(4).indices
    assert {"small", "village"} <= {model.vocabulary[i] for i in likely}
