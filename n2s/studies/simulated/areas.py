"""A simulated fMRI study whose areas have known drivers: what an encoding model must find, and how well, is known."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import cache_dir
from n2s.studies.bold_cleaning import residual_maker
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.simulated.areas_blocks import blocks
from n2s.studies.simulated.areas_brain import listener, regions
from n2s.studies.simulated.areas_drivers import DRIVERS, RATE_HZ
from n2s.studies.simulated.areas_material import Material
from n2s.studies.simulated.areas_ruler import KnownRun, Ruler
from n2s.studies.simulated.areas_run import Run, courses, noise_over_time, nuisances, scan
from n2s.studies.simulated.areas_scores import ExpectedScores
from n2s.studies.simulated.bold_sources import brain
from n2s.studies.simulated.known import check_ranges, known_recording, number_of
from n2s.studies.simulated.spoken import aligned_sentences
from n2s.studies.simulated.stories import stories
from n2s.studies.study import Frames, Recording

SIGNAL_PERCENT = 0.5  # signal change of a usual voxel; noise has 1: the best R is then .3 to .5


class SimulatedAreas(FMRIStudy):
    """People in a scanner hear blocks of five sentences; each area of their brains answers one description of speech.

    The areas are ``A1`` (mel), ``belt`` (modulations), ``STS`` (phones of the language), ``MTG`` (words), ``TPJ`` and ``IFG``
    (meaning), and ``V1`` (nothing), on grey-matter voxels in MNI space; ``whole`` is all voxels. The drivers are described in
    `areas_drivers`, the areas in `areas_brain`. Every voxel of an area mixes the dimensions of its driver in its own way, half of which people share, and
    answers through Glover's haemodynamic response, in Gaussian noise, drift and motion (`bold_noise`). As in MOUS
    (Schoffelen 2019), a run has several blocks with rest between them. A story of the study is a block.

    `expected_scores` gives the exact score of a model of any drivers. `features` gives the drivers themselves.

    The speech is made at the first need, in the cache, once for all studies of the same texts. Runs are drawn when they are read,
    the same numbers each time.

    Parameters
    ----------
    n_subjects
        Listeners "01", "02", ...; all hear the same.
    language
        Of the sentences: ``nl``; or ``en``, ``es``, ``eu``: the stories of `SimulatedFMRI`, cut into blocks.
    n_blocks
        The first blocks of the language; None: all (24 Dutch ones, of 28 s).
    n_repeated
        The last of them are heard ``n_repeats`` times, in runs of their own (task ``repeated``); it may be all.
    n_repeats
        How often.
    official_split
        Whether the repeated blocks are the official test set; else there is none.
    pause_s
        Mean silence between the sentences of a block, s.
    tr_s
        Time from one volume to the next, s.
    resolution_mm
        Size of a voxel, whole mm; 8 mm are 3,690 voxels, 4 mm 28,144.
    noise_level
        Amplitude of the noise, relative to one percent of signal change a voxel.
    noise_memory_s
        Time constant of the noise's autocorrelation, s; 0: white.
    signal_gain
        Amplitude of the responses, relative to the usual ones; 0 makes runs of noise alone.
    seed
        Another seed, other people and other noise.
    root
        Where to keep the speech; None: ``simulated`` in the cache.

    Raises
    ------
    UserError
        An option is out of its range, or there are no texts in the language.

    Examples
    --------
    >>> from n2s.studies import SimulatedAreas
    >>> study = SimulatedAreas(n_subjects=2, n_blocks=6, n_repeated=2, root=folder)  # made when first read
    >>> study.repeated, len(study.recordings())
    (['nl-05', 'nl-06'], 6)
    """

    name, version = "simulated_areas", 3

    def __init__(
        self,
        *,
        n_subjects: int = 6,
        language: str = "nl",
        n_blocks: int | None = None,
        n_repeated: int = 4,
        n_repeats: int = 2,
        official_split: bool = False,
        pause_s: float = 2.5,
        tr_s: float = 2.0,
        resolution_mm: int = 8,
        noise_level: float = 1.0,
        noise_memory_s: float = 2.2,
        signal_gain: float = 1.0,
        seed: int = 0,
        root: Path | str | None = None,
    ):
        known = blocks(language)
        n_blocks = len(known) if n_blocks is None else n_blocks
        check_ranges(self.name, {"n_blocks": (n_blocks, 2, len(known))})
        most = np.inf
        ranges = {
            "n_subjects": (n_subjects, 1, most), "n_repeated": (n_repeated, 0, n_blocks - bool(official_split)),
            "n_repeats": (n_repeats, 1, most), "pause_s": (pause_s, 0, most), "tr_s": (tr_s, 0.1, most),
            "resolution_mm": (resolution_mm, 2, 20), "noise_level": (noise_level, 1e-3, most),
            "noise_memory_s": (noise_memory_s, 0, most), "signal_gain": (signal_gain, 0, most), "seed": (seed, 0, most),
        }  # fmt: skip
        check_ranges(self.name, ranges)
        self.n_subjects, self.n_repeats, self.seed, self.language = n_subjects, n_repeats, seed, language
        self.tr_s, self.resolution_mm = float(tr_s), int(resolution_mm)
        self.noise_level, self.noise_memory_s = float(noise_level), float(noise_memory_s)
        self.signal_gain = float(signal_gain)
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"
        ids = [block.id for block in known[:n_blocks]]
        self.repeated = ids[n_blocks - n_repeated :]
        self._material = Material(
            known[:n_blocks], self.repeated, pause_s=pause_s, tr_s=self.tr_s, root=self.root, version=self.version
        )
        if official_split and n_repeated:
            self.split = {one: "test" if one in self.repeated else "train" for one in ids}
        self.content = aligned_sentences(one for one in stories() if one.language == language)

    def recordings(self) -> list[Recording]:
        """A subject's runs of blocks heard once (session 1), then those of the repeated blocks, a session each time."""
        found = []
        for subject in range(1, self.n_subjects + 1):
            for task, run in self._material.pieces:
                sessions = self.n_repeats if task == "repeated" else 1
                found += [Recording(f"{subject:02d}", f"{one}", task, run, "fmri") for one in range(1, sessions + 1)]
        return found

    def load(self, recording: Recording) -> Bold:
        """Draw a run as scanned, percent signal change, with its nuisances."""
        return self.scan(recording)

    def scan(self, recording: Recording, draw: int = 0) -> Bold:
        """A run, with the noise of another ``draw``; 0 is that of the study. Signal and nuisances are the same in all.

        With ``signal_gain=0``, these are data sets without any effect: 20 ms each.
        """
        data, regressors = scan(
            self._run(recording),
            self.signal(recording),
            listener(int(recording.subject), self.resolution_mm, self.seed).noise,
            noise_level=self.noise_level,
            memory_s=self.noise_memory_s,
            entropy=self._entropy(recording),
            draw=draw,
        )
        areas = regions(self.resolution_mm)
        return Bold(
            data.astype(np.float32),
            tr_s=self.tr_s,
            rois=areas | {"whole": np.ones(data.shape[1], bool)},
            places=brain(self.resolution_mm).places.astype(np.float32),
            nuisances=regressors,
        )

    def signal(self, recording: Recording) -> np.ndarray:
        """(t, v) What the sounds of a run cause, percent signal change, without noise, drift and motion."""
        person, run = listener(int(recording.subject), self.resolution_mm, self.seed), self._run(recording)
        found = np.zeros((run.n_volumes, len(brain(self.resolution_mm).places)))
        for name, mixture in person.mixtures.items() if self.signal_gain else ():
            weights = self.signal_gain * SIGNAL_PERCENT * mixture.scaled(self._material.covariances[name])
            found[:, mixture.voxels] = courses(run, self._material.values[name]) @ weights.T
        return found

    def events(self, recording: Recording) -> pd.DataFrame:
        """Blocks (kind ``story``), sentences, words and phones, on the run's clock."""
        run = self._run(recording)
        tables = []
        for stimulus, onset_s in run.heard:
            table = pd.read_parquet(self._material.events_file(stimulus))
            tables.append(table.assign(onset=table.stimulus_onset + onset_s))
        where = f"{self.name}, {recording.name}"
        return events_table(pd.concat(tables, ignore_index=True), where=where, duration_s=run.n_volumes * run.tr_s)

    def clips(self, recording: Recording) -> pd.DataFrame:
        """The blocks, cut on a grid of 4 s."""
        return self._material.clips(self._run(recording), self.split or {}).assign(repeat=int(recording.session) - 1)

    def audio(self, stimulus: str) -> Path:
        """The block as it was played: 16 kHz, one channel."""
        self._known(stimulus)
        return self._material.audio(stimulus)

    def features(self, stimulus: str) -> Frames:
        """All drivers of a block side by side, in the order of `areas_drivers.DRIVERS`, 50 a second."""
        return Frames(np.concatenate([one.values for one in self.drivers(stimulus).values()], axis=1), RATE_HZ)

    def drivers(self, stimulus: str) -> dict[str, Frames]:
        """The drivers of a block, by name."""
        self._known(stimulus)
        return {name: Frames(self._material.values[name][stimulus], RATE_HZ) for name in DRIVERS}

    def space(self, subject: str) -> Space:
        """See `FMRIStudy`: everybody's voxels are those of the grey-matter mask, in its C order."""
        known = brain(self.resolution_mm)
        return Space(mask=known.mask, template=known.template)

    def sources(self, recording: Recording) -> list[Path]:
        """The speech of a run and its drivers."""
        heard = [self._material.events_file(stimulus) for stimulus, _ in self._run(recording).heard]
        return [*heard, self._material.drivers_file]

    def settings(self) -> dict:
        """All that changes a run, but the number of subjects and of repeats."""
        names = ("version", "repeated", "tr_s", "resolution_mm", "noise_level", "noise_memory_s", "signal_gain", "seed")
        return {"folder": self._material.folder.name} | {name: getattr(self, name) for name in names}

    def block_rows(self, subject: str, blocks: Sequence[str] | None = None) -> pd.DataFrame:
        """The volumes seen while some blocks (None: all) sound, each time they are heard: ``recording``, ``time_s``, ``stimulus``.

        A volume answers what was heard some seconds before it.
        """
        return self._ruler(subject).block_rows(self._material.lengths_s, blocks)

    def expected_scores(
        self,
        subject: str,
        drivers: Sequence[str | Sequence[str]],
        *,
        train: pd.DataFrame,
        test: pd.DataFrame,
        clean_drivers: bool = False,
        average_repeats: bool = False,
    ) -> ExpectedScores:
        """The score that models of some drivers reach on these very test rows, in expectation over the noise there.

        The model is fitted on the noiseless training responses: what a ridge tends to for ever more presentations of the training
        rows. Responses are cleaned of the nuisances in each run. Z-scoring within runs changes nothing if test rows are of
        one run, and little else. See `areas_scores` for the formula.

        Parameters
        ----------
        subject
            ``01``
        drivers
            Each a name, ``mel``, or several, ``("mel", "phones")``: concatenated.
        train, test
            Rows, with the columns ``recording`` (its name, with or without the study's before it) and ``time_s``: of `block_rows`, or
            of a fold of the datamodule: ``rows.iloc[fold.test]``.
        clean_drivers
            Whether the nuisances were taken out of the features, too. Else a model pays for slow parts of its features that
            are no longer in the responses.
        average_repeats
            Whether the test response is the mean over all presentations, as that of the datamodule is; rows are then those of one.
        """
        return self._ruler(subject).expected_scores(
            drivers, train, test, clean_drivers=clean_drivers, average_repeats=average_repeats
        )

    def score_of(
        self,
        subject: str,
        prediction: np.ndarray,
        *,
        rows: pd.DataFrame,
        voxels: np.ndarray | None = None,
        average_repeats: bool = False,
    ) -> np.ndarray:
        """(v,) Pearson's r of any prediction (m, v) of some rows, in expectation over their noise: what is left is its own error.

        NaN where a prediction is constant. ``voxels``: the numbers of its columns among all; None: all. See `expected_scores`.
        """
        return self._ruler(subject).score_of(prediction, rows, voxels, average_repeats=average_repeats)

    def _ruler(self, subject: str) -> Ruler:
        number = number_of(self.name, subject, self.n_subjects)
        runs = {one.name: self._run(one) for one in self.recordings() if one.subject == subject}
        noise = listener(number, self.resolution_mm, self.seed).noise
        variance = self.noise_level**2 * (noise.white + (noise.loadings**2).sum(1))
        return Ruler(runs, self._presentations, variance)

    def _presentations(self, name: str) -> list[KnownRun]:
        own = next(one for one in self.recordings() if one.name == name)
        others = [one for one in self.recordings() if replace(one, session=own.session) == own and one != own]
        run = self._run(own)
        heard = {driver: courses(run, values) for driver, values in self._material.values.items()}
        signal, noise = self.signal(own), noise_over_time(run, self.noise_memory_s)
        cleaning = [residual_maker(nuisances(run, self._entropy(one))) for one in (own, *others)]
        return [KnownRun(heard, signal, noise, one) for one in cleaning]

    def _run(self, recording: Recording) -> Run:
        known_recording(self.name, recording, self.recordings())
        return self._material.runs[recording.task, recording.run]

    def _known(self, stimulus: str) -> None:
        if stimulus not in self._material.blocks:
            raise UserError(f"{self.name}: no stimulus '{stimulus}'; there are {', '.join(self._material.blocks)}.")

    def _entropy(self, recording: Recording) -> list[int]:
        heard = zlib.crc32(f"{recording.task} {recording.run}".encode())
        return [self.seed, int(recording.subject), int(recording.session), heard]
