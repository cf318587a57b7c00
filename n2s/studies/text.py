"""Text as it is compared: two spellings of the same characters are one, and what cannot be seen does not count."""

import re
import unicodedata

# Soft hyphen, zero-width space, word joiner, byte order mark and marks of direction. Joiners (U+200C, U+200D) are spelling.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def normal(name: str) -> str:
    """A name in Unicode's composed form (NFC): macOS writes file names decomposed, and both look the same."""
    return unicodedata.normalize("NFC", name)


def plain(text: str) -> str:
    """A label or word in composed form, without invisible characters, with single spaces and none at its ends."""
    return normal(" ".join(_INVISIBLE.sub("", text).split()))
