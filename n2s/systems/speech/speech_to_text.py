"""Speech to text: a network learns to write what is said, character by character."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from n2s.metrics.edits import edit_distances
from n2s.systems.speech.examples import listened
from n2s.systems.speech.system import SpeechSystem, greedy
from n2s.systems.speech.text_result import TranscriptResult, typical


class SpeechToText(SpeechSystem):
    """Train a network to write the characters of transcripts (Millet & King 2021, 2.4), without a language model.

    Characters are those of the training transcripts, and class 0 is the blank. Transcripts are decoded greedily. Validation logs
    ``val/loss``, ``val/cer`` and ``val/wer``; a test leaves a `TranscriptResult`.

    Parameters
    ----------
    network, max_steps, optimizer, scheduler
        See `SpeechSystem`; the schedule is stepped once a step.

    Examples
    --------
    >>> from n2s.models import SpeechNet
    >>> from n2s.systems import SpeechToText
    >>> system = SpeechToText(SpeechNet(n_classes=29, channels=(4, 4, 4), hidden=16), max_steps=100)

    Its recipe trains and tests it, on made speech as it is:

    >>> import n2s
    >>> run = n2s.fit("speech_net")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    recipe = "configs/speech_net.yaml"

    learns = "text"

    def decoded(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        """The most probable path of each clip, as text."""
        paths = greedy(log_probs, lengths)
        return [" ".join("".join(self.symbols.decoded(path)).split()) for path in paths]

    def errors(self, rows: np.ndarray, found: list[str], split: str) -> dict[str, tuple[float, float]]:
        """``cer`` and ``wer``: edits, and characters or words of the transcripts."""
        true = self.data.splits[split].text.iloc[rows].tolist()
        words = [one.split() for one in true]
        return {
            "cer": (edit_distances(found, true).sum(), sum(map(len, true))),
            "wer": (edit_distances([one.split() for one in found], words).sum(), sum(map(len, words))),
        }

    def results(self, seed: int) -> Mapping[str, TranscriptResult]:
        """See `System`."""
        rows, said = self.tested()
        data, table = self.data, self.data.splits["test"].iloc[rows]
        clips = table[["speaker", "duration_s", "text", "content"]].reset_index(drop=True).assign(**said)
        sounds, places = listened(data, "test", rows)
        constant = typical(data.splits["train"].text.tolist(), seed)
        hours = {name: float(one.duration_s.sum() / 3600) for name, one in data.splits.items()}
        return {
            "test": TranscriptResult(
                clips,
                constant,
                list(data.symbols.names),
                data.corpus.name,
                hours,
                seed,
                data.spectrogram.sfreq,
                sounds,
                places,
            )
        }
