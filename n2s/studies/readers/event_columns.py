"""From a BIDS ``*_events.tsv`` to the events table: the meaning of its columns, and the values that its rows leave out."""

import re
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.studies.events import COLUMNS, CONDITIONS, events_table
from n2s.studies.readers.conditions import SPELLINGS, TrialNames, as_trials, with_parts
from n2s.studies.readers.homes import check_clear, homes_of, stories_of
from n2s.studies.readers.presentations import presentations, told_once
from n2s.studies.readers.row_kinds import END, PARTS, of_our_kinds
from n2s.studies.readers.sentences import TOLERANCE_S, with_sentences
from n2s.studies.readers.stimuli import END_TOLERANCE_S, StimulusFolder
from n2s.studies.readers.trials import alone, on_own_clock, outside
from n2s.studies.readers.tsv import as_numbers, check_onsets, event_cells
from n2s.studies.readers.word_clocks import compared, covered, placed
from n2s.studies.talkers import as_yes_or_no

_ORDER = {"sound": 0, "sentence": 1, "word": 2, "phone": 3}
_FILLED = ("text", "stimulus", "story", "sequence", "language", "condition", "speaker", "attended")
_SHARED = ("story", "language", "condition", "speaker", "attended")  # of a sound and its parts
_CODE = re.compile(r"(?:[A-Za-z]+/)?[SRT]? *-?\d+(?:\.0+)?")  # 12, S 12, Stimulus/S 12
_PLACE = re.compile("(stim|stimulus|audio|sound|file|wav|clip)_?(onset|start|begin)", re.IGNORECASE)


@dataclass(frozen=True)
class EventColumns:
    """The columns of events.tsv: for each value the first existing name, in upper or lower case; () for no column.

    A table without any of the names that you give for a value is an error; the names below may be absent. Of several, a
    column without a single entry counts as absent.
    """

    kind: tuple[str, ...] = ("trial_type", "type", "kind")
    text: tuple[str, ...] = ("text", "word", "value")
    stimulus: tuple[str, ...] = ("stimulus", "stim_file")
    stimulus_onset: tuple[str, ...] = ("stimulus_onset",)
    story: tuple[str, ...] = ("story",)
    sequence: tuple[str, ...] = ("sequence", "sequence_id")
    language: tuple[str, ...] = ("language",)
    condition: tuple[str, ...] = ("condition",)
    speaker: tuple[str, ...] = ("speaker",)
    attended: tuple[str, ...] = ("attended",)

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            object.__setattr__(self, field.name, (given,) if isinstance(given, str) else tuple(given))

    def of(self, value: str, table: pd.DataFrame, path: Path) -> str | None:
        """The table's column for a value, None without one.

        Raises
        ------
        UserError
            The names were given, and the table has none of them; or it has one twice, in upper and lower case.
        """
        wanted = getattr(self, value)
        found = []
        for one in wanted:
            same = [name for name in table if name.lower() == one.lower()]
            if len(same) > 1 and one not in same:
                raise UserError(f"{path}: columns.{value} is '{one}', and there are {' and '.join(same)}. Rename one.")
            found += [one] if one in same else same
        if not found and wanted and wanted != getattr(EventColumns, value):
            known = [name for name in table if name != "line"]
            near = next((hint for one in wanted if (hint := nearest(one, known, n=1))), "")
            raise UserError(
                f"{path}: columns.{value} names {' or '.join(wanted)}, and there is no such column.{near} "
                f"There are {', '.join(known)}."
            )
        return next((name for name in found if (table[name] != "").any()), found[0] if found else None)


def read_rows(
    path: Path, columns: EventColumns, stimuli: StimulusFolder | None = None, names: TrialNames | None = None
) -> pd.DataFrame:
    """Read the rows of an events.tsv that n2s uses, with our column names; missing values are "" or NaN.

    Parameters
    ----------
    path
        The table.
    columns
        Where its values are.
    stimuli
        What its names may mean; see `n2s.studies.readers.row_kinds.of_our_kinds`.
    names
        What conditions and trials are called; see `n2s.studies.readers.conditions.as_trials`.

    Returns
    -------
    Rows of our kinds, and of kind ``end`` where a sound ended; ``said`` is what the table calls their kind, ``line`` their line, ``trial`` whether
    the row is one.

    Raises
    ------
    UserError
        See `event_cells`, `EventColumns.of` and `of_our_kinds`; or a time of one of these rows is no number. What stands in
        other rows does not matter.
    """
    table = event_cells(path)
    rows = table[["onset", "duration", "line"]].copy()
    found_in = {name: columns.of(name, table, path) for name in ("kind", "stimulus_onset", *_FILLED)}
    for name, found in found_in.items():
        rows[name] = table[found] if found else ""
    rows = of_our_kinds(as_trials(rows, path, names or TrialNames()), path, stimuli)
    rows["attended"] = as_yes_or_no(rows.attended, str(path))
    for name in ("onset", "duration", "stimulus_onset"):
        rows[name] = as_numbers(rows[name], path)
    check_onsets(rows.onset, path)
    if (found_in["text"] or "").lower() == "value" and columns.text == EventColumns.text:
        rows = _without_codes(rows, path)
    rows.loc[(rows.said.str.lower() == "story") & (rows.story == ""), "story"] = rows.text
    places = [name for name in table if _PLACE.fullmatch(name) and name not in found_in.values()]
    if found_in["stimulus_onset"] is None and places and (table[places[0]] != "").any():
        text = f"no column stimulus_onset, so that sounds start at 0 s of their files; '{places[0]}' is not read."
        tell("odd", path, f"{text} If it says where they start, set columns.stimulus_onset to [{places[0]}].")
    return with_parts(rows.reset_index(drop=True))


def _without_codes(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """BIDS' column ``value`` holds trigger codes, and sometimes words."""
    codes = rows.text.map(lambda text: bool(_CODE.fullmatch(text)))
    spoken = rows.kind.isin(PARTS) & (rows.text != "")
    if not codes[spoken].all():
        return rows
    if spoken.any():
        text = "its column value holds numbers, which are taken for trigger codes: words have no text."
        tell("left out", path, f"{text} If these numbers are what was said, set columns.text to [value].")
    return rows.assign(text=rows.text.where(~codes, ""))


def complete(
    rows: pd.DataFrame,
    stimuli: StimulusFolder,
    *,
    where: str,
    duration_s: float,
    language: str = "",
    default_condition: str = "listen",
    sound_condition: str | None = None,
) -> pd.DataFrame:
    """Fill in missing values and make the events table of one recording.

    ``default_condition`` is that of rows that name none; ``sound_condition`` that of sounds, and of what is heard in them (None: the same).

    Words and phones come from the TextGrids if the rows have none. A row takes its stimulus, its time there, its
    story, language, condition, speaker and whether it was attended from the sound row around it. A sound with a duration of n/a or 0 s is as
    long as its stimulus; a shorter sound only has the words that are completely inside it. A story row gives its
    name to the sounds inside it, and is not kept. Sentences: `n2s.studies.readers.sentences.with_sentences`. What is said, mouthed or imagined
    may be in no sound (`n2s.studies.readers.trials`): its stimulus is "".

    Raises
    ------
    UserError
        A stimulus is missing, or shorter than its events; a word is in no sound; see also `events_table`.
    """
    names = {name: stimuli.id(name, where=f"{where}: stimulus") for name in rows.stimulus.unique() if name}
    rows = rows.assign(stimulus=rows.stimulus.map(names).fillna(""))
    for name, value in (("attended", ""), ("trial", False)):
        rows = rows if name in rows else rows.assign(**{name: value})
    over = rows.trial & (rows.stimulus != "")  # a trial may last longer than what plays in it
    if over.any():
        left_s = rows.stimulus[over].map(stimuli.length_s) - rows.stimulus_onset[over].fillna(0.0)
        rows.loc[over, "duration"] = np.fmin(rows.duration[over].where(rows.duration[over] > 0), left_s)
    rows = told_once(rows if "said" in rows else rows.assign(said=rows.kind), where)
    odd = sorted(set(rows.condition) - {"", *CONDITIONS})
    if odd:
        known = " ".join(SPELLINGS.values()).split()
        near = next((hint for one in odd if (hint := nearest(one, known, n=1))), "")
        raise UserError(
            f"{where}: condition is {odd}; known are {', '.join(CONDITIONS)}, and other words for them.{near} Say which they are in conditions, "
            f"as {{{odd[0]}: overt}}. If that column means something else, set columns.condition to [] (then every row has default_condition) or "
            "to another column's name."
        )
    stories, ends = rows[rows.kind == "story"], rows[rows.kind == END]
    rows = rows[~rows.kind.isin(["story", END])].reset_index(drop=True)
    free = alone(rows, default_condition)
    played_by = rows[~free] if len(rows) else stories
    if len(played_by):
        sounds = _sounds(played_by, ends, stimuli, where, duration_s)
    else:
        sounds = rows.iloc[:0].assign(home=np.zeros(0, int))
    free[free] = outside(rows[free], sounds)
    rows, free = rows[~free], on_own_clock(rows[free], stories, default_condition, where)
    sounds.loc[sounds.condition == "", "condition"] = sound_condition or default_condition
    sounds["story"] = stories_of(sounds, stories)
    pieces, parts = sounds, rows.iloc[:0]
    if len(sounds):
        parts = _parts(rows[rows.kind != "sound"], sounds, where)
        pieces = compared(sounds, parts[parts.timed], where, duration_s)
        parts = placed(parts, pieces)
    from_sounds = not (rows.kind.isin(["word", "phone"]) & ~rows.trial).any()
    played = [free]
    for number, sound in sounds.iterrows():
        own = parts[parts.home == number]
        aligned = stimuli.alignment(sound.stimulus) if from_sounds else None
        if aligned is not None:
            own = own[~own.trial]  # the words of its alignment say the same, more exactly
        if aligned is None:
            own = with_sentences(own, stimuli.sentence_pause_s)
        else:
            own = _with_alignment(own, sound, aligned, stimuli.sentence_pause_s)
        for name in _SHARED:
            own.loc[own[name] == "", name] = sound[name]
        played.append(own)
    table = pd.concat([pieces, *played], ignore_index=True)
    table.loc[table.story == "", "story"] = table.stimulus.map(lambda name: PurePosixPath(name).name)
    table.loc[table.language == "", "language"] = language
    table = table.sort_values("kind", key=lambda kind: kind.map(_ORDER), kind="stable")  # at one onset, the whole first
    table = events_table(table[list(COLUMNS)], where=where, duration_s=duration_s)
    _check_lengths(table, stimuli, where)
    return table


def _sounds(
    rows: pd.DataFrame, ends: pd.DataFrame, stimuli: StimulusFolder, where: str, duration_s: float
) -> pd.DataFrame:
    """The presentations of sounds; if there are no rows of sounds, the stretches of audio that the other rows cover."""
    sounds = rows[rows.kind == "sound"].reset_index(drop=True)
    nameless = sounds.stimulus == ""
    if nameless.any():
        raise UserError(
            f"{where}, line {sounds.line[nameless].iloc[0]}: a sound that names no stimulus. "
            "Expected the audio file in a column stim_file or stimulus."
        )
    sounds["stimulus_onset"] = sounds.stimulus_onset.fillna(0.0)
    if sounds.empty:
        streams = [covered(part, where) for _, part in rows.groupby("attended")]  # words of two talkers alternate
        sounds = pd.concat(streams).sort_values("onset", kind="stable", ignore_index=True)
    else:
        sounds = presentations(sounds, ends, stimuli, where=where, duration_s=duration_s)
    return sounds.assign(text="", sequence="", home=np.arange(len(sounds)))


def _parts(parts: pd.DataFrame, sounds: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows that are not sounds, each with ``home`` (its sound) and its time there."""
    parts = parts.reset_index(drop=True)
    long = parts.duration.isna() & parts.kind.isin(["sentence", "story"])
    if long.any():
        first = parts[long].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: the duration of a {first.kind} is n/a. Expected seconds; only that of a "
            "sound (its audio's length) and of a word or phone (then 0) may be left out."
        )
    parts["duration"] = parts.duration.fillna(0.0)
    parts["timed"] = parts.stimulus_onset.notna()
    parts["home"] = homes_of(parts, sounds)
    check_clear(parts, sounds, where)
    homeless = parts.home < 0
    if homeless.any():
        first = parts[homeless].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: a {first.kind} '{first.text[:40]}' at {first.onset:.3f} s lies in no sound "
            f"({int(homeless.sum())} such rows; {len(sounds)} sounds from {sounds.onset.min():.3f} to "
            f"{(sounds.onset + sounds.duration).max():.3f} s). Check that onsets are seconds on the recording's clock."
        )
    home = sounds.iloc[parts.home].reset_index(drop=True)
    other = (parts.stimulus != "") & (parts.stimulus != home.stimulus)
    if other.any():
        first = int(other.argmax())
        raise UserError(
            f"{where}, line {parts.line[first]}: a {parts.kind[first]} of stimulus '{parts.stimulus[first]}' lies "
            f"in the sound '{home.stimulus[first]}'."
        )
    other = (parts.attended != "") & (parts.attended != home.attended)
    if other.any():
        first = int(other.argmax())
        raise UserError(
            f"{where}, line {parts.line[first]}: a {parts.kind[first]} says attended: {parts.attended[first]}, and lies in the sound "
            f"'{home.stimulus[first]}' (line {home.line[first]}), which says {home.attended[first] or 'n/a'}. Write the same in both."
        )
    return parts.assign(stimulus=home.stimulus)


def _with_alignment(own: pd.DataFrame, sound: pd.Series, aligned: pd.DataFrame, pause_s: float) -> pd.DataFrame:
    """The rows of one sound with the words and phones (and, unless it has some, sentences) of its alignment."""
    heard_from, heard_to = sound.stimulus_onset - TOLERANCE_S, sound.stimulus_onset + sound.duration + TOLERANCE_S
    aligned = aligned[(aligned.onset >= heard_from) & (aligned.onset + aligned.duration <= heard_to)]
    shared = {name: sound[name] for name in ("stimulus", "home", *_SHARED)}
    onset = aligned.onset - sound.stimulus_onset + sound.onset
    aligned = aligned.assign(stimulus_onset=aligned.onset, onset=onset, **shared)
    if not (own.kind == "sentence").any():
        return pd.concat([own, aligned], ignore_index=True)
    words = aligned[aligned.kind != "sentence"].assign(sequence="")
    return with_sentences(pd.concat([own, words], ignore_index=True), pause_s)


def _check_lengths(table: pd.DataFrame, stimuli: StimulusFolder, where: str) -> None:
    for stimulus, rows in table[table.stimulus != ""].groupby("stimulus"):
        stops = rows.stimulus_onset + rows.duration
        length_s = stimuli.length_s(stimulus)
        if stops.max() > length_s + END_TOLERANCE_S:
            last = rows.loc[stops.idxmax()]
            raise UserError(
                f"{where}: {stimuli.path(stimulus)} lasts {length_s:.3f} s, but a {last.kind} '{last.text[:40]}' of it "
                f"ends at {stops.max():.3f} s. Check that it is the right, whole file, and its stimulus_onset."
            )
