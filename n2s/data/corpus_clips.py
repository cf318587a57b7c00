"""The clips of a corpus that a network can learn from; all others are left out, and counted aloud."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.corpora.corpus import COLUMNS, Corpus
from n2s.data.corpus_text import Symbols, sentence, written
from n2s.errors import UserError, first_of
from n2s.features.audio import audio_duration_s
from n2s.findings import tell

_OVERLAP_S = 1e-3  # of rounded times
_COMPARED = 65536  # bytes: a second of sound or more


def usable_clips(
    corpus: Corpus, *, target: str, alphabet: Sequence[str] | None, hours: float | None, max_s: float, seed: int
) -> pd.DataFrame:
    """The clips: `COLUMNS`, ``target`` (a tuple of symbols) and ``content``; ``duration_s`` is known.

    Clips of one ``content``, the sentence or the stretch of sound (with all that overlap it), must not be on two sides of a split. Where nobody says who
    speaks and a file holds several clips, the recording stands for the ``speaker``. Names do not depend on where the corpus lies.

    Parameters
    ----------
    corpus, target, alphabet, hours, max_s, seed
        See `n2s.data.CorpusDataModule`.

    Raises
    ------
    UserError
        No clip is left, or fewer hours than wanted.
    """
    where, clips = f"corpus {corpus.name}", corpus.clips()
    lacking = [name for name in COLUMNS if name not in clips]
    if lacking or not len(clips):
        raise UserError(f"{where}: its table of {len(clips)} clips lacks {', '.join(lacking) or 'clips'}.")
    clips = _with_sound(clips.reset_index(drop=True), where)
    clips = _without(clips, clips.duration_s > max_s, f"they are longer than {max_s:g} s (data.max_s)", where)
    clips = _without(clips, clips.duration_s <= 0, "they have no duration", where)
    clips = clips.assign(**{name: clips[name].fillna("").astype(str) for name in ("text", "label", "speaker", "split")})
    recordings = clips.sound.map(_recordings(clips.sound, compared=target == "label"))
    untold = (clips.speaker == "") & clips.sound.duplicated(keep=False)
    clips["speaker"] = clips.speaker.mask(untold, recordings)
    if target == "text":
        clips["text"] = clips.text.map(written)
        clips["target"], clips["content"] = clips.text.map(tuple), clips.text.map(sentence)
    else:
        clips["label"] = clips.label.str.strip()
        clips["target"] = [(label,) if label else () for label in clips.label]
        clips["content"] = _stretches(recordings, clips.start_s, clips.duration_s)
        clips = _without(clips, clips.label.str.contains(","), "they have several classes", where)
        if clips.label[clips.label != ""].nunique() == 1:
            raise UserError(
                f"{where}: all of its {len(clips)} clips are of the class '{clips.label.max()}'; expected at least two classes."
            )
    clips = _without(clips, clips.target.map(len) == 0, f"they have no {target}", where)
    if alphabet is not None:
        other = ~clips.target.map(set(alphabet).issuperset)
        clips = _without(clips, other, "their transcripts have characters that data.alphabet has not", where)
    return _limited(clips, hours, seed, where)


def symbols_of(clips: pd.DataFrame, alphabet: Sequence[str] | None) -> Symbols:
    """What the classes of a network mean: the alphabet, or the characters or classes of training clips."""
    return Symbols(tuple(alphabet)) if alphabet is not None else Symbols.of(clips.target[clips.split == "train"])


def without_unknown(clips: pd.DataFrame, *, target: str, alphabet: Sequence[str] | None, where: str) -> pd.DataFrame:
    """Say what of validation and test is unknown to training: clips of unknown classes are left out, characters stay."""
    known = symbols_of(clips, alphabet)
    strange = clips.target.map(lambda one: bool(known.unknown(one)))
    if not strange.any():
        return clips
    if target == "label":
        return _without(clips, strange, "their classes are not in training", where).reset_index(drop=True)
    unknown = first_of(sorted({symbol for one in clips.target[strange] for symbol in known.unknown(one)}))
    text = f"held-out transcripts have characters that training has not ({unknown}): they count as errors."
    tell("odd", f"{where} ({int(strange.sum())} clips)", text)
    return clips


def _with_sound(clips: pd.DataFrame, where: str) -> pd.DataFrame:
    """The clips whose sounds are there, with their durations."""
    there = {sound: Path(sound).is_file() for sound in clips.sound.unique()}
    if not any(there.values()):
        raise UserError(f"{where}: none of its {len(there)} sounds is there; the first is {next(iter(there))}.")
    absent = first_of((name for name, found in there.items() if not found), 3)
    clips = _without(clips, ~clips.sound.map(there), f"their sounds are missing ({absent})", where)
    clips = clips.assign(start_s=clips.start_s.astype(float).fillna(0.0), duration_s=clips.duration_s.astype(float))
    unknown = clips.duration_s.isna()
    if unknown.any():
        lasts = {sound: audio_duration_s(sound) for sound in clips.sound[unknown].unique()}
        clips.loc[unknown, "duration_s"] = clips.sound[unknown].map(lasts) - clips.start_s[unknown]
    return clips


def _recordings(sounds: pd.Series, *, compared: bool) -> dict[str, str]:
    """Sound -> its place below the folder of all; if they are ``compared``, files of the same bytes have one: the first.

    Of files of equal sizes a stretch in the middle is compared: files that are only alike in it are kept together, no more.
    """
    paths = {sound: Path(sound).absolute() for sound in sorted(sounds.unique())}
    folder = os.path.commonpath([path.parent for path in paths.values()])
    found = {sound: path.relative_to(folder).as_posix() for sound, path in paths.items()}
    if not compared:
        return found
    sizes = pd.Series({sound: path.stat().st_size for sound, path in paths.items()})
    first: dict[tuple[int, bytes], str] = {}
    for sound, size in sizes[sizes.duplicated(keep=False)].items():
        found[sound] = first.setdefault((size, _middle(paths[sound], size)), found[sound])
    return found


def _stretches(recordings: pd.Series, start_s: pd.Series, duration_s: pd.Series) -> pd.Series:
    """(n,) Recording and start of what each clip is in: clips that overlap make one stretch."""
    clips = pd.DataFrame({"recording": recordings, "start": start_s, "stop": start_s + duration_s})
    clips = clips.sort_values(["recording", "start"], kind="stable")
    before = clips.groupby("recording").stop.cummax().groupby(clips.recording).shift()  # where all before it have ended
    first = clips.start.where(~(clips.start < before - _OVERLAP_S)).ffill()
    return (clips.recording + first.map(" {:.3f}".format)).reindex(recordings.index)


def _middle(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, size // 2 - _COMPARED // 2))
        return hashlib.sha256(file.read(_COMPARED)).digest()


def _limited(clips: pd.DataFrame, hours: float | None, seed: int, where: str) -> pd.DataFrame:
    """Clips that last ``hours`` together, in the corpus' order."""
    if hours is None:
        return clips
    total_h = clips.duration_s.sum() / 3600
    if total_h < hours:
        raise UserError(
            f"data.hours is {hours:g}, but {where} has {total_h:.2f} h of clips that can be used. Lower it, in all recipes that "
            "are compared."
        )
    names = clips.sound.map(lambda sound: Path(sound).name) + clips.start_s.map(" {:.3f}".format)
    order = [hashlib.sha256(f"{seed} {name}".encode()).hexdigest() for name in names]
    ordered = clips.iloc[np.argsort(order, kind="stable")]
    return ordered[ordered.duration_s.cumsum() - ordered.duration_s < 3600 * hours].sort_index()


def _without(clips: pd.DataFrame, wrong: pd.Series, why: str, where: str) -> pd.DataFrame:
    """Clips that are not wrong; the others are counted aloud."""
    if not wrong.any():
        return clips
    if wrong.all():
        raise UserError(f"{where}: none of its {len(clips)} clips is left: {why}.")
    tell("left out", f"{where} ({int(wrong.sum())} of {len(clips)} clips)", f"{why}: they are not used.")
    return clips[~wrong]
