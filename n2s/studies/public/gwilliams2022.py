"""MEG-MASC: 27 people listen to four short stories, twice, in a KIT scanner (Gwilliams et al. 2022)."""

import ast
import re
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.studies.card import OSF, Card
from n2s.studies.own.bids import BIDSStudy
from n2s.studies.readers.sentences import sequences
from n2s.studies.readers.tsv import read_cells

STORIES = {"0": "lw1", "1": "cable_spool_fort", "2": "easy_money", "3": "the_black_willow"}  # by BIDS task
KINDS = {"sound": "sound", "word": "word", "phoneme": "phone"}


class Gwilliams2022(BIDSStudy):
    """MEG-MASC, in BIDS as it is published.

    The third column of an events.tsv holds a Python dict in each row. Sounds are named in mixed case and with a number
    that the files do not have. A word's sentence comes from ``sequence_id``; stories are the tasks 0 to 3.

    Parameters
    ----------
    root
        The BIDS folder, with ``stimuli/audio``.
    subjects, sessions, task
        Keep only these: ``01``; 0 or 1; 0 to 3.

    Examples
    --------
    >>> from n2s.studies import Gwilliams2022
    >>> Gwilliams2022.card.title, Gwilliams2022.expected
    ('MEG-MASC', {'subjects': 27, 'recordings': 196})
    >>> study = Gwilliams2022("folder/of/the/data", subjects=["01"], sessions=[0])  # doctest: +SKIP
    """

    card = Card(
        title="MEG-MASC",
        modality="MEG (KIT, 208 sensors, 1 kHz)",
        language="en",
        n_subjects=27,
        hours=2.1,
        heard="one or two sessions of about 1 h, 56 h in all",
        licence="CC0",
        source=OSF(("ag3kj", "h2tzn", "u5327")),
        citation="Gwilliams et al. 2023, Sci. Data 10:862, doi:10.1038/s41597-023-02752-5",
        layout="""participants.tsv
sub-01/ses-0/meg/sub-01_ses-0_task-0_{meg.con,events.tsv,channels.tsv,meg.json,markers.mrk}
sub-01/ses-0/meg/sub-01_ses-0_acq-{ELP,HSP}_headshape.pos
stimuli/audio/*.wav""",
        notes="Not everybody came twice. Word lists and pseudo-words stand between the sentences. KIT files are read "
        "whole, so preparing needs memory for one.",
    )
    expected = {"subjects": 27, "recordings": 196}

    def __init__(
        self,
        root: str,
        *,
        subjects: list[str | int] | None = None,
        sessions: list[str | int] | None = None,
        task: list[str] | str | None = None,
    ):
        super().__init__(
            root,
            name="gwilliams2022",
            subjects=subjects,
            sessions=sessions,
            task=task,
            stimuli="stimuli/audio",
            language="en",
        )

    def read_rows(self, path: Path) -> pd.DataFrame:
        """See `BIDSStudy.read_rows`."""
        table = read_cells(path)
        if "trial_type" not in table:
            raise UserError(f"{path}: no column trial_type; there are {', '.join(table)}.")
        said = [_dict(text, path, line) for text, line in zip(table.trial_type, table.line, strict=True)]
        task = re.search(r"_task-(\w+?)_", path.name)
        story = STORIES.get(task[1] if task else "", "")
        rows = []
        for entry, row in zip(said, table.itertuples(), strict=True):
            kind = KINDS.get(str(entry.get("kind", "")))
            if kind is None:
                continue
            if (kind == "sound" and "sound" not in entry) or (kind != "sound" and entry["kind"] not in entry):
                raise UserError(
                    f"{path}, line {row.line}: a {entry['kind']} that does not say which: {row.trial_type}."
                )
            rows.append(
                {
                    "onset": row.onset,
                    "duration": float("nan") if kind == "sound" else row.duration,  # that of the file
                    "kind": kind,
                    "text": _text(kind, entry),
                    "stimulus": _stimulus(str(entry["sound"])) if kind == "sound" else "",
                    "stimulus_onset": 0.0 if kind == "sound" else float("nan"),
                    "story": str(entry.get("story") or story).lower(),
                    "group": str(entry.get("sequence_id", "")) if kind == "word" else "",
                    "line": row.line,
                }
            )
        if not any(row["kind"] == "sound" for row in rows):
            raise UserError(f"{path}: no row says {{'kind': 'sound', 'sound': ...}}; expected one for each audio file.")
        found = pd.DataFrame(rows).assign(language="", condition="", speaker="")
        return found.assign(sequence=sequences(found, found.group).reindex(found.index).fillna("")).drop(
            columns="group"
        )


def _dict(text: str, path: Path, line: int) -> dict:
    try:
        found = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # all that it documents
        found = None
    if not isinstance(found, dict):
        raise UserError(
            f"{path}, line {line}: trial_type is {text[:80]!r}; expected a Python dict such as "
            "{'kind': 'word', 'word': 'tara', ...}, as MEG-MASC has it."
        )
    return found


def _text(kind: str, entry: dict) -> str:
    if kind == "sound":
        return ""
    text = str(entry[entry["kind"]])
    return re.sub("_[BIES]$", "", text) if kind == "phone" else text  # the position in the word is not the phone


def _stimulus(sound: str) -> str:
    """``stimuli/audio/LW1_0.0.wav`` is the file ``lw1_0.wav``."""
    name = sound.replace("\\", "/").rsplit("/", 1)[-1].lower()
    parts = name.rsplit(".", 2)
    return f"{parts[0]}.wav" if len(parts) == 3 else name
