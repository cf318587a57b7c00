"""Narratives: 345 people hear spoken stories in the scanner (Nastase et al. 2021, ds002345)."""

import csv
from pathlib import Path
from typing import Literal

import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.own.bids_fmri import BIDSFMRI
from n2s.studies.own.bold_names import RunFiles
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.side_files import read_json, read_text
from n2s.studies.readers.tsv import read_cells
from n2s.studies.study import Recording

TR_S = 1.5
#: Tasks that are left out: clips of films among stories, and a story whose words or sentences are out of order.
OTHER_TASKS = {
    "schema": "films among stories",
    "notthefalllongscram": "a scrambled story",
    "notthefallshortscram": "a scrambled story",
}
#: Scans that the authors exclude (code/scan_exclude.json): another TR or length, poor behaviour, no common response in auditory cortex.
EXCLUDED = (
    "sub-053_task-lucy", "sub-065_task-lucy", "sub-158_task-merlin", "sub-038_task-milkyway", "sub-105_task-milkyway",
    "sub-123_task-milkyway", "sub-317_task-notthefallintact", "sub-335_task-notthefallintact", "sub-066_task-notthefalllongscram",
    "sub-335_task-notthefalllongscram", "sub-333_task-notthefallshortscram", "sub-001_task-pieman_run-1", "sub-001_task-pieman_run-2",
    "sub-013_task-pieman_run-2", "sub-014_task-pieman_run-2", "sub-021_task-pieman", "sub-022_task-pieman", "sub-038_task-pieman",
    "sub-056_task-pieman", "sub-068_task-pieman", "sub-069_task-pieman", "sub-038_task-prettymouth", "sub-105_task-prettymouth",
    "sub-238_task-shapessocial", "sub-139_task-slumlordreach", "sub-004_task-tunnel", "sub-013_task-tunnel",
)  # fmt: skip
#: Versions of one story, by the names of their sounds or tasks: another performance, other words, another order, one film told twice.
CONTENT = {
    "pieman": "pieman", "piemanpni": "pieman",
    "milkywayoriginal": "milkyway", "milkywayvodka": "milkyway", "milkywaysynonyms": "milkyway",
    "notthefallintact": "notthefall", "notthefalllongscram": "notthefall", "notthefallshortscram": "notthefall", "notthefall": "notthefall",
    "shapessocial": "shapes", "shapesphysical": "shapes",
}  # fmt: skip
#: Sounds with several stories, in order: everything else tells one.
SEVERAL = {"slumlordreach": ("slumlord", "reach")}
PATTERNS = {
    "fsaverage6": "**/*_space-fsaverage6_hemi-[LR]_desc-clean.func.gii",
    "MNI152NLin2009cAsym": "**/*_space-MNI152NLin2009cAsym_res-native_desc-clean_bold.nii.gz",
}


class Nastase2021(BIDSFMRI):
    """The cleaned derivatives of ds002345: one story a run, of which most people heard a few.

    The rows of events.tsv say when music and story are heard, both in one file that starts with the first of them. The published
    derivatives (``afni-nosmooth``, ``afni-smooth``) have motion, CompCor, slow cosines and a quadratic trend taken out. Words
    come from Gentle (``stimuli/gentle/<sound>/align.csv``); those that it did not find are left out.

    Versions of a story have one content: two performances of Pie Man, three wordings of Milky Way, a scrambled story. Scans that
    the authors exclude are left out, and the tasks ``schema`` (films among stories) and the two scrambled ones, unless ``tasks``
    names them. Two stories were heard in one run of ``slumlordreach``.

    From the authors' code and readers of others: names of files, events, exclusions. Not checked: whether lucy's sound starts at
    2.0 s (its events.tsv) or 3.0 s (its paper); the first is taken.

    Parameters
    ----------
    root
        The BIDS folder, with ``stimuli`` and, by default, ``derivatives/afni-nosmooth``.
    derivatives
        The folder with the runs, from ``root`` or absolute.
    space
        ``fsaverage6``, or ``MNI152NLin2009cAsym``: its grid differs between tasks, so choose ``tasks`` of one grid.
    files, cleaning
        How a file becomes an array, and how it is cleaned: nothing more by default.
    subjects, tasks
        Keep only these.
    excluded
        Also the scans that the authors exclude.
    sentence_pause_s
        The words come without punctuation: a pause this long ends a sentence.

    Examples
    --------
    >>> from n2s.studies import Nastase2021
    >>> Nastase2021.card.title, Nastase2021.expected
    ('Narratives', {'subjects': 321})
    >>> study = Nastase2021("folder/of/the/data", tasks=["pieman"])  # doctest: +SKIP
    """

    card = Card(
        title="Narratives",
        modality="fMRI (3 T Siemens Skyra and Prisma, TR 1.5 s)",
        language="en",
        n_subjects=345,
        hours=4.6,
        heard="one to a few of 27 stories, which last 4.6 h in all",
        licence="CC0",
        source=OpenNeuro("ds002345"),
        citation="Nastase et al. 2021, Sci. Data 8:250, doi:10.1038/s41597-021-01033-3",
        layout="""sub-001/func/sub-001_task-pieman_run-1_events.tsv
derivatives/afni-nosmooth/sub-001/func/sub-001_task-pieman_run-1_space-fsaverage6_hemi-L_desc-clean.func.gii ...
stimuli/pieman_audio.wav  stimuli/gentle/pieman/align.csv
code/scan_exclude.json""",
        left_out={name: "excluded by the authors" for name in EXCLUDED}
        | {f"task-{name}": why for name, why in OTHER_TASKS.items()},
        notes="24 of 345 people have only what is left out. The "
        "derivatives are on DataLad (labs/hasson/narratives) as well.",
    )
    expected = {"subjects": 321}

    def __init__(
        self,
        root: str,
        *,
        derivatives: str = "derivatives/afni-nosmooth",
        space: Literal["fsaverage6", "MNI152NLin2009cAsym"] = "fsaverage6",
        bold: str | None = None,
        files: BoldFiles = BoldFiles(tr_s=TR_S),  # noqa: B008  (frozen)
        cleaning: BoldCleaning = BoldCleaning(),  # noqa: B008
        subjects: list[str | int] | None = None,
        tasks: list[str] | None = None,
        excluded: bool = False,
        sentence_pause_s: float = 0.4,
    ):
        self.excluded, self._tasks = excluded, tasks
        super().__init__(
            root,
            name="nastase2021",
            derivatives=derivatives,
            bold=bold or PATTERNS[space],
            files=files,
            cleaning=cleaning,
            subjects=subjects,
            tasks=tasks,
            stimuli="stimuli",
            language="en",
            content=CONTENT,
            sentence_pause_s=sentence_pause_s,
        )

    def select(self, found: dict[Recording, RunFiles]) -> dict[Recording, RunFiles]:
        """See `BIDSFMRI.select`: without exclusions and, unless they are named, other tasks."""
        excluded = () if self.excluded else self._excluded()
        kept, left = {}, {}
        for one, files in found.items():
            why = "" if self._tasks is not None else OTHER_TASKS.get(one.task, "")
            if any(_is(files.bold[0].name, name) for name in excluded):
                why = "scans that the authors exclude (code/scan_exclude.json)"
            if why:
                left[why] = left.get(why, 0) + 1
            else:
                kept[one] = files
        for why, n in left.items():
            tell("left out", f"{self.root} ({n} of {len(found)} runs)", f"{why}.")
        if not kept:
            raise UserError(f"{self.root}: all {len(found)} runs are left out ({', '.join(left)}).")
        return kept

    def read_rows(self, path: Path, recording: Recording) -> pd.DataFrame:
        """See `BIDSFMRI.read_rows`: one sound a story, with the music before it, and its words."""
        cells = read_cells(path)
        if missing := [name for name in ("trial_type", "stim_file") if name not in cells]:
            raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(cells)}.")
        heard = cells[cells.trial_type.isin(["music", "story"]) & (cells.stim_file != "")]
        if not (heard.trial_type == "story").any():
            raise UserError(
                f"{path}: no row of trial_type story; found {', '.join(sorted(set(cells.trial_type))) or 'nothing'}."
            )
        rows = []
        for file, own in heard.groupby("stim_file", sort=False):
            rows += self._played(str(file), own.sort_values("onset", ignore_index=True), path, recording)
        return pd.DataFrame(rows).assign(sequence="", language="", condition="", speaker="", line=1)

    def sources(self, recording: Recording) -> list[Path]:
        """Also the words."""
        rows = self.read_rows(self.table(recording), recording)
        words = [self._words_file(name) for name in rows.stimulus[rows.kind == "sound"].unique()]
        return [*super().sources(recording), *(path for path in words if path.is_file())]

    def _played(self, file: str, own: pd.DataFrame, path: Path, recording: Recording) -> list[dict]:
        """The rows of one file that was played: its stories and their words."""
        stimulus = self.stimuli.id(self._sound(file, path, recording), where=str(path))
        began_s, length_s = own.onset.iloc[0], self.stimuli.length_s(stimulus)
        name = _bare(stimulus)
        stories = own[own.trial_type == "story"]
        names = SEVERAL.get(
            name, (name,) if len(stories) == 1 else tuple(f"{name}-{i + 1}" for i in range(len(stories)))
        )
        if len(names) != len(stories):
            raise UserError(f"{path}: {len(stories)} stories in {file}; expected {len(names)}: {', '.join(names)}.")
        rows, start_s = [], began_s
        for story, row in zip(names, stories.itertuples(), strict=True):
            before = own[(own.trial_type == "music") & (own.onset >= start_s) & (own.onset < row.onset)]
            first_s = before.onset.min() if len(before) else row.onset
            stop_s = min(row.onset + row.duration, began_s + length_s)
            shared = {"stimulus": stimulus, "story": story}
            sound = {
                "kind": "sound",
                "text": "",
                "onset": first_s,
                "duration": stop_s - first_s,
                "stimulus_onset": first_s - began_s,
            }
            rows.append(sound | shared)
            words = self._words(stimulus)
            inside = words[(words.onset >= first_s - began_s) & (words.onset + words.duration <= stop_s - began_s)]
            for word in inside.itertuples():
                times = {"onset": began_s + word.onset, "duration": word.duration, "stimulus_onset": word.onset}
                rows.append({"kind": "word", "text": word.text} | times | shared)
            start_s = stop_s
        return rows

    def _sound(self, file: str, path: Path, recording: Recording) -> str:
        """The file that events.tsv names, or that of the task: notthefall_audio.wav stands for three orders, of which the task tells one."""
        own = f"{recording.task}_audio.wav"
        if (self.stimuli.folder / file).is_file() or not (self.stimuli.folder / own).is_file():
            return file
        tell(
            "corrected", path, f"it names {file}, which is not there: {own}, by the name of the task, is taken for it."
        )
        return own

    def _words_file(self, stimulus: str) -> Path:
        return self.root / "stimuli" / "gentle" / _bare(stimulus) / "align.csv"

    def _words(self, stimulus: str) -> pd.DataFrame:
        """``text``, ``onset``, ``duration`` of the words that Gentle found, s in the sound."""
        path = self._words_file(stimulus)
        if not path.is_file():
            tell("odd", path, "not here: this sound has no words. Download stimuli/gentle of ds002345.")
            return pd.DataFrame({"text": [], "onset": [], "duration": []}).astype({"onset": float, "duration": float})
        rows, lost = [], 0
        for line, cells in enumerate(csv.reader(read_text(path).splitlines()), 1):
            if len(cells) < 4 or not cells[2].strip():
                lost += bool(cells)
                continue
            try:
                start_s, stop_s = float(cells[2]), float(cells[3])
            except ValueError:
                raise UserError(
                    f"{path}, line {line}: '{','.join(cells)[:60]}'; expected word,aligned word,onset,offset (s)."
                ) from None
            rows.append((cells[0].strip(), start_s, max(0.0, stop_s - start_s)))
        if not rows:
            raise UserError(f"{path}: no word with a time; expected word,aligned word,onset,offset in each line.")
        if lost:
            tell("left out", f"{path} ({lost} of {lost + len(rows)} words)", "words that the aligner did not find.")
        return pd.DataFrame(rows, columns=["text", "onset", "duration"]).sort_values(
            "onset", kind="stable", ignore_index=True
        )

    def _excluded(self) -> tuple[str, ...]:
        """Beginnings of names of files, from the data set or else as published."""
        path = self.root / "code" / "scan_exclude.json"
        if not path.is_file():
            return EXCLUDED
        listed = read_json(path)
        return tuple(name for people in listed.values() for names in people.values() for name in names)


def _is(file: str, scan: str) -> bool:
    """Whether a file's name begins with that of a scan: task-pieman is not task-piemanpni."""
    return file.startswith(f"{scan}_")


def _bare(stimulus: str) -> str:
    return Path(stimulus).name.removesuffix("_audio")
