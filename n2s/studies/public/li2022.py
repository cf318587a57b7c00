"""Le Petit Prince in a scanner: an audiobook in English, Chinese and French (Li et al. 2022, ds003643)."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.fmri import Bold
from n2s.studies.own.bids_fmri import BIDSFMRI
from n2s.studies.own.bold_names import RunFiles
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.stimuli import AUDIO
from n2s.studies.readers.tsv import natural, read_table
from n2s.studies.study import Recording

TR_S = 2.0
LANGUAGES = {"EN": "en", "CN": "zh", "FR": "fr"}
#: Volumes of each section's preprocessed run (README of ds003643).
VOLUMES = {
    "CN": (283, 322, 322, 307, 293, 392, 364, 293, 401),
    "EN": (282, 298, 340, 303, 265, 343, 325, 292, 368),
    "FR": (309, 326, 354, 315, 293, 378, 332, 294, 336),
}
SPARE = 2  # volumes by which a run may differ from that table
#: The chapters of each section: stories of all three languages, named as in the MEG of the same French audiobook (`Bel2026`).
CHAPTERS = ("ch1-3", "ch4-6", "ch7-9", "ch10-12", "ch13-14", "ch15-19", "ch20-22", "ch23-25", "ch26-27")
#: Drawings shown with the first section in English and Chinese: start and duration, s (README of ds003643).
PICTURES = ((10.0, 15.0), (35.0, 20.0), (60.0, 15.0))
DRIFT_HZ = 1 / 128


class Li2022(BIDSFMRI):
    """The preprocessed runs of ds003643: nine sections of the book a listener, in one language each.

    Sections are stories, and those of the three languages share a name: translations are on one side of every split. The number of
    a run in its file's name is that of the scan, not of the section (EN057's sections are runs 15 and on): the n-th run is the n-th
    section, checked by the number of volumes. In the preprocessed runs (not in the raw ones) the sound starts with the first
    volume, and 0 (Chinese), 4 (English) or 2 (French) volumes follow its end.

    From the data set's README and from readers of others, since only links to the files can be seen without a download: their
    names, the columns ``word``, ``onset``, ``offset`` and ``section`` of the words, and the chapters of a section. The words were
    aligned by machine; a few are known to be wrong.

    Parameters
    ----------
    root
        The BIDS folder, with ``derivatives``, ``annotation`` and ``stimuli``.
    languages
        Keep only these: ``EN``, ``CN``, ``FR``.
    files, cleaning
        How a file becomes an array, and how it is cleaned. No mask is published beside the runs (MNIColin27, 2 mm): name one in
        ``files.mask``.
    subjects
        Keep only these: ``EN057``.
    sections
        Subject -> the sections of its runs in their order, if runs are missing and volumes do not tell which.
    pictures
        Take the response to the drawings out, which were shown with the first section in English and Chinese.
    sentence_pause_s
        The words come without punctuation: a pause this long ends a sentence.

    Examples
    --------
    >>> from n2s.studies import Li2022
    >>> Li2022.card.title, Li2022.expected
    ('Le Petit Prince (fMRI)', {'subjects': 112, 'recordings': 1008})
    >>> study = Li2022("folder/of/the/data", languages=["EN"])  # doctest: +SKIP
    """

    heard = None
    card = Card(
        title="Le Petit Prince (fMRI)",
        modality="fMRI (3 T GE Discovery MR750, Siemens Prisma Fit; TR 2 s, three echoes)",
        language="en, zh, fr",
        n_subjects=112,
        hours=1.6,
        licence="CC0",
        source=OpenNeuro("ds003643"),
        citation="Li et al. 2022, Sci. Data 9:530, doi:10.1038/s41597-022-01625-7",
        layout="""derivatives/sub-EN057/func/sub-EN057_task-lppEN_run-15_space-MNIColin27_desc-preproc_bold.nii.gz ...
annotation/EN/lppEN_word_information.csv ...
stimuli/task-lppEN_section-1.wav  stimuli/task-lppFR_section_1.wav ...""",
        notes="49 heard it in English, 35 in Chinese, 28 in French. Bring a mask. Each heard the story once: the ceiling is that of other "
        "listeners of the language.",
    )
    expected = {"subjects": 112, "recordings": 1008}

    def __init__(
        self,
        root: str,
        *,
        languages: list[Literal["EN", "CN", "FR"]] | None = None,
        derivatives: str = "derivatives",
        files: BoldFiles = BoldFiles(tr_s=TR_S),  # noqa: B008  (frozen)
        cleaning: BoldCleaning = BoldCleaning(detrend=True, highpass_hz=DRIFT_HZ),  # noqa: B008
        subjects: list[str | int] | None = None,
        sections: dict[str, list[int]] | None = None,
        pictures: bool = True,
        sentence_pause_s: float = 0.4,
    ):
        self.languages, self.sections, self.pictures = languages, sections or {}, pictures
        super().__init__(
            root,
            name="li2022",
            derivatives=derivatives,
            bold="sub-*/func/*_task-lpp*_desc-preproc_bold.nii.gz",
            files=files,
            cleaning=cleaning,
            subjects=subjects,
            stimuli="stimuli",
            content={name: name for name in CHAPTERS},
            sentence_pause_s=sentence_pause_s,
        )

    def select(self, found: dict[Recording, RunFiles]) -> dict[Recording, RunFiles]:
        """See `BIDSFMRI.select`: run n is section n."""
        runs = {}
        for subject in dict.fromkeys(one.subject for one in found):
            own = sorted((one for one in found if one.subject == subject), key=lambda one: natural(one.run))
            language = own[0].task.removeprefix("lpp")
            if language not in LANGUAGES or len({one.task for one in own}) > 1:
                tasks = ", ".join(sorted({one.task for one in own}))
                raise UserError(
                    f"{self.root}: sub-{subject} has the tasks {tasks}; expected one of lppEN, lppCN, lppFR."
                )
            if self.languages is not None and language not in self.languages:
                continue
            for one, section in zip(own, self._sections(subject, language, own, found), strict=True):
                runs[replace(one, run=f"{section}")] = found[one]
        if not runs:
            raise UserError(f"{self.root}: no run in {', '.join(self.languages or LANGUAGES)}.")
        return runs

    def load(self, recording: Recording) -> Bold:
        """Read one run, with the drawings' expected responses as nuisances."""
        self._check_volumes(recording)
        bold = super().load(recording)
        shown = self.pictures and recording.run == "1" and _language(recording) != "FR"
        return replace(bold, nuisances=_drawings(len(bold.data))) if shown else bold

    def table(self, recording: Recording) -> Path:
        """See `BIDSFMRI.table`: the words of the language."""
        language = _language(recording)
        path = self.root / "annotation" / language / f"lpp{language}_word_information.csv"
        if not path.is_file():
            raise UserError(f"no words at {path}. Download annotation of ds003643.")
        return path

    def sources(self, recording: Recording) -> list[Path]:
        """Also the words."""
        return [*super().sources(recording), self.table(recording)]

    def settings(self) -> dict:
        """Also whether the drawings are taken out."""
        return super().settings() | {"pictures": self.pictures}

    def read_rows(self, path: Path, recording: Recording) -> pd.DataFrame:
        """See `BIDSFMRI.read_rows`: the section from the first volume on, with its words."""
        self._check_volumes(recording)
        language, section = _language(recording), int(recording.run)
        stimulus = self._stimulus(language, section, path)
        length_s = self.stimuli.length_s(stimulus)
        sound = {
            "onset": 0.0,
            "duration": length_s,
            "kind": "sound",
            "text": "",
            "stimulus": stimulus,
            "stimulus_onset": 0.0,
        }
        words = _words(path, section)
        late = words.onset >= length_s
        if late.any():
            tell("left out", path, f"{late.sum()} words of section {section} begin after the end of its sound.")
        words = words[~late].assign(kind="word", stimulus="", stimulus_onset=words.onset)
        words["duration"] = np.minimum(words.duration, length_s - words.onset)
        rows = pd.concat([pd.DataFrame([sound]), words], ignore_index=True)
        return rows.assign(
            story=CHAPTERS[section - 1], language=LANGUAGES[language], sequence="", condition="", speaker="", line=1
        )

    def _stimulus(self, language: str, section: int, path: Path) -> str:
        """English files are named with -, the others with _."""
        for mark in "-_":
            name = f"task-lpp{language}_section{mark}{section}"
            if any((self.stimuli.folder / f"{name}{kind}").is_file() for kind in AUDIO):
                return self.stimuli.id(name, where=str(path))
        return self.stimuli.id(f"task-lpp{language}_section_{section}", where=str(path))

    def _sections(
        self, subject: str, language: str, own: list[Recording], found: dict[Recording, RunFiles]
    ) -> tuple[int, ...]:
        """The section of each run of a subject, in order: if some are missing, the only choice whose numbers of volumes fit."""
        told = self.sections.get(subject)
        if told is not None:
            if len(told) != len(own) or sorted(set(told)) != sorted(told) or not set(told) <= set(range(1, 10)):
                raise UserError(
                    f"sections: sub-{subject} has {len(own)} runs; expected as many of the sections 1 to 9, each once; got {told}."
                )
            return tuple(told)
        if len(own) == len(CHAPTERS):  # no file is opened; their volumes are checked when they are read
            return tuple(range(1, 10))
        counts = [self.files.count(*found[one].bold)[0] for one in own]
        table = VOLUMES[language]
        fitting = [
            choice
            for choice in combinations(range(9), len(own))
            if all(abs(n - table[i]) <= SPARE for n, i in zip(counts, choice, strict=True))
        ]
        if len(fitting) != 1:
            runs = ", ".join(f"run-{one.run} {n}" for one, n in zip(own, counts, strict=True))
            why = "several choices of sections fit" if fitting else "they are not those of sections in order"
            raise UserError(
                f"{self.root}: sub-{subject} has runs of so many volumes: {runs}; {why} ({language}: {', '.join(map(str, table))}). Name "
                f"them: sections: {{{subject}: [...]}}."
            )
        return tuple(i + 1 for i in fitting[0])

    def _check_volumes(self, recording: Recording) -> None:
        n_tr, _ = self._files.count(recording)
        expected = VOLUMES[_language(recording)][int(recording.run) - 1]
        if abs(n_tr - expected) > SPARE and recording.subject not in self.sections:
            raise UserError(
                f"{self._runs[recording].bold[0]}: {n_tr} volumes, but section {recording.run} in {_language(recording)} has {expected}. Is a "
                f"run of the subject missing, or another one twice? Name them: sections: {{{recording.subject}: [...]}}."
            )


def _language(recording: Recording) -> str:
    return recording.task.removeprefix("lpp")


def _words(path: Path, section: int) -> pd.DataFrame:
    """``text``, ``onset``, ``duration`` of a section's words, s in its sound."""
    table = read_table(path, numbers=("onset", "offset", "section"), separator=",")
    if missing := [name for name in ("word", "onset", "offset", "section") if name not in table]:
        raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
    rows = table[(table.section == section) & (table.word.str.strip() != "")]
    untimed = rows.onset.isna()
    if untimed.any():
        tell("left out", path, f"{untimed.sum()} words of section {section} have no onset.")
        rows = rows[~untimed]
    if rows.empty:
        raise UserError(f"{path}: no word of section {section}. Download it again.")
    length = (rows.offset - rows.onset).fillna(0.0).clip(lower=0.0)
    return pd.DataFrame({"text": rows.word.str.strip(), "onset": rows.onset, "duration": length}).sort_values(
        "onset", kind="stable"
    )


def _drawings(n_tr: int) -> np.ndarray:
    """(TR, 2) The expected responses to the drawings: their onsets, and their whole time."""
    from nilearn.glm.first_level import compute_regressor  # takes a second to import

    start, length = np.array(PICTURES).T
    found = []
    for duration in (np.zeros(3), length):
        shown = np.stack([start, duration, np.ones(3)])
        found.append(compute_regressor(shown, "glover", TR_S * np.arange(n_tr))[0][:, 0])
    return np.stack(found, 1)
