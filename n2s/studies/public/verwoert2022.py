"""SingleWordProductionDutch: ten people with sEEG read single words aloud (Verwoert et al. 2022)."""

import hashlib
from pathlib import Path
from typing import Literal

import mne
import numpy as np
import pandas as pd
import soundfile

from n2s.errors import UserError
from n2s.findings import tell
from n2s.paths import cache_dir, data_folder, written_whole
from n2s.studies.card import OSF, Card
from n2s.studies.events import events_table
from n2s.studies.readers.contacts import CONTACTS, channel_types, line_hz, place, read_places
from n2s.studies.readers.nwb_streams import Stream, start_after, stream
from n2s.studies.readers.participants import participants_of
from n2s.studies.readers.people_files import people_files
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.readers.tsv import read_table
from n2s.studies.readers.voice import voiced
from n2s.studies.study import Recording, Study

TASK, FOLDER = "wordProduction", "SingleWordProductionDutch-iBIDS"
MICROVOLTS = ("uv", "µv", "μv", "microv", "microvolt", "microvolts")
MAINS_HZ = 50.0  # recorded in the Netherlands
DRIFT_S = 0.04  # between the two clocks of one recording: less is not heard


class Verwoert2022(Study):
    """One recording a person: sEEG (1024 Hz), the person's voice (48 kHz) and the word on the screen, in one NWB file.

    What was heard is the person's own voice: each has a sound of their own, named as the person, which is written to the cache.
    The marker stream says which word is shown at each sample. A word is placed where the voice is loud while it is shown, or until
    the next one. Each word is a sentence of its own, from its appearance to the next one's, so that `SplitBySentence` keeps all
    repetitions of a word, by anybody, on one side.

    From the authors' published scripts and from readers of others: the streams iEEG, Audio and Stimulus, large timestamps on the
    clock of the session, names of channels from channels.tsv in the order of the columns.

    Parameters
    ----------
    root
        The folder with participants.tsv, or the one that holds ``SingleWordProductionDutch-iBIDS``.
    words
        Place a word where it is ``spoken`` (found by the level of the voice), or while it is ``shown``.
    unit
        Of the sEEG: ``V``, ``uV``, or None: what channels.tsv and the file say.
    subjects
        Keep only these: ``01`` to ``10``.

    Raises
    ------
    UserError
        No such folder, no recording in it, or an unknown subject.

    Examples
    --------
    >>> from n2s.studies import Verwoert2022
    >>> Verwoert2022.card.title, Verwoert2022.expected
    ('SingleWordProductionDutch', {'subjects': 10, 'recordings': 10})
    >>> study = Verwoert2022("folder/of/the/data", subjects=["01"])  # doctest: +SKIP
    """

    name = "verwoert2022"
    #: Voices are of different words in another order: nothing but equal words is equal.
    content: dict[str, str] | None = {}  # noqa: RUF012  (never changed)
    card = Card(
        title="SingleWordProductionDutch",
        modality="iEEG (sEEG, 1024 Hz) of speech production",
        language="nl",
        n_subjects=10,
        hours=0.083,
        licence="CC-BY 4.0",
        source=OSF(("nrgx6",)),
        citation="Verwoert et al. 2022, Sci. Data 9:434, doi:10.1038/s41597-022-01542-9",
        layout="""participants.tsv
sub-01/ieeg/sub-01_task-wordProduction_{ieeg.nwb,channels.tsv,events.tsv}, sub-01_..._electrodes.tsv""",
        notes="100 words a person, five minutes: split by sentence (each word is one). Microphones may leave traces in the sEEG: "
        "compare with shifted sound.",
    )
    expected = {"subjects": 10, "recordings": 10}

    def __init__(
        self,
        root: str,
        *,
        words: Literal["spoken", "shown"] = "spoken",
        unit: Literal["V", "uV"] | None = None,
        subjects: list[str | int] | None = None,
    ):
        given = data_folder(root)
        self.root = given / FOLDER if (given / FOLDER).is_dir() else given
        if words not in ("spoken", "shown") or unit not in (None, "V", "uV"):
            raise UserError(
                f"verwoert2022: words is '{words}', unit '{unit}'; expected spoken or shown, and V, uV or null."
            )
        self.words, self.unit = words, unit
        every = {
            path.name.split("_")[0].removeprefix("sub-"): path
            for path in self.root.glob(f"sub-*/ieeg/sub-*_task-{TASK}_ieeg.nwb")
        }
        if not every:
            raise UserError(
                f"{self.root}: no sub-01/ieeg/sub-01_task-{TASK}_ieeg.nwb ... Set root to the unpacked data set."
            )
        found = people_files(every, subjects, study=self.name, root=self.root)
        self._paths = {Recording(one, task=TASK, modality="ieeg"): path for one, path in found.items()}
        self._tables: dict[Recording, pd.DataFrame] = {}

    def recordings(self) -> list[Recording]:
        """One a person."""
        return list(self._paths)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """The contacts in volts, with the names, types and bad ones of channels.tsv, and their places if there is an electrodes.tsv."""
        path, table = self._paths[recording], self._beside(recording, "channels.tsv")
        brain = stream(path, "iEEG")
        names = read_table(table, numbers=())["name"].tolist() if table.is_file() else []
        if len(brain.shape) != 2 or len(names) != brain.shape[1]:
            raise UserError(
                f"{path}: its iEEG is {brain.shape}, samples by channels, but {table} lists {len(names)} channels."
            )
        kinds, bads = channel_types(table, names)
        data = np.asarray(brain.read(), np.float64).T * self._volts(brain, table)
        info = mne.create_info(names, brain.rate_hz, [kinds[name] for name in names])
        raw = mne.io.RawArray(np.ascontiguousarray(data), info, verbose="ERROR")
        raw.info["bads"] = bads
        with raw.info._unlock():
            raw.info["line_freq"] = line_hz(self._beside(recording, "ieeg.json")) or MAINS_HZ
        if not set(kinds.values()) & set(CONTACTS):
            raise UserError(
                f"{table}: no channel of type SEEG or ECOG; it has {', '.join(sorted(set(kinds.values())))}."
            )
        for electrodes in self._electrodes(recording):
            place(raw, read_places(electrodes), electrodes, frame="mri")
        return raw

    def events(self, recording: Recording) -> pd.DataFrame:
        """The person's voice, the words, and each word's trial as a sentence."""
        if recording not in self._tables:
            self._tables[recording] = self._events(recording)
        return self._tables[recording].copy()

    def sources(self, recording: Recording) -> list[Path]:
        """The file, its channels and electrodes."""
        return [self._paths[recording], self._beside(recording, "channels.tsv"), *self._electrodes(recording)]

    def settings(self) -> dict:
        """The options."""
        return {"words": self.words, "unit": self.unit}

    def audio(self, stimulus: str) -> Path | None:
        """The voice as a sound file (16 bits, loudest sample at full scale, as the authors write it), in the cache."""
        path = self._paths[Recording(stimulus.removeprefix("sub-"), task=TASK, modality="ieeg")]
        about = path.stat()
        key = hashlib.sha256(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:16]
        kept = cache_dir() / "voices" / f"{key}-{stimulus}.wav"
        if not kept.is_file():
            voice = stream(path, "Audio")
            with written_whole(kept) as temporary:
                soundfile.write(temporary, _sixteen_bits(voice), round(voice.rate_hz), format="WAV", subtype="PCM_16")
        return kept

    def participants(self) -> pd.DataFrame | None:
        """See `Study.participants`: age and sex, where the table has them."""
        return participants_of(self.root, {one.subject for one in self._paths})

    def _events(self, recording: Recording) -> pd.DataFrame:
        path, person = self._paths[recording], f"sub-{recording.subject}"
        brain, voice, shown = (stream(path, name) for name in ("iEEG", "Audio", "Stimulus"))
        voice_s, shown_s = start_after(brain, voice), start_after(brain, shown)
        drift_s = voice.shape[0] / round(voice.rate_hz) - voice.length_s
        if abs(drift_s) > DRIFT_S:
            tell(
                "odd",
                path,
                f"the clock of its audio drifts by {1000 * drift_s:+.0f} ms against that of its sEEG until its end.",
            )
        first_s, last_s = max(voice_s, 0.0), min(voice_s + voice.length_s, brain.length_s)
        trials = shown_words(shown.read(), shown.rate_hz).assign(
            onset=lambda table: table.onset + shown_s, stop=lambda table: table.stop + shown_s
        )
        inside = (trials.onset >= first_s) & (trials.stop <= last_s + DRIFT_S)
        if not inside.all():
            tell(
                "left out",
                path,
                f"{(~inside).sum()} of {len(trials)} words are shown before or after the sEEG and the audio are recorded.",
            )
        trials = trials[inside].reset_index(drop=True)
        if trials.empty:
            raise UserError(
                f"{path}: no word is shown while both sEEG and audio are recorded. Is its Stimulus stream of this session?"
            )
        until_s = np.minimum(np.append(trials.onset.to_numpy()[1:], last_s), trials.stop + 2.0)
        rows = [{"kind": "sound", "onset": first_s, "duration": last_s - first_s, "text": "", "sequence": ""}]
        silent = 0
        for trial, stop_s, said in zip(
            trials.itertuples(), until_s, self._said(voice, voice_s, trials, until_s), strict=True
        ):
            shared = {"text": trial.text, "sequence": sentence_id(trial.text)}
            rows.append({"kind": "sentence", "onset": trial.onset, "duration": stop_s - trial.onset, **shared})
            if said is None:
                silent += 1
            else:
                rows.append({"kind": "word", "onset": said[0], "duration": said[1] - said[0], **shared})
        if silent:
            tell(
                "left out",
                f"{path} ({silent} of {len(trials)} words)",
                "no voice is heard while the word is shown: it has no place.",
            )
        table = pd.DataFrame(rows).assign(
            story=person, stimulus=person, language="nl", condition="overt", speaker=person
        )
        return events_table(
            table.assign(stimulus_onset=(table.onset - voice_s).clip(lower=0.0)),
            where=str(path),
            duration_s=brain.length_s,
        )

    def _said(
        self, voice: Stream, voice_s: float, trials: pd.DataFrame, until_s: np.ndarray
    ) -> list[tuple[float, float] | None]:
        """Where each word is, s on the clock of the sEEG."""
        if self.words == "shown":
            return list(zip(trials.onset, trials.stop, strict=True))
        windows = [(start - voice_s, stop - voice_s) for start, stop in zip(trials.onset, until_s, strict=True)]
        found = voiced(_one_channel(voice), voice.rate_hz, windows)
        return [None if one is None else (one[0] + voice_s, one[1] + voice_s) for one in found]

    def _volts(self, brain: Stream, table: Path) -> float:
        if self.unit is not None:
            return {"V": 1.0, "uV": 1e-6}[self.unit] * (brain.conversion if self.unit == "V" else 1.0)
        rows = read_table(table, numbers=())
        units = rows.get("units", pd.Series("", rows.index))[rows.type.str.upper().isin(("SEEG", "ECOG"))].str.lower()
        if brain.conversion == 1.0 and len(units) and units.isin(MICROVOLTS).all():
            tell(
                "corrected",
                brain.path,
                "its iEEG has no conversion, and channels.tsv says microvolts: it is read so. If that is wrong, set unit: V.",
            )
            return 1e-6
        return brain.conversion

    def _beside(self, recording: Recording, name: str) -> Path:
        return self._paths[recording].with_name(f"sub-{recording.subject}_task-{TASK}_{name}")

    def _electrodes(self, recording: Recording) -> list[Path]:
        """Its table of places, if there is one: contacts are encoded without, and then have no picture."""
        return sorted(self._paths[recording].parent.glob(f"sub-{recording.subject}_*electrodes.tsv"))[:1]


def shown_words(marks: np.ndarray, rate_hz: float) -> pd.DataFrame:
    """``text``, ``onset``, ``stop`` (s in the stream) of each run of samples with one text; fixation crosses are no words."""
    texts = np.array(
        [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in np.asarray(marks).ravel()]
    )
    first = np.flatnonzero(np.r_[True, texts[1:] != texts[:-1]])
    last = np.append(first[1:], len(texts))
    rows = [
        {"text": texts[a].strip(), "onset": a / rate_hz, "stop": b / rate_hz}
        for a, b in zip(first, last, strict=True)
        if any(character.isalnum() for character in texts[a])
    ]
    return pd.DataFrame(rows, columns=["text", "onset", "stop"])


def _one_channel(voice: Stream) -> np.ndarray:
    samples = np.asarray(voice.read(), np.float64)
    return samples if samples.ndim == 1 else samples.mean(1)


def _sixteen_bits(voice: Stream) -> np.ndarray:
    samples = _one_channel(voice)
    loudest = np.abs(samples).max()
    if not np.isfinite(loudest) or loudest == 0:
        raise UserError(
            f"{voice.path}: its Audio is {'silent' if loudest == 0 else 'not finite'}. Copy it again from its source."
        )
    return np.round(samples / loudest * 32767).astype(np.int16)
