"""LibriBrain and LibriBrain100: one person for 80 hours of audiobooks, and 32 more, in a 306-channel MEG (HDF5 at 250 Hz)."""

import re
from pathlib import Path

import h5py
import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError, nearest, reading
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.card import Card, HuggingFace
from n2s.studies.events import events_table
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import natural, read_table
from n2s.studies.readers.word_clocks import covered
from n2s.studies.study import Recording, Study

FILE = re.compile(r"sub-(\w+?)_ses-(\w+?)_task-(\w+?)_run-(\w+?)_proc-[^_]+?(_desc-\w+?)?_meg\.h5")
HOLDOUT = "COMPETITION_HOLDOUT"  # its recordings have no events: see `n2s.studies.LibriBrainSpeechHoldout`
COLUMNS = ("wavfile", "kind", "segment", "sentenceidx", "timemeg", "timechapter", "duration")
NO_PHONES = {"sil", "oov", "sp", "spn"}
OFFICIAL = {"Sherlock1-11": "val", "Sherlock1-12": "test"}  # chapters that are heard in no other session


class LibriBrain(Study):
    """LibriBrain, as its serialised HDF5 files and event tables are published (LibriBrain100 has the same layout).

    The files hold MaxFiltered, notch- and band-pass-filtered data at 250 Hz. A story is a chapter: book and session. The
    official split holds out two chapters, for everybody who hears them.

    Parameters
    ----------
    root
        The folder with ``Sherlock1``, ``Sherlock2``, ...
    audio_dir
        Folder of the chapters' audio, which are public LibriVox recordings, named as the column ``wavfile`` names them.
        Without it only features of words can be targets.
    subjects, tasks
        Keep only these: ``0``; ``Sherlock1``.

    Raises
    ------
    UserError
        No such folder, no files of that layout in it, or an unknown subject or task.

    Examples
    --------
    >>> from n2s.studies import LibriBrain
    >>> LibriBrain.card.title, LibriBrain.expected
    ('LibriBrain, LibriBrain100', {'subjects': 33})
    >>> study = LibriBrain("folder/of/the/data", subjects=["0"], tasks=["Sherlock1"])  # doctest: +SKIP
    """

    name = "libribrain"
    card = Card(
        title="LibriBrain, LibriBrain100",
        modality="MEG (Megin Triux Neo, 306 sensors, 250 Hz)",
        language="en",
        n_subjects=33,
        hours=80.0,
        heard="80 h (person 0), about 44 min (each of the other 32)",
        licence="CC-BY-NC 4.0",
        source=HuggingFace(("pnpl/LibriBrain", "pnpl/LibriBrain2")),
        citation="Özdogan et al. 2025, LibriBrain, arXiv:2506.02098",
        layout="""Sherlock1/derivatives/serialised/sub-0_ses-1_task-Sherlock1_run-1_proc-bads+headpos+sss+notch+bp+ds_meg.h5
Sherlock1/derivatives/events/sub-0_ses-1_task-Sherlock1_run-1_events.tsv""",
        notes="The other 32 heard Sherlock1, sessions 11 and 12. Filtered before publication: do not filter below its band again. The audio has to be brought: audio_dir; phones, words and speech are decoded "
        "without it (configs/paper/libribrain2025, libribrain2026). Only subject 0 has training chapters in the official split: to test on the "
        "others, data.scaler: recording. Parts of recordings (serialised_competition, desc-firsthalf) are read with the events that lie in them. "
        "The competitions' holdouts are other downloads (pnpl/LibriBrain-Competition-2025, -2026): data.holdout.",
    )
    expected = {"subjects": 33}

    def __init__(
        self,
        root: str,
        *,
        audio_dir: str | None = None,
        subjects: list[str | int] | None = None,
        tasks: list[str] | None = None,
    ):
        self.root = data_folder(root)
        self._audio = None if audio_dir is None else StimulusFolder(data_folder(audio_dir))
        files = [(FILE.fullmatch(path.name), path) for path in self.root.glob("*/derivatives/serialised*/*_meg.h5")]
        files = [(match, path) for match, path in files if match]
        if any(match[3] == HOLDOUT for match, _ in files):
            tell(
                "left out",
                self.root,
                "the competition's holdout, which has no events. To classify it: data.holdout, and n2s predict.",
            )
        files = [(match, path) for match, path in files if match[3] != HOLDOUT]
        files.sort(key=lambda one: (one[0][5] is None, one[1]))  # a whole recording takes the place of its part
        found = {Recording(*match.groups()[:4]): path for match, path in files}
        self._cut = {path for match, path in files if match[5]}
        if not found:
            inside = ", ".join(sorted(path.name for path in self.root.iterdir())[:8]) or "nothing"
            raise UserError(
                f"{self.root}: no recordings (*/derivatives/serialised/sub-*_ses-*_task-*_run-*_proc-*_meg.h5). It holds "
                f"{inside}. Set root to the folder that holds Sherlock1, as the data set is published."
            )
        for what, wanted in (("subject", subjects), ("task", tasks)):
            if wanted is not None:
                known = sorted({getattr(recording, what) for recording in found}, key=natural)
                plain = [str(one).removeprefix("sub-") for one in wanted]
                for one in plain:
                    if one not in known:
                        raise UserError(
                            f"{self.root}: no {what} '{one}'; there are {', '.join(known)}.{nearest(one, known)}"
                        )
                found = {recording: path for recording, path in found.items() if getattr(recording, what) in plain}
        key = lambda r: [natural(part) for part in (r.subject, r.task, r.session, r.run)]  # noqa: E731
        self._paths = {recording: found[recording] for recording in sorted(found, key=key)}
        self.split = {story: OFFICIAL.get(story, "train") for story in map(_story, self._paths)}

    def recordings(self) -> list[Recording]:
        """Every recording, by subject, book and session."""
        return list(self._paths)

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Open a recording: T and T/m, sensors at the places of the Vectorview helmet, which Triux shares."""
        path = self._paths[recording]
        with reading(path, "a whole LibriBrain file"), h5py.File(path, "r") as file:
            if file["data"].dtype.kind not in "iuf":
                raise UserError(f"{path}: holds {file['data'].dtype}; expected real numbers.")
            data = np.asarray(file["data"], np.float32)
            sfreq, names = float(file.attrs["sample_frequency"]), listed_names(file.attrs["channel_names"])
            kinds = listed_names(file.attrs["channel_types"])
        if data.ndim != 2 or not len(names) == len(kinds) == len(data) or not 0 < sfreq < np.inf:
            raise UserError(
                f"{path}: data of shape {data.shape}, {len(names)} names and {len(kinds)} types of channels, {sfreq:g} Hz; "
                "expected a name and a type a row."
            )
        info = mne.create_info(names, sfreq, kinds)
        coils = mne.channels.read_meg_canonical_info("neuromag", verbose="error")
        known = {channel["ch_name"].replace(" ", ""): channel for channel in coils["chs"]}
        for channel in info["chs"]:
            coil = known.get(channel["ch_name"].replace(" ", ""))
            if coil is None:
                raise UserError(f"{path}: channel {channel['ch_name']} is none of the Vectorview helmet's, as MEG0111.")
            channel["loc"], channel["coil_type"] = coil["loc"].copy(), coil["coil_type"]
        return mne.io.RawArray(data, info, verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """Words and phones at their time in the recording (``timemeg``), sentences, and the stretch of each audio file."""
        path = self._events_path(recording)
        table = read_table(path, numbers=("timemeg", "timechapter", "duration"))
        absent = [name for name in COLUMNS if name not in table]
        if absent:
            raise UserError(f"{path}: no column {', '.join(absent)}; there are {', '.join(table)}.")
        if self._paths[recording] in self._cut:  # the table is of the whole chapter
            table = table[table.timemeg + table.duration <= self._duration_s(recording)]
        phone = table.segment.str.replace("_[BIES]$", "", regex=True)
        spoken = (table.kind == "word") | ((table.kind == "phoneme") & ~phone.isin(NO_PHONES))
        rows = pd.DataFrame(
            {
                "onset": table.timemeg,
                "duration": table.duration,
                "kind": table.kind.replace("phoneme", "phone"),
                "text": phone.where(table.kind == "phoneme", table.segment),
                "stimulus": table.wavfile.map(lambda name: Path(name).stem),
                "stimulus_onset": table.timechapter,
                "sentence": table.sentenceidx,
            }
        )[spoken].sort_values("onset", kind="stable")
        if not (rows.kind == "word").any():
            raise UserError(f"{path}: no row of kind word.")
        played = covered(rows.assign(line=table.index[spoken] + 2), str(path), in_pieces=True).assign(
            text="", sequence=""
        )
        words = rows[rows.kind == "word"]
        whole = [_stretch(part) for _, part in words.groupby(["stimulus", "sentence"], sort=False)]
        sequence = {(row["stimulus"], row["sentence"]): row["sequence"] for row in whole}
        rows["sequence"] = [sequence.get(key, "") for key in zip(rows.stimulus, rows.sentence, strict=True)]
        found = pd.concat([played, pd.DataFrame(whole), rows], ignore_index=True).drop(columns=["sentence", "line"])
        return events_table(found.assign(story=_story(recording), language="en"), where=str(path))

    def sources(self, recording: Recording) -> list[Path]:
        """The two files."""
        return [self._paths[recording], self._events_path(recording)]

    def settings(self) -> dict:
        """Nothing but the files changes the numbers."""
        return {"audio": self._audio is not None}

    def audio(self, stimulus: str) -> Path | None:
        """The chapter's audio in ``audio_dir``, None without one."""
        return None if self._audio is None else self._audio.path(stimulus)

    def _duration_s(self, recording: Recording) -> float:
        path = self._paths[recording]
        with reading(path, "a whole LibriBrain file"), h5py.File(path, "r") as file:
            return file["data"].shape[1] / float(file.attrs["sample_frequency"])

    def _events_path(self, recording: Recording) -> Path:
        path = self._paths[recording]
        events = path.parents[1] / "events" / f"{recording.name}_events.tsv"
        if not events.is_file():
            raise UserError(f"{path}: no {events.name} in {events.parent}. Download the events too.")
        return events


def _story(recording: Recording) -> str:
    return f"{recording.task}-{recording.session}"


def listed_names(attribute: object) -> list[str]:
    """``MEG0113, MEG0112`` as one text, or an array of texts."""
    if isinstance(attribute, bytes):
        attribute = attribute.decode()
    if isinstance(attribute, str):
        return [name.strip() for name in attribute.split(",")]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in attribute]


def _stretch(part: pd.DataFrame) -> dict:
    """The sentence from the first to the end of the last of its words."""
    first, stop = part.iloc[0], (part.onset + part.duration).max()
    text = " ".join(part.text)
    return {
        "onset": first.onset,
        "duration": stop - first.onset,
        "kind": "sentence",
        "text": text,
        "stimulus": first.stimulus,
        "stimulus_onset": first.stimulus_onset,
        "sequence": sentence_id(text),
        "sentence": first.sentence,
    }
