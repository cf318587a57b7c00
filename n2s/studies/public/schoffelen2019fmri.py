"""MOUS, the fMRI of its 102 listeners: Dutch sentences in blocks of five (Schoffelen et al. 2019; Millet & King 2021)."""

import re
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.card import Card, Wall
from n2s.studies.own.bids_fmri import BIDSFMRI
from n2s.studies.public.schoffelen2019 import ALIGNMENTS, SOUND, START, sentence_texts
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.presentation import read_log
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.readers.tsv import as_numbers, event_cells
from n2s.studies.study import Recording

TR_S, BLOCK = 2.0, 5
TITLES = {"ZINNEN": "sentences", "WOORDEN": "words"}


class Schoffelen2019FMRI(BIDSFMRI):
    """The fMRI half of MOUS, through fMRIPrep: one run a listener, 60 sentences in blocks of five between blocks of word lists.

    Each block of five sentences is a story (``A2002-sentences-01``): with ``n_folds: 12`` every block is held out once. The order
    of sentences was drawn for each listener, so blocks of several people share sentences: a split that keeps a sentence on one
    side for everybody joins their blocks. Millet & King fit each person alone; so do, with one of the ``subjects`` at a time.

    When a sound was played stands in events.tsv; where that has no sounds, in Presentation's log, whose clock starts with the
    scanner's first pulse. A sound begins with "Start File"; "Audio onset" is where its speech begins, as in MEG.

    Read from the scenario, the converter and readers of others (``type`` Sound, ``value`` 14 Start File 186.wav), since the recordings
    are behind an agreement: the names of files, the codes and columns of events.tsv (``trial_type`` is taken, too), the three volumes
    before the first block.

    Parameters
    ----------
    root
        The BIDS folder, with ``stimuli`` and ``sourcedata/mri_task``.
    derivatives, space, files, cleaning
        See `n2s.studies.own.bids_fmri.BIDSFMRI`. By default the surface fsaverage5, and Millet & King's 18 confounds.
    subjects
        Keep only these: ``A2002``.
    alignments
        See `n2s.studies.public.schoffelen2019.Schoffelen2019`.
    word_lists
        Also the blocks of word lists, as stories ``A2002-words-01``.

    Examples
    --------
    >>> from n2s.studies import Schoffelen2019FMRI
    >>> Schoffelen2019FMRI.card.title, Schoffelen2019FMRI.expected
    ('MOUS (auditory, fMRI)', {'subjects': 102, 'recordings': 102})
    >>> study = Schoffelen2019FMRI("folder/of/the/data", subjects=["A2002"])  # doctest: +SKIP
    """

    card = Card(
        title="MOUS (auditory, fMRI)",
        modality="fMRI (3 T Siemens Trio, TR 2 s)",
        language="nl",
        n_subjects=102,
        hours=0.5,
        licence="RU-DI-HD-1.0 (data use agreement)",
        source=Wall(
            (
                "make an account at the Radboud Data Repository (data.ru.nl)",
                "accept the agreement of DSC_3011020.09_236",
                "download by WebDAV (webdav.data.ru.nl) with the password that the repository shows",
                "run fMRIPrep: fmriprep ROOT ROOT/derivatives/fmriprep participant --output-spaces fsaverage5 --task-id auditory",
            )
        ),
        citation="Schoffelen et al. 2019, Sci. Data 6:17, doi:10.1038/s41597-019-0020-y",
        layout="""sub-A2002/func/sub-A2002_task-auditory_{bold.nii,events.tsv}
sourcedata/mri_task/A2002-2-fMRI-MOUS-Aud.log       (if events.tsv has no sounds)
stimuli/audio_files/EQ_Ramp_Int2_Int1LPF001.wav     stimuli/stimuli.txt
derivatives/fmriprep/sub-A2002/func/sub-A2002_task-auditory_hemi-L_space-fsaverage5_bold.func.gii ...
derivatives/phonemes/EQ_Ramp_Int2_Int1LPF001.TextGrid, or beside the sounds   (not in the data set: n2s align)""",
        notes="60 of the 360 sentences a person, 28 min 49 s with the pauses between. The same people heard others in MEG.",
    )
    expected = {"subjects": 102, "recordings": 102}

    def __init__(
        self,
        root: str,
        *,
        derivatives: str = "derivatives/fmriprep",
        space: str | None = "fsaverage5",
        bold: str | None = None,
        files: BoldFiles = BoldFiles(tr_s=TR_S),  # noqa: B008  (frozen)
        cleaning: BoldCleaning = BoldCleaning(confounds=("millet18",)),  # noqa: B008
        subjects: list[str | int] | None = None,
        alignments: str | None = None,
        word_lists: bool = False,
    ):
        if alignments is None and (data_folder(root) / ALIGNMENTS).is_dir():
            alignments = ALIGNMENTS
        super().__init__(
            root,
            name="schoffelen2019fmri",
            derivatives=derivatives,
            space=space,
            bold=bold,
            files=files,
            cleaning=cleaning,
            subjects=subjects,
            tasks=["auditory"],
            stimuli="stimuli/audio_files",
            alignments=alignments,
            language="nl",
        )
        self.word_lists = word_lists

    def settings(self) -> dict:
        """The options that change the events."""
        aligned = None if self.stimuli.alignments is None else str(self.stimuli.alignments)
        return super().settings() | {"word_lists": self.word_lists, "aligned": aligned}

    def sources(self, recording: Recording) -> list[Path]:
        """Also the sentences, and the log if it is read."""
        log = [] if _has_sounds(self._runs[recording].clips) else [self._log(recording.subject)]
        return [*super().sources(recording), self.root / "stimuli" / "stimuli.txt", *log]

    def read_rows(self, path: Path, recording: Recording) -> pd.DataFrame:
        """See `BIDSFMRI.read_rows`: a sound and a sentence for each that was played, in the stories of their blocks."""
        if _has_sounds(path):
            told = _table(path)
        else:
            path = self._log(recording.subject)
            told = _from_first_pulse(read_log(path), path)
        played = blocks(told, path)
        texts = sentence_texts(self.root)
        lists = played.title == "words"
        if lists.any() and not self.word_lists:
            tell("left out", path, "word lists; set word_lists to read them.")
            played = played[~lists]
        rows = []
        for row in played.itertuples():
            stimulus = self.stimuli.id(SOUND.format(row.number), where=str(path))
            shared = {
                "onset": row.onset,
                "duration": self.stimuli.length_s(stimulus),
                "stimulus": stimulus,
                "stimulus_onset": 0.0,
            }
            shared |= {"story": f"{recording.subject}-{row.title}-{row.block:02d}", "line": row.line}
            text = texts.get(row.number, "")
            rows.append(shared | {"kind": "sound", "text": "", "sequence": ""})
            if text:
                rows.append(shared | {"kind": "sentence", "text": text, "sequence": sentence_id(text)})
        return pd.DataFrame(rows).assign(language="", condition="", speaker="")

    def _log(self, subject: str) -> Path:
        folder = self.root / "sourcedata" / "mri_task"
        found = sorted(file for file in folder.glob(f"*{subject}*") if "MOUS-Aud" in file.name)
        if len(found) != 1:
            raise UserError(
                f"{folder}: {len(found)} logs *{subject}*MOUS-Aud*; expected one, since the events.tsv of sub-{subject} has no sounds."
            )
        return found[0]


def blocks(told: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The sounds of a run: ``onset``, ``number`` (of the file), ``title`` (sentences, words), ``block`` (1, 2, ... of its kind), ``line``.

    Parameters
    ----------
    told
        ``kind``, ``code``, ``time_s`` and ``line`` of everything that the log tells, in order.
    path
        Where it stands.

    Raises
    ------
    UserError
        There is no sound, a sound before the first title of a block, or a block with more than five.
    """
    rows, title, count = [], "", {"sentences": 0, "words": 0}
    for one in told.itertuples():
        announced = next((ours for theirs, ours in TITLES.items() if re.search(rf"\b{theirs}\b", one.code)), "")
        started = START.search(one.code)
        if announced:
            title = announced
            count[title] += 1
        elif started and not title:
            raise UserError(
                f"{path}, line {one.line}: '{one.code}' before the title of a block ({' or '.join(TITLES)})."
            )
        elif started:
            rows.append(
                {
                    "onset": one.time_s,
                    "number": int(started[1]),
                    "title": title,
                    "block": count[title],
                    "line": one.line,
                }
            )
    if not rows:
        raise UserError(
            f"{path}: no sound ('Start File 186.wav'). Found {', '.join(told.code.unique()[:6]) or 'nothing'}."
        )
    found = pd.DataFrame(rows)
    size = found.groupby(["title", "block"]).number.size()
    if size.max() > BLOCK:
        raise UserError(
            f"{path}: {size.max()} sounds in the block {size.idxmax()[0]} {size.idxmax()[1]}; expected {BLOCK}."
        )
    if size.min() < BLOCK:
        tell(
            "odd",
            path,
            f"{(size < BLOCK).sum()} blocks have fewer than {BLOCK} sounds: the run or the log was stopped, perhaps.",
        )
    return found


def _table(path: Path) -> pd.DataFrame:
    """An events.tsv as the log: kind, code, time_s, line."""
    cells = event_cells(path)
    names = {name.lower(): name for name in cells}
    code, kind = names.get("value"), names.get("type") or names.get("trial_type")
    if code is None and kind is None:
        raise UserError(f"{path}: no column value or trial_type; there are {', '.join(cells)}.")
    text = cells[code or kind].where(cells[code or kind] != "", cells[kind or code])
    rows = pd.DataFrame(
        {"kind": cells[kind or code], "code": text, "line": cells.line, "time_s": as_numbers(cells.onset, path)}
    )
    return rows.sort_values("time_s", kind="stable", ignore_index=True)


def _has_sounds(path: Path) -> bool:
    return any(START.search(code) for code in _table(path).code)


def _from_first_pulse(log: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The log on the clock of the volumes: its first pulse is the start of the first one."""
    pulses = log.time_s[log.kind == "Pulse"]
    if pulses.empty:
        raise UserError(f"{path}: no row of the type Pulse, so that nothing says when the run began.")
    step_s = float(pulses.diff().median())
    if len(pulses) > 1 and abs(step_s - TR_S) > 0.05:
        raise UserError(
            f"{path}: {len(pulses)} pulses of the scanner, {step_s:.3f} s apart; expected one a volume, {TR_S:g} s."
        )
    return log.assign(time_s=log.time_s - pulses.iloc[0], line=log.index + 1)
