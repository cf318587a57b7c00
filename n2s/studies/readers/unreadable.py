"""Why a file is no sound that libsndfile reads, in words for the person who put it there."""

from pathlib import Path

from n2s.studies.readers.fetched import missing_content

#: Extensions of sound that libsndfile cannot read.
UNREADABLE = (".m4a", ".aac", ".mp4", ".m4b", ".wma", ".webm", ".mka", ".amr", ".3gp", ".ac3", ".ra", ".ape", ".wv")
_KINDS = (
    (4, b"ftyp", "an MPEG-4 file (m4a, mp4)"),
    (0, b"\x1aE\xdf\xa3", "a Matroska file (webm, mkv)"),
    (0, bytes.fromhex("3026B2758E66CF11"), "a Windows Media file (wma)"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)


def why_unreadable(path: Path) -> str | None:
    """A sentence that names the file, what it is and what to do; None if it may well be a sound."""
    if path.is_dir():
        return f"no audio file at {path}: it is a folder. Put the sound file itself there."
    if not path.is_file() and not path.is_symlink():
        return f"no audio file at {path}. Check the study's folder and the name in its events."
    missing = missing_content(path)
    if missing:
        return f"{path}: {missing}. Fetch or copy it again from its source."
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError as error:
        return f"{path} cannot be opened ({error.strerror}). Check its permissions (`ls -l`) and its disk."
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return f"{path} is a web page, not a sound: the download was answered with it. Fetch the file again."
    if not any(head):
        with open(path, "rb") as file:
            if not any(any(block) for block in iter(lambda: file.read(2**20), b"")):
                return (
                    f"{path}: every byte is 0, as a download leaves it that never ran. Copy it again from its source."
                )
    for at, start, kind in _KINDS:
        if head[at : at + len(start)] == start:
            return (
                f"{path}: {kind}, which cannot be read as audio here. Convert it: `ffmpeg -i {path.name} "
                f"{path.stem}.flac`, and keep only the flac."
            )
    return None
