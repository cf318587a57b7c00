"""Surprisal of words, against transformers alone."""

import numpy as np
import pytest
import torch
import transformers
from test_language_layers import TEXT, saved, story

from n2s.errors import UserError
from n2s.features import Surprisal


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("gpt2"), "gpt2")


def naive(folder, context, word):
    """-log2 p of a word's tokens after a text that begins with the first token."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    given = tokenizer(" ".join(context), add_special_tokens=False)["input_ids"]
    whole = tokenizer(" ".join([*context, word]), add_special_tokens=False)["input_ids"]
    assert whole[: len(given)] == given
    ids = torch.tensor([[tokenizer.bos_token_id, *whole]])
    with torch.no_grad():
        logs = torch.log_softmax(network(ids).logits[0].double(), 1)
    return -sum(float(logs[len(given) + i, one]) for i, one in enumerate(whole[len(given) :])) / np.log(2)


@pytest.mark.parametrize("context_words", [0, 3])
def test_it_is_that_of_the_whole_word(gpt2, context_words):
    found = Surprisal(gpt2, context_words=context_words).extract(story(TEXT))
    assert found.values.shape == (len(TEXT), 1) and found.values.dtype == np.float32
    np.testing.assert_allclose(found.times_s, 0.3 * np.arange(len(TEXT)))
    for word in (0, 1, 4, 11, 19):
        assert found.values[word, 0] == pytest.approx(naive_window(gpt2, word, context_words), rel=1e-5)


def naive_window(folder, word, context_words):
    """As `naive`, by the tokens of the whole text: a window begins with the space before its first word."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    cut = tokenizer(" ".join(TEXT), add_special_tokens=False, return_offsets_mapping=True)
    stops = np.cumsum([len(one) + 1 for one in TEXT]) - 1
    owner = np.searchsorted(stops, [stop for _, stop in cut["offset_mapping"]])
    first, own = max(0, word - context_words), np.flatnonzero(owner == word)
    kept = np.flatnonzero((owner >= first) & (owner <= word))
    ids = torch.tensor([[tokenizer.bos_token_id, *np.array(cut["input_ids"])[kept]]])
    with torch.no_grad():
        logs = torch.log_softmax(network(ids).logits[0].double(), 1)
    return -sum(float(logs[at - kept[0], cut["input_ids"][at]]) for at in own) / np.log(2)


def test_with_all_context_words_come_in_windows(gpt2):
    found = Surprisal(gpt2, max_tokens=12).extract(story(TEXT)).values
    assert len(found) == len(TEXT) and (found > 0).all()
    assert found[1, 0] == pytest.approx(naive(gpt2, TEXT[:1], TEXT[1]), rel=1e-5)


def test_each_side_of_a_border_is_read_alone(gpt2):
    feature, after = Surprisal(gpt2), TEXT[10:]
    right = feature.extract(story(TEXT), 3.0, None)
    moved = feature.extract(story(after))
    np.testing.assert_allclose(right.values, moved.values, rtol=1e-5)
    np.testing.assert_allclose(right.times_s, moved.times_s + 3.0)


def test_a_model_that_reads_both_sides_is_refused(tmp_path):
    with pytest.raises(UserError, match="causal model|cannot be loaded"):
        Surprisal(saved(tmp_path, "bert")).extract(story(TEXT))


def test_settings_that_are_none_are_refused():
    for wrong in ({"context_words": -1}, {"max_tokens": 2}, {"at": "start"}):
        with pytest.raises(UserError, match="Surprisal"):
            Surprisal("none", **wrong)
