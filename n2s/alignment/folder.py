"""A folder of sounds with their transcripts becomes a folder of TextGrids, and a table of how well each was aligned."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.alignment.aligner import SFREQ, Aligner
from n2s.alignment.quality import doubts
from n2s.alignment.transcripts import sentences_of, words_of
from n2s.errors import UserError
from n2s.features.audio import read_audio
from n2s.paths import written_whole
from n2s.studies.readers.stimuli import AUDIO
from n2s.studies.readers.textgrid import read_alignment, write_textgrid

TABLE = "alignment.csv"
COLUMNS = ["sound", "aligner", "words", "score", "doubtful", "outside_s", "which"]


def sounds_in(folder: Path) -> dict[str, Path]:
    """Every sound below a folder, by its path there without the extension."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; expected one that holds the sounds.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO and not path.name.startswith("."))
    if not found:
        raise UserError(f"{folder}: no sounds ({', '.join(AUDIO)}).")
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}


def align_folder(
    sounds: dict[str, Path], texts: dict[str, str], aligner: Aligner, out: Path, *, again: bool = False
) -> Iterator[dict]:
    """Align all sounds, one after the other. Finished sounds are kept when the command is stopped, and are not repeated.

    Parameters
    ----------
    sounds, texts
        Sound -> its file, and its transcript.
    aligner
        The aligner.
    out
        Where ``<sound>.TextGrid`` goes, with the tiers ``words`` and ``sentences``, and the table `TABLE`.
    again
        Also align sounds that have a TextGrid. Otherwise only TextGrids of ours are replaced, when the text has changed.

    Yields
    ------
    dict
        The row of the table (`COLUMNS`) of each sound. ``score`` is the median over words; ``which`` lists the doubtful
        words with their times, or the reason why there is no alignment.
    """
    table = _read_table(out / TABLE)
    for name, text in texts.items():
        path = out / f"{name}.TextGrid"
        if not again and path.is_file() and not (name in table and _other_words(path, text)):
            yield table.get(name) or dict.fromkeys(COLUMNS, "") | {"sound": name, "aligner": "was there"}
            continue
        table[name] = {"sound": name, "aligner": aligner.name} | _align(sounds[name], text, aligner, path)
        with written_whole(out / TABLE) as temporary:
            pd.DataFrame(table.values(), columns=COLUMNS).to_csv(temporary, index=False)
        yield table[name]


def _align(sound: Path, text: str, aligner: Aligner, path: Path) -> dict:
    """Write one TextGrid; the numbers of its row."""
    audio, words = read_audio(sound, SFREQ).numpy(), words_of(text)
    try:
        found = aligner.align(audio, words)
    except UserError as error:
        raise UserError(f"{sound}: {error}") from None
    if found is None:
        lasts = f"{len(words)} words do not fit into its {len(audio) / SFREQ:.0f} s: another sound's text, or too long to align at once?"
        return {"words": len(words), "score": np.nan, "doubtful": len(words), "outside_s": np.nan, "which": lasts}
    why, outside_s = doubts(audio, found, aligner.doubtful_behind)
    tiers = {"words": found, "sentences": _sentences(found, text)}
    write_textgrid(path, tiers, duration_s=len(audio) / SFREQ)
    odd = found[why != ""]
    which = "; ".join(
        f"{word} {at:.2f} s ({reason})" for word, at, reason in zip(odd.text, odd.onset, why[odd.index], strict=True)
    )
    score = float(found.score.median())
    return {"words": len(words), "score": round(score, 3), "doubtful": len(odd), "outside_s": round(outside_s, 2), "which": which}  # fmt: skip


def _sentences(words: pd.DataFrame, text: str) -> pd.DataFrame:
    said = sentences_of(text)
    number = np.repeat(np.arange(len(said)), [len(words_of(one)) for one in said])
    rows = words.groupby(number)
    stop = (words.onset + words.duration).groupby(number).max()
    return pd.DataFrame({"text": said, "onset": rows.onset.min(), "duration": stop - rows.onset.min()})


def _other_words(path: Path, text: str) -> bool:
    table = read_alignment(path)
    return table.text[table.kind == "word"].tolist() != words_of(text)


def _read_table(path: Path) -> dict[str, dict]:
    if not path.is_file():
        return {}
    try:
        table = pd.read_csv(
            path, dtype={"sound": str, "which": str}, keep_default_na=False, na_values={"score": "", "outside_s": ""}
        )
        return {row["sound"]: {name: row[name] for name in COLUMNS} for row in table.to_dict("records")}
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of alignments ({error}). Remove it, and align with --again.") from None
