"""SMN4Lang, the fMRI half: the same 12 people hear the same 60 Chinese stories as in the MEG (Wang et al. 2022)."""

from pathlib import Path
from typing import Literal

import pandas as pd

from n2s.errors import UserError
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.own.bids_fmri import BIDSFMRI
from n2s.studies.public.smn4lang_words import Unit, story_times, times_file
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.tsv import read_cells
from n2s.studies.study import Recording

TR_S = 0.71
PATTERNS = {"cifti": "**/CIFTI/*_task-RDR_*_bold.dtseries.nii", "mni": "**/MNI/*_task-RDR_*_bold.nii.gz"}
DRIFT_HZ = 1 / 128


class SMN4LangFMRI(BIDSFMRI):
    """The fMRI of ds004078. Run N is story N; the sound starts 10.65 s (15 volumes) into the run, by events.tsv.

    Word times are published on the clock of the scan, 10.65 s late for the sound: here they are on both clocks. Stories are named
    as in `SMN4Lang` (MEG), so that both can be split alike. The runs went through the HCP's minimal pipeline, without confounds
    beside them: trend and slow drifts are removed.

    Parameters
    ----------
    root
        The BIDS folder, with ``stimuli/audio``, ``derivatives/preprocessed_data`` and ``derivatives/annotations``.
    kind
        ``cifti``: the cortex on the mesh of 32k vertices, and structures below it. ``mni``: volumes, for which ``files.mask`` has to
        name a mask (none is published beside them).
    derivatives
        The folder with the runs, from ``root`` or absolute.
    files, cleaning
        How a file becomes an array, and how it is cleaned.
    subjects
        Keep only these.
    unit
        Times of words, or of characters (as events of kind word).
    sentence_pause_s
        The words come without punctuation: a pause this long ends a sentence.

    Examples
    --------
    >>> from n2s.studies import SMN4LangFMRI
    >>> SMN4LangFMRI.card.title, SMN4LangFMRI.expected
    ('SMN4Lang (fMRI)', {'subjects': 12, 'recordings': 720})
    >>> study = SMN4LangFMRI("folder/of/the/data", kind="mni")  # doctest: +SKIP
    """

    card = Card(
        title="SMN4Lang (fMRI)",
        modality="fMRI (3 T Siemens Prisma, TR 0.71 s, 2 mm)",
        language="zh",
        n_subjects=12,
        hours=6.0,
        licence="CC0",
        source=OpenNeuro("ds004078"),
        citation="Wang et al. 2022, Sci. Data 9:590, doi:10.1038/s41597-022-01708-5",
        layout="""sub-01/func/sub-01_task-RDR_run-1_events.tsv
derivatives/preprocessed_data/sub-01/{CIFTI/sub-01_task-RDR_run-1_bold.dtseries.nii,MNI/sub-01_task-RDR_run-1_bold.nii.gz}
stimuli/audio/story_1.wav
derivatives/annotations/time_align/word-level/story_1_word_time.mat""",
        notes="The same people heard the same stories in MEG (SMN4Lang). After each story they answered questions: those volumes have no "
        "sound.",
    )
    expected = {"subjects": 12, "recordings": 720}

    def __init__(
        self,
        root: str,
        *,
        kind: Literal["cifti", "mni"] = "cifti",
        derivatives: str = "derivatives/preprocessed_data",
        files: BoldFiles = BoldFiles(tr_s=TR_S),  # noqa: B008  (frozen)
        cleaning: BoldCleaning = BoldCleaning(detrend=True, highpass_hz=DRIFT_HZ),  # noqa: B008
        subjects: list[str | int] | None = None,
        unit: Unit = "word",
        sentence_pause_s: float = 0.4,
    ):
        super().__init__(
            root,
            name="smn4langfmri",
            derivatives=derivatives,
            bold=PATTERNS[kind],
            files=files,
            cleaning=cleaning,
            subjects=subjects,
            stimuli="stimuli/audio",
            language="zh",
            sentence_pause_s=sentence_pause_s,
        )
        self.unit = unit

    def settings(self) -> dict:
        """The options that change the events."""
        return super().settings() | {"unit": self.unit}

    def sources(self, recording: Recording) -> list[Path]:
        """Also the word times."""
        return [*super().sources(recording), times_file(self.root, f"story_{int(recording.run)}", self.unit)]

    def read_rows(self, path: Path, recording: Recording) -> pd.DataFrame:
        """See `BIDSFMRI.read_rows`: the sound that events.tsv names (pictures are none), with its words."""
        cells = read_cells(path)
        if "stim_file" not in cells:
            raise UserError(f"{path}: no column stim_file; there are {', '.join(cells)}.")
        story = f"story_{int(recording.run)}"
        sounds = cells[cells.stim_file.str.lower().str.endswith(".wav")]
        if len(sounds) != 1 or Path(sounds.stim_file.iloc[0]).stem != story:
            found = ", ".join(sounds.stim_file) or "none"
            raise UserError(f"{path}: the sounds {found}; expected {story}.wav, once, as the run says.")
        (row,) = sounds.itertuples()
        stimulus = self.stimuli.id(story, where=str(path))
        sound = {
            "onset": row.onset,
            "duration": self.stimuli.length_s(stimulus),
            "kind": "sound",
            "stimulus": stimulus,
            "stimulus_onset": 0.0,
        }
        words = story_times(self.root, story, self.unit)
        words = words.assign(kind="word", onset=row.onset + words.stimulus_onset, stimulus="")
        rows = pd.concat([pd.DataFrame([sound]), words], ignore_index=True)
        filled = dict.fromkeys(("text", "story", "sequence", "language", "condition", "speaker"), "")
        return rows.assign(**{k: rows[k].fillna("") if k in rows else v for k, v in filled.items()}, line=row.line)
