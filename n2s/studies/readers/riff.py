"""What a wav, aiff, w64 or au file says about its own length: libsndfile reads a file that was cut off as if it were whole."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

STREAMED = 0x7FFF0000  # bytes: sox and ffmpeg write such sizes into a pipe, where they cannot know the length
_TAGS = (b"ID3", b"TAG", b"APET", b"LYRI")  # of a tagger that appends without a chunk
_W64 = bytes.fromhex("72696666 2E91CF11 A5D628DB 04C10000")


@dataclass(frozen=True)
class Declared:
    """Bytes of samples: how many the header declares, how many the file holds there, and how many follow that are no chunk.

    ``declared`` is None if the header leaves the length open, as in a file that was written into a pipe.
    """

    declared: int | None
    held: int
    stray: int = 0


def declared_bytes(path: Path) -> Declared | None:
    """What the header of a wav (RIFF, RF64, BW64), aiff, w64 or au file declares; None for other formats and broken ones."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(24)
        if len(head) < 24:
            return None
        if head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") and head[8:12] == b"WAVE":
            return _wav(file, size, ">" if head[:4] == b"RIFX" else "<")
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return next((_told(n, size - at) for name, at, n in _chunks(file, size, ">") if name == b"SSND"), None)
        if head[:16] == _W64:
            declared = struct.unpack("<Q", head[16:24])[0]
            return Declared(None if declared >= 2**62 else declared, min(size, declared))
        if head[:4] in (b".snd", b"dns."):
            at, n = struct.unpack(">2I" if head[:4] == b".snd" else "<2I", head[4:12])
            return _told(n, size - at)
    return None


def _wav(file: BinaryIO, size: int, order: str) -> Declared | None:
    long_size = None
    for name, at, n in _chunks(file, size, order):
        if name == b"ds64":
            file.seek(at + 8)
            long_size = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
        if name == b"data":
            n = long_size if long_size and n == 0xFFFFFFFF else n
            found = _told(n, size - at)
            stray = _stray(file, at + n, size, order) if found.declared is not None else 0
            return Declared(found.declared, found.held, stray)
    return None


def _told(declared: int, held: int) -> Declared:
    held = max(held, 0)
    return Declared(None if STREAMED <= declared <= 0xFFFFFFFF and held < declared else declared, min(held, declared))


def _chunks(file: BinaryIO, size: int, order: str, at: int = 12) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and declared size of each chunk."""
    while at + 8 <= size:
        file.seek(at)
        name, n = struct.unpack(f"{order}4sI", file.read(8))
        yield name, at + 8, n
        at += 8 + n + n % 2


def _stray(file: BinaryIO, at: int, size: int, order: str) -> int:
    """Bytes at the end, after the samples, that belong to no chunk."""
    fewest = max(size - at, 0)
    for first in {at, at + at % 2}:  # some writers leave out the pad byte of an odd size
        stop = first
        for name, place, n in _chunks(file, size, order, first):
            if not all(32 <= letter < 127 for letter in name) or place + n > size:
                break
            stop = place + n + n % 2
        file.seek(min(stop, size))
        rest = file.read(4)
        fewest = min(fewest, 0 if rest.startswith(_TAGS) or not rest.strip(b"\0") and size - stop < 4 else size - stop)
    return max(fewest, 0)
