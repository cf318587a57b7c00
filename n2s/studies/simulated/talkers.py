"""A simulated MEG study of two talkers at once, of whom one is attended."""

from pathlib import Path
from typing import Literal

import numpy as np

from n2s.errors import UserError
from n2s.options import check_number
from n2s.studies.simulated.meg import SimulatedMEG
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.observer import log_likelihood_ratios, sample
from n2s.studies.study import Recording

#: A woman and a man each, in one language; no translation of a story is in another pair.
PAIRS = (
    ("lighthouse.en", "mapmaker.en"),
    ("beekeeper.en", "orchestra.en"),
    ("bakery.es", "train.es"),
    ("school.eu", "shepherd.eu"),
)
SPLIT = {"beekeeper": "test", "orchestra": "test", "bakery": "val", "train": "val"}
MOST_NUMBERS = 2**24  # of recordings that an observer sees at once: 128 MB


class SimulatedTalkers(SimulatedMEG):
    """Listeners of `SimulatedMEG` who hear two stories at once, read by a woman and a man, and attend one of them.

    Every listener hears each of four pairs once. Whom they attend alternates, from pair to pair and from listener to listener: each story
    is attended by half of the listeners and ignored by the others. Sources answer to the ignored one as to the attended one, only less.
    The official split holds out one pair for testing and one for validation.

    Parameters
    ----------
    unattended_gain
        Amplitude of the responses to what is not attended, relative to what is; 1: attention changes nothing, and nobody can tell.
    n_subjects, sfreq, noise_level, signal_gain, seed, max_story_s, system, root
        See `SimulatedMEG`.

    Examples
    --------
    >>> from n2s.studies import SimulatedTalkers
    >>> study = SimulatedTalkers(n_subjects=1, unattended_gain=0.4, max_story_s=30, root=folder)
    >>> [one.name for one in study.recordings()][:2]
    ['sub-01_task-mapmaker_run-en', 'sub-01_task-beekeeper_run-en']
    """

    name, kind = "simulated_talkers", "talkers"

    def __init__(
        self,
        *,
        unattended_gain: float = 0.4,
        n_subjects: int = 4,
        sfreq: float = 250.0,
        noise_level: float = 1.0,
        signal_gain: float = 1.0,
        seed: int = 0,
        max_story_s: float | None = None,
        system: Literal["vectorview", "ctf275"] = "vectorview",
        root: Path | str | None = None,
    ):
        super().__init__(
            n_subjects=n_subjects,
            stories=[story for pair in PAIRS for story in pair],
            sfreq=sfreq,
            noise_level=noise_level,
            signal_gain=signal_gain,
            seed=seed,
            max_story_s=max_story_s,
            system=system,
            root=root,
        )
        check_number(f"{self.name}: unattended_gain", unattended_gain, low=0, high=1)
        self.unattended_gain = float(unattended_gain)
        self.split = {story.id: SPLIT.get(story.id, "train") for story in self._stories.values()}

    def recordings(self) -> list[Recording]:
        """One recording a subject and pair: the task is the attended story, the run is the language."""
        found = []
        for subject in range(1, self.n_subjects + 1):
            for place, pair in enumerate(PAIRS):
                task, run = pair[(subject + place) % 2].split(".")
                found.append(Recording(subject=f"{subject:02d}", task=task, run=run))
        return found

    def ideal_scores(self, recording: Recording, starts_s: np.ndarray, candidates: list, **options: float) -> None:
        """None: an observer of segments would have to know the other talker; see `ideal_attention`."""
        return

    def ideal_attention(self, recording: Recording, starts_s: np.ndarray, *, duration_s: float) -> np.ndarray:
        """(n,) Log-likelihood ratio that the attended talker was attended, and not the other one: no decoder is right more often.

        The observer knows the listener, the noise and both sounds, and sees the recording from ``starts_s (n,)``, s on its clock, for
        ``duration_s``, as far as it lasts. It is right where the ratio is above 0.
        """
        raw, person = self.load(recording), self._listener(int(recording.subject))
        good = np.flatnonzero(~np.isin(raw.ch_names, raw.info["bads"]))
        first = np.array([sample(start_s, self.sfreq) for start_s in np.asarray(starts_s, float)], int)
        stop = np.minimum(first + sample(duration_s, self.sfreq), raw.n_times)
        first = np.maximum(first, 0)
        if (stop <= first).any():
            raise UserError(
                f"{self.name}, {recording.name}: a window of {duration_s:g} s from {np.asarray(starts_s)[stop <= first][0]:.2f} s lies outside the "
                f"recording (0 to {raw.times[-1]:.2f} s)."
            )
        lead, found = self._lead(recording), np.empty(len(first))
        whole = np.zeros((2, len(person.weights), raw.n_times))
        for course, stimulus in zip(whole, self._streams(recording), strict=True):
            heard = person.drive(self._features(stimulus))
            course[:, lead:] = person.activity(np.pad(heard, ((0, 0), (0, raw.n_times - lead - heard.shape[1]))))
        mixed = (whole + self.unattended_gain * whole[::-1]) * (self.signal_gain or 1.0)  # if each were attended
        for n_times in np.unique(stop - first):  # the ends of a recording cut windows short
            own, temporal = np.flatnonzero(stop - first == n_times), autocovariance(n_times, self.sfreq)
            for part in np.array_split(own, -(-len(own) * len(good) * n_times // MOST_NUMBERS)):
                at = first[part][:, None] + np.arange(n_times)
                ratios = log_likelihood_ratios(
                    np.stack([raw[good, start : start + n_times][0] for start in first[part]]),
                    np.concatenate(mixed[:, :, at].transpose(0, 2, 1, 3)),  # all as they were, then all exchanged
                    patterns=person.patterns[good],
                    spatial=person.noise[np.ix_(good, good)] * self.noise_level**2,
                    temporal=temporal,
                )
                right, wrong = np.split(ratios, 2, axis=1)
                found[part] = np.diag(right) - np.diag(wrong)
        return found

    def _streams(self, recording: Recording) -> dict[str, float]:
        attended = f"{recording.task}.{recording.run}"
        pair = next(pair for pair in PAIRS if attended in pair)
        other = pair[1 - pair.index(attended)]
        return {attended: 1.0, other: self.unattended_gain}

    def _numbers(self) -> dict:
        return super()._numbers() | {"unattended_gain": self.unattended_gain}
