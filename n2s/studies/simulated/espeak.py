"""eSpeak NG through ctypes: sentences in, samples and events out. Run as a script, it speaks in a process of its own.

One process does not speak a text twice alike (its phase and echo carry over), so whoever wants the same audio every
time starts this file afresh: it takes a JSON request on stdin and answers with an ``.npz`` on stdout. It needs nothing
but numpy and the ``espeakng_loader`` wheel, and starts in a tenth of a second.

The constants and the event structure come from ``speak_lib.h`` of eSpeak NG 1.52.
"""

import ctypes
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

WORD, END, PHONE = 1, 5, 7  # espeak_EVENT_TYPE; END closes a clause
_LIST_TERMINATED = 0
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples go to the callback, espeak_Synth returns when all is spoken
_PHONE_EVENTS, _AS_IPA, _DO_NOT_EXIT = 0x0001, 0x0002, 0x8000  # options of espeak_Initialize
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_CHARACTER = 1  # espeak_POSITION_TYPE
_UTF8, _END_PAUSE = 1, 0x1000  # flags of espeak_Synth

#: One event: the sentence it is of, its type, the sample it falls on (from the sentence's first), the character of the
#: sentence it belongs to (counted from 1), and the IPA name of a phone (empty for pauses and for glides without one).
EVENT = np.dtype([("sentence", "i4"), ("type", "i4"), ("sample", "i8"), ("position", "i4"), ("ipa", "U8")])


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def speak(sentences: list[str], voice: str, rate_wpm: int, pitch: int) -> tuple[int, list[np.ndarray], np.ndarray]:
    """Speak each sentence, in this process, with eSpeak's own pause after it.

    Returns
    -------
    sfreq
        Hz.
    audio
        One int16 array (n,) a sentence.
    events
        Words, phones and ends of clauses, an array of `EVENT`.

    Raises
    ------
    ValueError
        eSpeak has no such voice or does not start; the message is for the user.
    """
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = Path(espeakng_loader.get_data_path())
    sfreq = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _PHONE_EVENTS | _AS_IPA | _DO_NOT_EXIT)
    if sfreq <= 0:
        raise ValueError(f"eSpeak NG did not start with its data at {data}. Install it again: pip install 'n2s[sim]'.")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath and roughness are noise
    _set_voice(library, voice, data)
    library.espeak_SetParameter(_RATE, rate_wpm, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)

    chunks: list[np.ndarray] = []
    rows: list[tuple] = []
    spoken = 0  # the sentence that the callback is in

    def collect(samples: Any, n_samples: int, events: Any) -> int:
        if samples and n_samples:
            chunks.append(np.ctypeslib.as_array(samples, (n_samples,)).copy())
        i = 0
        while events[i].type != _LIST_TERMINATED:
            event = events[i]
            if event.type in (WORD, END, PHONE):
                # the 8 bytes hold no terminating zero when the name fills them
                ipa = bytes(event.id.string).decode("utf-8", "ignore") if event.type == PHONE else ""
                rows.append((spoken, event.type, event.sample, event.text_position, ipa))
            i += 1
        return 0

    callback = _Callback(collect)  # must outlive the calls
    library.espeak_SetSynthCallback(callback)
    audio = []
    for spoken, sentence in enumerate(sentences):  # noqa: B007 read by the callback
        text = sentence.encode("utf-8")
        status = library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, _CHARACTER, 0, _UTF8 | _END_PAUSE, None, None
        )
        if status != 0:
            raise ValueError(f"eSpeak NG failed (status {status}) at the sentence: {sentence}")
        audio.append(np.concatenate(chunks) if chunks else np.zeros(0, np.int16))
        chunks.clear()
    return sfreq, audio, np.array(rows, dtype=EVENT)


def _set_voice(library: ctypes.CDLL, voice: str, data: Path) -> None:
    """Choose ``language+variant``; eSpeak itself takes an unknown variant for none and says nothing."""
    _, _, variant = voice.partition("+")
    variants = sorted(path.name for path in (data / "voices" / "!v").iterdir())
    if variant and variant not in variants:
        raise ValueError(f"eSpeak NG has no variant '{variant}' (voice '{voice}'). It has: {', '.join(variants)}.")
    if library.espeak_SetVoiceByName(voice.encode("utf-8")) != 0:
        raise ValueError(
            f"eSpeak NG has no voice '{voice}'. Give a file name in {data / 'lang'}, such as en, en-us, es or eu, "
            "with a variant after a plus sign if you like: eu+f4."
        )


def main() -> int:
    """Answer one request; a message on stderr and exit status 2 if it cannot be met."""
    request = json.load(sys.stdin)
    try:
        sfreq, audio, events = speak(**request)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    answer = io.BytesIO()
    lengths = np.array([len(samples) for samples in audio], dtype=np.int64)
    np.savez(answer, sfreq=sfreq, audio=np.concatenate(audio), lengths=lengths, events=events)
    sys.stdout.buffer.write(answer.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
