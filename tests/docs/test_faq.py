"""Messages on the page When something stops you are those of the program, from every part of it that has any."""

import re

import pytest
from docs_pages import ROOT
from messages import families, said_by

pytestmark = pytest.mark.slow  # all files of n2s are parsed

PAGE = (ROOT / "docs" / "faq.md").read_text("utf-8")
MESSAGES = re.findall(r"^`(.+)`\n: ", PAGE, re.MULTILINE)
#: Has no messages of its own: the words are those of its callers.
HELPERS = {"errors"}


def test_every_entry_is_a_message_or_a_question():
    entries = re.findall(r"^(.+)\n: ", PAGE, re.MULTILINE)
    assert len(MESSAGES) > 45
    assert not [one for one in entries if one.strip("`") not in MESSAGES and not one.endswith("?")]


@pytest.mark.parametrize("message", MESSAGES)
def test_the_program_says_it(message):
    assert said_by(message), f"no string of n2s has these words: {message}"


def test_words_that_nobody_says_are_found():
    assert not said_by("no such thing as this: ... expected another")


def test_every_part_of_the_program_is_on_the_page():
    covered = set().union(*(said_by(one) for one in MESSAGES))
    assert not set(families()) - covered - HELPERS, "no message of these parts is on the page"
