"""``n2s align``: TextGrids with the time of every word, from sounds and their transcripts."""

from pathlib import Path
from typing import TYPE_CHECKING

from n2s.errors import UserError

if TYPE_CHECKING:
    from n2s.alignment.aligner import Aligner


def align(
    sounds: Path,
    transcripts: Path | None = None,
    language: str | None = None,
    model: str | None = None,
    out: Path | None = None,
    again: bool = False,
) -> None:
    """Find the times of the words of known texts in their sounds, and write TextGrids. All studies read them beside the sounds.

    With --language: PocketSphinx's English model, and eSpeak NG's pronunciation for other languages; nothing is downloaded.
    With --model: a CTC speech recogniser of the language, which is more exact. The command continues if it was
    stopped. Existing TextGrids are kept.

    Parameters
    ----------
    sounds
        Folder of the sounds (wav, flac, ogg, mp3).
    transcripts
        Folder with <sound>.txt or .lab, by default the folder of the sounds; or a file with a line per sound: its name or
        number, then the text.
    language
        A code such as en, nl, es, eu.
    model
        Hugging Face id or folder of a CTC model, such as jonatasgrosman/wav2vec2-large-xlsr-53-dutch.
    out
        Folder for the TextGrids and alignment.csv; by default the folder of the sounds.
    again
        Align also sounds that have a TextGrid.
    """
    from n2s.alignment.folder import TABLE, align_folder, sounds_in
    from n2s.alignment.transcripts import read_transcripts
    from n2s.progress import track
    from n2s.report.table import print_table, wide_console

    found = sounds_in(sounds)
    texts = read_transcripts(transcripts or sounds, found)
    out, aligner = out or sounds, _aligner(language, model)
    console = wide_console()
    console.print(f"{len(texts)} of {len(found)} sounds have a transcript. {aligner.name}.", highlight=False)
    rows = list(track(align_folder(found, texts, aligner, out, again=again), "aligning", total=len(texts)))
    headings = ("sound", "words", "score", "doubtful", "speech outside, s", "which")
    odd = [row for row in rows if row["doubtful"] or row["outside_s"]]
    worst = sorted(odd, key=lambda row: -(row["doubtful"] or 0) / (row["words"] or 1))[:20]
    cells = [
        [*(f"{row[key]}" for key in ("sound", "words", "score", "doubtful", "outside_s")), row["which"][:80]]
        for row in worst
    ]
    if odd:
        console.print(f"Worth hearing (the worst {min(len(odd), 20)} of {len(odd)}):")
        print_table(console, headings, cells, framed=False)
    failed = sum(row["score"] != row["score"] for row in rows)
    console.print(f"{len(rows) - failed} TextGrids in {out}; numbers: {out / TABLE}", highlight=False, soft_wrap=True)
    if failed:
        raise UserError(
            f"{failed} of {len(rows)} sounds could not be aligned: see the column 'which' of {out / TABLE}."
        )


def _aligner(language: str | None, model: str | None) -> "Aligner":
    if model is not None:
        from n2s.alignment.ctc import CTCAligner

        return CTCAligner(model)
    if language is None:
        raise UserError(
            "give the language of the sounds (--language nl), or a CTC model for it (--model ID_OR_FOLDER)."
        )
    from n2s.alignment.sphinx import SphinxAligner

    return SphinxAligner(language)
