"""What is wrong or odd about the samples of a stimulus: refused by name, or said aloud."""

from itertools import product
from math import log10
from pathlib import Path

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.sound import Sound, sound

CANCELLED, NEARLY = (
    1e-4,
    0.05,
)  # power of the mean of the channels, of the mean power of a channel (independent ones: 0.5)
MOSTLY = 0.5  # of the samples are exactly 0
QUIET = 1e-3  # -60 dB
CLIPPED = 0.01  # of the samples at the peak
FULL = 1.001
#: Of published stimuli and of the laboratory's own devices (Tucker-Davis: 25 MHz / 2^n).
RATES_HZ = {11127, 12207, 22254, 22255, 24414, 48828, 97656, 195312}


def heard(path: Path | str) -> Sound:
    """The `Sound` of a stimulus; what is odd about it is said (`n2s.findings`).

    Raises
    ------
    UserError
        See `n2s.studies.readers.sound.sound`; or it never changes once its channels are averaged: it is silent.
    """
    found = sound(path)
    problem = silent(found)
    if problem:
        raise UserError(
            f"{path}: silent: {problem}. Nothing can be decoded from it. Give the file that was played, or leave out "
            "the rows of the events that name it."
        )
    for note, text in odd(found):
        tell("odd", f"{path} ({note})", text)
    return found


def silent(sound: Sound) -> str | None:
    """Why a sound holds no information; None if it holds some."""
    loudest = max(sound.channel_power)
    if loudest > 0 and sound.power <= CANCELLED * loudest and sound.n_channels > 1:
        return (
            f"its {sound.n_channels} channels cancel each other (one is the other's inverse), and n2s takes their mean. "
            "Keep one of them: `ffmpeg -i IN -af pan=mono|c0=c0 OUT.flac`"
        )
    if sound.high == sound.low:
        return f"each of its {sound.n_samples} samples is {sound.high:g}"
    return None


def odd(sound: Sound) -> list[tuple[str, str]]:
    """Notes about one file, and a sentence that is the same for all such files."""
    found = []
    loudest, n = max(sound.channel_power), sound.n_channels
    if loudest > 0 and min(sound.channel_power) == 0:
        quiet = [index + 1 for index, power in enumerate(sound.channel_power) if power == 0]
        found.append(
            (
                f"channel {quiet[0]} of {n}",
                "a channel is silent, so that the mean of all channels is weaker than the sound.",
            )
        )
    elif n > 1 and sound.power < NEARLY * sum(sound.channel_power) / n:
        db = 10 * log10(sound.power * n / sum(sound.channel_power))
        found.append(
            (
                f"{db:.0f} dB",
                "its channels nearly cancel each other in their mean, which n2s takes: is one the other's inverse?",
            )
        )
    if sound.zeros > MOSTLY:
        extent = f"sound from {sound.first / sound.rate_hz:.2f} to {sound.last / sound.rate_hz:.2f} s"
        found.append(
            (
                f"{sound.zeros:.0%}, {extent} of {sound.length_s:.2f} s",
                "most of it is silent: samples that are exactly 0. Check that the file is whole, and the one that was played.",
            )
        )
    if sound.mean**2 > max(sound.power, 1e-4):
        found.append((f"mean {sound.mean:.3g}", "its samples have a constant offset larger than the sound itself."))
    if sound.peak < QUIET:
        found.append((f"peak {sound.peak:.2g}", "it is very quiet: its loudest sample is below -60 dB of full scale."))
    if sound.clipped > CLIPPED and sound.peak > QUIET:
        found.append((f"{sound.clipped:.1%}", "it is clipped: so many of its samples lie at its highest value."))
    if sound.peak > FULL and sound.container.endswith(("/FLOAT", "/DOUBLE")):  # a lossy codec overshoots a little
        found.append(
            (
                f"peak {sound.peak:.4g}",
                "its samples go beyond full scale (1), as whole numbers saved as floats do; used as they are.",
            )
        )
    if sound.streamed:
        found.append(
            (
                f"{sound.length_s:.2f} s",
                "its header leaves the length open, as of a stream: all of it is used; nothing tells if it is whole.",
            )
        )
    if sound.stray_s > 0.005:
        found.append(
            (
                f"{sound.stray_s:.3f} s of bytes",
                "after its sound follow bytes that are no part of a wav; they are left out.",
            )
        )
    if sound.rate_hz % 25 and sound.rate_hz not in RATES_HZ or sound.rate_hz < 4000:
        found.append(
            (f"{sound.rate_hz} Hz", "an unusual sampling rate: if its header is wrong, times and pitch are, too.")
        )
    return found


def rates_confused(heard_s: float, length_s: float) -> str:
    """A sentence where the length that is heard and that of the file are as two sampling rates are to each other; else "".

    Only ratios of 44.1 kHz (22.05, 11.025) to the others: round ones (2 to 3) are as likely a part that was played.
    """
    for one, other in product((44100, 22050, 11025), (48000, 16000, 32000, 24000, 8000)):
        for played, told in ((one, other), (other, one)):
            if abs(heard_s / length_s / (played / told) - 1) < 5e-4:
                return (
                    f" That is as {played} to {told} Hz: the sampling rate in the file's header may be wrong, so that times and "
                    "pitch are, too."
                )
    return ""
