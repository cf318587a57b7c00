"""A simulated MEG study of people who were in an MRI scanner, too: `SimulatedPairFMRI` is the same people and stories there."""

from dataclasses import replace
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import cache_dir
from n2s.studies.events import events_table
from n2s.studies.simulated.known import check_divides, check_ranges
from n2s.studies.simulated.noise import autocovariance, time_courses
from n2s.studies.simulated.observer import log_likelihood_ratios, sample
from n2s.studies.simulated.pair_head import Head, KnownPairMEG, head, known_meg
from n2s.studies.simulated.pair_material import PairMaterial
from n2s.studies.simulated.sources import AUDIO_HZ
from n2s.studies.simulated.spoken import stimulus_of
from n2s.studies.study import Recording, Study

TAIL_S = 1.5  # silence after a story
PRODUCED = "overt"  # session of recordings of people who read aloud
PRODUCED_GAIN = 0.5  # amplitude of the responses to the own voice, relative to those to another


class SimulatedPairMEG(Study):
    """People in MEG hear stories. `SimulatedPairFMRI` scans the same people with fMRI, and sees some of the same sources.

    Twelve courses of the sound (`pair_courses`) drive cortical sources through kernels of 350 ms at most (`pair_people`). Four courses drive
    sources that both MEG and BOLD see, and four others drive sources that only MEG sees. 60 magnetometers of a Vectorview see them through a sphere, in
    Gaussian noise (`noise`). All is linear, and `known` is the true model of a subject.

    Each story is one recording: ``task`` is the story and ``run`` is the language, ``en``. The other study has the same stories, sounds and splits
    if its ``n_stories``, ``minutes`` and ``n_test`` are the same, and the same people if its ``seed``, ``shared`` and ``private`` are. Stories
    begin at another moment in each recording. Recordings are drawn when they are read, with the same numbers each time.

    The table shows the top-1 accuracy of the best possible decoder with the default options: segments of 10 s, 48 candidates (a grid over
    both test stories), four people, MEG from .15 to 10 s and volumes that start from 4 to 18 s after a segment begins. "Another" means the
    response to another segment. Each number is the mean of seeds 0, 1 and 2. Seeds differ: with both, at a level of 1, the three have .90,
    .84 and .85.

    ===========  ===  ====  ====  =================  ==================
    noise_level  MEG  BOLD  both  both, another MEG  both, another BOLD
    ===========  ===  ====  ====  =================  ==================
    1.0          .62  .52   .86   .19                .29
    0.85         .77  .64   .94   .23                .36
    0.7          .90  .79   .99   .27                .47
    0.5          1.0  .96   1.0   .32                .58
    ===========  ===  ====  ====  =================  ==================

    A model must learn what this decoder knows. At a level of 1, it needs many hours of each person. At .7, half an hour is enough for ridges of
    low rank that whiten the noise.

    Parameters
    ----------
    n_subjects
        People "01", "02", ...; all hear the same.
    n_stories, minutes, n_test, root
        See `SimulatedStories`.
    n_produced
        How many stories people also read aloud: the first test story, then the last training stories. These recordings are in the session
        ``overt``. Their sound is the same, as if it were the recorded voice, and sources respond half as strongly.
    sfreq
        Sampling rate, Hz; divides 16000.
    noise_level
        Amplitude of the noise, relative to a shielded room.
    signal_gain
        Amplitude of the responses, relative to the usual ones; 0 makes recordings of noise alone.
    shared, private
        Amplitude of the responses to the courses that both scanners see, and that one sees; 0: none.
    seed
        Another seed, other people and other noise.

    Raises
    ------
    UserError
        An option is out of its range.

    Examples
    --------
    >>> from n2s.studies import SimulatedPairMEG
    >>> study = SimulatedPairMEG(n_subjects=2, n_stories=4, minutes=0.2, n_test=1, root=folder)
    >>> study.split
    {'tale-01': 'train', 'tale-02': 'train', 'tale-03': 'val', 'tale-04': 'test'}
    """

    name, version = "simulated_pair_meg", 1

    def __init__(
        self,
        *,
        n_subjects: int = 4,
        n_stories: int = 10,
        minutes: float = 4.0,
        n_test: int = 2,
        n_produced: int = 0,
        sfreq: float = 100.0,
        noise_level: float = 1.0,
        signal_gain: float = 1.0,
        shared: float = 1.0,
        private: float = 1.0,
        seed: int = 0,
        root: Path | str | None = None,
    ):
        options = {
            "n_subjects": n_subjects, "n_stories": n_stories, "minutes": minutes, "n_test": n_test, "seed": seed,
            "noise_level": noise_level, "signal_gain": signal_gain, "shared": shared, "private": private,
        }  # fmt: skip
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"
        self._material = PairMaterial(options, {"sfreq": (sfreq, 50, 500)}, root=self.root, study=self.name)
        check_ranges(self.name, {"n_produced": (n_produced, 0, n_stories - n_test + bool(n_test))})
        check_divides(self.name, sfreq, AUDIO_HZ, "50, 100, 125, 250")
        self.sfreq, self.signal_gain, self.noise_level = float(sfreq), float(signal_gain), float(noise_level)
        self.n_subjects, self.n_produced, self.seed = n_subjects, n_produced, seed
        self.split, self.content = self._material.split(n_test), self._material.content

    def recordings(self) -> list[Recording]:
        """One for each subject and story that is heard, then one for each subject and story that is read aloud."""
        heard = self._material.recordings(self.n_subjects, "meg")
        stories = [*dict.fromkeys(one.task for one in heard)]
        test = [one for one in stories if (self.split or {}).get(one) == "test"]
        aloud = [*test[:1], *(one for one in stories[::-1] if one not in test)][: self.n_produced]
        return heard + [replace(one, session=PRODUCED) for one in heard if one.task in aloud]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Draw a recording."""
        signal, person = self.signal(recording), self._head(recording.subject)
        rng = np.random.default_rng(self._material.random(recording, "meg", 1))
        noise = time_courses(signal.shape[1], len(signal), self.sfreq, rng)
        data = self.noise_level * np.linalg.cholesky(person.noise) @ noise + signal.T
        return mne.io.RawArray(data, person.info, verbose="error")

    def signal(self, recording: Recording) -> np.ndarray:
        """(t, c) What the sound of a recording causes, T, without noise."""
        stimulus, known = stimulus_of(self._known(recording)), self.known(recording.subject)
        courses, lead = self._material.courses(stimulus, self.sfreq), self._lead(recording)
        found = np.zeros((lead + len(courses) + round(TAIL_S * self.sfreq), len(known.patterns)))
        activity = known.activity(courses)[: len(found) - lead]
        found[lead : lead + len(activity)] = self._gain(recording) * activity @ known.patterns.T
        return found

    def known(self, subject: str) -> KnownPairMEG:
        """The true model of a subject who listens; see `KnownPairMEG`."""
        return self._model(subject, self.signal_gain)

    def lead_field(self, subject: str) -> tuple[np.ndarray, np.ndarray]:
        """(j, 3) places of the sources that MEG sees, MNI, mm, and (c, j) their patterns, T for 1 A m."""
        known = self.known(subject)
        return known.places_mm, known.patterns

    def ideal_scores(
        self,
        recording: Recording,
        starts_s: np.ndarray,
        candidates: list[tuple[str, float]],
        *,
        offset_s: float,
        duration_s: float,
    ) -> np.ndarray:
        """Exact log-likelihood ratios (n, k) of each candidate for each window, in nats; see `Study.ideal_scores`.

        The observer knows the person, the noise, and each candidate's whole story, before and after it, too. It is judged against no
        sound at all. Noises of both scanners are independent: the sum with the other study's scores is the ideal observer of both.
        Recordings of noise alone are judged by what the signal would have been.
        """
        raw, known = self.load(recording), self._model(recording.subject, self.signal_gain or 1.0)
        n_times = sample(duration_s, self.sfreq)
        first = [sample(start + offset_s, self.sfreq) for start in starts_s]
        if n_times < 1 or min(first) < 0 or max(first) + n_times > raw.n_times:
            raise UserError(
                f"{self.name}, {recording.name}: windows from {min(starts_s):.2f} to {max(starts_s):.2f} s, seen from "
                f"{offset_s} s later for {duration_s} s, reach outside the recording (0 to {raw.times[-1]:.2f} s)."
            )
        activity = {one: known.activity(self._material.courses(one, self.sfreq)) for one in {s for s, _ in candidates}}
        courses = np.zeros((len(candidates), known.patterns.shape[1], n_times))
        for row, (stimulus, start_s) in zip(courses, candidates, strict=True):
            self._material.check_place(stimulus, start_s)
            wanted = sample(start_s + offset_s, self.sfreq) + np.arange(n_times)
            inside = (wanted >= 0) & (wanted < len(activity[stimulus]))  # silence before and after the story
            row[:, inside] = activity[stimulus][wanted[inside]].T
        return log_likelihood_ratios(
            np.stack([raw.get_data(start=start, stop=start + n_times) for start in first]),
            self._gain(recording) * courses,
            patterns=known.patterns,
            spatial=self.noise_level**2 * self._head(recording.subject).noise,
            temporal=autocovariance(n_times, self.sfreq),
        )

    def events(self, recording: Recording) -> pd.DataFrame:
        """Story, sentences, words and phones, on the recording's clock."""
        stimulus = stimulus_of(self._known(recording))
        table = pd.read_parquet(self._material.events_file(stimulus))
        lead_s = self._lead(recording) / self.sfreq
        table = table.assign(onset=table.stimulus_onset + lead_s)
        if recording.session == PRODUCED:
            table["condition"] = "overt"
        where = f"{self.name}, {recording.name}"
        return events_table(table, where=where, duration_s=lead_s + self._material.length_s(stimulus) + TAIL_S)

    def audio(self, stimulus: str) -> Path:
        """The story as it was played: 16 kHz, one channel."""
        return self._material.audio(stimulus)

    def sources(self, recording: Recording) -> list[Path]:
        """The events of the story and its sound."""
        return self._material.sources(stimulus_of(self._known(recording)))

    def settings(self) -> dict:
        """All that changes a recording, but the numbers of subjects and of recordings."""
        return {"version": self.version, "sfreq": self.sfreq} | self._material.settings()

    def _model(self, subject: str, gain: float) -> KnownPairMEG:
        return known_meg(
            self._material.person(subject),
            self._head(subject),
            sfreq=self.sfreq,
            signal_gain=gain,
            noise_level=self.noise_level,
        )

    def _head(self, subject: str) -> Head:
        return head(self._material.person(subject), self._material.number(subject), self.sfreq, self.seed)

    def _gain(self, recording: Recording) -> float:
        return PRODUCED_GAIN if recording.session == PRODUCED else 1.0

    def _known(self, recording: Recording) -> Recording:
        return self._material.known(recording, self.recordings())

    def _lead(self, recording: Recording) -> int:
        """Samples of silence before the story: between 1 and 2 s, in each recording another."""
        return round(self.sfreq * np.random.default_rng(self._material.random(recording, "meg", 0)).uniform(1, 2))
