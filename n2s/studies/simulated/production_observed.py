"""The best possible scores of the simulated production study."""

from typing import Literal

import numpy as np

from n2s.errors import UserError
from n2s.studies.simulated.known import known_recording, number_of
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.observer import sample
from n2s.studies.simulated.production_artifacts import carrier_covariance
from n2s.studies.simulated.production_ideal import KINDS, Window, candidates
from n2s.studies.simulated.production_levels import one_of
from n2s.studies.simulated.production_made import WHITE, MadeProduction
from n2s.studies.simulated.production_observer import Candidates, Ideal, Noise, class_scores, ideal, log_likelihoods
from n2s.studies.simulated.production_run import jitter_steps
from n2s.studies.study import Recording


class ObservedProduction(MadeProduction):
    """A production study whose best possible scores are known."""

    def ideal(
        self,
        subject: str,
        condition: str,
        *,
        kind: Literal["sentence", "word", "phone"] = "word",
        start_s: float = -0.2,
        stop_s: float = 0.6,
        classes: dict[str, str] | None = None,
        artifacts: bool = False,
        learnt_from: str | None = None,
        searched: bool = False,
        n_windows: int = 1,
        n_draws: int = 200,
    ) -> Ideal:
        """The best possible score of naming the class of a window, on windows that are drawn anew.

        No decoder of the same samples has a higher one; one of filtered recordings sees a little more (`production_observer`).

        The observer knows the patterns of the subject, all utterances and the noise; blinks and the heart it does not see.

        Parameters
        ----------
        subject, condition
            Whose windows, of which condition.
        kind, start_s, stop_s
            Windows at events of this kind, from and to so many seconds after.
        classes
            Text of an event -> its class, others are left out; None: each text is one.
        artifacts
            Whether the face, the jaw and leaks are seen, too; else the brain alone, in noise.
        learnt_from
            A condition whose windows the observer takes these for. What a decoder that is trained there and knows no better reaches;
            one that knows which sources are common may do better.
        searched
            Whether what was learnt from another condition is searched for at all onsets that imagined speech may have.
        n_windows
            It sees so many windows of one class before it decides: an upper bound for averages of so many.
        n_draws
            Decisions for each class. With muscles, each takes the longer the more utterances there are, and the longer windows are.
        """
        window = self._window(kind, start_s, stop_s)
        truth, noise, _ = self._candidates(subject, condition, window, classes, artifacts=artifacts)
        known = None
        if learnt_from is not None:
            late = condition if searched else learnt_from
            known, *_ = self._candidates(subject, learnt_from, window, classes, artifacts=artifacts, late=late)
            if known.names != truth.names or known.means.shape[1] != truth.means.shape[1]:
                raise UserError(
                    f"{self.name}: {condition} and {learnt_from} have other classes ({len(truth.names)}, {len(known.names)})."
                )
        return ideal(
            truth,
            noise,
            known=known,
            n_windows=n_windows,
            n_draws=n_draws,
            rng=np.random.default_rng([self.seed, int(subject), 9]),
        )

    def ideal_classes(
        self,
        recording: Recording,
        onsets_s: np.ndarray,
        *,
        condition: str,
        kind: Literal["sentence", "word", "phone"] = "word",
        start_s: float = -0.2,
        stop_s: float = 0.6,
        classes: dict[str, str] | None = None,
        artifacts: bool = False,
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """See `Study.ideal_classes`: the observer of `ideal`, on the windows of a recording."""
        window = self._window(kind, start_s, stop_s)
        found, noise, matrix = self._candidates(recording.subject, condition, window, classes, artifacts=artifacts)
        scene = self._scene(known_recording(self.name, recording, self.recordings()))
        data = matrix @ self._seen(recording, scene, (*WHITE, *(["speech"] if artifacts else [])))
        firsts = [sample(one + start_s, self.sfreq) for one in onsets_s]
        n = window.n_times(self.sfreq)
        if firsts and (min(firsts) < 0 or max(firsts) + n > data.shape[1]):
            raise UserError(
                f"{self.name}, {recording.name}: windows reach outside the recording of {data.shape[1] / self.sfreq:.2f} s."
            )
        windows = np.array([data[:, first : first + n] for first in firsts]).reshape(-1, len(data), n)
        return class_scores(log_likelihoods(windows, found, noise), found, uniform=False), found.names

    def _window(self, kind: str, start_s: float, stop_s: float) -> Window:
        if round((stop_s - start_s) * self.sfreq) < 1:
            raise UserError(f"{self.name}: a window from {start_s} to {stop_s} s; expected a start before its end.")
        return Window(one_of("kind", kind, KINDS), start_s, stop_s)

    def _candidates(
        self,
        subject: str,
        condition: str,
        window: Window,
        classes: dict[str, str] | None,
        *,
        artifacts: bool,
        late: str | None = None,
    ) -> tuple[Candidates, Noise, np.ndarray]:
        """What a window may hold, the noise around it, and the matrix (r, c) that leads to their space.

        ``late``: the condition whose onsets it has, if that is another one.
        """
        number_of(self.name, subject, self.n_subjects)
        one_of("condition", condition, self.conditions)
        texts = dict.fromkeys(text for run in self._texts for text in run)
        said = [
            (self._utterance(subject, condition, text, rendition), self._said(subject, condition, text, rendition), 1.0)
            for rendition in range(self.n_renditions)
            for text in texts
        ]
        found, matrix, mixing = candidates(
            said,
            window,
            classes=classes,
            steps=jitter_steps(self.onset_jitter_s if (late or condition) == "imagined" else 0.0, self.sfreq),
            jitter_s=self.onset_jitter_s if "imagined" in self.conditions else 0.0,
            person=self._person(subject),
            fields=self._fields(subject) if artifacts else None,
            sfreq=self.sfreq,
        )
        n = window.n_times(self.sfreq)
        temporal = self.noise_level**2 * autocovariance(n, self.sfreq)
        noise = Noise(temporal, mixing, carrier_covariance(n, self.sfreq)) if mixing.size else Noise(temporal)
        return found, noise, matrix
