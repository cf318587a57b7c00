"""Acoustic scenes: a network learns to name the class of a sound."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from n2s.systems.speech.examples import listened
from n2s.systems.speech.scene_result import SceneResult
from n2s.systems.speech.system import SpeechSystem, single


class SoundScenes(SpeechSystem):
    """Train a network to name the class of a sound, with CTC as Millet & King 2021 (2.4): a class is a target of one symbol.

    Their targets are "a one hot vector indicating the class", so clips with several classes, as one in seven of
    FSDKaggle2019's, are left out by the data. The class that is named is the one that CTC most probably writes alone: its
    exact likelihood, not the greedy path, which may be empty or have several. Validation logs ``val/loss`` and
    ``val/error``; a test leaves a `SceneResult`.

    Parameters
    ----------
    network, max_steps, optimizer, scheduler
        See `SpeechSystem`; the schedule is stepped once a step.

    Examples
    --------
    >>> from n2s.models import SpeechNet
    >>> from n2s.systems import SoundScenes
    >>> system = SoundScenes(SpeechNet(n_classes=4, channels=(4, 4, 4), hidden=16), max_steps=100)

    Its recipe trains and tests it, on made sounds as it is:

    >>> import n2s
    >>> run = n2s.fit("millet2021_small/scenes")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    recipe = "configs/millet2021_small/scenes.yaml"

    learns = "label"

    def decoded(self, log_probs: Tensor, lengths: Tensor) -> list[np.ndarray]:
        """(k,) log-likelihood of each class, for each clip."""
        return list(single(log_probs, lengths)[:, 1:].numpy())

    def errors(self, rows: np.ndarray, found: list[np.ndarray], split: str) -> dict[str, tuple[float, float]]:
        """``error``: clips whose class is not named, and clips."""
        true = self._true(split)[rows]
        wrong = (np.stack(found).argmax(1) != true).sum() if len(found) else 0
        return {"error": (wrong, len(found))}

    def results(self, seed: int) -> Mapping[str, SceneResult]:
        """See `System`."""
        rows, said = self.tested()
        data, names = self.data, list(self.symbols.names)
        table = data.splits["test"].iloc[rows]
        clips = table[["speaker", "duration_s", "label", "content"]].reset_index(drop=True)
        sounds, places = listened(data, "test", rows)
        counts = np.bincount(self._true("train"), minlength=len(names))
        return {
            "test": SceneResult(
                clips, np.stack(said["model"]).astype(np.float32), np.stack(said["untrained"]).astype(np.float32),
                self._true("test")[rows], names, counts, data.corpus.name, seed, data.spectrogram.sfreq, sounds, places,
            )
        }  # fmt: skip

    def _true(self, split: str) -> np.ndarray:
        """(n,) number of each clip's class, from 0."""
        numbers = {name: place for place, name in enumerate(self.symbols.names)}
        return self.data.splits[split].label.map(numbers).to_numpy(np.int64)
