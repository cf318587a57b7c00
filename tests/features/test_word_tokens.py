import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from n2s.features.language_models import TinyLanguageModel
from n2s.features.word_tokens import WordTokens, windows, word_tokens
from n2s.findings import kept

WORDS = ["the", "één", "sea", "don't", "海", "U.S.", "of"]


def bpe(**options) -> PreTrainedTokenizerFast:
    """Byte-level, with a few merges."""
    vocab = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "s"), ("Ġs", "e"), ("Ġse", "a"), ("o", "f"), ("Ġ", "of")]
    vocab |= {a + b: 256 + i for i, (a, b) in enumerate(merges)}
    cutter = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    cutter.pre_tokenizer = pre_tokenizers.ByteLevel(**options)
    cutter.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=cutter)


def pieces(*, lower: bool = True) -> PreTrainedTokenizerFast:
    """Word pieces, as BERT has them."""
    vocab = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "the", "een", "se", "##a", "don", "'", "t", "u", ".", "s", "of"]
    cutter = Tokenizer(models.WordPiece(vocab={name: i for i, name in enumerate(vocab)}, unk_token="[UNK]"))
    cutter.normalizer = normalizers.BertNormalizer(lowercase=lower)
    cutter.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(
        tokenizer_object=cutter, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


def metaspace() -> PreTrainedTokenizerFast:
    """A unigram model over spaces written as ▁, which may stand alone, as sentencepiece has it."""
    vocab = [
        ("<unk>", 0.0),
        ("▁", -2.0),
        ("▁the", -1.0),
        ("sea", -1.0),
        ("of", -1.0),
        *((c, -4.0) for c in "énthesadof'U.S海"),
    ]
    cutter = Tokenizer(models.Unigram(list(dict(vocab).items()), unk_id=0))
    cutter.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=cutter, unk_token="<unk>")


class Placeless:
    """A tokeniser that does not tell places."""

    is_fast, name_or_path = False, "placeless"

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, text, **options):
        return self.inner(text, **options)

    def convert_ids_to_tokens(self, ids):
        return self.inner.convert_ids_to_tokens(ids)


TOKENISERS = {
    "bytes": TinyLanguageModel(seed=0).tokenizer, "bpe": bpe(add_prefix_space=False), "untrimmed": bpe(add_prefix_space=False, trim_offsets=False),
    "pieces": pieces(), "metaspace": metaspace(),
}  # fmt: skip


@pytest.mark.parametrize("name", TOKENISERS)
def test_each_word_owns_what_it_is_cut_into(name):
    tokenizer = TOKENISERS[name]
    found = word_tokens(tokenizer, WORDS)
    assert found.ids.tolist() == tokenizer(" ".join(WORDS), add_special_tokens=False)["input_ids"]
    assert (np.diff(found.owner) >= 0).all() and found.n_words == len(WORDS)
    assert set(found.owner) == set(range(len(WORDS)))
    names = tokenizer.convert_ids_to_tokens(found.ids.tolist())
    for i, word in enumerate(WORDS):
        own = found.of(i)
        alone = tokenizer(word if i == 0 else f" {word}", add_special_tokens=False)["input_ids"]
        assert own[-1] == found.after(i) - 1 and found.ids[found.first(i) : found.after(i)].tolist() == alone
        assert all(names[token] not in ("▁", "Ġ") for token in own)


@pytest.mark.parametrize("name", TOKENISERS)
def test_the_same_without_places(name):
    with kept() as told:
        found = word_tokens(Placeless(TOKENISERS[name]), WORDS)
    expected = word_tokens(TOKENISERS[name], WORDS)
    for part in ("ids", "owner", "counted"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    assert not told


def test_a_token_that_reaches_into_the_next_word_is_the_next_words():
    """Else the state of a word would know the next."""
    vocab = {letter: i for i, letter in enumerate("abc ")} | {"b ": 4, "b c": 5}
    cutter = Tokenizer(models.BPE(vocab=vocab, merges=[("b", " "), ("b ", "c")]))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=cutter)
    found = word_tokens(tokenizer, ["ab", "ca", "a"])
    assert tokenizer.convert_ids_to_tokens(found.ids.tolist()) == ["a", "b c", "a", " ", "a"]
    assert found.owner.tolist() == [0, 1, 1, 2, 2] and found.counted.tolist() == [True, True, True, False, True]
    with kept() as told:
        apart = word_tokens(Placeless(tokenizer), ["ab", "ca", "a"])
    assert apart.owner.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert [one.where for one in told] == ["placeless"] and "cuts a text otherwise than its words" in told[0].text


def test_words_that_are_dropped_own_nothing():
    found = word_tokens(pieces(), ["the", "\x07", "of"])
    assert found.owner.tolist() == [0, 2] and not len(found.of(1))
    assert word_tokens(pieces(), []).n_words == 0
    chinese = word_tokens(TOKENISERS["bytes"], ["海", "大海"], between="")
    assert chinese.owner.tolist() == [0] * 3 + [1] * 6


def text_of(lengths: list[int]) -> WordTokens:
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return WordTokens(np.arange(len(owner)), owner, np.ones(len(owner), bool), len(lengths))


def test_windows_of_so_many_words():
    tokens = text_of([2, 1, 3, 1])
    found = windows(tokens, 100, context_words=2, causal=True)
    assert [(w.first, w.after, w.words) for w in found] == [(0, 2, (0,)), (0, 3, (1,)), (0, 6, (2,)), (2, 7, (3,))]
    assert windows(tokens, 100, context_words=2, causal=False) == found
    # five tokens fit: what is left out is left out in whole words, unless a word is longer than that
    assert [(w.first, w.after) for w in windows(tokens, 5, context_words=2, causal=True)] == [
        (0, 2),
        (0, 3),
        (2, 6),
        (2, 7),
    ]
    assert [(w.first, w.after) for w in windows(text_of([9, 1]), 4, context_words=1, causal=True)] == [(5, 9), (9, 10)]
    assert [(w.first, w.after) for w in windows(tokens, 100, context_words=0, causal=True)] == [
        (0, 2),
        (2, 3),
        (3, 6),
        (6, 7),
    ]


def test_windows_of_all_that_fits():
    one = windows(text_of([2, 1, 3, 1]), 7, context_words=None, causal=True)
    assert [(w.first, w.after, w.words) for w in one] == [(0, 7, (0, 1, 2, 3))]
    lengths = np.random.default_rng(0).integers(1, 5, 200)
    lengths[50] = 0  # dropped
    tokens = text_of(lengths.tolist())
    found = windows(tokens, 40, context_words=None, causal=True)
    said = [word for window in found for word in window.words]
    assert said == [word for word in range(200) if word != 50]  # each once, in order
    for window in found:
        assert window.after - window.first <= 40
        assert window.first == 0 or tokens.owner[window.first] != tokens.owner[window.first - 1]
        if window.first:
            before = tokens.first(window.words[0]) - window.first
            assert 15 <= before <= 20  # half a window before a word, less a part of a word
    alone = windows(text_of([2, 1, 3]), 100, context_words=None, causal=False)
    assert [(w.first, w.after, w.words) for w in alone] == [(0, 2, (0,)), (0, 3, (1,)), (0, 6, (2,))]
    giant = windows(text_of([1, 30, 1]), 8, context_words=None, causal=True)
    assert [(w.first, w.after, w.words) for w in giant] == [(0, 1, (0,)), (23, 31, (1,)), (27, 32, (2,))]
