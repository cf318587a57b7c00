"""A simulated MEG study of two talkers at once, of whom one is attended."""

from pathlib import Path
from typing import Literal

import numpy as np

from n2s.errors import UserError
from n2s.studies.simulated.meg import SimulatedMEG
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.observer import candidate_courses, log_likelihood_ratios, sample
from n2s.studies.study import Recording

#: A woman and a man each, in one language; no translation of a story is in another pair.
PAIRS = (
    ("lighthouse.en", "mapmaker.en"),
    ("beekeeper.en", "orchestra.en"),
    ("bakery.es", "train.es"),
    ("school.eu", "shepherd.eu"),
)
SPLIT = {"beekeeper": "test", "orchestra": "test", "bakery": "val", "train": "val"}


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
        if not 0 <= unattended_gain <= 1:
            raise UserError(f"{self.name}: unattended_gain is {unattended_gain}; expected 0 to 1.")
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
        ``duration_s``. It is right where the ratio is above 0. Both must play all that time.
        """
        person, raw, lead = self._listener(int(recording.subject)), self.load(recording), self._lead(recording)
        good = np.flatnonzero(~np.isin(raw.ch_names, raw.info["bads"]))
        n_times, streams = sample(duration_s, self.sfreq), list(self._streams(recording))
        found = []
        for start_s in np.asarray(starts_s, float):
            first = sample(start_s, self.sfreq)
            own = [(stimulus, (first - lead) / self.sfreq) for stimulus in streams]
            courses = candidate_courses(
                person,
                {stimulus: person.drive(self._features(stimulus)) for stimulus in streams},
                own,
                sfreq=self.sfreq,
                offset_s=0.0,
                duration_s=duration_s,
                whole_audio=True,
            )
            mixed = np.stack(
                [courses[0] + self.unattended_gain * courses[1], courses[1] + self.unattended_gain * courses[0]]
            )
            ratios = log_likelihood_ratios(
                raw[good, first : first + n_times][0][None],
                mixed * (self.signal_gain or 1.0),
                patterns=person.patterns[good],
                spatial=person.noise[np.ix_(good, good)] * self.noise_level**2,
                temporal=autocovariance(n_times, self.sfreq),
            )
            found.append(ratios[0, 0] - ratios[0, 1])
        return np.array(found)

    def _streams(self, recording: Recording) -> dict[str, float]:
        attended = f"{recording.task}.{recording.run}"
        pair = next(pair for pair in PAIRS if attended in pair)
        other = pair[1 - pair.index(attended)]
        return {attended: 1.0, other: self.unattended_gain}

    def _numbers(self) -> dict:
        return super()._numbers() | {"unattended_gain": self.unattended_gain}
