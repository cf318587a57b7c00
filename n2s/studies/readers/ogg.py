"""Whether an ogg file is whole: decoders skip its missing and damaged pages, and read only the first of several streams."""

import struct
import zlib
from pathlib import Path

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FIRST, _LAST = 2, 4  # flags of a page


def ogg_problem(path: Path) -> str | None:
    """What is wrong with the pages of an ogg file: RFC 3533, section 6; None if nothing is."""
    content, at, numbers, ended = path.read_bytes(), 0, {}, set()
    while content[at : at + 4] == b"OggS" and len(content) >= at + 27:
        flags, serial, number, checksum, n = struct.unpack("<5xB8xIIIB", content[at : at + 27])
        sizes = content[at + 27 : at + 27 + n]
        stop = at + 27 + n + sum(sizes)
        if len(sizes) < n or stop > len(content):
            break
        if _crc(content[at : at + 22] + bytes(4) + content[at + 26 : stop]) != checksum:
            return f"the page at byte {at} is damaged (its checksum is wrong)"
        if flags & _FIRST and ended:
            return "it holds several streams one after the other, and only the first would be read"
        if number != numbers.get(serial, number - 1) + 1 and not flags & _FIRST:
            return f"{number - numbers[serial] - 1} pages are missing before byte {at}"
        numbers[serial] = number
        if flags & _LAST:
            ended.add(serial)
        at = stop
    if set(numbers) == ended:
        return None
    return f"it stops at byte {at} of {len(content)}, before the page that ends the sound: it was cut off"


def _crc(page: bytes) -> int:
    """Ogg's checksum: that of zlib with the bits of each byte, and of the result, in the other order, and without inversion."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
