"""The Brain Treebank: ten people with depth electrodes watch Hollywood movies (Wang et al. 2024)."""

import json
import re
from functools import cache
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.card import Card, Wall
from n2s.studies.events import events_table
from n2s.studies.labels import chosen
from n2s.studies.public.wang2024_words import movie_frames, movie_words
from n2s.studies.readers.contacts import place
from n2s.studies.readers.movie_clock import JUMP_S, MovieClock
from n2s.studies.readers.sentences import with_sentences
from n2s.studies.readers.side_files import read_json, read_text
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.treebank_raw import TreebankRaw
from n2s.studies.readers.tsv import natural, read_table
from n2s.studies.readers.word_clocks import covered
from n2s.studies.study import Frames, Recording, Study

SFREQ = 2048.0  # all trials (the authors' quickstart)
MAINS_HZ = 60.0  # recorded in Boston
MIDDLE_MM = 128.0  # of the conformed 256 mm image that L, I, P count through
NO_BRAIN = ("DC", "TRIG")
FILE = re.compile(r"sub_(\w+)_trial(\d+)\.h5")


class Wang2024(Study):
    """26 trials: a trial is a movie that a person watched, sEEG at 2048 Hz in one HDF5 file each.

    Triggers tie the movie to the recording; the movie was paused now and then, so a trial has several stretches. A movie is a story, whoever
    watched it. The movies' sound is not part of the data set: without ``audio_dir`` the published loudness and pitch of each word serve as
    ready features (`n2s.features.Ready`, three numbers), beside all features of words.

    From the authors' quickstart and from readers of others: the names of files and columns, labels with ``*`` and ``#``, and the sampling
    rate. The unit of the samples is published nowhere; they are taken for uV, which no score depends on.

    Parameters
    ----------
    root
        The folder with electrode_labels, subject_timings, subject_metadata, transcripts, localization, and the .h5 files, there or in a folder below.
    audio_dir
        A folder of the movies' sounds, named as in the metadata (``filename``), if you have them.
    subjects, trials
        Keep only these: ``1`` to ``10``; ``000``.
    sentence_pause_s
        Where the transcript marks no sentences: a pause this long ends one.

    Raises
    ------
    UserError
        No such folder, no trial in it, or an unknown subject or trial.

    Examples
    --------
    >>> from n2s.studies import Wang2024
    >>> Wang2024.card.title, Wang2024.expected
    ('Brain Treebank', {'subjects': 10, 'recordings': 26})
    >>> study = Wang2024("folder/of/the/data", subjects=["1"], trials=["000"])  # doctest: +SKIP
    """

    name = "wang2024"
    card = Card(
        title="Brain Treebank",
        modality="iEEG (sEEG, 2048 Hz)",
        language="en",
        n_subjects=10,
        hours=4.3,
        heard="4.3 h on average, 43 h of movies in all",
        size_gb=130,
        licence="CC-BY 4.0",
        source=Wall(
            (
                "open braintreebank.dev: no account is needed",
                "download and unpack localization, subject_timings, subject_metadata, electrode_labels and transcripts (.zip), and corrupted_elec.json",
                "download and unpack sub_1_trial000.h5.zip ... into the same folder: each trial by itself",
            ),
            access="by hand",
        ),
        citation="Wang et al. 2024, NeurIPS Datasets and Benchmarks, arXiv:2411.08343",
        layout="""sub_1_trial000.h5 ... (data/electrode_0 ...)
electrode_labels/sub_1/electrode_labels.json, corrupted_elec.json, localization/sub_1/depth-wm.csv
subject_timings/sub_1_trial000_timings.csv, subject_metadata/sub_1_trial000_metadata.json
transcripts/ant-man/features.csv ...""",
        notes="The movies' sound has to be brought (audio_dir), or loudness and pitch of words are taken. Places are in each person's own image.",
    )
    expected = {"subjects": 10, "recordings": 26}

    def __init__(
        self,
        root: str,
        *,
        audio_dir: str | None = None,
        subjects: list[str | int] | None = None,
        trials: list[str | int] | None = None,
        sentence_pause_s: float = 0.4,
    ):
        self.root = data_folder(root)
        check_number("Wang2024: sentence_pause_s", sentence_pause_s, low=0)
        self.sentence_pause_s = sentence_pause_s
        self._sounds = None if audio_dir is None else StimulusFolder(data_folder(audio_dir))
        files = [path for pattern in ("*.h5", "*/*.h5") for path in self.root.glob(pattern)]
        found = {
            Recording(match[1], task="movie", run=match[2], modality="ieeg"): path
            for path in files
            if (match := FILE.fullmatch(path.name))
        }
        if not found:
            packed = first_of(sorted(path.name for path in self.root.glob("**/sub_*_trial*.zip")), 3)
            raise UserError(
                f"{self.root}: no sub_1_trial000.h5 ... {f'Unpack {packed}.' if packed else 'Set root to the folder of braintreebank.dev.'}"
            )
        for what, wanted, of in (("subjects", subjects, "subject"), ("trials", trials, "run")):
            if wanted is not None:
                known = sorted({getattr(one, of) for one in found}, key=natural)
                kept = chosen(wanted, known, option=f"wang2024: {what}", what=what[:-1], prefix="")
                found = {one: path for one, path in found.items() if getattr(one, of) in kept}
        if not found:
            raise UserError(f"{self.root}: no trial {trials} of the subjects {subjects}.")
        self._paths = {one: found[one] for one in sorted(found, key=lambda one: (natural(one.subject), one.run))}

    def recordings(self) -> list[Recording]:
        """Every trial, by person."""
        return list(self._paths)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Open a trial without reading its samples: cleaned labels, corrupted contacts marked as bad, places in the person's own image."""
        subject = f"sub_{recording.subject}"
        labels = [clean(one) for one in self._json(self._labels(recording))]
        kinds = ["misc" if one.upper().startswith(NO_BRAIN) else "seeg" for one in labels]
        raw = TreebankRaw(self._paths[recording], labels, kinds, sfreq=SFREQ, volts=1e-6)
        corrupted = self._json(self._corrupted).get(subject, [])
        raw.info["bads"] = [one for one in dict.fromkeys(map(clean, corrupted)) if one in labels]
        with raw.info._unlock():
            raw.info["line_freq"] = MAINS_HZ
        localization = self._localization(recording)
        place(raw, _places(localization), localization, frame="mri")
        return raw

    def events(self, recording: Recording) -> pd.DataFrame:
        """The stretches of the movie between pauses, its words and sentences, on the recording's clock."""
        path, timings, movie = self._paths[recording], self._timings(recording), self._movie(recording)
        clock, transcript = MovieClock(timings, SFREQ), self._transcript(movie)
        words = movie_words(transcript)
        untold = (words.onset < clock.span_s[0]) | (words.onset > clock.span_s[1])
        onset, stop = (clock.recorded_s(one[~untold]) for one in (words.onset, words.onset + words.duration))
        torn = np.abs(stop - onset - words.duration[~untold]) > JUMP_S
        if torn.any():
            tell("left out", f"{timings} ({torn.sum()} words)", "words that a pause of the movie parts.")
        words = words[~untold].assign(stimulus_onset=words.onset, onset=onset, duration=np.maximum(stop - onset, 0.0))[
            ~torn
        ]
        outside = (words.onset < 0) | (words.onset + words.duration > self._length_s(recording))
        lost = int(untold.sum() + outside.sum())
        if lost:
            tell(
                "left out",
                f"{timings} ({lost} words)",
                "words before the first trigger, after the last, or outside the recording.",
            )
        words = words[~outside]
        words = words.assign(kind="word", stimulus=movie, line=words.index + 2)
        if words.empty:
            raise UserError(
                f"{path}: no word of '{movie}' lies in the recording. Are {timings.name} and the recording of one trial?"
            )
        played = covered(words, str(timings), in_pieces=True).assign(text="", sequence="")
        last = np.searchsorted(played.onset.to_numpy(), words.onset.to_numpy() + 1e-6) - 1
        parts = [with_sentences(part, self.sentence_pause_s) for _, part in words.groupby(last.clip(0), sort=True)]
        table = pd.concat([played, *parts], ignore_index=True).drop(columns="line")
        return events_table(
            table.assign(story=movie, language="en"), where=str(timings), duration_s=self._length_s(recording)
        )

    def sources(self, recording: Recording) -> list[Path]:
        """The trial and all tables that are read with it."""
        side = (self._labels(recording), self._corrupted, self._localization(recording), self._timings(recording))
        return [self._paths[recording], *side, self._metadata(recording), self._transcript(self._movie(recording))]

    def settings(self) -> dict:
        """What changes the results beside the files."""
        return {"sentence_pause_s": self.sentence_pause_s, "audio": self._sounds is not None}

    def audio(self, stimulus: str) -> Path | None:
        """The movie's sound in ``audio_dir``; None without one."""
        return None if self._sounds is None else self._sounds.path(stimulus)

    def features(self, stimulus: str) -> Frames | None:
        """Without ``audio_dir``: whether a word is being said, its loudness and its pitch, 100 a second; 0 between words."""
        return movie_frames(self._transcript(stimulus)) if self._sounds is None else None

    def _length_s(self, recording: Recording) -> float:
        labels = self._json(self._labels(recording))
        return TreebankRaw(self._paths[recording], labels[:1], ["seeg"], sfreq=SFREQ, volts=1e-6).n_times / SFREQ

    def _movie(self, recording: Recording) -> str:
        said = read_json(self._metadata(recording)).get("filename")
        if not isinstance(said, str) or not said:
            raise UserError(f"{self._metadata(recording)}: no filename, which names the movie's folder in transcripts.")
        return said

    @property
    def _corrupted(self) -> Path:
        path = self.root / "corrupted_elec.json"
        if not path.is_file():
            raise UserError(f"no {path}, which lists bad contacts. Download it from braintreebank.dev.")
        return path

    def _labels(self, recording: Recording) -> Path:
        return self._needed(f"electrode_labels/sub_{recording.subject}/electrode_labels.json")

    def _localization(self, recording: Recording) -> Path:
        return self._needed(f"localization/sub_{recording.subject}/depth-wm.csv")

    def _timings(self, recording: Recording) -> Path:
        return self._needed(f"subject_timings/sub_{recording.subject}_trial{recording.run}_timings.csv")

    def _metadata(self, recording: Recording) -> Path:
        return self._needed(f"subject_metadata/sub_{recording.subject}_trial{recording.run}_metadata.json")

    def _transcript(self, movie: str) -> Path:
        return self._needed(f"transcripts/{movie}/features.csv")

    def _needed(self, name: str) -> Path:
        folder, _, inside = name.partition("/")
        for path in (
            self.root / name,
            self.root / folder / folder / inside,
        ):  # a .zip unpacked into a folder of its name
            if path.is_file():
                return path
        raise UserError(
            f"no {self.root / name}. Download {folder}.zip of braintreebank.dev and unpack it in {self.root}."
        )

    def _json(self, path: Path) -> list | dict:
        return _read(path, path.stat().st_mtime_ns)


def clean(label: str) -> str:
    """A label without the marks ``*`` and ``#``, which lists of one person have or have not."""
    return label.replace("*", "").replace("#", "").strip()


@cache
def _read(path: Path, _: int) -> list | dict:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). Unpack it again.") from None


def _places(path: Path) -> dict[str, np.ndarray]:
    """Contact -> (3,) m, right, front, up of the middle of the person's image."""
    table = read_table(path, numbers=("L", "I", "P"), separator=",")
    missing = [name for name in ("Electrode", "L", "I", "P") if name not in table]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
    places = 1e-3 * (MIDDLE_MM - table[["L", "P", "I"]].to_numpy(float))
    known = np.isfinite(places).all(1)
    return dict(zip(table.Electrode[known].map(clean), places[known], strict=True))
