"""How many frames an mp3 holds, and how many its header says: libsndfile takes an estimate, and stops there."""

import struct
from dataclasses import dataclass
from pathlib import Path

_KBPS = {
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),  # MPEG-1, layer II
    (3, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # layer III
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2 and 2.5
    (2, 1): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ = (44100, 48000, 32000)
_SAMPLES = {2: 1152, 1: 1152}


@dataclass(frozen=True)
class MpegFrames:
    """Frames of sound in the file, frames that its Xing or VBRI header declares (None without one), and samples a frame.

    ``skipped`` are the bytes before and between frames that belong to none, ``longest`` those of the longest frame, ``rate_hz`` is
    that of the first.
    """

    found: int
    declared: int | None
    samples: int
    skipped: int
    longest: int
    rate_hz: int


def mpeg_frames(path: Path) -> MpegFrames | None:
    """Walk through the frames of an mp3; None if it does not start like one, or has a free bit rate.

    Source of the layout: ISO/IEC 11172-3, 2.4.1.3; of the headers of variable bit rates: mp3-tech.org (Xing, VBRI).
    """
    content = path.read_bytes()
    start = end = _after_tags(content)
    while content[start : start + 1] == b"\0":  # padding after a tag
        start = end = start + 1
    at = _next(content, start)
    if at is None:
        return None
    _, samples, rate_hz = _frame(content, at)
    declared, found, covered, longest = _header(content, at), 0, 0, 0
    if declared is not None:  # that frame holds no sound
        covered = _frame(content, at)[0]
        at += covered
    while at is not None and at + 4 <= len(content):
        frame = _frame(content, at)
        if frame is None:
            at = None if content[at : at + 3] == b"TAG" else _next(content, at + 1)
        elif at + frame[0] > len(content):
            break
        else:
            found += frame[2] == rate_hz
            at += frame[0]
            covered, longest, end = covered + frame[0], max(longest, frame[0]), at
    return MpegFrames(found, declared, samples, max(end - start - covered, 0), longest, rate_hz)


def _after_tags(content: bytes) -> int:
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        size = content[at + 6 : at + 10]
        at += 10 + sum(byte << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
    return at


def _frame(content: bytes, at: int) -> tuple[int, int, int] | None:
    """Bytes, samples and rate of the frame (layer II or III) whose header lies there; None if there is none."""
    if content[at] != 0xFF:
        return None
    second, third = content[at + 1], content[at + 2]
    version, layer, kbps, hz = second >> 3 & 3, second >> 1 & 3, third >> 4, third >> 2 & 3
    if second < 0xE0 or version == 1 or layer not in _SAMPLES or kbps in (0, 15) or hz == 3:
        return None
    rate_hz = _HZ[hz] >> {3: 0, 2: 1, 0: 2}[version]
    samples = _SAMPLES[layer] >> (layer == 1 and version != 3)
    rate = _KBPS[3 if version == 3 else 2, layer][kbps] * 1000
    padding = third >> 1 & 1
    return samples // 8 * rate // rate_hz + padding, samples, rate_hz


def _next(content: bytes, at: int) -> int | None:
    """The next place, from ``at`` on, where a frame starts and another follows it."""
    while 0 <= (at := content.find(b"\xff", at)) <= len(content) - 4:
        frame = _frame(content, at)
        if frame is not None:
            after = at + frame[0]
            if after + 4 > len(content) or _frame(content, after) is not None:
                return at
        at += 1
    return None


def _header(content: bytes, at: int) -> int | None:
    """The number of frames in the Xing (Info) or VBRI header of the first frame."""
    first = content[at : at + _frame(content, at)[0]]
    place = max(first.find(b"Xing", 0, 60), first.find(b"Info", 0, 60))
    if place >= 0 and len(first) >= place + 12:
        return struct.unpack(">I", first[place + 8 : place + 12])[0] if first[place + 7] & 1 else None
    place = first.find(b"VBRI", 0, 60)
    return struct.unpack(">I", first[place + 14 : place + 18])[0] if place >= 0 and len(first) >= place + 18 else None
