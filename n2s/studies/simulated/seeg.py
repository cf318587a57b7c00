"""A simulated sEEG study: contacts whose high-gamma activity has known drivers, so that the score of any model is known."""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.paths import cache_dir, written_whole
from n2s.studies.events import events_table
from n2s.studies.simulated.known import check_ranges
from n2s.studies.simulated.seeg_brain import (
    DEPTH,
    DRIVERS,
    KNOWN,
    RATE_HZ,
    SHARES,
    Contacts,
    activity,
    contacts,
    courses,
    drivers,
    expected_r,
    noise,
)
from n2s.studies.simulated.seeg_session import WORDS, speak_words, write_session
from n2s.studies.study import Frames, Recording, Study

CARRIER_HZ, WANDERS_HZ = (
    (108.0, 142.0),
    4.0,
)  # where the carrier is: inside the band, away from 100 and 150 Hz; how fast it moves
SLOW_V, SLOW_HZ = 4e-5, 30.0  # activity below the band
LINE_HZ, LINE_V = 50.0, 2e-5  # of the power line; its harmonics have a third, a fifth of it
LEAST = 0.1  # of a contact's amplitude is left where a course goes down most


class SimulatedSEEG(Study):
    """People with electrodes in their temporal and frontal lobes say single words, or hear them, each word several times.

    The amplitude of each contact in the high-gamma band follows the sound's envelope, phones and words with known shares of its variance
    (`seeg_brain`). `expected_r` gives the correlation that the best linear model of some of them reaches. Words are in shuffled order,
    and repetitions are spoken at other rates and pitches. Contacts of a subject lie in shafts, at known places of MNI space.

    Made at the first need, in the cache.

    Parameters
    ----------
    n_subjects
        People "01", "02", ...
    n_words, n_repeats
        How many of the 50 words, and how often each is said in a run.
    n_together
        Words come in lists of so many, the same at each repetition, in a drawn order of lists and of words. A list can be held out as
        one block (`n2s.data.SplitBySentence`, ``min_block_s`` of its length): between single words nearly half of training is purged.
    n_runs
        Runs a person.
    n_contacts
        Of each person.
    task
        Whether words are said (``overt``) or heard (``listen``).
    measure
        ``voltage``: the recording as an amplifier has it, with slow activity and a power line of 50 Hz. ``high_gamma``: its amplitude in
        the band, 100 times a second, as some data sets share it.
    sfreq
        Rate of the voltage, Hz.
    trial_s
        From one word to the next, s.
    share
        Multiplies all shares; 0: contacts answer to nothing.
    own_share
        Of the variance of contacts that answer: a number of each word's own, which no feature of other words tells.
    seed
        Another seed, other people and other noise.
    root
        Where to keep the study; None: ``simulated`` in the cache.

    Raises
    ------
    UserError
        An option is out of its range.

    Examples
    --------
    >>> from n2s.studies import SimulatedSEEG
    >>> study = SimulatedSEEG(n_subjects=1, n_words=5, n_contacts=20, root=folder)
    >>> study.words, [one.name for one in study.recordings()]
    (('apple', 'river', 'garden', 'window', 'basket'), ['sub-01_task-words_run-1'])
    """

    name, version = "simulated_seeg", 3

    def __init__(
        self,
        *,
        n_subjects: int = 3,
        n_words: int = 40,
        n_repeats: int = 4,
        n_together: int = 1,
        n_runs: int = 1,
        n_contacts: int = 60,
        task: Literal["overt", "listen"] = "overt",
        measure: Literal["voltage", "high_gamma"] = "voltage",
        sfreq: float = 1024.0,
        trial_s: float = 2.0,
        share: float = 1.0,
        own_share: float = 0.05,
        seed: int = 0,
        root: Path | str | None = None,
    ):
        most = 1 - max(sum(one) for one in SHARES.values())
        ranges = {
            "n_subjects": (n_subjects, 1, 99), "n_words": (n_words, 2, len(WORDS)), "n_repeats": (n_repeats, 1, 36),
            "n_together": (n_together, 1, n_words), "n_runs": (n_runs, 1, 99), "n_contacts": (n_contacts, 2, 500), "sfreq": (sfreq, 350, 30_000), "trial_s": (trial_s, 1.7, 30),
            "share": (share, 0, 1), "own_share": (own_share, 0, round(most, 6)), "seed": (seed, 0, np.inf),
        }  # fmt: skip
        check_ranges(self.name, ranges)
        for name, value, known in (
            ("task", task, ("overt", "listen")),
            ("measure", measure, ("voltage", "high_gamma")),
        ):
            if value not in known:
                raise UserError(f"{self.name}: {name} is '{value}'; expected {' or '.join(known)}.")
        self.n_subjects, self.n_runs, self.n_contacts, self.task, self.measure = (
            n_subjects,
            n_runs,
            n_contacts,
            task,
            measure,
        )
        self.words, self.n_repeats, self.trial_s = WORDS[:n_words], n_repeats, float(trial_s)
        self.n_together = n_together
        self.sfreq, self.share, self.own_share, self.seed = float(sfreq), float(share), float(own_share), seed
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"

    def recordings(self) -> list[Recording]:
        """The runs of each subject."""
        return [
            Recording(f"{subject:02d}", task="words", run=f"{run}", modality="ieeg")
            for subject in range(1, self.n_subjects + 1)
            for run in range(1, self.n_runs + 1)
        ]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Draw a run: the same numbers each time."""
        who = self.contacts(recording.subject)
        seen, fine = self._activity(recording)
        if self.measure == "high_gamma":
            return mne.io.RawArray((who.base_v * seen).T, self._info(who, RATE_HZ), verbose="error")
        rng = np.random.default_rng(self._entropy(recording, 3))
        n = round(len(fine) / RATE_HZ * self.sfreq)
        times_s, frames_s = np.arange(n) / self.sfreq, np.arange(len(fine)) / RATE_HZ
        data = np.empty((len(who.names), n))
        line = sum(np.sin(2 * np.pi * k * LINE_HZ * times_s + k) / k for k in (1, 2, 3) if k * LINE_HZ < self.sfreq / 2)
        for contact, base_v in enumerate(who.base_v):
            amplitude = base_v * np.interp(times_s, frames_s, fine[:, contact])
            data[contact] = amplitude * np.cos(self._phase(times_s, rng)) + LINE_V * line * rng.uniform(0.2, 1)
            data[contact] += _slow(n, self.sfreq, rng)
        info = self._info(who, self.sfreq)
        with info._unlock():
            info["line_freq"] = LINE_HZ
        return mne.io.RawArray(data, info, verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """The sound of the run, trials (kind ``sentence``), words and phones."""
        found = pd.read_parquet(self._made(self.stimulus(recording)) / "events.parquet")
        return events_table(found, where=f"{self.name}, {recording.name}")

    def sources(self, recording: Recording) -> list[Path]:
        """The sound and its events."""
        folder = self._made(self.stimulus(recording))
        return [folder / "audio.wav", folder / "events.parquet"]

    def settings(self) -> dict:
        """All that changes a recording."""
        names = ("version", "n_contacts", "measure", "sfreq", "share", "own_share", "seed")
        return {"folder": self._folder.name} | {name: getattr(self, name) for name in names}

    def audio(self, stimulus: str) -> Path:
        """What was said in a run: 16 kHz, one channel."""
        return self._made(stimulus) / "audio.wav"

    def features(self, stimulus: str) -> Frames:
        """Envelope, phones and words side by side, as `seeg_brain` has them, 100 a second."""
        values = self._drivers(stimulus)
        return Frames(np.hstack([values[name] for name in KNOWN]).astype(np.float32), RATE_HZ)

    def stimulus(self, recording: Recording) -> str:
        """The id of what was said in a recording."""
        return f"{self.task}-{recording.subject}-{recording.run}"

    def contacts(self, subject: str) -> Contacts:
        """The contacts of a subject."""
        return contacts(
            int(subject), self.n_contacts, task=self.task, share=self.share, own=self.own_share, seed=self.seed
        )

    def expected_r(self, subject: str, known: Sequence[str] = KNOWN) -> np.ndarray:
        """(v,) Correlation of a contact with the best linear model of some drivers (``envelope``, ``phones``, ``words``, ``own``).

        The model knows the contact's latency and kernels, and has no error of its own: a fitted model is below it, ever less with more
        training. Mean over runs. ``own`` is learnt only where the same words are in training.
        """
        for name in known:
            if name not in DRIVERS:
                raise UserError(f"{self.name}: no driver '{name}'; there are {', '.join(DRIVERS)}.")
        own = [self.stimulus(one) for one in self.recordings() if one.subject == subject]
        if not own:
            raise UserError(f"{self.name}: no subject '{subject}'; there are 01 to {self.n_subjects:02d}.")
        return np.mean([expected_r(self._drivers(one), self.contacts(subject), known) for one in own], axis=0)

    @property
    def _folder(self) -> Path:
        told = json.dumps(
            [self.version, self.words, self.n_repeats, self.n_together, self.trial_s, self.task, self.seed]
        )
        return self.root / f"seeg-{hashlib.sha256(told.encode()).hexdigest()[:12]}"

    def _made(self, stimulus: str) -> Path:
        folder = self._folder / stimulus
        if not folder.exists():
            subject = int(stimulus.split("-")[1])
            entropy = [self.seed, *map(int, stimulus.split("-")[1:]), 1]
            with written_whole(folder) as part:
                write_session(
                    part,
                    self.words,
                    speak_words(self.words, subject, self.n_repeats),
                    stimulus=stimulus,
                    trial_s=self.trial_s,
                    overt=self.task == "overt",
                    n_together=self.n_together,
                    rng=np.random.default_rng(entropy),
                )
        return folder

    def _drivers(self, stimulus: str) -> dict[str, np.ndarray]:
        return _drivers(self._made(stimulus))

    def _activity(self, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """(l, v) amplitude after windows, and before, around 1."""
        who = self.contacts(recording.subject)
        values = self._drivers(self.stimulus(recording))
        rng = np.random.default_rng(self._entropy(recording, 2))
        seen, fine = activity(who.shares, courses(values, who), noise(len(values["own"]), len(who.names), rng))
        depth = np.minimum(DEPTH, (1 - LEAST) / np.maximum(-fine.min(0), 1e-9))
        return 1 + depth * seen, 1 + depth * fine

    def _phase(self, times_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Of a carrier of constant amplitude whose frequency wanders: the envelope of its band is the amplitude to the fourth digit."""
        knots_s = np.arange(0, times_s[-1] + 2 / WANDERS_HZ, 1 / WANDERS_HZ)
        hz = np.interp(times_s, knots_s, rng.uniform(*CARRIER_HZ, len(knots_s)))
        return 2 * np.pi * np.cumsum(hz) / self.sfreq + rng.uniform(0, 2 * np.pi)

    def _info(self, who: Contacts, sfreq: float) -> mne.Info:
        info = mne.create_info(who.names, sfreq, "seeg")
        places_m = dict(zip(who.names, who.places_mm / 1000, strict=True))
        with mne.use_log_level("error"):  # no fiducials: places stay in MNI space
            info.set_montage(mne.channels.make_dig_montage(places_m, coord_frame="mni_tal"))
        return info

    def _entropy(self, recording: Recording, use: int) -> list[int]:
        return [self.seed, int(recording.subject), int(recording.run), use]


@lru_cache(maxsize=8)
def _drivers(folder: Path) -> dict[str, np.ndarray]:
    return drivers(folder / "audio.wav", pd.read_parquet(folder / "events.parquet"))


def _slow(n: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) Activity whose power falls with the square of the frequency, and that has none above `SLOW_HZ`."""
    hz = np.fft.rfftfreq(n, 1 / sfreq)
    spectrum = np.where(hz < SLOW_HZ, 1 / np.maximum(hz, 1.0), 0.0) * (rng.standard_normal((2, len(hz))).T @ [1, 1j])
    found = np.fft.irfft(spectrum, n)
    return SLOW_V * found / found.std()
