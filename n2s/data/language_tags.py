"""Tags of languages, as short as they come: en-GB, eng, English are en."""

import re

#: ISO 639-1, then what else is written for it: ISO 639-2 (B and T) and 639-3, and the English name.
_SAME = """
ar ara arb arabic; bg bul bulgarian; ca cat catalan; cs ces cze czech; cy cym wel welsh; da dan danish; de deu ger german; el ell gre greek;
en eng english; es spa spanish castilian; et est estonian; eu eus baq basque euskara; fa fas per pes persian farsi; fi fin finnish;
fr fra fre french; ga gle irish; gl glg galician; he heb iw hebrew; hi hin hindi; hr hrv croatian; hu hun hungarian; hy hye arm armenian;
id ind indonesian; is isl ice icelandic; it ita italian; ja jpn japanese; ka kat geo georgian; ko kor korean; lt lit lithuanian; lv lav lvs latvian;
mk mkd mac macedonian; ms msa may zsm malay; nl nld dut dutch; no nor norwegian; nb nob; nn nno; pl pol polish; pt por portuguese;
ro ron rum romanian; ru rus russian; sk slk slo slovak; sl slv slovenian; sq sqi alb albanian; sr srp serbian; sv swe swedish; ta tam tamil;
th tha thai; tr tur turkish; uk ukr ukrainian; ur urd urdu; vi vie vietnamese; zh zho chi cmn chinese mandarin
"""
SHORT = {name: names[0] for names in (one.split() for one in _SAME.split(";")) for name in names}
#: Not known, not a language, several (ISO 639-2), or a missing value.
NONE = frozenset(["und", "zxx", "mis", "mul", "n/a", "na", "nan", "none", "unknown"])


def short_language(tag: str) -> str:
    """A language without its region or script, by its ISO 639-1 code, if it has one: en-GB, EN, eng: en. Empty if it is not known."""
    short = re.split("[-_]", str(tag).strip().lower())[0]
    return "" if short in NONE else SHORT.get(short, short)
