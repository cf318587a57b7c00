"""What a row of events.tsv tells: a sound, a part of one, where one ends, or something else."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pandas as pd

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.events import KINDS
from n2s.studies.readers.stimuli import StimulusFolder

#: Kinds under other names, in lower case.
SYNONYMS = {"phoneme": "phone", "audio": "sound", "stimulus": "sound", "utterance": "sentence"}
#: The kind of rows that say where a sound ended; no kind of the events table.
END = "end"
PARTS = ("sentence", "word", "phone")

# Words in names of kinds, in lower case.
_ENDS = {
    "end",
    "ends",
    "ended",
    "stop",
    "stops",
    "stopped",
    "off",
    "offset",
    "finish",
    "finished",
    "abort",
    "aborted",
    "fin",
    "ende",
}
_BARE = {"end", "ended", "stop", "stopped", "abort", "aborted"}  # alone: of whatever plays; off may be a picture
_STARTS = {"start", "starts", "started", "begin", "begins", "beginning", "on", "onset"}
_IN_SOUNDS = {"word", "words", "phone", "phones", "phoneme", "phonemes", "syllable", "sentence", "picture", "image"}
_SPOKEN = {"sound", "audio", "speech", "story", "stimulus", "stim", "voice", "listen", "listening"}
_JOINED = re.compile("(?:story|sound|audio|stim|stimulus|speech|file|wav|clip|trial)(?:end|stop|off|offset)")
# Rows of these kinds are never a sound, although tables often repeat the trial's stim_file in them ...
_NO_SOUND = {
    "response", "responses", "resp", "button", "buttons", "press", "keypress", "fixation", "fix", "rating", "blank", "iti",
    "isi", "blink", "picture", "image",
}  # fmt: skip
# ... and these are none if the stimuli hold no such file: a question may be spoken.
_PERHAPS_NO_SOUND = {
    "trigger", "triggers", "marker", "ttl", "sync", "pulse", "cue", "question", "answer", "instruction", "instructions",
    "feedback", "pause", "break", "rest", "comment", "boundary", "bad", "new", "segment", "scan", "volume", "cross",
}  # fmt: skip
_VIDEO = {".mp4", ".avi", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".webm", ".m4v", ".flv"}
_NOT_HEARD = {
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".svg", ".webp", ".txt", ".csv", ".tsv", ".json", ".html", ".pdf",
    ".docx",
}  # fmt: skip


def of_our_kinds(rows: pd.DataFrame, path: Path, stimuli: StimulusFolder | None = None) -> pd.DataFrame:
    """The rows that are sounds, their parts or their ends, with our ``kind``; what is left out is told.

    If no row is a sound, each row that names a stimulus plays it, unless it is a part of one (word, phone, sentence), its kind
    says that it is something else (a response), or it has an end in its name (``story_end``) and no duration: then it ends
    the stimulus that it names.

    Parameters
    ----------
    rows
        ``kind``, ``stimulus``, ``duration``: text, "" for n/a.
    path
        Where they come from.
    stimuli
        The stimuli: a video that is there as a sound is that sound. None: no name is looked up.

    Raises
    ------
    UserError
        No row is left.
    """
    said = rows.kind
    rows = rows.assign(kind=said.str.lower().replace(SYNONYMS), said=said)
    rows = _videos_as_sounds(rows, path, stimuli)
    seen = rows.stimulus.map(lambda name: _suffix(name) in _NOT_HEARD | _VIDEO and not _there(name, stimuli))
    names = (rows.stimulus != "") & ~seen & ~rows.kind.isin(PARTS)
    only_names = not (rows.kind.eq("sound") & ~seen).any()
    if only_names:
        ends = rows.said.map(_is_end) & rows.duration.map(_unsaid)
        others = [_is_other(kind, name, stimuli) for kind, name in zip(rows.said, rows.stimulus, strict=True)]
        rows.loc[names & ~ends & ~pd.Series(others, rows.index, dtype=bool), "kind"] = "sound"
    else:
        ends = rows.said.map(_is_end) & ~rows.kind.isin(KINDS)
    playing = {_base(kind) for kind in rows.said[rows.kind == "sound"]} | {frozenset({"sound"}), frozenset({"audio"})}
    own = rows.said.map(lambda kind: _base(kind) in playing or (_words(kind) <= _BARE and kind != ""))
    rows.loc[ends & (names | own) & ~seen, "kind"] = END
    kept = rows.kind.isin(KINDS) & ~seen
    if not kept.any():
        found = ", ".join(f"'{kind[:40]}' ({n})" for kind, n in said.value_counts().head(8).items())
        raise UserError(
            f"{path}: none of its {len(rows)} rows is a {', '.join(KINDS)}, or names a stimulus{_pictures_too(rows, seen)}. "
            f"Found: {found}. Expected these kinds in trial_type, or a column stim_file; name other columns in `columns`."
        )
    kept |= rows.kind == END
    _tell_left_out(rows, kept, seen, path)
    return rows[kept]


def _words(kind: str) -> set[str]:
    """``storyEnd``, ``story_end_2`` -> story, end."""
    return {word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+|[^\\W\\d_a-zA-Z]+", kind)}


def _is_end(kind: str) -> bool:
    words = _words(kind)
    return bool(words & _ENDS or any(_JOINED.fullmatch(word) for word in words)) and not words & _IN_SOUNDS


def _base(kind: str) -> frozenset[str]:
    """The words of a kind without start and end: equal for ``story_start`` and ``story_end``."""
    return frozenset(re.sub("(?:end|stop|off|offset)$", "", word) if _JOINED.fullmatch(word) else word
                     for word in _words(kind) - _ENDS - _STARTS)  # fmt: skip


def _is_other(kind: str, name: str, stimuli: StimulusFolder | None) -> bool:
    words = _words(kind)
    if not name or words & _SPOKEN:
        return False
    return bool(words & _NO_SOUND) or (
        bool(words & _PERHAPS_NO_SOUND) and stimuli is not None and not _there(name, stimuli)
    )


def _unsaid(duration: str) -> bool:
    try:
        return not duration or float(duration) == 0
    except ValueError:
        return False


def _suffix(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


def _there(name: str, stimuli: StimulusFolder | None) -> bool:
    if stimuli is None:
        return False
    try:
        stimuli.id(name, where="")
    except UserError:
        return False
    return True


def _videos_as_sounds(rows: pd.DataFrame, path: Path, stimuli: StimulusFolder | None) -> pd.DataFrame:
    """The name of a video becomes that of the sound beside it, if there is one."""
    videos = [name for name in rows.stimulus.unique() if _suffix(name) in _VIDEO and not _there(name, stimuli)]
    sounds = {name: name[: -len(_suffix(name))] for name in videos}
    sounds = {video: sound for video, sound in sounds.items() if _there(sound, stimuli)}
    if sounds:
        tell("corrected", path, f"videos in stim_file are read as the sounds of the same names ({_few(sounds)}).")
    return rows.assign(stimulus=rows.stimulus.replace(sounds))


def _pictures_too(rows: pd.DataFrame, seen: pd.Series) -> str:
    return (
        f" that n2s can hear ({_few(rows.stimulus[seen].unique())}; a video's sound has to lie beside it as .wav)"
        if seen.any()
        else ""
    )


def _tell_left_out(rows: pd.DataFrame, kept: pd.Series, seen: pd.Series, path: Path) -> None:
    if seen.any():
        kinds = Counter(map(_suffix, rows.stimulus[seen]))
        videos = (
            " If a video is heard, put its sound beside it under the same name, as .wav." if set(kinds) & _VIDEO else ""
        )
        told = ", ".join(f"{suffix} ({n})" for suffix, n in sorted(kinds.items()))
        tell("left out", path, f"{seen.sum()} rows whose stim_file is no sound: {told}.{videos}")
    others = ~kept & ~seen
    if others.any():
        kinds = sorted(set(rows.said[others]))
        near = {kind: difflib.get_close_matches(kind.lower(), [*KINDS, *SYNONYMS], n=1, cutoff=0.75) for kind in kinds}
        near = [f"Is '{kind}' a {SYNONYMS.get(one[0], one[0])}?" for kind, one in near.items() if one][:4]
        where = f"{path} ({others.sum()} of {len(rows)} rows)"  # counts differ between recordings, the text should not
        tell("left out", where, " ".join([f"rows that are no sound and no part of one: {_few(kinds)}.", *near]))


def _few(names: Iterable[str]) -> str:
    return first_of(name[:40] or "n/a" for name in names)
