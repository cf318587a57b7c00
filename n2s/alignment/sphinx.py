"""Forced alignment with PocketSphinx and its English acoustic model, which comes inside the wheel: nothing to download."""

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from n2s.alignment.aligner import Aligner
from n2s.alignment.pronunciation import pronounce
from n2s.errors import UserError

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_FRAME_S, _BORDER_S = 0.01, 0.0078  # a frame sees 25.6 ms from its time on: the border with the one before lies there
_BEAMS = (1e-64, 1e-120)  # the second where the first loses the path
_LEAST = 1e-300


class SphinxAligner(Aligner):
    """Words of any language that eSpeak NG can pronounce, matched by the sounds of American English.

    English words are pronounced as the CMU dictionary has them. Those that it lacks, and all other languages, are said as
    eSpeak NG says them, in the nearest English phones. A model of the language itself places words better: see
    `n2s.alignment.ctc.CTCAligner`. In sounds of more than a minute the search may lose its way: cut them at pauses.

    Parameters
    ----------
    language
        BCP 47: ``en``, ``nl``, ``es``, ``eu``.
    """

    doubtful_behind = 4.0

    def __init__(self, language: str):
        if importlib.util.find_spec("pocketsphinx") is None:
            raise UserError('PocketSphinx, which aligns, is not installed: pip install "n2s[align]".')
        from pocketsphinx import Decoder

        self.language = language
        self._is_english = language.split("-")[0].lower() == "en"
        # bestpath would search again in what the first search kept, and often find no way through
        self._decoders = [
            Decoder(lm=None, loglevel="FATAL", bestpath=False, beam=beam, pbeam=beam, wbeam=beam) for beam in _BEAMS
        ]
        self._tokens: dict[tuple[str, ...], str] = {}
        pronounce("a", "en-us" if self._is_english else language)  # an unknown language is said before the first sound

    @property
    def name(self) -> str:
        """See `Aligner`."""
        return "PocketSphinx en-us" if self._is_english else f"PocketSphinx en-us, {self.language} of eSpeak NG"

    def align(self, audio: np.ndarray, words: list[str]) -> pd.DataFrame | None:
        """See `Aligner`."""
        said = [self._pronunciations(word.lower()) for word in words]
        mute = sorted({word for word, ways in zip(words, said, strict=True) if not ways})
        if mute:
            raise UserError(
                f"no sound is known for '{', '.join(mute[:5])}'. Write numbers and signs as they are spoken."
            )
        loud = 32000 * audio / max(np.abs(audio).max(), 1e-9)
        # digital silence has no logarithm, and the path gets lost in it
        samples = (loud + np.random.default_rng(0).integers(-4, 5, len(loud))).astype(np.int16)
        text = " ".join(self._token(ways) for ways in said)
        found = next((one for decoder in self._decoders if (one := _search(decoder, text, samples))), None)
        if found is None:
            return None
        first, last, likely = (np.array(column) for column in zip(*found, strict=True))
        n_frames = last - first
        return pd.DataFrame(
            {
                "text": words,
                "onset": first * _FRAME_S + _BORDER_S,
                "duration": n_frames * _FRAME_S,
                "score": likely / n_frames,
            }
        )

    def _pronunciations(self, word: str) -> tuple[str, ...]:
        if not self._is_english:
            return tuple(filter(None, [pronounce(word, self.language)]))
        ways = [self._decoders[0].lookup_word(one) for one in (word, *(f"{word}({k})" for k in range(2, 6)))]
        return tuple(filter(None, ways)) or tuple(filter(None, [pronounce(word, "en-us")]))

    def _token(self, ways: tuple[str, ...]) -> str:
        """A name of its own in the decoder's dictionary: an English word there has English sounds."""
        if ways not in self._tokens:
            token = self._tokens[ways] = f"w{len(self._tokens)}"
            for decoder in self._decoders:
                for k, way in enumerate(ways, start=1):
                    decoder.add_word(token if k == 1 else f"{token}({k})", way, update=True)
        return self._tokens[ways]


def _search(decoder: "Decoder", text: str, samples: np.ndarray) -> list[tuple[int, int, float]]:
    """First frame, frame after the last, and log-likelihood of each word of the text; nothing where the path is lost."""
    decoder.set_align_text(text)
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    words = [one for one in decoder.seg() or () if one.word.startswith("w")]
    if len(words) != len(text.split()):
        return []
    return [(one.start_frame, one.end_frame + 1, float(np.log(max(one.ascore, _LEAST)))) for one in words]
