"""Words and names that look the same are the same, however a file system or an editor writes them."""

import unicodedata

import pytest

from n2s.errors import UserError
from n2s.studies.events import events_table
from n2s.studies.text import normal, plain


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("u\u0308ber", "über"),
        ("Haus\u00adtür", "Haustür"),  # soft hyphen
        ("\ufeffone\u200b", "one"),
        ("a\u00a0b\u2003 c\n", "a b c"),
        ("\u202bشكرا\u202c", "شكرا"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian spelling needs the non-joiner
        ("ﬁn", "ﬁn"),  # a ligature is another spelling
    ],
)
def test_plain_text(written, expected):
    assert plain(written) == expected
    assert plain(plain(written)) == plain(written)


def test_names_in_events_are_composed():
    """Two recordings of one study, one copied from a Mac: one story, one sentence, one word."""
    rows = []
    for i, form in enumerate(("NFC", "NFD")):
        text, story = (unicodedata.normalize(form, one) for one in ("\u00fcber\u00a0", "f\u00e1bula"))
        rows.append({"kind": "word", "onset": i, "duration": 0.5, "text": text, "story": story, "sequence": story,
                     "stimulus": unicodedata.normalize(form, "f\u00e1bula"), "stimulus_onset": i, "speaker": story})  # fmt: skip
    table = events_table(rows, where="r")
    for name in ("text", "story", "sequence", "speaker"):
        assert table[name].nunique() == 1 and table[name][0] == normal(table[name][0])
    assert table.text.tolist() == ["über"] * 2
    assert table.stimulus.nunique() == 2  # spelled as on the disk: the study opens its file by it


@pytest.mark.parametrize("name", ["story", "kind"])
def test_an_event_without_a_story_or_kind_is_named(name):
    rows = [
        {"onset": at, "duration": 1.0, "kind": "word", "story": "s", "stimulus": "a", "stimulus_onset": at}
        for at in (0.0, 2.0)
    ]
    with pytest.raises(UserError, match=f"here: 1 events have no {name}; the first is at 2.0 s"):
        events_table([rows[0], rows[1] | {name: float("nan")}], where="here")
