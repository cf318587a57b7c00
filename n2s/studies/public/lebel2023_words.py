"""The words and phones of LeBel et al.'s stories, from their TextGrids."""

from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.textgrid import read_textgrid

#: Names of the two tiers; under other names the first tier is that of phones, the second that of words.
TIERS = {"word": ("word", "words"), "phone": ("phone", "phones")}
# Marks of sentences, breaths, laughter, lip smacks, noise and silence: no words, and no phones.
NO_WORDS = frozenset(("", "sentence_start", "sentence_end", "br", "lg", "ls", "ns", "sp", "sil", "cg"))


def words_and_phones(path: Path) -> pd.DataFrame:
    """``kind``, ``text``, ``onset``, ``duration``, ``sequence`` ("") of a story's words and phones, s in its audio, by onset.

    Words are in lower case without braces, phones in upper case without stress (``AH0`` is ``AH``). Some published grids have
    phones that overlap, and some are in Praat's chronological form: both are read.

    Raises
    ------
    UserError
        It is no TextGrid, or has neither tiers of these names nor two tiers.
    """
    table = read_textgrid(path, overlaps=True)
    tiers = list(dict.fromkeys(table.tier))
    named = {kind: [one for one in tiers if one.lower() in names] for kind, names in TIERS.items()}
    if not all(len(found) == 1 for found in named.values()):
        if len(tiers) != 2:
            raise UserError(f"{path}: the tiers {tiers}; expected one of phones and one of words, in this order.")
        named = {"phone": tiers[:1], "word": tiers[1:]}
    rows = pd.concat([table[table.tier == found[0]].assign(kind=kind) for kind, found in named.items()])
    text = rows.text.str.strip("{} ").str.lower()
    rows = rows[~text.isin(NO_WORDS)].assign(text=text[~text.isin(NO_WORDS)], sequence="")
    phones = rows.kind == "phone"
    rows.loc[phones, "text"] = rows.text[phones].str.upper().str.rstrip("0123456789")
    rows = rows.sort_values("onset", kind="stable", ignore_index=True)
    if not (rows.kind == "word").any():
        raise UserError(f"{path}: no word in the tier '{named['word'][0]}'. Download it again.")
    return rows[["kind", "text", "onset", "duration", "sequence"]]
