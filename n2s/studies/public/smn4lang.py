"""SMN4Lang, the MEG half: 12 people listen to 60 Chinese stories, and hear the same ones in fMRI (Wang et al. 2022)."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.own.bids import BIDSStudy
from n2s.studies.public.smn4lang_words import story_times, times_file
from n2s.studies.readers.tsv import read_cells
from n2s.studies.study import Recording


class SMN4Lang(BIDSStudy):
    """The MEG of ds004078. Run N is story N; the sound runs from the trigger ``Beg`` to ``End``.

    Word times are shifted by 10.65 s in the published files, for the fMRI: they are shifted back. Where the starting
    trigger was not recorded, the sound's length before the trigger ``End`` is the start.

    Parameters
    ----------
    root
        The BIDS folder, with ``stimuli/audio`` and ``derivatives/annotations``.
    subjects, runs
        Keep only these.
    sentence_pause_s
        The words come without punctuation: a pause this long ends a sentence.

    Examples
    --------
    >>> from n2s.studies import SMN4Lang
    >>> SMN4Lang.card.title, SMN4Lang.expected
    ('SMN4Lang (MEG)', {'subjects': 12, 'recordings': 720})
    >>> study = SMN4Lang("folder/of/the/data", subjects=["01"])  # doctest: +SKIP
    """

    card = Card(
        title="SMN4Lang (MEG)",
        modality="MEG (Elekta, 306 sensors, 1 kHz)",
        language="zh",
        n_subjects=12,
        hours=6.0,
        licence="CC0",
        source=OpenNeuro("ds004078"),
        citation="Wang et al. 2022, Sci. Data 9:590, doi:10.1038/s41597-022-01708-5",
        layout="""sub-01/meg/sub-01_task-RDR_run-1_{meg.fif,events.tsv,channels.tsv,meg.json}
stimuli/audio/story_1.wav
derivatives/annotations/time_align/word-level/story_1_word_time.mat""",
        notes="The same people heard the same stories in fMRI. Starting triggers of sub-08 run 16 and sub-09 run 7 are "
        "missing; the reader counts back from their end.",
    )
    expected = {"subjects": 12, "recordings": 720}

    def __init__(
        self,
        root: str,
        *,
        subjects: list[str | int] | None = None,
        runs: list[str | int] | None = None,
        sentence_pause_s: float = 0.4,
    ):
        super().__init__(
            root,
            name="smn4lang",
            subjects=subjects,
            runs=runs,
            task="RDR",
            stimuli="stimuli/audio",
            language="zh",
            sentence_pause_s=sentence_pause_s,
        )

    def read_rows(self, path: Path) -> pd.DataFrame:
        """See `BIDSStudy.read_rows`."""
        run = re.search(r"_run-(\d+)_", path.name)[1]
        story = f"story_{int(run)}"
        stimulus = self.stimuli.id(story, where=str(path))
        length_s = self.stimuli.length_s(stimulus)
        cells = read_cells(path)
        if "trial_type" not in cells:
            raise UserError(f"{path}: no column trial_type; there are {', '.join(cells)}.")
        first = {kind: cells.onset[cells.trial_type == kind].min() for kind in ("Beg", "End")}
        onset = first["Beg"] if np.isfinite(first["Beg"]) else first["End"] - length_s
        if not np.isfinite(onset) or onset < 0:
            raise UserError(
                f"{path}: no trigger Beg, and none of End at least {length_s:.1f} s (the length of {story}) after the start. "
                f"Found {', '.join(sorted(set(cells.trial_type))) or 'nothing'}."
            )
        sound = {"onset": onset, "duration": length_s, "kind": "sound", "stimulus": stimulus, "stimulus_onset": 0.0}
        words = story_times(self.root, story)
        words = words.assign(kind="word", onset=onset + words.stimulus_onset, stimulus="")
        rows = pd.concat([pd.DataFrame([sound]), words], ignore_index=True)
        filled = dict.fromkeys(("text", "story", "sequence", "language", "condition", "speaker"), "")
        return rows.assign(**{k: rows[k].fillna("") if k in rows else v for k, v in filled.items()}, line=1)

    def sources(self, recording: Recording) -> list[Path]:
        """Also the word times."""
        path = times_file(self.root, f"story_{int(recording.run)}")
        return sorted({*super().sources(recording), path})
