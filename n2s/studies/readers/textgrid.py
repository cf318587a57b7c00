"""Praat TextGrids, read and written with praatio: any TextGrid as a table; the words, phones and sentences of an alignment."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from praatio import textgrid

from n2s.errors import UserError
from n2s.paths import written_whole

# Tier names in use, the most specific first: MFA and praatIO (words, phones), MAUS (ORT-MAU, MAU, TRN).
TIERS = {
    "word": ("words", "word", "ort-mau", "ort"),
    "phone": ("phones", "phone", "mau", "phonemes", "phoneme"),
    "sentence": ("sentences", "sentence", "utterances", "utterance", "phrases", "phrase", "trn"),
}
# Labels of silence and noise: MFA (sil, sp, spn, <eps>) and MAUS (<p:> pause, <usb> noise of the speaker, <nib> other).
SILENCES = frozenset(("", "sil", "sp", "spn", "<sil>", "<eps>", "<p>", "<p:>", "<usb>", "<nib>", "#", "_"))


def read_textgrid(path: Path) -> pd.DataFrame:
    """Read every tier of a TextGrid (long or short form, UTF-8 or UTF-16).

    Returns
    -------
    DataFrame
        Columns ``tier``, ``text``, ``onset``, ``duration`` (s), in the order of the file. Empty intervals are left
        out, white space inside a label is one space, a point has no duration.

    Raises
    ------
    UserError
        The file does not exist, praatio cannot read it, or a label has no time in the audio.
    """
    try:
        grid = textgrid.openTextgrid(
            str(path), includeEmptyIntervals=False, reportingMode="silence", duplicateNamesMode="rename"
        )
    except FileNotFoundError:
        raise UserError(f"{path}: no such TextGrid.") from None
    except UnicodeError:
        raise UserError(f"{path}: neither UTF-8 nor UTF-16. Save it again from Praat as UTF-8 text.") from None
    except Exception as error:  # praatio may raise any exception for a malformed file
        raise UserError(
            f"{path}: cannot be read as a TextGrid ({type(error).__name__}: {error}). "
            "Expected Praat's long or short text form; open it in Praat and save it as a text file."
        ) from error
    rows = []
    for name in grid.tierNames:
        for entry in grid.getTier(name).entries:
            start, *stop, label = entry  # an interval has a stop, a point has none
            text = " ".join(label.split())
            if not text:
                continue
            onset, duration = float(start), float(stop[0] - start) if stop else 0.0
            if not (0 <= onset < math.inf and 0 <= duration < math.inf):
                raise UserError(
                    f"{path}: the label '{text[:40]}' of '{name}' is at {onset:g} s for {duration:g} s; expected times from 0."
                )
            rows.append((name, text, onset, duration))
    return pd.DataFrame(rows, columns=["tier", "text", "onset", "duration"])


def read_alignment(
    path: Path, *, word_tier: str | None = None, phone_tier: str | None = None, sentence_tier: str | None = None
) -> pd.DataFrame:
    """Read the words of an aligned audio file, and its phones and sentences if it has such tiers.

    Parameters
    ----------
    path
        A TextGrid.
    word_tier, phone_tier, sentence_tier
        Names of the tiers. By default the usual ones (`TIERS`), in any case, with or without MFA's "speaker - ".

    Returns
    -------
    DataFrame
        Columns ``kind`` (word | phone | sentence), ``text``, ``onset``, ``duration`` (s in the audio), by onset.
        Silences (`SILENCES`) are left out.

    Raises
    ------
    UserError
        There is no tier of words, a named tier is missing, or two tiers match one name.
    """
    table = read_textgrid(path)
    names = list(dict.fromkeys(table.tier))
    wanted = {"word": word_tier, "phone": phone_tier, "sentence": sentence_tier}
    tiers = {kind: _tier(names, kind, name, path) for kind, name in wanted.items()}
    if tiers["word"] is None:
        raise UserError(
            f"{path}: no tier of words. Its tiers with labels are {names}; known names are "
            f"{', '.join(TIERS['word'])}. Name the right one with word_tier."
        )
    parts = [table[table.tier == name].assign(kind=kind) for kind, name in tiers.items() if name is not None]
    rows = pd.concat(parts)
    rows = rows[~rows.text.str.lower().isin(SILENCES)]
    return rows[["kind", "text", "onset", "duration"]].sort_values("onset", kind="stable", ignore_index=True)


def _tier(names: list[str], kind: str, wanted: str | None, path: Path) -> str | None:
    """The tier of a kind; None if there is none and none was named."""
    for known in (wanted.lower(),) if wanted else TIERS[kind]:
        found = [name for name in names if name.lower() == known]
        found = found or [name for name in names if name.lower().rsplit(" - ", 1)[-1] == known]
        if len(found) > 1:
            raise UserError(f"{path}: the tiers {found} all hold {kind}s. Name one with {kind}_tier.")
        if found:
            return found[0]
    if wanted:
        raise UserError(f"{path}: no tier '{wanted}' with labels, which {kind}_tier names; there are {names}.")
    return None


def write_textgrid(path: Path, tiers: Mapping[str, pd.DataFrame], *, duration_s: float) -> None:
    """Write tables of intervals as the tiers of a TextGrid (long form, UTF-8), whole or not at all.

    Parameters
    ----------
    path
        The file. An existing file is replaced.
    tiers
        Name of a tier -> ``text``, ``onset``, ``duration`` (s), in order, none overlapping the next; others columns are
        ignored.
    duration_s
        Duration of the sound: praatio fills the gaps between the intervals with empty ones.
    """
    grid = textgrid.Textgrid(0.0, duration_s)
    for name, table in tiers.items():
        stop = np.minimum(table.onset + table.duration, np.append(table.onset.to_numpy()[1:], duration_s))
        entries = [
            (float(a), float(b), text) for a, b, text in zip(table.onset, stop, table.text, strict=True) if b > a
        ]
        grid.addTier(textgrid.IntervalTier(name, entries, 0.0, duration_s))
    with written_whole(path) as temporary:
        grid.save(str(temporary), format="long_textgrid", includeBlankSpaces=True, reportingMode="silence")
