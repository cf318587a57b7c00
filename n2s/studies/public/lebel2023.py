"""Narrative stories in a 3 T scanner: BOLD of whole stories from The Moth (LeBel et al. 2023, ds003020; "Brain2Speech")."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.card import Card, OpenNeuro
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.own.fmri_arrays import keep
from n2s.studies.public.lebel2023_space import pycortex_mask, pycortex_space
from n2s.studies.public.lebel2023_words import words_and_phones
from n2s.studies.readers.bold_files import array_shape, read_array, read_rois
from n2s.studies.readers.clips import check_in_audio
from n2s.studies.readers.fetched import NOT_FETCHED, check_fetched
from n2s.studies.readers.folder_study import FolderStudy
from n2s.studies.readers.sentences import with_sentences
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import natural, read_table
from n2s.studies.study import Recording

TR_S = 2.0
SOUND_S, TRIMMED_TR = 10.0, 10  # the sound starts 10 s into the run; 10 volumes were cut at each end
AUDIO_OF_ROW_0_S = TRIMMED_TR * TR_S - SOUND_S
LAG_S = 4.0  # a volume is paired with the clip of 4 s earlier: Liu et al., section 3.1.1
N_PROMPTS = 10
REPEATED = "wheretheressmoke"
TEST = ("hangtime", REPEATED)
COMMON = (
    "adollshouse", "adventuresinsayingyes", "alternateithicatom", "avatar", "buck", "exorcism", "eyespy",
    "fromboyhoodtofatherhood", "hangtime", "haveyoumethimyet", "howtodraw", "inamoment", "itsabox", "legacy",
    "life", "myfirstdaywiththeyankees", "naked", "odetostepfather", "sloth", "souls", "stagefright",
    "swimmingwithastronauts", "thatthingonmyarm", "theclosetthatateeverything", "tildeath", "undertheinfluence",
    "wheretheressmoke",
)  # fmt: skip
# Who speaks: Liu et al. 2024, section 3.1.1, says it of the two test stories. Neither that paper nor the data set's text
# files say it of the 25 others: they have no label unless a table is brought (``speakers``).
SPEAKERS = {"hangtime": "man", REPEATED: "woman"}
LEFT_OUT = {"UTS04": "has no 'life'", "UTS09": "has no 'fromboyhoodtofatherhood'"}
CORRUPT = {("UTS01", "treasureisland"): "a corrupt run (session 7), as readers of others say"}


class Lebel2023(FolderStudy, FMRIStudy):
    """The preprocessed volumes of the stories that all heard, one a run; decoding cuts them into clips of 2 s.

    Row i of a run is the volume of 10 + 2i s of the story's audio. Its clip starts 4 s earlier, so with a lag of 4 s
    a clip meets its volume. Test stories are hangtime and wheretheressmoke; their last ten clips are prompts. A clip's
    label is who speaks, ``man`` or ``woman``: known of the test stories.

    For encoding models, `events` has the story (it began 10 s before the first row, and is cut at the last) with its words and
    phones from ``derivative/TextGrids``. The official split holds wheretheressmoke out; ``repeats`` reads its ten presentations,
    from which the ceiling comes, in place of their published mean, which is none of them.

    Parameters
    ----------
    root
        The BIDS folder, with ``derivative`` and ``stimuli``.
    subjects
        Keep only these; by default those that have all stories.
    stories
        These in place of the 27 that all heard; ``all``: every story that a subject has.
    repeats
        The ten presentations of wheretheressmoke as runs of their own; else their published mean.
    rois
        A folder with ``<subject>/<name>.npy``: regions as masks of the voxels, or as their indices, such as AC from
        pycortex. Without it there is the whole cortex only.
    speakers
        A table (``.tsv``, below the root or anywhere) with the columns ``story`` and ``speaker``: labels of other stories,
        or in place of those that are known.
    nan
        See `n2s.studies.bold_cleaning.BoldCleaning`: some published voxels have no values.
    sentence_pause_s
        The words come without punctuation: a pause this long ends a sentence.

    Raises
    ------
    UserError
        No such folder or table, or an unknown subject or story.

    Examples
    --------
    >>> from n2s.studies import Lebel2023
    >>> Lebel2023.card.title, Lebel2023.expected
    ('Natural language fMRI (Brain2Speech)', {'subjects': 7, 'recordings': 189, 'train_clips': 9137, 'test_clips': 595})
    >>> study = Lebel2023("folder/of/the/data", stories="all")  # doctest: +SKIP
    """

    name = "lebel2023"
    card = Card(
        title="Natural language fMRI (Brain2Speech)",
        modality="fMRI (3 T Siemens Skyra, TR 2 s, 2.6 mm)",
        language="en",
        n_subjects=8,
        hours=5.6,
        heard="27 stories (5.6 h) each; UTS01, 02 and 03 more",
        licence="CC0",
        source=OpenNeuro("ds003020"),
        citation="LeBel et al. 2023, Scientific Data 10:555, doi:10.1038/s41597-023-02437-z",
        layout="""derivative/preprocessed_data/UTS01/adollshouse.hf5 ...    (data: TR by voxel)
derivative/respdict.json                                    (volumes a story)
derivative/TextGrids/adollshouse.TextGrid ...               (words and phones, for encoding)
derivative/pycortex-db/UTS01/transforms/UTS01_auto/mask_thick.nii.gz      (where voxels are, for maps)
stimuli/adollshouse.wav ...""",
        left_out=LEFT_OUT | {f"{subject} {story}": why for (subject, story), why in CORRUPT.items()},
        notes="Volumes are detrended and z-scored a run as published. Some voxels are NaN: they become 0. Set a lag of "
        "4 s. Regions (AC) have to be brought: rois. By default the reader takes the 27 stories of those who have all of them; the paper's "
        "people are UTS01 to UTS08.",
    )
    expected = {"subjects": 7, "recordings": 189, "train_clips": 9137, "test_clips": 595}
    split = {REPEATED: "test"}  # LeBel 2023; clips follow Liu et al. 2024, who test on hangtime as well

    def __init__(
        self,
        root: str,
        *,
        subjects: list[str] | None = None,
        stories: list[str] | Literal["all"] | None = None,
        repeats: bool = False,
        rois: str | None = None,
        speakers: str | None = None,
        nan: Literal["error", "zero"] = "zero",
        sentence_pause_s: float = 0.4,
    ):
        check_number("Lebel2023: sentence_pause_s", sentence_pause_s, low=0)
        self.sentence_pause_s = sentence_pause_s
        self.root, self.repeats = data_folder(root), repeats
        self.rois = None if rois is None else data_folder(rois)
        self.cleaning = BoldCleaning(nan=nan)
        self.stimuli = StimulusFolder(self.root / "stimuli")
        self._n_tr = self._respdict()
        self._speakers_path = None if speakers is None else self.root / Path(speakers).expanduser()
        self.speakers = SPEAKERS | self._brought()
        every = stories == "all"
        wanted = list(self._n_tr) if every else list(stories or COMMON)
        unknown = [one for one in wanted if stories and one not in self._n_tr]
        if unknown:
            raise UserError(
                f"{self.root}: respdict.json has no story '{unknown[0]}'.{nearest(unknown[0], list(self._n_tr))}"
            )
        folder = self.root / "derivative" / "preprocessed_data"
        here = [path.name for path in folder.glob("UTS*") if path.is_dir()]
        found, absent = {}, []
        for subject in sorted(here, key=natural):
            if subjects is None and subject in LEFT_OUT and not every:
                continue
            for story in wanted:
                path = folder / subject / f"{story}.hf5"
                if path.exists() and every and (subject, story) in CORRUPT:
                    tell("left out", path, f"{CORRUPT[subject, story]}. Name it in stories to read it.")
                elif path.exists():
                    found |= {run: path for run in self._runs(subject, story, path)}
                elif path.is_symlink() and (subjects is None or subject in subjects):
                    absent.append(path)
        if absent and not any(one.subject in (subjects or here) for one in found):
            check_fetched(absent[0])
        if not found:
            raise UserError(
                f"{folder}: no <subject>/<story>.hf5 of {len(wanted)} stories; subjects there: "
                f"{', '.join(here) or 'none'}. Set root to the folder that holds derivative."
            )
        if absent:
            tell(
                "left out",
                f"{folder} ({len(absent)} runs, {absent[0].name})",
                f"{NOT_FETCHED}: links to files that are not here.",
            )
        self._paths = keep(found, "subject", subjects, self.root)

    def recordings(self) -> list[Recording]:
        """One a story (one a presentation where ``repeats``), by subject and story."""
        return list(self._paths)

    def load(self, recording: Recording) -> Bold:
        """Read one run."""
        path = self._paths[recording]
        self._check_rows(recording)
        if recording.run:
            data = read_array(path, "individual_repeats", int(recording.run) - 1)
        else:
            data = read_array(path, "data")
        rois = {} if self.rois is None else read_rois(self.rois / recording.subject, data.shape[1])
        return Bold(data, TR_S, rois)

    def clips(self, recording: Recording) -> pd.DataFrame:
        """A clip of 2 s for each volume, 4 s before it."""
        n, story = self._check_rows(recording), recording.task
        time_s = TR_S * np.arange(n) - LAG_S
        split = np.full(n, "test" if story in TEST else "train", object)
        if story in TEST:
            split[-N_PROMPTS:] = "prompt"
        table = pd.DataFrame({"stimulus": story, "start_s": time_s + AUDIO_OF_ROW_0_S, "duration_s": TR_S})
        table = table.assign(time_s=time_s, split=split, repeat=int(recording.run or 1) - 1)
        table["label"] = self.speakers.get(story, "")
        check_in_audio(table, self.stimuli, where=f"{self.name}, {recording.name}")
        return table

    def events(self, recording: Recording) -> pd.DataFrame:
        """The story from 10 s before the first row to the end of the last one, with its sentences, words and phones."""
        n, story, where = self._check_rows(recording), recording.task, f"{self.name}, {recording.name}"
        stimulus = self.stimuli.id(story, where=where)
        length_s = self.stimuli.length_s(stimulus)
        stop_s = min(length_s, AUDIO_OF_ROW_0_S + n * TR_S)  # the story goes on in volumes that were cut
        rows = pd.DataFrame([{"kind": "sound", "text": "", "onset": 0.0, "duration": stop_s, "sequence": ""}])
        path = self._textgrid(story)
        if path.is_file():
            spoken = words_and_phones(path)
            late = spoken.onset >= length_s
            if late.any():
                tell("left out", path, f"{late.sum()} words and phones begin after the end of the audio.")
            spoken = spoken[spoken.onset < stop_s]
            rows = pd.concat([rows, with_sentences(spoken, self.sentence_pause_s)], ignore_index=True)
        else:
            tell(
                "odd", path, "not here: this story has no words and phones. Download derivative/TextGrids of ds003020."
            )
        rows = rows.assign(stimulus=stimulus, story=story, language="en", stimulus_onset=rows.onset)
        return events_table(rows.assign(onset=rows.onset - AUDIO_OF_ROW_0_S), where=where)

    def space(self, subject: str) -> Space | None:
        """The cortex of the subject's functional space, if ``derivative/pycortex-db`` is here."""
        path = pycortex_mask(self.root, subject)
        one = next(one for one in self._paths if one.subject == subject)
        return None if path is None else pycortex_space(path, array_shape(self._paths[one], "data")[-1])

    def settings(self) -> dict:
        """What changes the events."""
        return {"sentence_pause_s": self.sentence_pause_s}

    def sources(self, recording: Recording) -> list[Path]:
        """The run's volumes, the number of volumes of each story, its words, the regions, and who speaks."""
        words = [path for path in [self._textgrid(recording.task)] if path.is_file()]
        rois = [] if self.rois is None else sorted((self.rois / recording.subject).glob("*.npy"))
        speakers = [] if self._speakers_path is None else [self._speakers_path]
        return [self._paths[recording], self._respdict_path, *words, *rois, *speakers]

    def _textgrid(self, story: str) -> Path:
        return self.root / "derivative" / "TextGrids" / f"{story}.TextGrid"

    @property
    def _respdict_path(self) -> Path:
        return self.root / "derivative" / "respdict.json"

    def _respdict(self) -> dict[str, int]:
        path = self._respdict_path
        if not path.is_file():
            raise UserError(f"no {path}, which says how many volumes a story has. Set root to the folder of ds003020.")
        try:
            return {story: int(n) for story, n in json.loads(path.read_text("utf-8")).items()}
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise UserError(f"{path}: expected story -> number of volumes as JSON ({error}).") from None

    def _brought(self) -> dict[str, str]:
        """Story -> speaker, of the table that was brought."""
        path = self._speakers_path
        if path is None:
            return {}
        if not path.is_file():
            raise UserError(
                f"no table of speakers at {path}: expected the columns story and speaker, separated by tabs."
            )
        table = read_table(path, numbers=())
        if missing := [name for name in ("story", "speaker") if name not in table]:
            raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
        for story in table.story:
            if story not in self._n_tr:
                raise UserError(f"{path}: respdict.json has no story '{story}'.{nearest(story, list(self._n_tr))}")
        if table.story.duplicated().any():
            raise UserError(f"{path}: '{table.story[table.story.duplicated()].iloc[0]}' has two speakers. Keep one.")
        return dict(zip(table.story, table.speaker.str.strip(), strict=True))

    def _runs(self, subject: str, story: str, path: Path) -> list[Recording]:
        if not (self.repeats and story == REPEATED):
            return [Recording(subject, task=story, modality="fmri")]
        n = array_shape(path, "individual_repeats")[0]
        return [Recording(subject, task=story, run=f"{i:02d}", modality="fmri") for i in range(1, n + 1)]

    def _check_rows(self, recording: Recording) -> int:
        """Rows of the run; a UserError if they do not match respdict.json."""
        path = self._paths[recording]
        if recording.task not in self._n_tr:
            raise UserError(f"{self._respdict_path} has no story '{recording.task}'. Download it again.")
        shape = array_shape(path, "individual_repeats" if recording.run else "data")
        promised = self._n_tr[recording.task]
        if len(shape) != (3 if recording.run else 2) or shape[-2] != promised - 2 * TRIMMED_TR:
            raise UserError(
                f"{path}: an array of shape {shape}; {self._respdict_path.name} gives {promised} volumes, so "
                f"{promised - 2 * TRIMMED_TR} rows were expected once {TRIMMED_TR} are cut at each end. Download both "
                "again, and do not cut rows."
            )
        return shape[-2]
