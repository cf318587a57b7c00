"""Praat TextGrids: any TextGrid as a table; the words, phones and sentences of an alignment; written with praatio."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from praatio import textgrid

from n2s.errors import UserError
from n2s.findings import tell
from n2s.paths import written_whole
from n2s.studies.readers.praat_text import Label, Tier, read_tiers
from n2s.studies.readers.side_files import read_text
from n2s.studies.text import plain

TOLERANCE_S = 0.01  # a rounded time in a text file

# Tier names in use, the most specific first: MFA and praatIO (words, phones), MAUS (ORT-MAU, MAU, TRN).
TIERS = {
    "word": ("words", "word", "ort-mau", "ort"),
    "phone": ("phones", "phone", "mau", "phonemes", "phoneme"),
    "sentence": ("sentences", "sentence", "utterances", "utterance", "phrases", "phrase", "trn"),
}
# Labels of silence and noise: MFA (sil, sp, spn, <eps>) and MAUS (<p:> pause, <usb> noise of the speaker, <nib> other).
SILENCES = frozenset(("", "sil", "sp", "spn", "<sil>", "<eps>", "<p>", "<p:>", "<usb>", "<nib>", "#", "_"))


def read_textgrid(path: Path, *, overlaps: bool = False) -> pd.DataFrame:
    """Read every tier of a TextGrid: long, short or chronological text form, UTF-8 or UTF-16; or praatio's JSON.

    ``overlaps``: whether intervals of a tier may overlap; else it is an error.

    Returns
    -------
    DataFrame
        Columns ``tier``, ``text``, ``onset``, ``duration`` (s), in the order of the file. Empty intervals are left
        out, labels are `n2s.studies.text.plain`, a point has no duration. Tiers of one name are ``name_1``, ``name_2``.

    Raises
    ------
    UserError
        The file does not exist, is no TextGrid (see `n2s.studies.readers.praat_text.read_tiers`), or a label has no time
        in the audio.
    """
    text = _text(path)
    start_s, stop_s, tiers = _from_json(path) if text.startswith("{") else read_tiers(text, path, overlaps=overlaps)
    rows = []
    for name, tier in zip(_names([plain(tier.name) for tier in tiers]), tiers, strict=True):
        for one in tier.labels:
            label, duration_s = plain(one.text), one.stop_s - one.start_s
            if not label:
                continue
            if not 0 <= one.start_s < math.inf:
                raise UserError(
                    f"{path}: the label '{label[:40]}' of '{name}' is at {one.start_s:g} s for {duration_s:g} s; expected times "
                    "from 0, the start of the sound. Shift them in Praat (Modify times: Shift to zero), if the sound was cut "
                    "in the same way."
                )
            rows.append((name, label, one.start_s + 0.0, duration_s))  # + 0.0: no -0
    table = pd.DataFrame(rows, columns=["tier", "text", "onset", "duration"])
    _tell_odd(path, table, start_s, stop_s)
    return table


def _tell_odd(path: Path, table: pd.DataFrame, start_s: float, stop_s: float) -> None:
    late = table[table.onset + table.duration > stop_s + TOLERANCE_S]
    if len(late):
        tell("odd", path, f"{len(late)} labels end after the end that the TextGrid names; they are used as they are.")
    if start_s > TOLERANCE_S:
        tell(
            "odd", path, f"the TextGrid starts at {start_s:g} s, not at 0. Its times are read from the start of the sound; if it "
            "is a part that kept its times, shift them to zero in Praat."
        )  # fmt: skip
    if table.text.str.contains(r"\\\S").any():
        tell(
            "odd",
            path,
            "labels have Praat's codes for letters (a backslash, such as \\a\" for ä), which are kept as they are.",
        )


def _text(path: Path) -> str:
    try:
        text = read_text(path)
    except UserError as error:
        if not path.exists() and not path.is_symlink():
            raise UserError(f"{path}: no such TextGrid.") from None
        if "not UTF-8 text" in str(error):
            raise UserError(
                f"{error} It is neither UTF-8 nor UTF-16; older Praat wrote Latin-1 or Mac Roman: open it in Praat, "
                "choose UTF-8 in Text writing preferences, and save it again."
            ) from None
        raise
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_json(path: Path) -> tuple[float, float, list[Tier]]:
    try:
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="silence")
        tiers = [
            # an interval has a stop, a point has none
            Tier(name, [Label(float(one[0]), float(one[-2]), str(one[-1]), 0) for one in grid.getTier(name).entries])
            for name in grid.tierNames
        ]
        return float(grid.minTimestamp), float(grid.maxTimestamp), tiers
    except Exception as error:  # praatio may raise any exception for a malformed file
        raise UserError(
            f"{path}: cannot be read as a TextGrid in JSON, as praatio writes it ({type(error).__name__}). Save it as a text "
            "file of Praat."
        ) from error


def _names(names: list[str]) -> list[str]:
    """The names, with a number behind those that occur twice."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    count: dict[str, int] = {}
    found = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        found.append(f"{name}_{count[name]}" if seen[name] > 1 else name)
    return found


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
    for known in (plain(wanted).lower(),) if wanted else TIERS[kind]:
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
