"""A simulated fMRI study of people who were in a helmet, too: `SimulatedPairMEG` is the same people and stories there."""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import cache_dir
from n2s.studies.bold_cleaning import residual_maker
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.simulated.areas_drivers import RATE_HZ
from n2s.studies.simulated.areas_run import Run, grid_clips, lay_run, noise_over_time, nuisances, read_slow, scan
from n2s.studies.simulated.areas_scores import explainable_share
from n2s.studies.simulated.bold_noise import AR_S
from n2s.studies.simulated.bold_observer import BoldObserver
from n2s.studies.simulated.bold_sources import brain
from n2s.studies.simulated.pair_material import PairMaterial
from n2s.studies.simulated.pair_voxels import KnownPairFMRI, known_fmri, pair_regions, voxels
from n2s.studies.simulated.spoken import stimulus_of
from n2s.studies.study import Recording


class SimulatedPairFMRI(FMRIStudy):
    """People in a scanner hear stories. `SimulatedPairMEG` records the same people with MEG, and sees some of the same sources.

    Twelve courses of the sound (`pair_courses`) drive cortical sources (`pair_people`). Four courses drive sources that both MEG and BOLD see,
    and four others drive sources that only BOLD sees. Grey-matter voxels within 10 mm of a source follow its mixture through Glover's haemodynamic
    response, in Gaussian noise, drift and motion (`bold_noise`). All is linear, and `known` is the true model of a subject. Regions:
    ``auditory`` (near Heschl's gyrus), ``speech`` (near any source) and ``whole``.

    Each story is one run: ``task`` is the story and ``run`` is the language, ``en``. The other study has the same stories, sounds and splits if
    its ``n_stories``, ``minutes`` and ``n_test`` are the same, and the same people if its ``seed``, ``shared`` and ``private`` are. A story
    begins 10 s after its run. Runs are drawn when they are read, with the same numbers each time.

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
    tr_s
        Time from one volume to the next, s.
    resolution_mm
        Size of a voxel, whole mm; 8 mm are 3,690 voxels. Small voxels are as noisy as large ones.
    noise_level
        Amplitude of the noise, relative to one percent of signal change a voxel.
    signal_gain
        Amplitude of the responses, relative to the usual ones; 0 makes runs of noise alone.
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
    >>> from n2s.studies import SimulatedPairFMRI
    >>> study = SimulatedPairFMRI(n_subjects=2, n_stories=4, minutes=0.2, n_test=1, tr_s=2.0, root=folder)
    >>> study.split
    {'tale-01': 'train', 'tale-02': 'train', 'tale-03': 'val', 'tale-04': 'test'}
    """

    name, version = "simulated_pair_fmri", 1

    def __init__(
        self,
        *,
        n_subjects: int = 4,
        n_stories: int = 10,
        minutes: float = 4.0,
        n_test: int = 2,
        tr_s: float = 2.0,
        resolution_mm: int = 8,
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
        ranges = {"tr_s": (tr_s, 0.1, 10), "resolution_mm": (resolution_mm, 2, 20)}
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"
        self._material = PairMaterial(options, ranges, root=self.root, study=self.name)
        self.tr_s, self.resolution_mm = float(tr_s), int(resolution_mm)
        self.signal_gain, self.noise_level = float(signal_gain), float(noise_level)
        self.n_subjects, self.seed = n_subjects, seed
        self.split, self.content = self._material.split(n_test), self._material.content

    def recordings(self) -> list[Recording]:
        """One run for each subject and story."""
        return self._material.recordings(self.n_subjects, "fmri")

    def load(self, recording: Recording) -> Bold:
        """Draw a run as scanned, percent signal change, with its nuisances."""
        data, regressors = self._scanned(recording)
        return Bold(
            data.astype(np.float32),
            tr_s=self.tr_s,
            rois=pair_regions(self.resolution_mm),
            places=brain(self.resolution_mm).places.astype(np.float32),
            nuisances=regressors,
        )

    def signal(self, recording: Recording) -> np.ndarray:
        """(t, v) What the sound of a run causes, percent signal change, without noise, drift and motion."""
        run, known = self._run(recording), self.known(recording.subject)
        ((stimulus, onset_s),) = run.heard
        activity = known.activity(self._material.courses(stimulus, RATE_HZ))
        return read_slow(activity, onset_s, run.times_s) @ known.patterns.T

    def known(self, subject: str) -> KnownPairFMRI:
        """The true model of a subject; see `KnownPairFMRI`."""
        return self._model(subject, self.signal_gain)

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

        The observer knows the person, the noise, and each candidate's whole story, before and after it, too: a candidate says that its
        story plays so that the candidate begins where the window does. It sees all voxels of the cleaned run, in the volumes that start in
        ``[start + offset_s, start + offset_s + duration_s)``, and is judged against no sound at all. Noises of both scanners are
        independent: the sum with the other study's scores is the ideal observer of both. Runs of noise alone are judged by what
        the signal would have been.
        """
        run, known = self._run(recording), self._model(recording.subject, self.signal_gain or 1.0)
        data, regressors = self._scanned(recording)
        cleaning = residual_maker(regressors)
        cleaned, temporal = cleaning @ data, cleaning @ noise_over_time(run, AR_S) @ cleaning
        observer = BoldObserver(known.patterns, known.noise)
        activity = {one: known.activity(self._material.courses(one, RATE_HZ)) for one in {s for s, _ in candidates}}
        for stimulus, start_s in candidates:
            self._material.check_place(stimulus, start_s)
        scores = np.empty((len(starts_s), len(candidates)))
        for row, start_s in zip(scores, starts_s, strict=True):
            seen = self._seen(recording, run, start_s + offset_s, duration_s)
            would = [read_slow(activity[one], start_s - at_s, run.times_s) for one, at_s in candidates]
            row[:] = observer.log_likelihood_ratios(
                cleaned[seen],
                np.zeros((len(seen), known.patterns.shape[1])),
                np.einsum("ts,ksj->ktj", cleaning[seen], would, optimize=True),
                temporal[np.ix_(seen, seen)],
            )
        return scores

    def explainable(self, recording: Recording) -> np.ndarray:
        """(v,) Share of the variance over a cleaned run that is signal, in expectation; its root is the best possible R."""
        run, noise = self._run(recording), self.known(recording.subject).noise
        cleaning = residual_maker(nuisances(run, self._entropy(recording)))
        variance = noise.white + (noise.loadings**2).sum(1)
        over_time = cleaning @ noise_over_time(run, AR_S) @ cleaning
        return explainable_share(cleaning @ self.signal(recording), over_time, variance)

    def events(self, recording: Recording) -> pd.DataFrame:
        """Story, sentences, words and phones, on the run's clock."""
        run = self._run(recording)
        ((stimulus, onset_s),) = run.heard
        table = pd.read_parquet(self._material.events_file(stimulus))
        table = table.assign(onset=table.stimulus_onset + onset_s)
        return events_table(table, where=f"{self.name}, {recording.name}", duration_s=run.n_volumes * run.tr_s)

    def clips(self, recording: Recording) -> pd.DataFrame:
        """The story, cut on a grid of 4 s."""
        run, stimulus = self._run(recording), stimulus_of(recording)
        splits = {stimulus: (self.split or {}).get(recording.task, "train")}
        return grid_clips(run, {stimulus: self._material.length_s(stimulus)}, splits).assign(group=recording.task)

    def audio(self, stimulus: str) -> Path:
        """The story as it was played: 16 kHz, one channel."""
        return self._material.audio(stimulus)

    def space(self, subject: str) -> Space:
        """See `FMRIStudy`: everybody's voxels are those of the grey-matter mask, in its C order."""
        known = brain(self.resolution_mm)
        return Space(mask=known.mask, template=known.template)

    def sources(self, recording: Recording) -> list[Path]:
        """The events of the story and its sound."""
        return self._material.sources(stimulus_of(self._known(recording)))

    def settings(self) -> dict:
        """All that changes a run, but the number of subjects."""
        own = {name: getattr(self, name) for name in ("version", "tr_s", "resolution_mm")}
        return own | self._material.settings()

    def _scanned(self, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """The run as scanned (t, v), and its nuisances (t, p)."""
        return scan(
            self._run(recording),
            self.signal(recording),
            self.known(recording.subject).noise,
            noise_level=1.0,  # is in the known noise
            memory_s=AR_S,
            entropy=self._entropy(recording),
            draw=0,
        )

    def _model(self, subject: str, gain: float) -> KnownPairFMRI:
        person = self._material.person(subject)
        seen = voxels(person, self._material.number(subject), self.resolution_mm, self.seed)
        return known_fmri(person, seen, signal_gain=gain, noise_level=self.noise_level)

    def _seen(self, recording: Recording, run: Run, from_s: float, duration_s: float) -> np.ndarray:
        """The volumes that start in an interval; a UserError if the run does not have all of it."""
        first, stop = (int(np.ceil(time_s / self.tr_s - 1e-6)) for time_s in (from_s, from_s + duration_s))
        if first < 0 or stop > run.n_volumes or stop <= first:
            raise UserError(
                f"{self.name}, {recording.name}: a window of {duration_s:g} s from {from_s:.2f} s holds no volume, or "
                f"reaches outside the run of {run.n_volumes} volumes of {self.tr_s:g} s."
            )
        return np.arange(first, stop)

    def _known(self, recording: Recording) -> Recording:
        return self._material.known(recording, self.recordings())

    def _run(self, recording: Recording) -> Run:
        stimulus = stimulus_of(self._known(recording))
        return lay_run({stimulus: self._material.length_s(stimulus)}, self.tr_s)

    def _entropy(self, recording: Recording) -> list[int]:
        return self._material.random(recording, "fmri", 0)
